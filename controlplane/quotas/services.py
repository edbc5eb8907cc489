"""Changes to client quotas: plan, apply the very plan inside `audit.operation`, verify by reading back."""

from __future__ import annotations

from collections.abc import Sequence

from controlplane.audit.services import operation
from controlplane.clusters.models import Cluster
from controlplane.clusters.services import gateway_for
from controlplane.core.access import Actor
from controlplane.core.plans import Json, Plan, Refusal
from controlplane.core.verify import verify
from controlplane.gateways.errors import GatewayError, InvalidRequest
from controlplane.gateways.kafka.access_types import QuotaEntity
from controlplane.quotas import selectors
from controlplane.quotas.logic import plans
from controlplane.quotas.logic.effective import by_entity
from controlplane.quotas.logic.entities import title
from controlplane.quotas.logic.plans import AlterQuotas, QuotaState

OBSERVING_TARGET = "observing"
START_NOTES = (
    "Every client gets sensors on every broker: rate and throttle time appear under Clients within half a minute.",
    "The limits are far beyond what a broker can do, so nobody is throttled.",
    "A quota that you set later on a level below takes no effect while these stay. Its plan will say so.",
)
STOP_NOTES = ("Sensors of clients without a quota of their own go, at the latest after an hour.",)


def plan_alter(cluster: Cluster, request: AlterQuotas) -> Plan:
    state = selectors.state(cluster)
    plan = plans.plan_alter(request, state, cluster=cluster.name)
    if plan.refusals:
        return plan
    refusal = _ask_broker(cluster, request)
    if refusal is None:
        return plan
    return plans.plan_alter(request, state, cluster=cluster.name, broker_refusal=refusal)


def plan_delete(cluster: Cluster, entity: QuotaEntity) -> Plan:
    selectors.quota_row(cluster, entity)
    return plans.plan_delete(entity, selectors.state(cluster), cluster=cluster.name)


def plan_revert(cluster: Cluster, uid: str) -> tuple[AlterQuotas, Plan]:
    """Back to what the recorded change found, from whatever is there now."""
    entity, before = selectors.before_image(cluster, uid)
    state = selectors.state(cluster)
    values: dict[str, float | None] = {**dict.fromkeys(state.of(entity)), **before}
    return AlterQuotas(entity, values), plans.plan_revert(entity, before, state, cluster=cluster.name)


def apply_alter(actor: Actor, cluster: Cluster, request: AlterQuotas, plan: Plan) -> None:
    """For alter and revert: sets and removes in one request, which Kafka applies whole or not at all."""
    name = title(request.entity)
    with operation(actor, plan.action, cluster=cluster.name, target=name, plan=plan) as entry:
        entry.remember(_image(request.entity, selectors.state(cluster)))
        carry_out(cluster, request)


def carry_out(cluster: Cluster, request: AlterQuotas) -> None:
    """The act itself, inside an operation of the caller's."""
    gateway_for(cluster).alter_client_quotas(request.entity, request.values)
    verify(f"the quota of {title(request.entity)}", lambda: _has(cluster, request))


def apply_delete(actor: Actor, cluster: Cluster, entity: QuotaEntity, plan: Plan) -> None:
    values = dict.fromkeys(selectors.quota_row(cluster, entity).values)
    apply_alter(actor, cluster, AlterQuotas(entity, values), plan)


def plan_observe(cluster: Cluster) -> tuple[tuple[AlterQuotas, ...], Plan]:
    state = selectors.state(cluster)
    requests = plans.observing_requests(state)
    plan = plans.plan_many(
        requests,
        state,
        cluster=cluster.name,
        name="Observe all clients",
        label="Observe all clients",
        extra=START_NOTES,
    )
    return requests, plan


def plan_stop_observing(cluster: Cluster) -> tuple[tuple[AlterQuotas, ...], Plan]:
    state = selectors.state(cluster)
    requests = plans.observed_requests(state)
    plan = plans.plan_many(
        requests,
        state,
        cluster=cluster.name,
        name="Stop observing all clients",
        label="Stop observing",
        extra=STOP_NOTES,
    )
    return requests, plan


def apply_many(actor: Actor, cluster: Cluster, requests: Sequence[AlterQuotas], plan: Plan) -> None:
    gateway = gateway_for(cluster)
    with operation(actor, plan.action, cluster=cluster.name, target=OBSERVING_TARGET, plan=plan) as entry:
        state = selectors.state(cluster)
        entry.remember([_image(request.entity, state) for request in requests])
        done: list[Json] = []
        for request in requests:
            try:
                gateway.alter_client_quotas(request.entity, request.values)
            except GatewayError as error:
                entry.partly(done=done, failed=title(request.entity), error=error.what)
                raise
            done.append(title(request.entity))
        verify("the observing quotas", lambda: all(_has(cluster, request) for request in requests))


def _ask_broker(cluster: Cluster, request: AlterQuotas) -> Refusal | None:
    """Kafka's own validation, which knows its version's keys."""
    try:
        gateway_for(cluster).alter_client_quotas(request.entity, request.values, validate_only=True)
    except InvalidRequest as error:
        return Refusal("broker", error.what, error.hint)
    return None


def _has(cluster: Cluster, request: AlterQuotas) -> bool:
    """On every broker that lives: whoever reads next, from whichever broker, sees the change."""
    gateway = gateway_for(cluster)
    for node in gateway.describe_cluster().brokers:
        if node.fenced:
            continue
        now = by_entity(gateway.describe_client_quotas(broker=node.id)).get(request.entity, {})
        if any(now.get(key) != value for key, value in request.values.items()):
            return False
    return True


def _image(entity: QuotaEntity, state: QuotaState) -> dict[str, Json]:
    return {"entity": dict(entity), "quotas": dict(state.of(entity))}
