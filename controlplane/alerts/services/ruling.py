"""Changes to alert rules. What a rule says is checked when it is saved: expression, durations, labels, templates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone

from controlplane.alerts.logic import plans, templates
from controlplane.alerts.logic.labels import ALERT_NAME, is_label_name
from controlplane.alerts.logic.plans import Subject
from controlplane.alerts.logic.templates import TemplateError
from controlplane.alerts.models import Rule
from controlplane.alerts.services import permits
from controlplane.alerts.services.evaluating import end_alerts
from controlplane.audit.services import operation
from controlplane.core import durations
from controlplane.core.access import Action, Actor
from controlplane.core.errors import Conflict, Invalid, NotFound
from controlplane.core.plans import Json, Plan, Refusal
from controlplane.metrics import query

ZERO = timedelta()
MOST_LABELS = 50
SHIPPED = Refusal("shipped", "A rule that came with Kastellan cannot be deleted", "Disable it instead.")


@dataclass(frozen=True, slots=True)
class RuleRequest:
    name: str
    expr: str
    hold: timedelta = ZERO
    keep_firing: timedelta = ZERO
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    group: str = "default"
    cluster: str = ""
    enabled: bool = True


def get(pk: int) -> Rule:
    row = Rule.objects.filter(pk=pk).first()
    if row is None:
        raise NotFound("There is no such rule")
    return row


def document_of(row: Rule | RuleRequest) -> dict[str, Json]:
    """As the API and Prometheus' rule files name things."""
    return {
        "name": row.name,
        "group": row.group,
        "cluster": row.cluster,
        "expr": row.expr,
        "for": durations.text_of(row.hold),
        "keep_firing_for": durations.text_of(row.keep_firing),
        "labels": dict(row.labels),
        "annotations": dict(row.annotations),
        "enabled": row.enabled,
    }


def request_of(row: Rule) -> RuleRequest:
    return RuleRequest(
        row.name,
        row.expr,
        row.hold,
        row.keep_firing,
        row.labels,
        row.annotations,
        row.group,
        row.cluster,
        row.enabled,
    )


def digest_of(row: Rule) -> str:
    return _subject(row.name, row.cluster).digest(document_of(row))


def _subject(name: str, cluster: str) -> Subject:
    return Subject(Action.ALERT_EDIT_RULES, "alert rule", name, cluster)


def check(request: RuleRequest) -> None:
    """Raises Invalid with all that is wrong, each with its position."""
    permits.known_cluster(request.cluster)
    problems = {"labels": _label_problems(request.labels), "annotations": _text_problems(request.annotations)}
    try:
        query.check(request.expr)
    except Invalid as error:
        problems |= {"expr": error.fields.get("expr") or [error.what]}
    found = {name: each for name, each in problems.items() if each}
    if found:
        raise Invalid(fields=found)


def _label_problems(labels: Mapping[str, str]) -> list[str]:
    wrong = [name for name in labels if not is_label_name(name)]
    found = [f"{name!r} is no label name." for name in wrong]
    if ALERT_NAME in labels:
        found.append(f"{ALERT_NAME} is the rule's name.")
    return [*found, *_text_problems(labels)]


def _text_problems(texts: Mapping[str, str]) -> list[str]:
    found = [] if len(texts) <= MOST_LABELS else [f"At most {MOST_LABELS}."]
    for name, text in texts.items():
        if not is_label_name(name):
            found.append(f"{name!r} is no name: letters, digits and _.")
        try:
            templates.parse(text)
        except TemplateError as error:
            found.append(f"{name}: {error}.")
    return list(dict.fromkeys(found))


def plan_create(actor: Actor, request: RuleRequest) -> Plan:
    permits.require(actor, Action.ALERT_EDIT_RULES, request.cluster)
    check(request)
    taken = Rule.objects.filter(group=request.group, name=request.name).exists()
    return plans.plan_create(
        _subject(request.name, request.cluster),
        document_of(request),
        refusals=[_taken(request)] if taken else [],
    )


def _taken(request: RuleRequest) -> Refusal:
    return Refusal(
        "exists",
        f"There is a rule {request.name} in the group {request.group}",
        "Take another name or group.",
    )


def apply_create(actor: Actor, request: RuleRequest, plan: Plan) -> Rule:
    now = timezone.now()
    with operation(
        actor, plan.action, cluster=request.cluster or None, target=request.name, plan=plan, atomic=True
    ):
        try:
            with transaction.atomic():
                return Rule.objects.create(
                    **columns_of(request), owner=actor.name[:240], created_at=now, updated_at=now
                )
        except IntegrityError:
            raise Conflict(_taken(request).what, _taken(request).hint) from None


def plan_alter(actor: Actor, row: Rule, request: RuleRequest) -> Plan:
    for cluster in {row.cluster, request.cluster}:
        permits.require(actor, Action.ALERT_EDIT_RULES, cluster)
    check(request)
    taken = Rule.objects.filter(group=request.group, name=request.name).exclude(pk=row.pk).exists()
    renamed = row.shipped and (request.name, request.group) != (row.name, row.group)
    refusals = [_taken(request)] if taken else []
    if renamed:
        refusals.append(
            Refusal("shipped", "A rule that came with Kastellan keeps its name", "Copy it instead.")
        )
    off = row.enabled and not request.enabled
    return plans.plan_alter(
        _subject(row.name, row.cluster),
        document_of(row),
        document_of(request),
        warnings=["What fires by this rule is resolved."] if off else [],
        refusals=refusals,
    )


def apply_alter(actor: Actor, row: Rule, request: RuleRequest, plan: Plan) -> Rule:
    """Alerts whose labels, cluster or rule are not what the rule says any more end with the next evaluation, or now."""
    now = timezone.now()
    with operation(
        actor,
        plan.action,
        cluster=row.cluster or None,
        target=row.name,
        plan=plan,
        before=document_of(row),
        atomic=True,
    ):
        same = Rule.objects.filter(pk=row.pk, version=row.version)
        changed = same.update(**columns_of(request), version=row.version + 1, edited=True, updated_at=now)
        if changed != 1:
            raise Conflict(f"{row.name} was changed by somebody else meanwhile", "Look at it again.")
        if not request.enabled or request.cluster != row.cluster:
            end_alerts(row, now)
    return get(row.pk)


def plan_delete(actor: Actor, row: Rule) -> Plan:
    permits.require(actor, Action.ALERT_EDIT_RULES, row.cluster)
    return plans.plan_delete(
        _subject(row.name, row.cluster),
        document_of(row),
        warnings=["What fires by this rule is resolved."],
        refusals=[SHIPPED] if row.shipped else [],
    )


def apply_delete(actor: Actor, row: Rule, plan: Plan) -> None:
    with operation(
        actor,
        plan.action,
        cluster=row.cluster or None,
        target=row.name,
        plan=plan,
        before=document_of(row),
        atomic=True,
    ):
        end_alerts(row, timezone.now())
        Rule.objects.filter(pk=row.pk).delete()


def columns_of(request: RuleRequest) -> dict[str, object]:
    return {
        "name": request.name,
        "group": request.group,
        "cluster": request.cluster,
        "expr": request.expr,
        "hold": request.hold,
        "keep_firing": request.keep_firing,
        "labels": dict(request.labels),
        "annotations": dict(request.annotations),
        "enabled": request.enabled,
    }
