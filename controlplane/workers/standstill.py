"""The topic of a worker that does not run, read for its connectors and written so that it starts with all of them stopped."""

from __future__ import annotations

from controlplane.clusters.models import Cluster
from controlplane.clusters.services import gateway_for
from controlplane.gateways.errors import DeadlineExceeded, GatewayError, NotFound
from controlplane.gateways.kafka.gateway import KafkaGateway
from controlplane.gateways.kafka.produce import NewRecord
from controlplane.gateways.workers import ConnectSpec
from controlplane.workers.logic import standstill

MOST_RECORDS = 200_000
READ_SECONDS = 30.0


def running(cluster: Cluster, worker: ConnectSpec) -> tuple[str, ...]:
    """Connectors that would run if it started now; raises GatewayError where its topic cannot be read."""
    gateway, topic = gateway_for(cluster), worker.topics[0]
    try:
        starts = {partition: each.first for partition, each in gateway.bounds(topic).items()}
    except NotFound:
        return ()
    # By offset, as Connect reads it: times are those of several clocks.
    batch = gateway.read(topic, starts, limit=MOST_RECORDS, deadline_s=READ_SECONDS)
    if not batch.exhausted:
        raise DeadlineExceeded(f"{topic} was not read to its end", hint="Try again.")
    return standstill.to_stop(
        (record.key.decode(errors="replace"), record.value) for record in batch.records if record.key
    )


def stop_all(cluster: Cluster, worker: ConnectSpec) -> tuple[str, ...]:
    """Which are stopped by it."""
    names = running(cluster, worker)
    _write(gateway_for(cluster), worker.topics[0], names)
    return names


def _write(gateway: KafkaGateway, topic: str, names: tuple[str, ...]) -> None:
    records = [NewRecord(key.encode(), value, partition=0) for key, value in standstill.stopping(names)]
    for delivery in gateway.produce_all(topic, records) if records else ():
        if isinstance(delivery, GatewayError):
            raise delivery
