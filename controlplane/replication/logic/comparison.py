"""Whether copies are copies: a window of records on both sides, by count and by content. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from controlplane.core.plans import Json
from controlplane.gateways.kafka.types import Record

SHOWN = 20


def fingerprint(record: Record) -> str:
    """Of what a copy must have unchanged: key, value, headers and time. Offsets differ by nature."""
    hashed = hashlib.sha256()
    for part in (record.key, record.value):
        hashed.update(b"\0" if part is None else b"\1" + len(part).to_bytes(8, "big") + part)
    for name, value in record.headers:
        raw = value if isinstance(value, bytes) else b"" if value is None else str(value).encode()
        hashed.update(name.encode() + b"\2" + (b"\0" if value is None else raw))
    hashed.update(str(record.timestamp_ms).encode())
    return hashed.hexdigest()


@dataclass(frozen=True, slots=True)
class Difference:
    """`missing`: offsets in the source whose record is nowhere in the copy."""

    topic: str
    partition: int
    compared: int
    missing: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    rows: tuple[Difference, ...]
    unread: tuple[str, ...] = ()

    @property
    def compared(self) -> int:
        return sum(row.compared for row in self.rows)

    def evidence(self) -> dict[str, Json]:
        different: list[Json] = [f"{row.topic}-{row.partition}" for row in self.rows if row.missing]
        return {
            "records_compared": self.compared,
            "partitions": len(self.rows),
            "missing": sum(len(row.missing) for row in self.rows),
            "different": different[:SHOWN],
            "not_read": list(self.unread[:SHOWN]),
        }


def difference(topic: str, partition: int, here: Sequence[Record], there: Iterable[Record]) -> Difference:
    """`here`: the window of the source; `there`: at least all that may be copies of it. A record that was copied twice (a
    restart without transactions) is no difference; one that is nowhere is."""
    copies: dict[str, list[int]] = {}
    for record in there:
        copies.setdefault(fingerprint(record), []).append(record.offset)
    prints = {fingerprint(record): record.offset for record in here}
    missing = tuple(sorted(offset for print_, offset in prints.items() if print_ not in copies))
    return Difference(topic, partition, len(here), missing)
