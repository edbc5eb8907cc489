"""Sends what the outbox holds: at least once, in order within a group, always under the same id.

1. A row is claimed by a filtered update: of two workers one wins. A claim runs out, so a killed worker loses nothing.
2. Only the oldest waiting row of a group is taken: "firing" never arrives after "resolved".
3. The attempt is written with what it means in one transaction: sent, again later, refused, or too old.
A claim lasts longer than a request may take, so that no two requests of one row are under way at once.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from controlplane.alerts.logic.backoff import Outcome, Verdict, delay, judge
from controlplane.alerts.models import (
    DeliveryAttempt,
    GroupLog,
    Notification,
    NotificationKind,
    NotificationState,
    Receiver,
)
from controlplane.alerts.services import sending
from controlplane.alerts.services.sending import Sent

CLAIM = timedelta(seconds=20)
#: A door of Celery is not held longer than this by one call.
BUDGET_S = 20.0
Clock = Callable[[], datetime]


Send = Callable[[Notification, Receiver, datetime], Sent]


def deliver(*, clock: Clock = timezone.now, send: Send | None = None, budget_s: float = BUDGET_S) -> int:
    """Sends what is due; returns how many attempts were made. A receiver that failed is left alone for this call."""
    sender, made, failed = send or sending.send, 0, set[int | None]()
    ends = time.monotonic() + budget_s
    while time.monotonic() < ends:
        row = claim_next(clock(), failed)
        if row is None:
            break
        made += 1
        if attempt(row, clock=clock, send=sender).verdict != Verdict.SENT:
            failed.add(row.receiver_id)
    return made


def claim_next(now: datetime, but_not: set[int | None]) -> Notification | None:
    for row in due(now).exclude(receiver_id__in=[each for each in but_not if each is not None])[:20]:
        claim = uuid.uuid4().hex
        same = Notification.objects.filter(pk=row.pk, state=NotificationState.WAITING, claim=row.claim)
        if same.update(claim=claim, claimed_until=now + CLAIM) == 1:
            row.claim = claim
            return row
    return None


def due(now: datetime) -> QuerySet[Notification]:
    waiting = Notification.objects.filter(state=NotificationState.WAITING)
    earlier = waiting.filter(group=OuterRef("group"), pk__lt=OuterRef("pk"))
    return (
        waiting.filter(Q(claimed_until=None) | Q(claimed_until__lte=now), next_attempt_at__lte=now)
        .filter(~Exists(earlier))
        .order_by("next_attempt_at", "pk")
    )


def attempt(
    row: Notification, *, clock: Clock = timezone.now, send: Send | None = None, replay: bool = False
) -> DeliveryAttempt:
    """One request, and what came of it. A replay that fails changes nothing: it had been settled before."""
    at, started = clock(), time.monotonic()
    if row.receiver is None:
        sent = Sent(None, "", "The receiver is gone", retriable=False)
    else:
        sent = (send or sending.send)(row, row.receiver, at)
    took = time.monotonic() - started
    verdict = _verdict(row, sent, at, replay=replay)
    return _record(row, sent, verdict, at, took, replay=replay)


def _verdict(row: Notification, sent: Sent, at: datetime, *, replay: bool) -> Verdict:
    found = judge(Outcome(sent.status, sent.retriable), at - row.created_at)
    # Whoever pressed a button is looking at the answer: it is not tried again behind their back.
    once = replay or row.kind == NotificationKind.TEST
    return Verdict.REFUSED if once and found is not Verdict.SENT else found


def _record(
    row: Notification, sent: Sent, verdict: Verdict, at: datetime, took: float, *, replay: bool
) -> DeliveryAttempt:
    with transaction.atomic():
        made = DeliveryAttempt.objects.create(
            notification=row,
            at=at,
            duration_ms=round(took * 1000),
            status=sent.status,
            excerpt=sent.excerpt,
            error=sent.error,
            verdict=verdict.value,
        )
        changes = _changes(row, verdict, at, replay=replay)
        held = Notification.objects.filter(pk=row.pk, claim=row.claim).update(**changes)
        if held and not replay and verdict in (Verdict.REFUSED, Verdict.EXPIRED):
            _not_told(row)
    return made


def _changes(row: Notification, verdict: Verdict, at: datetime, *, replay: bool) -> dict[str, object]:
    attempts = row.attempts + 1
    found: dict[str, object] = {"attempts": attempts}
    if not replay:
        found |= {"claim": "", "claimed_until": None}
    if verdict is Verdict.RETRY:
        again = delay(attempts, random.random())  # noqa: S311  # spreads retries, guards nothing
        found["next_attempt_at"] = at + again
    elif verdict is Verdict.SENT or not replay:
        found |= {"state": NotificationState(verdict.value), "finished_at": at}
    return found


def _not_told(row: Notification) -> None:
    """The receiver never heard it: the group says it again when it is looked at next, unless it said more since."""
    if row.group_id is None or Notification.objects.filter(group=row.group_id, pk__gt=row.pk).exists():
        return
    GroupLog.objects.filter(pk=row.group_id).update(firing=row.told_before)
