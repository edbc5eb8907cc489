"""The contract of every benchmark's output: a table, then one JSON line (DESIGN section 9)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence


def table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    cells = [[str(cell) for cell in row] for row in (headings, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headings))]
    for row in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def finish(bench: str, figures: Mapping[str, object], ratios: Mapping[str, object] | None = None) -> None:
    print(json.dumps({"bench": bench, "figures": dict(figures), "ratios": dict(ratios or {})}))
