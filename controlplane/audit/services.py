"""`operation(...)`: the one way to change anything. Permission, one audit row with outcome, a metric.

1. The permission is checked; a refused attempt is recorded and raised as Forbidden.
2. A row says "running", so that a kill in the middle leaves a trace (housekeeping seals it as interrupted).
3. The body runs. Its end seals the row into the chain: succeeded, partial, refused or failed with the error.

With `atomic=True` the body changes this database only: it and the sealed row are one transaction.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.utils import timezone
from prometheus_client import Counter

from controlplane.audit.chain import FIELDS, Finding, Head, Link, Tampering, Verification, link_hash, verify
from controlplane.audit.head import HeadForged, head_file
from controlplane.audit.models import ChainHead, Operation, Outcome
from controlplane.core.access import Action, Actor, can
from controlplane.core.errors import AppError, Forbidden, Invalid, PreconditionRequired, Refused, StateChanged
from controlplane.core.logs import job_id as current_job_id
from controlplane.core.logs import request_id as current_request_id
from controlplane.core.plans import Json, Plan
from controlplane.gateways.errors import GatewayError

OPERATIONS = Counter(
    "kastellan_operations", "Audited operations by action and outcome.", ["action", "outcome"]
)
REFUSING = (Refused, Forbidden, Invalid, StateChanged, PreconditionRequired)
ABANDONED_AFTER = timedelta(hours=2)
VERIFY_CHUNK = 2000
REFUSED_STEPS = 50


@dataclass
class Entry:
    """The open operation, for its body: what to remember beside the plan."""

    row: Operation
    details: dict[str, Json] = field(default_factory=dict)
    before: Json = None
    outcome: Outcome = Outcome.SUCCEEDED

    @property
    def id(self) -> int:
        return self.row.pk

    def note(self, **details: Json) -> None:
        """Facts worth keeping. Never secrets, never record contents."""
        self.details |= details

    def remember(self, before: Json) -> None:
        """The before-image that a revert would need."""
        self.before = before

    def partly(self, **details: Json) -> None:
        """Some steps were done, some not; `details` says which."""
        self.outcome = Outcome.PARTIAL
        self.note(**details)


@contextmanager
def operation(
    actor: Actor,
    action: Action,
    *,
    cluster: str | None = None,
    also: str = "",
    target: str = "",
    plan: Plan | None = None,
    before: Json = None,
    request_id: str | None = None,
    atomic: bool = False,
    needs: Collection[Action] = (),
) -> Iterator[Entry]:
    """`needs`: further actions that the body takes; a token that is scoped for the first alone does not get them. `also`: the
    other cluster, of an act that is about two, if the plan does not say; all of it is needed on both."""
    row = _new_row(actor, action, cluster, target, plan, request_id, also)
    _check(row, actor, (action, *needs), cluster)
    started = time.monotonic()
    entry = Entry(row, details=dict(row.details), before=before)
    try:
        if atomic:
            with transaction.atomic():
                yield entry
                _close(entry, started)
        else:
            row.save()
            yield entry
            _close(entry, started)
    except BaseException as error:
        if atomic:
            _as_new(row)  # the body was rolled back, and with it the row that it may have sealed
        _close_failed(entry, started, error)
        raise


def _check(row: Operation, actor: Actor, actions: Collection[Action], cluster: str | None) -> None:
    for where in (cluster, row.also) if row.also else (cluster,):
        for needed in actions:
            decision = can(actor, needed, where)
            if not decision.allowed:
                record_refusal(row, decision.reason)
                denied = Forbidden(decision.reason, action=needed, cluster=where)
                denied.recorded = True
                raise denied


def record_refusal(row: Operation, reason: str) -> None:
    row.error = reason
    seal(row, Outcome.REFUSED)


def record_denied(
    actor: Actor, action: Action, *, cluster: str | None, target: str, reason: str, also: str = ""
) -> None:
    record_refusal(_new_row(actor, action, cluster, target, None, None, also), reason)


def record_refused(
    actor: Actor, error: AppError, *, action: Action | None, arguments: Mapping[str, object]
) -> None:
    """A refusal that came before any operation was opened: a guard, a plan's own refusals, a state that moved."""
    plan = error.plan if isinstance(error, (Refused, StateChanged)) else None
    if plan is not None:
        record_refused_plan(actor, plan, error.what)
    else:
        asked = (error.action if isinstance(error, Forbidden) else None) or action
        cluster = (error.cluster if isinstance(error, Forbidden) else None) or arguments.get("cluster")
        if asked is None:
            return
        target = "/".join(str(value) for name, value in arguments.items() if name != "cluster")
        record_denied(
            actor,
            asked,
            cluster=str(cluster) if cluster else None,
            target=target,
            reason=error.what,
            also=error.also if isinstance(error, Forbidden) else "",
        )
    error.recorded = True


