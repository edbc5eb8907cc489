"""Verify: the last records of each partition of the source are looked for in the copy, by content."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from controlplane.clusters.models import Cluster
from controlplane.clusters.services import gateway_for
from controlplane.gateways.errors import GatewayError
from controlplane.gateways.kafka.consume import Bounds
from controlplane.gateways.kafka.gateway import KafkaGateway
from controlplane.gateways.kafka.types import Record
from controlplane.replication import selectors, watching
from controlplane.replication.logic.comparison import Comparison, Difference, difference
from controlplane.replication.logic.flows import FlowRequest
from controlplane.replication.logic.progress import Partition

#: Of each partition. The copy is read a little further back: its offsets are others, and markers take some.
WINDOW = 500
MARGIN = 200
READ_SECONDS = 15.0
#: A larger value is compared by its first bytes.
MOST_BYTES = 1_000_000


def compare(
    asked: FlowRequest, source: Cluster, target: Cluster, *, told: Callable[[str], None] = lambda _: None
) -> Comparison:
    """What was copied when this began; what is written meanwhile is not asked for."""
    here, there = gateway_for(source), gateway_for(target)
    copied = watching.positions_of(asked, target)
    rows: list[Difference] = []
    unread: list[str] = []
    for topic in selectors.copied(asked, source, target):
        try:
            found = _topic(asked, topic.topic, copied, here, there)
        except GatewayError as error:
            unread.append(f"{topic.topic}: {error.what}")
            continue
        rows += found
        told(
            f"{topic.topic}: {sum(row.compared for row in found)} records, {sum(len(row.missing) for row in found)} missing"
        )
    return Comparison(tuple(rows), tuple(unread))


def _topic(
    asked: FlowRequest, topic: str, copied: Mapping[Partition, int], here: KafkaGateway, there: KafkaGateway
) -> list[Difference]:
    copy = asked.copy_of(topic)
    ours, theirs = here.bounds(topic), there.bounds(copy)
    ends = {p: min(copied.get((topic, p), 0), bounds.end) for p, bounds in ours.items()}
    starts = {p: max(bounds.first, ends[p] - WINDOW) for p, bounds in ours.items()}
    source = _read(here, topic, starts, ends)
    copies = _read(
        there, copy, {p: max(b.first, b.end - WINDOW - MARGIN) for p, b in theirs.items()}, _stops(theirs)
    )
    return [difference(topic, p, source.get(p, []), copies.get(p, [])) for p in sorted(ours)]


def _stops(bounds: Mapping[int, Bounds]) -> dict[int, int]:
    return {partition: each.end for partition, each in bounds.items()}


def _read(
    gateway: KafkaGateway, topic: str, starts: Mapping[int, int], stops: Mapping[int, int]
) -> dict[int, list[Record]]:
    wanted = {p: start for p, start in starts.items() if start < stops.get(p, 0)}
    if not wanted:
        return {}
    batch = gateway.read(
        topic,
        wanted,
        limit=(WINDOW + MARGIN) * len(wanted),
        deadline_s=READ_SECONDS,
        stop_at=stops,
        max_bytes=MOST_BYTES,
    )
    found: dict[int, list[Record]] = {}
    for record in batch.records:
        found.setdefault(record.partition, []).append(record)
    return found
