"""Changes to silences, and acknowledgements. A silence's plan shows which alerts it would keep quiet now."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from controlplane.alerts.logic import plans, silences
from controlplane.alerts.logic.labels import text_of
from controlplane.alerts.logic.matchers import BadMatcher
from controlplane.alerts.logic.plans import Subject
from controlplane.alerts.logic.silences import SilenceRule, SilenceState
from controlplane.alerts.models import Acknowledgement, Alert, AlertState, Silence
from controlplane.alerts.services import permits, rows
from controlplane.audit.services import operation
from controlplane.core.access import Action, Actor
from controlplane.core.errors import Invalid, NotFound
from controlplane.core.plans import Affected, Json, Plan, Refusal

LONGEST = timedelta(days=366)
MOST_SHOWN = 100


@dataclass(frozen=True, slots=True)
class SilenceRequest:
    """`starts_at` None: now. The end is told, never guessed."""

    matchers: tuple[str, ...]
    ends_at: datetime
    comment: str
    starts_at: datetime | None = None
    cluster: str = ""


def get(pk: uuid.UUID) -> Silence:
    row = Silence.objects.filter(pk=pk).first()
    if row is None:
        raise NotFound("There is no such silence")
    return row


def document_of(row: Silence) -> dict[str, Json]:
    return {
        "id": str(row.pk),
        "matchers": list(row.matchers),
        "cluster": row.cluster,
        "starts_at": row.starts_at.isoformat(),
        "ends_at": row.ends_at.isoformat(),
        "created_by": row.created_by,
        "comment": row.comment,
    }


def state_of(row: Silence, now: datetime) -> SilenceState:
    return silences.state(row.starts_at, row.ends_at, now)


def digest_of(row: Silence) -> str:
    return _subject(row).digest(document_of(row))


def _subject(row: Silence) -> Subject:
    return Subject(Action.ALERT_SILENCE, "silence", ", ".join(row.matchers)[:200], row.cluster)


def _rule(request: SilenceRequest, now: datetime) -> SilenceRule:
    try:
        matchers = rows.all_matchers(request.matchers)
    except BadMatcher as error:
        raise Invalid(fields={"matchers": [f"{error}."]}) from error
    starts = request.starts_at or now
    problems: dict[str, list[str]] = {}
    if silences.is_too_wide(matchers):
        problems["matchers"] = ["It would silence everything: one matcher at least has to name something."]
    if request.ends_at <= max(starts, now):
        problems["ends_at"] = ["After its start, and in the future."]
    elif request.ends_at - starts > LONGEST or starts - now > LONGEST:
        problems["ends_at"] = ["Within a year."]
    if problems:
        raise Invalid(fields=problems)
    return SilenceRule("", matchers, starts, request.ends_at, request.cluster)


def plan_create(actor: Actor, request: SilenceRequest) -> Plan:
    permits.require(actor, Action.ALERT_SILENCE, request.cluster)
    permits.known_cluster(request.cluster)
    now = timezone.now()
    rule = _rule(request, now)
    covered = [row for row in Alert.objects.filter(resolved_at=None) if rule.covers(row.labels)]
    subject = Subject(Action.ALERT_SILENCE, "silence", ", ".join(request.matchers)[:200], request.cluster)
    return plans.plan_create(
        subject,
        {
            "matchers": [str(each) for each in rule.matchers],
            "cluster": request.cluster,
            "starts_at": request.starts_at.isoformat() if request.starts_at else "now",
            "ends_at": request.ends_at.isoformat(),
            "comment": request.comment,
        },
        affected=[Affected("alert", row.name, note=text_of(row.labels)) for row in covered[:MOST_SHOWN]],
        warnings=[
            f"It keeps {len(covered)} alerts quiet that are open now."
            if covered
            else "No open alert matches now."
        ],
    )


def apply_create(actor: Actor, request: SilenceRequest, plan: Plan) -> Silence:
    now = timezone.now()
    with operation(
        actor,
        plan.action,
        cluster=request.cluster or None,
        target=", ".join(request.matchers),
        plan=plan,
        atomic=True,
    ):
        return Silence.objects.create(
            matchers=list(request.matchers),
            cluster=request.cluster,
            starts_at=request.starts_at or now,
            ends_at=request.ends_at,
            created_by=actor.name[:240],
            created_at=now,
            comment=request.comment,
        )


def plan_expire(actor: Actor, row: Silence) -> Plan:
    permits.require(actor, Action.ALERT_SILENCE, row.cluster)
    over = state_of(row, timezone.now()) is SilenceState.EXPIRED
    return plans.plan_delete(
        _subject(row),
        document_of(row),
        verb="End",
        undo="Create it again.",
        warnings=["What it kept quiet and still fires is told at the groups' next look."],
        refusals=[Refusal("expired", "The silence has already ended")] if over else [],
    )


def apply_expire(actor: Actor, row: Silence, plan: Plan) -> None:
    """It stays in the list as expired; one that has not begun never begins."""
    now = timezone.now()
    with operation(
        actor, plan.action, cluster=row.cluster or None, target=plan.steps[0].name, plan=plan,
        before=document_of(row), atomic=True,
    ):  # fmt: skip
        Silence.objects.filter(pk=row.pk).update(ends_at=now, starts_at=min(row.starts_at, now))


# --- Acknowledgements ------------------------------------------------------------------------------------------------
def _alert_subject(alert: Alert) -> Subject:
    return Subject(Action.ALERT_SILENCE, "alert", text_of(alert.labels)[:200], alert.cluster)


def plan_acknowledge(actor: Actor, alert: Alert) -> Plan:
    permits.require(actor, Action.ALERT_SILENCE, alert.cluster)
    over = [Refusal("resolved", "The alert is over", "There is nothing left to acknowledge.")]
    return plans.plan_run(
        _alert_subject(alert),
        f"Acknowledge {alert.name}",
        "It is shown as taken by you and not repeated; its end is told.",
        refusals=over if alert.state == AlertState.RESOLVED else [],
    )


def apply_acknowledge(actor: Actor, alert: Alert, comment: str, plan: Plan) -> None:
    with operation(
        actor, plan.action, cluster=alert.cluster, target=plan.steps[0].name, plan=plan, atomic=True
    ):
        Acknowledgement.objects.update_or_create(
            alert=alert, defaults={"by": actor.name[:240], "at": timezone.now(), "comment": comment}
        )
