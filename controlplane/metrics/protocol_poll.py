"""What JMX does not give, read over the Kafka protocol: offsets, group lag, disks, the quorum. One scrape per cluster.

Names are kafka_exporter's where it has one (`kafka_consumergroup_lag{consumergroup,topic,partition}` …), so that its
dashboards and rules work; the rest is `kastellan_*`.
"""

from __future__ import annotations

import time

from controlplane.clusters.models import Cluster
from controlplane.clusters.services import gateway_for
from controlplane.gateways.errors import GatewayError
from controlplane.metrics import group_lag, readings
from controlplane.metrics.logic.lag import next_poll_s
from controlplane.metrics.names import Sample, sample
from controlplane.metrics.selectors import store

TARGET = "cluster"
DURATION = "kastellan_protocol_poll_duration_seconds"
#: A beat comes up to this much early.
SLACK_MS = 2_000


def due(cluster: str, now: int) -> bool:
    """A cluster that takes long to read is read less often."""
    latest = store().latest(cluster, TARGET, now - 600_000)
    if latest is None:
        return True
    ts, values = latest
    return now - ts + SLACK_MS >= next_poll_s(values.get((DURATION, "{}"), 0.0)) * 1000


def poll(cluster: Cluster, now: int) -> GatewayError | None:
    """Stores one scrape of the cluster; returns the failure, if it was one. `now` is Unix milliseconds."""
    started = time.monotonic()
    failure: GatewayError | None = None
    found: list[Sample] = []
    try:
        reading = readings.read(gateway_for(cluster))
        found = [*readings.samples(reading), *group_lag.samples(cluster.name, reading, now)]
    except GatewayError as error:
        failure = error
    own = [
        sample("kastellan_protocol_poll_up", 0.0 if failure else 1.0),
        sample(DURATION, time.monotonic() - started),
    ]
    store().append(cluster.name, TARGET, now, [*found, *own])
    return failure
