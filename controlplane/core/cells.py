"""Cells of exported tables: the same values as on the page, as a machine reads them. Pure.

Times are ISO 8601 in UTC, unknown is empty in CSV and null in JSON. What a spreadsheet would run as a formula is
written with a leading apostrophe (OWASP, CSV injection).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum

from controlplane.core.plans import Json

#: Also the full-width forms, which some spreadsheets take for the plain ones.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def plain(value: object) -> Json:
    """A value as JSON has it; an object that is none is its own name or words."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    return str(value)


def escape(cell: str) -> str:
    return f"'{cell}" if cell.startswith((*FORMULA, "'")) else cell


def csv_text(header: Sequence[str], rows: Iterable[Mapping[str, Json]]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, header, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows({name: _cell(row[name]) for name in header} for row in rows)
    return out.getvalue()


def _cell(value: Json) -> str:
    """Numbers stay numbers: a negative one is no formula."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case list():
            return escape("; ".join(_words(each) for each in value))
        case dict():
            return escape("; ".join(f"{key}={_words(each)}" for key, each in value.items()))
    return escape(value)


def _words(value: Json) -> str:
    return "" if value is None else str(value)
