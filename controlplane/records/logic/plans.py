"""The plan of producing records: how many, how large, in which encoding, where to. Pure.

What they contain is never part of it: a plan is recorded. `produce_call` has the contents, for the eye alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from controlplane.core.access import Action
from controlplane.core.plans import (
    ApiCall,
    Change,
    Json,
    Plan,
    PlanStep,
    Refusal,
    Risk,
    StepKind,
    api_path,
    state_digest,
)
from controlplane.core.words import counted
from controlplane.records.logic.decode import Format, show


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
        steps=(PlanStep(StepKind.RUN, "topic", target.topic, tuple(_facts(records)), "produce"),),
        risk=Risk.DISRUPTIVE,
        digest=state_digest(
            {"produce": target.topic, "id": target.topic_id, "partitions": target.partitions}
        ),
        warnings=(f"Every consumer of the topic reads {'it' if count == 1 else 'them'}.",),
        refusals=tuple(_refusals(records, target)),
        undo="None: a record cannot be taken back. It goes with the topic's retention.",
        request={"records": count},
    )


def produce_call(records: Sequence[NewRecord], *, cluster: str, topic: str) -> ApiCall | None:
    """The request that produces them; None where JSON cannot say it (bytes, a header twice). It is never recorded."""
    bodies = [_body(record) for record in records]
    if any(body is None for body in bodies):
        return None
    found: list[Json] = [body for body in bodies if body is not None]
    return ApiCall("POST", api_path(cluster, "topics", topic, "records"), {"records": found})


def _body(record: NewRecord) -> dict[str, Json] | None:
    try:
        texts: dict[str, Json] = {
            name: None if data is None else data.decode()
            for name, data in (("key", record.key), ("value", record.value))
        }
        headers: dict[str, Json] = {
            name: None if data is None else data.decode() for name, data in record.headers
        }
    except UnicodeDecodeError:
        return None
    if len(headers) < len(record.headers):
        return None
    chosen: dict[str, Json] = {} if record.partition is None else {"partition": record.partition}
    return {**texts, **({"headers": headers} if headers else {}), **chosen}


def _facts(records: Sequence[NewRecord]) -> Iterator[Change]:
    yield from _of_one(records[0]) if len(records) == 1 else _of_many(records)


def _of_one(record: NewRecord) -> Iterator[Change]:
    yield Change("partition", None, _partition(record))
    yield Change("key", None, _described(record.key, "none"))
    yield Change(
        "value", None, _described(record.value, "null: a tombstone, deletes its key in a compacted topic")
    )
    if record.headers:
        size = sum(len(name.encode()) + len(value or b"") for name, value in record.headers)
        yield Change("headers", None, f"{len(record.headers)}, {counted(size, 'byte')}")


def _partition(record: NewRecord) -> str:
    if record.partition is not None:
        return str(record.partition)
    return "any: there is no key" if record.key is None else "by the key (murmur2, as Java clients do)"


def _described(data: bytes | None, absent: str) -> str:
    if data is None:
        return absent
    encoding = {Format.JSON: ", JSON in UTF-8", Format.TEXT: ", text in UTF-8", Format.BINARY: ", binary"}
    return f"{counted(len(data), 'byte')}{encoding.get(show(data).format, '')}"


def _of_many(records: Sequence[NewRecord]) -> Iterator[Change]:
    yield Change("records", None, str(len(records)))
    yield Change("bytes of keys and values", None, str(sum(_size(record) for record in records)))
    tombstones = sum(record.value is None for record in records)
    if tombstones:
        yield Change("null values", None, str(tombstones), "a tombstone deletes its key in a compacted topic")
    chosen = sorted({record.partition for record in records if record.partition is not None})
    if chosen:
        yield Change("partitions asked for", None, ", ".join(map(str, chosen)))
    if any(record.partition is None for record in records):
        label = "partition of the others" if chosen else "partition"
        yield Change(label, None, "by the key (murmur2, as Java clients do); any without a key")


def _refusals(records: Sequence[NewRecord], target: Target) -> Iterator[Refusal]:
    if target.internal:
        yield Refusal(
            "internal",
            f"{target.topic} is an internal topic",
            "Only the brokers, a Connect worker or a flow write to it: a foreign record can stop every consumer group or connector.",
        )
    beyond = sorted(
        {r.partition for r in records if r.partition is not None and r.partition >= target.partitions}
    )
    if beyond:
        yield Refusal(
            "partition",
            f"{target.topic} has no partition {beyond[0]}",
            f"{_allowed(target)} Leave the partition out to go by the key.",
        )


def _allowed(target: Target) -> str:
    if target.partitions == 1:
        return "It has one: 0."
    return f"It has {target.partitions}: 0 to {target.partitions - 1}."


def _size(record: NewRecord) -> int:
    return len(record.key or b"") + len(record.value or b"")
