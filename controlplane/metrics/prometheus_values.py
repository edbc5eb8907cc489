"""Times, durations and selectors as the Prometheus HTTP API takes them. Pure."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

from controlplane.core import durations

#: The largest time in milliseconds that is taken: year 9999.
_LATEST_MS = 253_402_300_799_000


def time_ms(text: str) -> int:
    """Unix seconds, with a fraction, or RFC 3339; raises ValueError with Prometheus' words."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = _rfc3339(text)
    if not math.isfinite(seconds) or not 0 <= seconds * 1000 <= _LATEST_MS:
        raise ValueError(f'cannot parse "{text}" to a valid timestamp')
    return round(seconds * 1000)


def _rfc3339(text: str) -> float:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f'cannot parse "{text}" to a valid timestamp') from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def duration_ms(text: str) -> int:
    """Seconds, with a fraction, or `1h30m`; raises ValueError with Prometheus' words."""
    try:
        found = float(text) * 1000
    except ValueError:
        try:
            return durations.parse(text) // timedelta(milliseconds=1)
        except durations.BadDuration:
            raise ValueError(f'cannot parse "{text}" to a valid duration') from None
    if not math.isfinite(found) or abs(found) > _LATEST_MS:
        raise ValueError(f'cannot parse "{text}" to a valid duration. It overflows int64')
    return round(found)
