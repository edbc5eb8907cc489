"""The clocks of this machine, read once per cycle: UTC, and what has passed since boot."""

from __future__ import annotations

from django.utils import timezone

from controlplane.alerts.logic.clock import Reading
from controlplane.core.stamps import boot_clock, boot_id


def read() -> Reading:
    return Reading(timezone.now(), boot_clock(), boot_id())
