"""The clocks of this machine, read once per cycle: UTC, and what has passed since boot."""

from __future__ import annotations

import time
from functools import lru_cache
from pathlib import Path

from django.utils import timezone

from controlplane.alerts.logic.clock import Reading

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def read() -> Reading:
    """Suspended time counts, where the system can say so: a laptop's lid is no jump of its clock."""
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    passed = time.monotonic() if boottime is None else time.clock_gettime(boottime)
    return Reading(timezone.now(), passed, _boot())


@lru_cache(maxsize=1)
def _boot() -> str:
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return "unknown"
