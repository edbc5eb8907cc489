"""What a flow may lose at most, changed after it was made. Nothing of Kafka's changes: it is compared and alerted on."""

from __future__ import annotations

from dataclasses import replace

from controlplane.audit.services import operation
from controlplane.core.access import Action, Actor
from controlplane.core.plans import Plan
from controlplane.replication import services
from controlplane.replication.logic import objectives as logic
from controlplane.replication.models import Flow


def plan(flow: Flow, rpo_s: int | None, rpo_records: int | None) -> Plan:
    return logic.plan_objective(flow.asked, rpo_s, rpo_records)


def apply(actor: Actor, flow: Flow, rpo_s: int | None, rpo_records: int | None, plan: Plan) -> None:
    asked = flow.asked
    services.require_both(actor, Action.FLOW_EDIT, asked)
    with operation(actor, plan.action, cluster=flow.target, target=asked.name, plan=plan, atomic=True):
        flow.remember(replace(asked, rpo_s=rpo_s, rpo_records=rpo_records))
        flow.save(update_fields=["request"])
