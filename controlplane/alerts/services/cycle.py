"""The evaluator's cycle: one at a time, with an eye on the clock, and a stamp that says it was done.

1. A lease by the monotonic clock: a cycle that comes while another runs is skipped.
2. A jump of the wall clock moves what is open with it; until the samples are at the right times again, nothing is judged.
3. Evaluate, dispatch, wake the delivery, stamp.
"""

from __future__ import annotations

import logging
import uuid
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from kombu.exceptions import OperationalError

from controlplane.alerts import selectors, shipped
from controlplane.alerts.logic.clock import SETTLING, Reading, passage
from controlplane.alerts.models import Beat
from controlplane.alerts.services import clock, dispatching, evaluating
from controlplane.alerts.services.evaluating import Counted, Look, Query
from controlplane.core import stamps
from controlplane.jobs.services import celery_app
from controlplane.metrics import query as promql

log = logging.getLogger(__name__)
#: Longer than the task may take; a killed one holds the next up for no longer than this.
LEASE = timedelta(seconds=30)


def run(
    reading: Reading | None = None, *, query: Query = promql.instant, look: Look = selectors.sight
) -> Counted | None:
    """None: skipped, because another one runs or the clock has just jumped."""
    now = reading or clock.read()
    lease = _take(now)
    if lease is None:
        return None
    try:
        if _is_settling(now):
            return None
        shipped.sync(now.wall)
        counted = evaluating.evaluate(now.wall, query=query, look=look)
        if dispatching.dispatch(now.wall):
            wake_delivery()
        _stamp(now)
        return counted
    finally:
        Beat.objects.filter(pk=1, lease=lease).update(lease="")


def _take(now: Reading) -> str | None:
    """The lease, unless it is held. On another boot or machine the wall clock has to do."""
    Beat.objects.get_or_create(pk=1)
    free = (
        Q(lease="")
        | Q(lease_boot=now.boot, lease_monotonic__lt=now.monotonic)
        | (~Q(lease_boot=now.boot) & Q(lease_wall__lt=now.wall))
    )
    lease = uuid.uuid4().hex
    taken = Beat.objects.filter(free, pk=1).update(
        lease=lease,
        lease_boot=now.boot,
        lease_monotonic=now.monotonic + LEASE.total_seconds(),
        lease_wall=now.wall + LEASE,
    )
    return lease if taken == 1 else None


def _is_settling(now: Reading) -> bool:
    """Notes the reading; where the clock has jumped since the last one, moves all open times first."""
    with transaction.atomic():
        beat = Beat.objects.get(pk=1)
        last = Reading(beat.wall, beat.monotonic, beat.boot) if beat.wall else None
        changes: dict[str, object] = {"wall": now.wall, "monotonic": now.monotonic, "boot": now.boot}
        if last is not None and last.boot != now.boot:
            changes["settling_until"] = beat.settling_until = 0.0
        found = passage(last, now) if last else None
        if found is not None and found.jumped:
            log.warning("the clock jumped by %s", found.jump)
            evaluating.move_times(found.jump)
            changes["settling_until"] = beat.settling_until = now.monotonic + SETTLING.total_seconds()
        Beat.objects.filter(pk=1).update(**changes)
    return now.monotonic < beat.settling_until


def _stamp(now: Reading) -> None:
    took = clock.read().monotonic - now.monotonic
    Beat.objects.filter(pk=1).update(completed_at=now.wall, duration_ms=max(round(took * 1000), 0))
    try:
        # For whoever watches without a database (cli.watch).
        stamps.leave(settings.ALERTS_STAMP)
    except OSError as error:
        log.warning("the stamp of the evaluation could not be written: %s", error)


def wake_delivery() -> None:
    """Without Redis the rows wait for the sweep."""
    try:
        celery_app().send_task("alerts.deliver", retry=False, expires=60)
    except OperationalError as error:
        log.warning("notifications wait for the sweep: the broker of Celery does not answer (%s)", error)
