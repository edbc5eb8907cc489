"""Alertmanager's configuration in and out: routes, webhooks, inhibitions, time intervals, as one plan."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.utils import timezone

from controlplane.alerts.logic import alertmanager, plans
from controlplane.alerts.logic.alertmanager import Config, Target
from controlplane.alerts.logic.documents import BadDocument
from controlplane.alerts.models import InhibitionRule, Receiver
from controlplane.alerts.services import receiving, routes
from controlplane.alerts.services.receiving import ReceiverRequest
from controlplane.audit.services import operation
from controlplane.core.access import Actor
from controlplane.core.errors import Invalid
from controlplane.core.plans import Plan, PlanStep, StepKind


def export() -> str:
    found = (
        Target(row.name, row.kind, row.url, row.options, row.send_resolved, row.max_alerts)
        for row in Receiver.objects.all()
    )
    return alertmanager.write(routes.document(), found)


def read(text: str) -> Config:
    try:
        found = alertmanager.parse(text, frozenset(Receiver.objects.values_list("name", flat=True)))
    except BadDocument as error:
        raise Invalid(fields={"text": [f"{error}."]}) from error
    return replace(found, routing={**found.routing, "inhibit_rules": _named(found.routing["inhibit_rules"])})


def _named(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The file has no names: a rule that is here already keeps its own."""
    known = {
        str((sorted(row.source), sorted(row.target), sorted(row.equal))): row.name
        for row in InhibitionRule.objects.all()
    }

    def key(each: dict[str, Any]) -> str:
        return str((sorted(each["source_matchers"]), sorted(each["target_matchers"]), sorted(each["equal"])))

    return [{**each, "name": known.get(key(each), each["name"])} for each in rules]


def plan(text: str) -> Plan:
    config = read(text)
    made = [each for each in config.targets if not Receiver.objects.filter(name=each.name).exists()]
    problems: list[str] = []
    for each in made:
        try:
            receiving.check(_request(each))
        except Invalid as error:
            words = [text for texts in error.fields.values() for text in texts]
            problems.append(f"{each.name}: {' '.join(words)}")
    try:
        found = routes.plan_put(config.routing, coming=frozenset(each.name for each in made))
    except Invalid as error:
        problems += [f"{name}: {' '.join(texts)}" for name, texts in error.fields.items()]
    if problems:
        raise Invalid(fields={"text": problems})
    steps = [
        PlanStep(
            StepKind.CREATE, "receiver", each.name, plans.changes({}, receiving.document_of(_request(each)))
        )
        for each in made
    ]
    kept = [
        f"{each.name} is there already and stays as it is." for each in config.targets if each not in made
    ]
    return replace(
        found,
        title="Import Alertmanager's configuration",
        apply_label="Import",
        steps=(*steps, *(step for step in found.steps if step.changes)),
        warnings=(*config.notes, *kept),
    )


def apply(actor: Actor, text: str, plan: Plan) -> None:
    config = read(text)
    before = routes.document()
    with operation(actor, plan.action, target="routes", plan=plan, before=before, atomic=True):
        for each in config.targets:
            if not Receiver.objects.filter(name=each.name).exists():
                columns = receiving.columns_of(_request(each))
                Receiver.objects.create(**columns, created_at=timezone.now())
        routes.put(actor, {**before, **config.routing})


def _request(each: Target) -> ReceiverRequest:
    return ReceiverRequest(
        each.name, each.url, each.kind, send_resolved=each.send_resolved, max_alerts=each.max_alerts
    )
