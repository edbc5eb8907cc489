"""Events out of samples: what changed from one poll to the next, and what it came from. Pure.

Times are Unix milliseconds. A poll that failed says nothing: what was before it is compared with what came after it.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

#: A leader moves within this after its broker went away, and may be noticed by the poll before that broker's.
BEFORE_MS, AFTER_MS = 90_000, 30_000
NO_LEADER = -1
Samples = Sequence[tuple[int, float]]


@dataclass(frozen=True, slots=True)
class Event:
    """`until` is the end of something that lasted; None is a moment, or goes on."""

    at: int
    text: str
    cause: str = ""
    tone: str = "info"
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Step:
    at: int
    before: int
    after: int


def steps(samples: Samples) -> Iterator[Step]:
    for (_, before), (at, after) in itertools.pairwise(samples):
        if before != after:
            yield Step(at, int(before), int(after))


def together(series: Iterable[Samples]) -> dict[Step, int]:
    """Equal steps of several partitions at one poll, with how many partitions made them."""
    found: defaultdict[Step, int] = defaultdict(int)
    for samples in series:
        for step in steps(samples):
            found[step] += 1
    return dict(found)


@dataclass(frozen=True, slots=True)
class Brokers:
    """What polls say of brokers, each by its id: how `up` changed, and when its process started, in order of time."""

    up: Mapping[str, Sequence[Step]]
    started: Mapping[str, Sequence[Step]]

    @classmethod
    def of(cls, up: Mapping[str, Samples], started: Mapping[str, Samples]) -> Brokers:
        return cls(
            {broker: tuple(steps(each)) for broker, each in up.items()},
            {broker: tuple(steps(each)) for broker, each in started.items()},
        )


def leader_events(series: Iterable[Samples], brokers: Brokers) -> Iterator[Event]:
    """What a broker's going, coming or restart explains is said."""
    for step, count in together(series).items():
        yield Event(
            step.at,
            _led(step, count),
            _cause(step, brokers),
            "critical" if step.after == NO_LEADER else "info",
        )


def _led(step: Step, count: int) -> str:
    what = _partitions(count)
    if step.after == NO_LEADER:
        return f"{what}: no leader any more (was broker {step.before})"
    if step.before == NO_LEADER:
        return f"{what}: broker {step.after} leads again"
    return f"{what}: leader moved from broker {step.before} to {step.after}"


def isr_events(series: Iterable[Samples], brokers: Brokers) -> Iterator[Event]:
    for step, count in together(series).items():
        shrunk = step.after < step.before
        text = f"{_partitions(count)}: in-sync replicas {step.before} → {step.after}"
        yield Event(step.at, text, _cause(step, brokers), "warn" if shrunk else "info")


def _partitions(count: int) -> str:
    return f"{count} partition{'s' if count != 1 else ''}"


def _cause(step: Step, brokers: Brokers) -> str:
    near = [(broker, went.after) for broker, went in _near(step, brokers.up)]
    gone = {broker for broker, up in near if not up}
    restarted = {broker for broker, _ in _near(step, brokers.started)}
    back = {broker for broker, up in near if up} - gone - restarted
    told = ((gone - restarted, "was not reached"), (restarted, "restarted"), (back, "came back"))
    return "; ".join(f"broker {', '.join(sorted(who))} {what}" for who, what in told if who)


def _near(step: Step, changes: Mapping[str, Sequence[Step]]) -> Iterator[tuple[str, Step]]:
    for broker, each in changes.items():
        first = bisect_left(each, step.at - BEFORE_MS, key=_when)
        for found in each[first : bisect_right(each, step.at + AFTER_MS, key=_when)]:
            yield broker, found


def _when(step: Step) -> int:
    return step.at


def presence_events(polls: Sequence[int], members: Mapping[str, Iterable[int]]) -> Iterator[Event]:
    """`polls`: those that succeeded; `members`: name → the times at which it was there. The first poll is the ground."""
    for name, times in members.items():
        there = set(times)
        for before, at in itertools.pairwise(polls):
            if (at in there) != (before in there):
                yield Event(
                    at,
                    f"{name} {'joined' if at in there else 'left'}",
                    tone="info" if at in there else "warn",
                )


def stall_events(samples: Samples) -> Iterator[Event]:
    """`samples` are 1 while the group is stable or empty. To the accuracy of a poll."""
    since: int | None = None
    for at, stable in samples:
        if not stable and since is None:
            since = at
        elif stable and since is not None:
            yield Event(
                since, f"Rebalanced for about {max((at - since) // 1000, 1)} s", tone="warn", until=at
            )
            since = None
    if since is not None:
        yield Event(since, "Rebalancing, and not done yet", tone="warn")
