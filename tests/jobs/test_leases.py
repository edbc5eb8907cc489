"""What happens to a job whose worker went silent, decided by a table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.jobs.leases import LEASE, MAX_ATTEMPTS, Verdict, Waiting, judge

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def job(
    *,
    running: bool = True,
    resumable: bool = False,
    attempt: int = 1,
    age: int = 60,
    lease: int | None = None,
    cancel: bool = False,
) -> Waiting:
    until = None if lease is None else NOW + timedelta(seconds=lease)
    return Waiting(running, resumable, attempt, NOW - timedelta(seconds=age), until, cancel)


@pytest.mark.parametrize(
    ("waiting", "verdict"),
    [
        (job(running=False, age=1), Verdict.LEAVE),
        (job(running=False, age=15), Verdict.WAKE),
        (job(lease=10), Verdict.LEAVE),
        (job(lease=10, cancel=True), Verdict.LEAVE),
        (job(lease=-1), Verdict.INTERRUPT),
        (job(lease=None), Verdict.INTERRUPT),
        (job(lease=-1, cancel=True), Verdict.CANCEL),
        (job(lease=-1, resumable=True), Verdict.REQUEUE),
        (job(lease=-1, resumable=True, attempt=MAX_ATTEMPTS), Verdict.INTERRUPT),
        (job(lease=-1, resumable=True, cancel=True), Verdict.CANCEL),
    ],
)
def test_the_verdict(waiting: Waiting, verdict: Verdict) -> None:
    assert judge(waiting, NOW) is verdict


@given(
    st.booleans(),
    st.booleans(),
    st.integers(0, 5),
    st.integers(0, 10_000),
    st.none() | st.integers(-10_000, 30),
    st.booleans(),
)
def test_no_job_runs_for_ever(
    running: bool, resumable: bool, attempt: int, age: int, lease: int | None, cancel: bool
) -> None:
    """Without a worker that renews it, every job is acted on once its lease is over."""
    waiting = job(running=running, resumable=resumable, attempt=attempt, age=age, lease=lease, cancel=cancel)
    assert judge(waiting, NOW + LEASE + timedelta(seconds=1)) is not Verdict.LEAVE
