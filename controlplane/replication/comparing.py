"""Verify: the last records of each partition of the source are looked for in the copy, by content."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace

from controlplane.clusters.models import Cluster
from controlplane.clusters.services import gateway_for
from controlplane.gateways.errors import GatewayError
from controlplane.gateways.kafka.gateway import KafkaGateway
from controlplane.gateways.kafka.types import Record
from controlplane.replication import rests, selectors, watching
from controlplane.replication.logic.comparison import Comparison, Difference, difference, fingerprint
from controlplane.replication.logic.flows import FlowRequest
from controlplane.replication.logic.progress import Partition

#: Of each partition of the source. In the copy the same records may lie further back: more was copied since, or written by
#: clients; offsets are others, and markers take some. So it is read backwards, step by step, until all are found.
WINDOW = 500
STEP = 700
STEPS = 30
READ_SECONDS = 15.0
#: A larger value is compared by its first bytes.
MOST_BYTES = 1_000_000


def compare(
    asked: FlowRequest,
    source: Cluster,
    target: Cluster,
    *,
    ends: Mapping[Partition, int] | None = None,
    told: Callable[[str], None] = lambda _: None,
) -> Comparison:
    """What was copied when this began; what is written meanwhile is not asked for. `ends`: of the copies, by partition of
    the source, where the flow stands still; elsewhere they are asked for."""
    here, there = gateway_for(source), gateway_for(target)
    copied = watching.positions_of(asked, target)
    rows: list[Difference] = []
    unread: list[str] = []
    for topic in selectors.copied(asked, source, target):
        try:
            found = _topic(asked, topic.topic, copied, ends or {}, here, there)
        except GatewayError as error:
            unread.append(f"{topic.topic}: {error.what}")
            continue
        rows += found
        told(
            f"{topic.topic}: {sum(row.compared for row in found)} records, {sum(len(row.missing) for row in found)} missing"
        )
    return Comparison(tuple(rows), tuple(unread))


def _topic(
    asked: FlowRequest,
    topic: str,
    copied: Mapping[Partition, int],
    known: Mapping[Partition, int],
    here: KafkaGateway,
    there: KafkaGateway,
) -> list[Difference]:
    copy = asked.copy_of(topic)
    ours, theirs = here.bounds(topic), there.bounds(copy)
    ends = {p: min(copied.get((topic, p), 0), bounds.end) for p, bounds in ours.items()}
    starts = {p: max(bounds.first, ends[p] - WINDOW) for p, bounds in ours.items()}
    window = _read(here, topic, starts, ends)
    firsts = {p: bounds.first for p, bounds in theirs.items()}
    stops = {p: known.get((topic, p), bounds.end) for p, bounds in theirs.items()}
    seen: dict[int, Counter[str]] = {p: Counter() for p in ours}
    found = {p: difference(topic, p, window.get(p, []), seen[p]) for p in ours}
    left = set(window)
    for _ in range(STEPS):
        begins = {p: max(firsts[p], stops[p] - STEP) for p in left if stops.get(p, 0) > firsts.get(p, 0)}
        for p, records in _read(there, copy, begins, stops).items():
            seen[p].update(map(fingerprint, records))
        stops |= begins
        found |= {p: difference(topic, p, window[p], seen[p]) for p in begins}
        left = {p for p in begins if found[p].missing}
        if not left:
            break
    waits = {
        p: (start, bounds.end)
        for p, bounds in ours.items()
        if (start := max(ends[p], bounds.first)) < bounds.end
    }
    empty = rests.rest_of(asked, here, topic, waits).empty
    later = {p: end - start for p, (start, end) in waits.items() if p not in empty}
    return [replace(found[p], later=later.get(p, 0)) for p in sorted(found)]


def _read(
    gateway: KafkaGateway, topic: str, starts: Mapping[int, int], stops: Mapping[int, int]
) -> dict[int, list[Record]]:
    wanted = {p: start for p, start in starts.items() if start < stops.get(p, 0)}
    if not wanted:
        return {}
    batch = gateway.read(
        topic,
        wanted,
        limit=sum(stops[p] - start for p, start in wanted.items()),
        deadline_s=READ_SECONDS,
        stop_at=stops,
        max_bytes=MOST_BYTES,
    )
    found: dict[int, list[Record]] = {}
    for record in batch.records:
        found.setdefault(record.partition, []).append(record)
    return found
