"""What Kafka itself says about replicas and controllers, in the terms of `broker.rolling`: the control plane's provider
of facts for restarts of bundled brokers. Also turns the impact of a stop into the words of a plan.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from controlplane.clusters.logic.broker_plans import (
    Away,
    BrokerImpact,
    BrokerState,
    ClusterProcesses,
    needed_with,
)
from controlplane.clusters.models import Cluster
from controlplane.clusters.services import gateway_for
from controlplane.core.plans import Json
from controlplane.gateways import broker as bundled
from controlplane.gateways.errors import GatewayError
from controlplane.gateways.kafka.gateway import KafkaGateway
from controlplane.gateways.kafka.quorum import QuorumInfo
from controlplane.gateways.kafka.types import (
    ConfigEntry,
    ResourceRef,
    ResourceType,
)


@dataclass(frozen=True)
class GatewayFacts:
    """`view()` reads everything anew: a roll decides on what is true now."""

    cluster: Cluster

    def view(self) -> bundled.ClusterView:
        try:
            return read_view(gateway_for(self.cluster))
        except GatewayError as error:
            raise bundled.FactsUnavailable(error.what) from error


def read_view(gateway: KafkaGateway) -> bundled.ClusterView:
    topics = gateway.list_topics(internal=True)
    refs = {topic.name: ResourceRef(ResourceType.TOPIC, topic.name) for topic in topics}
    configs = gateway.describe_configs(list(refs.values())) if refs else {}
    partitions = tuple(
        bundled.PartitionFacts(
            topic=topic.name,
            partition=p.index,
            leader=p.leader,
            replicas=p.replicas,
            isr=p.isr,
            min_isr=_min_isr(configs.get(refs[topic.name], ())),
        )
        for topic in topics
        for p in topic.partitions
    )
    online = frozenset(node.id for node in gateway.describe_cluster().brokers if not node.fenced)
    return bundled.ClusterView(
        quorum=quorum_facts(gateway.describe_quorum()), partitions=partitions, online=online
    )


def quorum_facts(info: QuorumInfo) -> bundled.Quorum:
    voters = tuple(bundled.Voter(voter.id, info.lag_ms(voter)) for voter in info.voters)
    return bundled.Quorum(leader=info.leader_id, voters=voters)


def _min_isr(entries: tuple[ConfigEntry, ...]) -> int | None:
    raw = next((entry.value for entry in entries if entry.name == "min.insync.replicas"), None)
    return int(raw) if raw is not None and raw.isdigit() else None


def broker_state(cluster: Cluster, broker: int) -> BrokerState:
    """A cluster that does not answer at all leaves the impact unknown: the plan then warns of the worst it knows."""
    spec = bundled.bundled_cluster(cluster.name)
    statuses = bundled.processes()
    process = process_of(spec, statuses, broker)
    word = process.state.value if process else bundled.ProcessState.STOPPED.value
    leaving = broker in spec.leaving
    with_it = tuple(_away(spec, statuses, voter) for voter in voters_needed_with(spec, statuses, broker))
    try:
        facts = bundled.cluster_facts(spec, statuses, read_view(gateway_for(cluster)))
    except GatewayError as error:
        unknown = (f"The cluster does not answer: {error.what}",)
        return BrokerState(broker, word, BrokerImpact(), unknown, leaving, with_it)
    impact = bundled.impact(facts, broker)
    return BrokerState(
        id=broker,
        process=word,
        impact=BrokerImpact(
            leaders_moved=tuple(map(str, impact.leaders_moved)),
            under_replicated=tuple(map(str, impact.under_replicated)),
            under_min_isr=tuple(map(str, impact.under_min_isr)),
            offline=tuple(map(str, impact.offline)),
            controller_moves=impact.controller_moves,
            quorum_lost=impact.quorum_lost,
        ),
        blockers=() if leaving else tuple(each.what for each in bundled.blockers(facts, broker)),
        leaving=leaving,
        with_it=with_it,
    )


def voters_needed_with(
    spec: bundled.ClusterSpec, statuses: tuple[bundled.ProcessStatus, ...], broker: int
) -> tuple[int, ...]:
    states = {status.name: status.state for status in statuses}
    alive = {node.id for node in spec.nodes if states.get(spec.process_name(node)) in bundled.ALIVE}
    return needed_with(broker, [node.id for node in spec.controllers], alive)


def cluster_processes(cluster: Cluster) -> ClusterProcesses:
    """What the processes say holds also where Kafka does not answer; a roll is then refused."""
    spec = bundled.bundled_cluster(cluster.name)
    statuses = bundled.processes()
    everybody = tuple(node.id for node in spec.nodes)
    staying = [node.id for node in spec.staying]
    try:
        view = read_view(gateway_for(cluster))
    except GatewayError as error:
        return ClusterProcesses(everybody, tuple(staying), unjudged=error.what)
    found = bundled.cluster_facts(spec, statuses, view)
    unprotected = {str(p) for node in staying for p in bundled.unprotected(found, node)}
    down = [node.id for node in found.nodes if node.down]
    return ClusterProcesses(
        brokers=everybody,
        order=bundled.planned_order(found, staying),
        down=tuple(_away(spec, statuses, node) for node in down),
        controller=found.quorum.leader,
        unprotected=tuple(sorted(unprotected)),
        # With a broker down nearly everything is held back, until it is back.
        blockers=() if down else _waits(found, staying),
    )


def _away(spec: bundled.ClusterSpec, statuses: tuple[bundled.ProcessStatus, ...], broker: int) -> Away:
    status = process_of(spec, statuses, broker)
    word = status.state.value if status else bundled.ProcessState.STOPPED.value
    return Away(broker, word, (status.reason or "") if status else "")


def _waits(found: bundled.ClusterFacts, brokers: Iterable[int]) -> tuple[str, ...]:
    """What the roll would wait for if it began now: one line for each broker."""
    first = ((broker, next(iter(bundled.blockers(found, broker)), None)) for broker in brokers)
    return tuple(f"Broker {broker} is waited for at first: {why.what}" for broker, why in first if why)


def process_of(
    spec: bundled.ClusterSpec, statuses: tuple[bundled.ProcessStatus, ...], broker: int
) -> bundled.ProcessStatus | None:
    node = next((node for node in spec.nodes if node.id == broker), None)
    if node is None:
        return None
    return next((status for status in statuses if status.name == spec.process_name(node)), None)


def process_words(spec: bundled.ClusterSpec) -> dict[str, Json]:
    """The supervisor's word for each node's process; null where it knows none."""
    statuses = bundled.processes()
    found = {node.id: process_of(spec, statuses, node.id) for node in spec.nodes}
    return {f"broker {node}": status.state.value if status else None for node, status in found.items()}


def process_status(cluster: Cluster, broker: int) -> bundled.ProcessStatus | None:
    """None for a cluster that is not ours to start; also told while no supervisor answers."""
    try:
        return process_of(bundled.bundled_cluster(cluster.name), bundled.observe().statuses, broker)
    except GatewayError:
        return None
