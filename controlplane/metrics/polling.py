"""One poll of one broker: read its agent in bulk, name the samples, store them. A failure is stored as `up` 0.

Each broker is a task of its own, started at an offset of its own: a slow one delays no other, and the agents are
not asked all at once.
"""

from __future__ import annotations

import time
import zlib

from controlplane.gateways import broker as bundled
from controlplane.gateways.errors import GatewayError
from controlplane.gateways.jolokia import Endpoint, read_mbeans
from controlplane.metrics.clients import bounded
from controlplane.metrics.names import QUERIES, Sample, samples_of
from controlplane.metrics.selectors import store

INTERVAL_S = 10


def targets(cluster: str) -> tuple[int, ...]:
    return tuple(node.id for node in bundled.bundled_cluster(cluster).staying)


def offset_s(cluster: str, broker: int) -> float:
    """Where in the interval this broker is asked: stable, and spread over the first six seconds."""
    return zlib.crc32(f"{cluster}/{broker}".encode()) % 6000 / 1000


def endpoint_of(cluster: str, broker: int) -> Endpoint:
    spec = bundled.bundled_cluster(cluster)
    found = bundled.jolokia_endpoint(spec, spec.node(broker))
    return Endpoint(found.url, found.username, found.password_file)


def poll(cluster: str, broker: int, *, endpoint: Endpoint | None = None) -> GatewayError | None:
    """Stores one scrape; returns the failure, if it was one."""
    started, ts = time.monotonic(), time.time_ns() // 1_000_000
    failure: GatewayError | None = None
    samples: list[Sample] = []
    try:
        samples = bounded(samples_of(read_mbeans(endpoint or endpoint_of(cluster, broker), QUERIES)))
    except GatewayError as error:
        failure = error
    own = [
        Sample("up", (), 0.0 if failure else 1.0),
        Sample("kastellan_scrape_duration_seconds", (), time.monotonic() - started),
        Sample("kastellan_scrape_samples", (), float(len(samples))),
    ]
    store().append(cluster, str(broker), ts, [_of_broker(sample, broker) for sample in (*samples, *own)])
    return failure


def _of_broker(sample: Sample, broker: int) -> Sample:
    labels = tuple(sorted({**dict(sample.labels), "broker": str(broker)}.items()))
    return Sample(sample.name, labels, sample.value)
