"""The plan of producing records: how many, how large, where to. What they contain is never part of it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from controlplane.core.access import Action
from controlplane.core.plans import Change, Plan, PlanStep, Refusal, Risk, StepKind, state_digest


@dataclass(frozen=True, slots=True)
class NewRecord:
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    partition: int | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """The topic as it is now; partitions are numbered from 0."""

    topic: str
    topic_id: str
    partitions: int
    internal: bool


def plan_produce(records: Sequence[NewRecord], target: Target, *, cluster: str) -> Plan:
    count = len(records)
    noun = "record" if count == 1 else "records"
    return Plan(
        action=Action.TOPIC_PRODUCE,
        title=f"Produce {count} {noun} to {target.topic}",
        apply_label=f"Produce {count} {noun}",
        cluster=cluster,
        steps=(PlanStep(StepKind.RUN, "topic", target.topic, tuple(_facts(records))),),
        risk=Risk.DISRUPTIVE,
        digest=state_digest(
            {"produce": target.topic, "id": target.topic_id, "partitions": target.partitions}
        ),
        warnings=("Every consumer of the topic reads them.",),
        refusals=tuple(_refusals(records, target)),
        undo="None: a record cannot be taken back. It goes with the topic's retention.",
        request={"records": count},
    )


def _facts(records: Sequence[NewRecord]) -> Iterator[Change]:
    yield Change("records", None, str(len(records)))
    yield Change("bytes of keys and values", None, str(sum(_size(record) for record in records)))
    tombstones = sum(record.value is None for record in records)
    if tombstones:
        yield Change("null values", None, str(tombstones), "a tombstone deletes its key in a compacted topic")
    chosen = sorted({record.partition for record in records if record.partition is not None})
    if chosen:
        yield Change("partitions asked for", None, ", ".join(map(str, chosen)))


def _refusals(records: Sequence[NewRecord], target: Target) -> Iterator[Refusal]:
    if target.internal:
        yield Refusal(
            "internal",
            f"{target.topic} is one of Kafka's internal topics",
            "Only the brokers write to it: a foreign record can stop every consumer group.",
        )
    beyond = sorted(
        {r.partition for r in records if r.partition is not None and r.partition >= target.partitions}
    )
    if beyond:
        yield Refusal(
            "partition",
            f"{target.topic} has no partition {beyond[0]}",
            f"It has {target.partitions}, numbered from 0. Leave the partition out to go by the key.",
        )


def _size(record: NewRecord) -> int:
    return len(record.key or b"") + len(record.value or b"")
