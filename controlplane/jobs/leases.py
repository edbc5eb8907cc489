"""What to do with a job whose worker went silent. Pure: takes `now`, answers with a reason."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

LEASE = timedelta(seconds=30)
HEARTBEAT_SECONDS = 10.0
#: A queued row that no worker has claimed by then has lost its message (Redis was away) and is sent again.
WAKE_AGAIN_AFTER = timedelta(seconds=15)
MAX_ATTEMPTS = 3


class Verdict(StrEnum):
    LEAVE = "leave"
    WAKE = "wake"
    REQUEUE = "requeue"
    INTERRUPT = "interrupt"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Waiting:
    """The fields of a job that decide."""

    running: bool
    resumable: bool
    attempt: int
    created_at: datetime
    leased_until: datetime | None
    cancel_requested: bool


def judge(job: Waiting, now: datetime) -> Verdict:
    if not job.running:
        return Verdict.WAKE if now - job.created_at >= WAKE_AGAIN_AFTER else Verdict.LEAVE
    if job.leased_until is not None and job.leased_until > now:
        return Verdict.LEAVE
    if job.cancel_requested:
        return Verdict.CANCEL
    return Verdict.REQUEUE if job.resumable and job.attempt < MAX_ATTEMPTS else Verdict.INTERRUPT
