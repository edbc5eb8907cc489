"""The synthetic probe: a record to a partition of every broker and back, as a client would.

Its topic has a partition for every broker; which broker leads which changes, so each round takes, of every broker, the
first partition that it leads now. A broker that leads none has no sample: nothing is known of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from controlplane.clusters.connections import connection_row
from controlplane.clusters.models import Cluster
from controlplane.clusters.services import gateway_for
from controlplane.clusters.snapshots import PROBE_TOPIC
from controlplane.gateways.errors import AlreadyExists, GatewayError, NotFound
from controlplane.gateways.kafka.gateway import KafkaGateway
from controlplane.gateways.kafka.round_trip import Trip
from controlplane.gateways.kafka.types import Partition
from controlplane.metrics.names import Sample, sample
from controlplane.metrics.selectors import store
from controlplane.metrics.sources import is_elsewhere

TARGET = "probe"
DEADLINE_S = 5.0
REPLICAS = 3
#: Two small records per broker each half minute are kept for an hour.
CONFIGS = {"cleanup.policy": "delete", "retention.ms": "3600000", "segment.ms": "3600000"}


def is_wanted(cluster: Cluster) -> bool:
    """It creates a topic and writes: on a cluster of somebody else only where that was switched on."""
    if cluster.external and not connection_row(cluster).probe:
        return False
    return not is_elsewhere(cluster.name)


def probe(cluster: Cluster, now: int) -> GatewayError | None:
    """One round, stored at `now` (Unix milliseconds); returns the failure, if there was no round."""
    try:
        found = list(_samples(gateway_for(cluster)))
    except GatewayError as error:
        store().append(cluster.name, TARGET, now, [sample("kastellan_probe_round", 0.0)])
        return error
    store().append(cluster.name, TARGET, now, [sample("kastellan_probe_round", 1.0), *found])
    return None


def _samples(gateway: KafkaGateway) -> Iterator[Sample]:
    brokers = gateway.describe_cluster().brokers
    alive = [node.id for node in brokers if not node.fenced]
    led = led_by(_partitions(gateway, len(alive)), alive)
    bounds = gateway.bounds(PROBE_TOPIC, dict.fromkeys(led.values(), 0))
    ends = {partition: each.end for partition, each in bounds.items()}
    trips = gateway.round_trips(PROBE_TOPIC, ends, deadline_s=DEADLINE_S) if ends else {}
    yield from samples(led, trips)
    for node in brokers:
        if node.fenced:
            yield sample("kastellan_probe_up", 0.0, broker=node.id)


def led_by(partitions: Iterable[Partition], brokers: Iterable[int]) -> dict[int, int]:
    """Broker → the first partition that it leads; those that lead none are left out."""
    wanted, found = set(brokers), dict[int, int]()
    for partition in sorted(partitions, key=lambda each: each.index):
        if partition.leader in wanted:
            found.setdefault(partition.leader, partition.index)
    return found


def samples(led: Mapping[int, int], trips: Mapping[int, Trip]) -> Iterator[Sample]:
    for broker, partition in led.items():
        trip = trips.get(partition, Trip(None, None))
        yield sample("kastellan_probe_up", float(trip.arrived is not None), broker=broker)
        if trip.arrived is not None:
            yield sample("kastellan_probe_latency_seconds", trip.arrived, broker=broker)
        if trip.acknowledged is not None:
            yield sample("kastellan_probe_produce_seconds", trip.acknowledged, broker=broker)


def _partitions(gateway: KafkaGateway, brokers: int) -> tuple[Partition, ...]:
    try:
        (topic,) = gateway.describe_topics([PROBE_TOPIC])
    except NotFound:
        _create(gateway, brokers)
        (topic,) = gateway.describe_topics([PROBE_TOPIC])
    if len(topic.partitions) < brokers:
        gateway.create_partitions(PROBE_TOPIC, brokers)
    return topic.partitions


def _create(gateway: KafkaGateway, brokers: int) -> None:
    try:
        gateway.create_topic(PROBE_TOPIC, max(brokers, 1), max(min(REPLICAS, brokers), 1), CONFIGS)
    except AlreadyExists:
        """Another worker was first."""
