"""What is known of flows: their rows, their ends, what they would copy, how their connectors are."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q, QuerySet
from django.utils import timezone

from controlplane.clusters import selectors as clusters
from controlplane.clusters.models import Cluster
from controlplane.clusters.services import gateway_for
from controlplane.core.errors import NotFound
from controlplane.core.words import some
from controlplane.gateways import workers
from controlplane.gateways.connect import ConnectApi, ConnectorStatus
from controlplane.gateways.errors import GatewayError
from controlplane.replication.logic.connectors import Part, connector_name
from controlplane.replication.logic.failover import Kind, Step
from controlplane.replication.logic.flows import HEARTBEATS, ClusterFacts, Existing, FlowRequest, Policy
from controlplane.replication.logic.offsets import OffsetSync
from controlplane.replication.logic.plans import Copied
from controlplane.replication.logic.progress import Partition, Totals
from controlplane.replication.models import Failover, Flow
from controlplane.workers import selectors as worker_selectors

#: Of a flow whose connectors are not all there.
INCOMPLETE = "incomplete"


@dataclass(frozen=True, slots=True)
class FlowHealth:
    """`statuses`: by part; one that is missing has no connector. `error`: why nothing could be asked."""

    statuses: dict[Part, ConnectorStatus]
    error: str = ""

    @property
    def by_name(self) -> dict[str, ConnectorStatus]:
        return {status.name: status for status in self.statuses.values()}

    @property
    def state(self) -> str:
        """One word for people: the worst of the three."""
        if self.error:
            return "unknown"
        if len(self.statuses) < len(Part):
            return INCOMPLETE
        if any(status.failed for status in self.statuses.values()):
            return "failed"
        words = {status.state.value.lower() for status in self.statuses.values()}
        return words.pop() if len(words) == 1 else "mixed"


def flows(cluster: Cluster) -> QuerySet[Flow]:
    """Those that begin or end at the cluster."""
    return Flow.objects.filter(Q(source=cluster.name) | Q(target=cluster.name))


def needing(cluster: Cluster) -> tuple[str, ...]:
    """The flows that begin or end there, by name."""
    return tuple(f"the flow {row}" for row in flows(cluster))


def kept_topics(cluster: Cluster) -> frozenset[str]:
    """Where flows into it keep what they know: which place here is which there. A foreign record would send groups elsewhere."""
    found = (row.asked for row in Flow.objects.filter(target=cluster.name))
    return frozenset(
        topic
        for asked in found
        for topic in (asked.syncs_topic, asked.checkpoints_topic, asked.copy_of(HEARTBEATS))
    )


def flow_of(source: str, target: str) -> Flow:
    found = flow_if_any(source, target)
    if found is None:
        raise NotFound(f"There is no flow {source}->{target}", hint="Replication lists all.")
    return found


def flow_if_any(source: str, target: str) -> Flow | None:
    return Flow.objects.filter(source=source, target=target).first()


def is_mended(asked: FlowRequest, target: Cluster) -> bool:
    """Whether a flow is asked for again as it is because connectors of it are gone: then they are made again."""
    row = flow_if_any(asked.source, asked.target)
    if row is None or not row.complete or not asked.is_again(row.asked):
        return False
    return health(asked, target).state == INCOMPLETE


def existing(leaving: FlowRequest | None = None) -> tuple[Existing, ...]:
    """Every flow that was completed, but for the one that leaves, or is mended; one that was broken off is gone on with."""
    gone = (leaving.source, leaving.target) if leaving else None
    return tuple(
        Existing(row.source, row.target, row.asked.policy, row.asked.topics)
        for row in Flow.objects.filter(complete=True)
        if (row.source, row.target) != gone
    )


def anchors_of(asked: FlowRequest) -> tuple[OffsetSync, ...]:
    row = flow_if_any(asked.source, asked.target)
    stored: dict[str, list[list[int]]] = row.anchors if row else {}
    return tuple(OffsetSync(topic, *place) for topic, places in stored.items() for place in places)


def stopped(source: str, target: str) -> dict[Partition, tuple[int, int]]:
    """Where the flow stood on both sides when a failover last stopped it; nothing where none did."""
    runs = Failover.objects.filter(source=source, target=target).exclude(positions={})
    last = runs.order_by("-started_at").first()
    return last.stopped if last else {}


def moved_at(flow: Flow) -> str:
    """When a failover of the flow moved its clients to the target, unless one back was taken since; empty: they are in the
    source."""
    runs = Failover.objects.filter(
        Q(source=flow.source, target=flow.target) | Q(source=flow.target, target=flow.source)
    ).exclude(kind=Kind.REHEARSAL.value)
    for run in runs.order_by("-started_at", "-pk"):
        switched = run.taken.get(Step.SWITCH)
        if switched is not None and switched.done:
            return (switched.ended_at or "") if run.source == flow.source else ""
    return ""


def left_by_failovers(flow: Flow) -> tuple[str, ...]:
    """What failovers of the flow have changed and nobody has changed back, in words."""
    runs = Failover.objects.filter(source=flow.source, target=flow.target)
    denied = {name for run in runs for _, name in run.denied}
    found = []
    if moved_at(flow):
        found.append(
            f"Its clients are in {flow.target}, by a failover: without the flow none leads them home."
        )
    if denied:
        found.append(
            f"A failover denies writing to {some(sorted(denied))} in {flow.source}: that stays. Lift it first, on the page Failover."
        )
    return tuple(found)


def remember(asked: FlowRequest, totals: Totals) -> None:
    """What a later failover without the source can promise."""
    seen = {"at": timezone.now().isoformat(), "records": totals.records, "seconds": totals.seconds}
    Flow.objects.filter(source=asked.source, target=asked.target).update(observed=seen)


def facts_of(cluster: Cluster) -> ClusterFacts:
    """Live; a cluster that does not answer has no id and no brokers."""
    try:
        found = gateway_for(cluster).describe_cluster()
    except GatewayError:
        return ClusterFacts(cluster.name, cluster.cluster_id or None, 0)
    serving = sum(not node.fenced for node in found.brokers)
    return ClusterFacts(cluster.name, found.cluster_id, serving)


def copied(asked: FlowRequest, source: Cluster, target: Cluster) -> tuple[Copied, ...]:
    """From the snapshots: what the flow would copy now."""
    there = set(clusters.topics(target, internal=True).values_list("name", flat=True))
    rows = clusters.topics(source, internal=True).values_list("name", "partitions", "size_bytes")
    aliases = {row.name for row in clusters.clusters()}
    return tuple(
        Copied(name, partitions, size, taken=asked.copy_of(name) in there)
        for name, partitions, size in rows
        if asked.copied(name) and not asked.beats(name, aliases)
    )


def absent(asked: FlowRequest, source: Cluster, target: Cluster) -> tuple[str, ...]:
    """Topics that producers will write to after a failover, under their own names, and that the target does not have."""
    there = set(clusters.topics(target, internal=True).values_list("name", flat=True))
    return tuple(
        each.topic
        for each in copied(asked, source, target)
        if asked.policy is Policy.PREFIX and each.topic not in there
    )


def groups(asked: FlowRequest, source: Cluster) -> tuple[str, ...]:
    rows = clusters.groups(source).values_list("group", flat=True)
    return tuple(name for name in rows if asked.group_followed(name))


def connect_of(target: Cluster) -> ConnectApi | None:
    """The REST API of the worker beside the target; None where there is none."""
    worker = worker_selectors.worker_if_any(target)
    return workers.rest_api(worker) if worker else None


def health(flow: FlowRequest, target: Cluster) -> FlowHealth:
    connect = connect_of(target)
    if connect is None:
        return FlowHealth({}, f"{target.title} has no Connect worker")
    try:
        found = connect.statuses()
    except (GatewayError, OSError) as error:
        return FlowHealth({}, str(error))
    names = {part: connector_name(flow, part) for part in Part}
    return FlowHealth({part: found[name] for part, name in names.items() if name in found})
