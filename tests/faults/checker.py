"""FI-0, the oracle of every fault test: what producers were promised, against what a final read of the topic shows.

Pure: values in, violations out. Producers write (producer, sequence), each producer counting up from zero.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain

Message = tuple[str, int]
Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Acked:
    """The cluster has promised to keep this record, at this place."""

    producer: str
    sequence: int
    partition: int
    offset: int

    @property
    def message(self) -> Message:
        return self.producer, self.sequence

    @property
    def place(self) -> Place:
        return self.partition, self.offset


@dataclass(frozen=True, slots=True)
class Read:
    """One record as a reader got it; `reader` tells passes apart, each of which reads every partition once."""

    producer: str
    sequence: int
    partition: int
    offset: int
    reader: int = 0

    @property
    def message(self) -> Message:
        return self.producer, self.sequence

    @property
    def place(self) -> Place:
        return self.partition, self.offset


class Kind(StrEnum):
    LOST = "lost"
    DUPLICATE = "duplicate"
    REORDERED = "reordered"
    TWO_VALUES = "one offset with two values"
    NON_MONOTONIC = "offsets went back"
    ABORTED = "read of aborted data"
    INVENTED = "never sent"


@dataclass(frozen=True, slots=True)
class Violation:
    kind: Kind
    what: str


@dataclass(frozen=True, slots=True)
class History:
    """`sent`: how many messages each producer has tried; without it, whatever is read counts as sent."""

    acked: Sequence[Acked]
    read: Sequence[Read]
    aborted: frozenset[Message] = frozenset()
    sent: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    acked: int
    read: int
    violations: tuple[Violation, ...]

    @property
    def clean(self) -> bool:
        return not self.violations

    def count(self, kind: Kind) -> int:
        return sum(violation.kind is kind for violation in self.violations)

    def __str__(self) -> str:
        found = Counter(violation.kind.value for violation in self.violations)
        summary = ", ".join(f"{number} {kind}" for kind, number in sorted(found.items())) or "clean"
        examples = "".join(f"\n  {v.kind}: {v.what}" for v in self.violations[:20])
        return f"{self.acked} acked, {self.read} read: {summary}{examples}"


def check(history: History) -> Verdict:
    found = tuple(violation for rule in RULES for violation in rule(history))
    return Verdict(len(history.acked), len({read.place for read in history.read}), found)


def lost(history: History) -> Iterable[Violation]:
    seen = {read.message for read in history.read}
    for ack in history.acked:
        if ack.message not in seen:
            yield Violation(Kind.LOST, f"{_name(ack.message)}, acknowledged at {_at(ack.place)}")


def duplicated(history: History) -> Iterable[Violation]:
    """One violation for each copy beyond the first; a second pass over the same place is no copy."""
    first: dict[Message, Place] = {}
    for message, place in dict.fromkeys((read.message, read.place) for read in history.read):
        if first.setdefault(message, place) != place:
            yield Violation(Kind.DUPLICATE, f"{_name(message)} at {_at(first[message])} and {_at(place)}")


def reordered(history: History) -> Iterable[Violation]:
    """Within a partition, each producer's messages rise; a late copy of an earlier one is a duplicate, not this."""
    highest: dict[tuple[int, str], int] = {}
    seen: set[tuple[int, Message]] = set()
    for message, place in _by_place(history.read):
        if (place[0], message) in seen:
            continue
        seen.add((place[0], message))
        before = highest.get((place[0], message[0]), -1)
        if message[1] < before:
            yield Violation(Kind.REORDERED, f"{_name(message)} at {_at(place)}, after number {before}")
        highest[place[0], message[0]] = max(before, message[1])


def two_values(history: History) -> Iterable[Violation]:
    """Two reads of one place differ, or a place holds something else than was acknowledged for it."""
    values: dict[Place, Message] = {}
    told = ((ack.message, ack.place) for ack in history.acked)
    shown = ((read.message, read.place) for read in history.read)
    for message, place in dict.fromkeys(chain(told, shown)):
        if values.setdefault(place, message) != message:
            what = f"{_at(place)} is {_name(values[place])} and {_name(message)}"
            yield Violation(Kind.TWO_VALUES, what)


def non_monotonic(history: History) -> Iterable[Violation]:
    """A reader's offsets rise in each partition, in the order in which it was given them."""
    last: dict[tuple[int, int], int] = {}
    for read in history.read:
        stream = (read.reader, read.partition)
        if read.offset <= last.get(stream, -1):
            yield Violation(Kind.NON_MONOTONIC, f"{_at(read.place)} after offset {last[stream]}")
        last[stream] = read.offset


def aborted(history: History) -> Iterable[Violation]:
    for message in sorted({read.message for read in history.read} & history.aborted):
        yield Violation(Kind.ABORTED, _name(message))


def invented(history: History) -> Iterable[Violation]:
    if history.sent is None:
        return
    for producer, sequence in sorted({read.message for read in history.read}):
        if not 0 <= sequence < history.sent.get(producer, 0):
            yield Violation(Kind.INVENTED, _name((producer, sequence)))


Rule = Callable[[History], Iterable[Violation]]
RULES: tuple[Rule, ...] = (lost, duplicated, reordered, two_values, non_monotonic, aborted, invented)


def _by_place(reads: Iterable[Read]) -> list[tuple[Message, Place]]:
    unique = dict.fromkeys((read.message, read.place) for read in reads)
    return sorted(unique, key=lambda item: item[1])


def _name(message: Message) -> str:
    return f"message {message[1]} of {message[0]}"


def _at(place: Place) -> str:
    return f"partition {place[0]} offset {place[1]}"
