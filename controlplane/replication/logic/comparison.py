"""Whether copies are copies: a window of records on both sides, by count and by content. Pure."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

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
    """`missing`: offsets in the source whose record is nowhere in the copy. `later`: what the source has behind that, which the
    flow had not copied when this began."""

    topic: str
    partition: int
    compared: int
    missing: tuple[int, ...] = ()
    later: int = 0


@dataclass(frozen=True, slots=True)
class Comparison:
    rows: tuple[Difference, ...]
    unread: tuple[str, ...] = ()

    @property
    def compared(self) -> int:
        return sum(row.compared for row in self.rows)

    def _missing(self) -> list[Json]:
        """Where they are in the source, to be looked at there."""
        found = (
            f"{row.topic}-{row.partition} offset {offset}" for row in self.rows for offset in row.missing
        )
        return list(islice(found, SHOWN))

    def evidence(self) -> dict[str, Json]:
        different: list[Json] = [f"{row.topic}-{row.partition}" for row in self.rows if row.missing]
        later: list[Json] = [f"{row.topic}-{row.partition}: {row.later:,}" for row in self.rows if row.later]
        return {
            "records_compared": self.compared,
            "partitions": len(self.rows),
            "missing": sum(len(row.missing) for row in self.rows),
            "different": different[:SHOWN],
            "missing_records": self._missing(),
            "not_copied_yet": later[:SHOWN],
            "not_read": list(self.unread[:SHOWN]),
        }


def difference(topic: str, partition: int, here: Sequence[Record], there: Mapping[str, int]) -> Difference:
    """`here`: the window of the source; `there`: fingerprints of at least all that may be copies of it, with how often. A
    record that was copied twice (a restart without transactions) is no difference; one that is nowhere is, and the second
    of two that are alike too."""
    missing, met = [], Counter[str]()
    for record in here:
        print_ = fingerprint(record)
        met[print_] += 1
        if met[print_] > there.get(print_, 0):
            missing.append(record.offset)
    return Difference(topic, partition, len(here), tuple(missing))