def record_refused_plan(actor: Actor, plan: Plan, reason: str) -> None:
    target = plan.steps[0].name if plan.steps else plan.title
    # Of what was not done a part is enough to know it again.
    kept = replace(plan, steps=plan.steps[:REFUSED_STEPS], warnings=plan.warnings[:REFUSED_STEPS])
    record_refusal(_new_row(actor, plan.action, plan.cluster or None, target, kept, None), reason)


def record_event(actor: Actor, event: str, *, target: str = "", ok: bool = True, **details: Json) -> None:
    """Something that has already happened and asked nobody: a login, a logout, a failed password."""
    row = _new_row(actor, event, None, target, None, None)
    row.details |= details
    seal(row, Outcome.SUCCEEDED if ok else Outcome.FAILED)


def seal(row: Operation, outcome: Outcome) -> None:
    """Gives the row its place in the chain. The head's row lock makes one order of all processes."""
    with transaction.atomic():
        if row.pk and Operation.objects.filter(pk=row.pk).exclude(seq=None).exists():
            _as_new(
                row
            )  # housekeeping sealed it as interrupted, but it was only slow: say so in a second row
        row.outcome = outcome
        row.sealed_at = timezone.now()
        head, _ = ChainHead.objects.select_for_update().get_or_create(id=1)
        row.seq = head.seq + 1
        row.previous_hash = head.hash
        row.hash = link_hash(head.hash, content_of(row))
        row.save()
        head.seq, head.hash = row.seq, row.hash
        head.save()
        sealed = Head(head.seq, head.hash)
        transaction.on_commit(lambda: head_file().export(sealed))
        transaction.on_commit(lambda: OPERATIONS.labels(row.action, outcome.value).inc())


def content_of(row: Operation) -> dict[str, object]:
    """The row as the chain hashes it; times in UTC with microseconds, whatever the database's zone."""
    values = {name: getattr(row, name) for name in FIELDS}
    if row.also:
        values["cluster"] = [row.cluster, row.also]
    return {name: value if _is_json(value) else _text(value) for name, value in values.items()}


def seal_abandoned(now: datetime) -> int:
    """Rows whose process died between start and end: what they did is unknown, and said so."""
    rows = Operation.objects.filter(seq=None, started_at__lt=now - ABANDONED_AFTER)
    for row in rows:
        row.error = "The process ended before the operation did; look at the object to see how far it came."
        seal(row, Outcome.INTERRUPTED)
    return len(rows)


def verify_chain() -> Verification:
    """Every row of the chain, the head in the database, and the signed head outside it."""
    forged: tuple[Finding, ...] = ()
    try:
        signed = head_file().read()
    except HeadForged:
        signed, forged = None, (Finding(Tampering.HEAD_FORGED, 0),)
    stored = ChainHead.objects.filter(id=1).first() or ChainHead()
    rows = Operation.objects.exclude(seq=None).order_by("seq").iterator(chunk_size=VERIFY_CHUNK)
    links = (Link(row.seq or 0, row.previous_hash, row.hash, content_of(row)) for row in rows)
    found = verify(links, database_head=Head(stored.seq, stored.hash), signed_head=signed)
    return Verification(found.rows, found.head, found.findings + forged)


def _new_row(
    actor: Actor,
    action: str,
    cluster: str | None,
    target: str,
    plan: Plan | None,
    request_id: str | None,
    also: str = "",
) -> Operation:
    return Operation(
        started_at=timezone.now(),
        actor=actor.name[:240],
        actor_kind=actor.kind,
        action=str(action),
        cluster=cluster or "",
        also=also or (plan.also if plan else ""),
        target=target[:400],
        plan=plan.to_json() if plan else None,
        request_id=request_id or current_request_id.get(),
        details={"job": job} if (job := current_job_id.get()) else {},
    )


def _close(entry: Entry, started: float) -> None:
    _fill(entry, started)
    seal(entry.row, entry.outcome)


def _close_failed(entry: Entry, started: float, error: BaseException) -> None:
    if isinstance(error, AppError):
        error.recorded = True
    _fill(entry, started)
    entry.row.error = _said(error)
    seal(entry.row, Outcome.REFUSED if isinstance(error, REFUSING) else Outcome.FAILED)


def _as_new(row: Operation) -> None:
    row.pk, row.seq, row.uid = None, None, uuid.uuid4()
    row._state.adding = True


def _fill(entry: Entry, started: float) -> None:
    entry.row.duration_ms = round((time.monotonic() - started) * 1000)
    entry.row.details = entry.details
    entry.row.before = entry.before


def _said(error: BaseException) -> str:
    """Errors of ours are written for people; of others only the kind is kept, their text may hold secrets."""
    if isinstance(error, (AppError, GatewayError)):
        return error.what
    return f"{type(error).__name__} (the log has the details)"


def _is_json(value: object) -> bool:
    return value is None or isinstance(value, (str, int, float, bool, dict, list))


def _text(value: object) -> str:
    return (
        value.astimezone(UTC).isoformat(timespec="microseconds")
        if isinstance(value, datetime)
        else str(value)
    )
