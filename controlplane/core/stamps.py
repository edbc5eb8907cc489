"""Stamps of periodic work in files, by a clock that nobody sets: for whoever watches without Django, database or Redis."""

from __future__ import annotations

import time
from functools import lru_cache
from pathlib import Path

from controlplane.core.watching import Stamp

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def boot_clock() -> float:
    """Seconds since boot. Suspended time counts, where the system can say so: a laptop's lid is no jump of its clock."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


@lru_cache(maxsize=1)
def boot_id() -> str:
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return "unknown"


def leave(path: Path) -> None:
    """Whole or not at all. OSError where it cannot be written."""
    beside = path.with_suffix(".new")
    beside.write_text(Stamp(boot_clock(), boot_id()).write())
    beside.replace(path)
