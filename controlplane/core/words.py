"""Numbers and names as people read them, for plans, verdicts and templates alike. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

SHOWN = 5


def counted(number: int, one: str, many: str = "") -> str:
    """1 topic, 2,400 topics; `many` where an s is not all that the plural needs."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def byte_size(count: float) -> str:
    """Bytes in decimal units, three digits: 1234567 → 1.23 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(count) < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"


def duration(seconds: float) -> str:
    """3.2 s, 3 min 19 s, 2 h 5 min, 7 days: two units at most, and no part of an hour as a fraction."""
    if seconds < 59.95:
        return f"{seconds:.3g} s"
    if not seconds < 172_800:  # nor what is no number
        return f"{seconds / 86_400:.3g} days"
    minutes, left = divmod(round(seconds), 60)
    if minutes < 60:
        return _two(minutes, "min", left, "s")
    hours, left = divmod(round(seconds / 60), 60)
    return _two(hours, "h", left, "min")


def plain_number(value: float) -> str:
    """Four figures of what is small, whole numbers of what is not, never as a power of ten that can be read without."""
    if not math.isfinite(value):
        return str(value)
    if value == 0 or 1e-3 <= abs(value) < 1e15:
        return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.4g}"
    return f"{value:.4g}"


def _two(many: int, unit: str, few: int, small: str) -> str:
    return f"{many} {unit} {few} {small}" if few else f"{many} {unit}"


def some(names: Sequence[str]) -> str:
    """The first few, and how many more."""
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")
