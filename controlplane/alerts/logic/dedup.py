"""Whether a group's receiver has to hear something now, and why. As Alertmanager's `DedupStage.needsUpdate`. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class NotifyReason(StrEnum):
    """The words are Alertmanager's; they travel in the message."""

    NONE = "none"
    FIRST = "first notification"
    NEW_ALERTS = "new alerts added"
    NEW_RESOLVED = "some alerts resolved"
    ALL_RESOLVED = "all alerts resolved"
    REPEAT = "repeat interval elapsed"


@dataclass(frozen=True, slots=True)
class Entry:
    """What the receiver was told last, and when."""

    firing: frozenset[str]
    resolved: frozenset[str]
    at: datetime


def needs_update(
    entry: Entry | None,
    firing: frozenset[str],
    resolved: frozenset[str],
    *,
    repeat: timedelta,
    now: datetime,
    send_resolved: bool = True,
) -> NotifyReason:
    if entry is None:
        return NotifyReason.FIRST if firing else NotifyReason.NONE
    if not firing <= entry.firing:
        return NotifyReason.NEW_ALERTS if entry.firing else NotifyReason.FIRST
    if not firing:
        # Also where resolved ones are not sent: what was told has to be cleared.
        return NotifyReason.ALL_RESOLVED if entry.firing else NotifyReason.NONE
    if send_resolved and not resolved <= entry.resolved:
        return NotifyReason.NEW_RESOLVED
    return NotifyReason.REPEAT if entry.at < now - repeat else NotifyReason.NONE
