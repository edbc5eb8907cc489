"""Changes to topics: plan, then apply the very plan inside `audit.operation`, verify by reading back, patch the list.

`plan_*` never writes. `apply_*` takes the plan that was reviewed; callers have compared its digest (If-Match, form).
"""

from __future__ import annotations

from collections.abc import Callable

from controlplane.audit.services import operation
from controlplane.clusters.models import Cluster
from controlplane.clusters.services import gateway_for, patch_topics
from controlplane.core.access import Actor
from controlplane.core.plans import Plan, Refusal
from controlplane.core.verify import verify
from controlplane.gateways.errors import InvalidRequest, NotFound
from controlplane.gateways.kafka.types import ConfigOp, ConfigOpType, ResourceRef, ResourceType
from controlplane.topics import selectors
from controlplane.topics.logic import plans
from controlplane.topics.logic.plans import AlterConfigs, CreateTopic


def plan_create(cluster: Cluster, request: CreateTopic) -> Plan:
    state = selectors.cluster_state(cluster)
    plan = plans.plan_create(request, state, cluster=cluster.name)
    if plan.refusals:
        return plan
    refusal = _ask_broker(
        lambda: gateway_for(cluster).create_topic(
            request.name, request.partitions, request.replication_factor, request.configs, validate_only=True
        )
    )
    return (
        plans.plan_create(request, state, cluster=cluster.name, broker_refusal=refusal) if refusal else plan
    )


def apply_create(actor: Actor, cluster: Cluster, request: CreateTopic, plan: Plan) -> None:
    gateway = gateway_for(cluster)
    with operation(actor, plan.action, cluster=cluster.name, target=request.name, plan=plan):
        gateway.create_topic(
            request.name, request.partitions, request.replication_factor, request.configs, validate_only=False
        )
        verify(
            f"topic {request.name} on every broker",
            lambda: exists_everywhere(cluster, request.name, partitions=request.partitions),
        )
    patch_topics(cluster, [request.name])


def plan_alter_configs(cluster: Cluster, name: str, request: AlterConfigs) -> Plan:
    state = selectors.topic_state(cluster, name)
    plan = plans.plan_alter_configs(request, state, cluster=cluster.name)
    if plan.refusals:
        return plan
    refusal = _ask_broker(
        lambda: gateway_for(cluster).incremental_alter_configs(
            {ResourceRef(ResourceType.TOPIC, name): _ops(request)}, validate_only=True
        )
    )
    if refusal is None:
        return plan
    return plans.plan_alter_configs(request, state, cluster=cluster.name, broker_refusal=refusal)


def apply_alter_configs(actor: Actor, cluster: Cluster, name: str, request: AlterConfigs, plan: Plan) -> None:
    ref = ResourceRef(ResourceType.TOPIC, name)
    with operation(actor, plan.action, cluster=cluster.name, target=name, plan=plan):
        gateway_for(cluster).incremental_alter_configs({ref: _ops(request)}, validate_only=False)
        verify(f"the settings of {name}", lambda: _has_configs(cluster, name, request))
    patch_topics(cluster, [name])


def plan_add_partitions(cluster: Cluster, name: str, count: int) -> Plan:
    return plans.plan_add_partitions(count, selectors.topic_state(cluster, name), cluster=cluster.name)


def apply_add_partitions(actor: Actor, cluster: Cluster, name: str, count: int, plan: Plan) -> None:
    with operation(actor, plan.action, cluster=cluster.name, target=name, plan=plan):
        gateway_for(cluster).create_partitions(name, count)
        verify(f"{count} partitions of {name}", lambda: exists_everywhere(cluster, name, partitions=count))
    patch_topics(cluster, [name])


def plan_delete(cluster: Cluster, name: str) -> Plan:
    return plans.plan_delete(selectors.topic_state(cluster, name), cluster=cluster.name)


def apply_delete(actor: Actor, cluster: Cluster, name: str, plan: Plan) -> None:
    with operation(actor, plan.action, cluster=cluster.name, target=name, plan=plan):
        gateway_for(cluster).delete_topics([name])
        verify(f"that {name} is gone", lambda: _is_gone(cluster, name))
    patch_topics(cluster, [name])


def _ask_broker(validate: Callable[[], object]) -> Refusal | None:
    """Kafka's own validation, which knows policies and the type of each value."""
    try:
        validate()
    except InvalidRequest as error:
        return Refusal("broker", error.what, error.hint)
    return None


def _ops(request: AlterConfigs) -> list[ConfigOp]:
    to_set = [ConfigOp(name, ConfigOpType.SET, value) for name, value in request.to_set.items()]
    to_delete = [
        ConfigOp(name, ConfigOpType.DELETE, None) for name in request.to_delete if name not in request.to_set
    ]
    return [*to_set, *to_delete]


def exists_everywhere(cluster: Cluster, name: str, *, partitions: int) -> bool:
    gateway = gateway_for(cluster)
    for node in gateway.describe_cluster().brokers:
        if node.fenced:
            continue
        try:
            (topic,) = gateway.describe_topics([name], broker=node.id)
        except NotFound:
            return False
        if len(topic.partitions) != partitions or any(p.leader is None for p in topic.partitions):
            return False
    return True


def _has_configs(cluster: Cluster, name: str, request: AlterConfigs) -> bool:
    own = selectors.topic_state(cluster, name).configs
    deleted = set(request.to_delete) - set(request.to_set)
    return all(own.get(key) == value for key, value in request.to_set.items()) and not deleted & own.keys()


def _is_gone(cluster: Cluster, name: str) -> bool:
    try:
        gateway_for(cluster).describe_topics([name])
    except NotFound:
        return True
    return False
