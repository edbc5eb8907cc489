"""One poll of one broker: read its source, store the samples. A failure is stored as `up` 0.

Each broker is a task of its own, started at an offset of its own: a slow one delays no other, and the agents are
not asked all at once.
"""

from __future__ import annotations

import time
import zlib

from controlplane.gateways.errors import GatewayError, NotFound
from controlplane.gateways.jolokia import Endpoint, read_mbeans
from controlplane.metrics.clients import bounded
from controlplane.metrics.names import QUERIES, Sample, samples_of
from controlplane.metrics.selectors import store
from controlplane.metrics.sources import Jolokia, source_of

INTERVAL_S = 10


def targets(cluster: str) -> tuple[int, ...]:
    """The brokers that are polled; none where the metrics are on a server, or nowhere."""
    source = source_of(cluster)
    return source.targets() if source else ()


def offset_s(cluster: str, broker: int) -> float:
    """Where in the interval this broker is asked: stable, and spread over the first six seconds."""
    return zlib.crc32(f"{cluster}/{broker}".encode()) % 6000 / 1000


def endpoint_of(cluster: str, broker: int) -> Endpoint:
    """The agent of a bundled broker."""
    return Jolokia(cluster).endpoint(broker)


def poll(cluster: str, broker: int, *, endpoint: Endpoint | None = None) -> GatewayError | None:
    """Stores one scrape; returns the failure, if it was one."""
    started, ts = time.monotonic(), time.time_ns() // 1_000_000
    failure: GatewayError | None = None
    samples: list[Sample] = []
    try:
        samples = bounded(_read(cluster, broker, endpoint))
    except GatewayError as error:
        failure = error
    own = [
        Sample("up", (), 0.0 if failure else 1.0),
        Sample("kastellan_scrape_duration_seconds", (), time.monotonic() - started),
        Sample("kastellan_scrape_samples", (), float(len(samples))),
    ]
    store().append(cluster, str(broker), ts, [_of_broker(sample, broker) for sample in (*samples, *own)])
    return failure


def _read(cluster: str, broker: int, endpoint: Endpoint | None) -> list[Sample]:
    if endpoint is not None:
        return samples_of(read_mbeans(endpoint, QUERIES))
    source = source_of(cluster)
    if source is None:
        raise NotFound(f"{cluster} has no source of metrics that is polled")
    return source.read(broker)


def _of_broker(sample: Sample, broker: int) -> Sample:
    labels = tuple(sorted({**dict(sample.labels), "broker": str(broker)}.items()))
    return Sample(sample.name, labels, sample.value)
