"""The runbook of a failover: its steps in order, which one is next, what each says before it is taken. Pure.

Planned: the source is frozen, everything is copied, offsets are translated, clients move. Unplanned: the source is gone,
what was not copied is lost, and counted when it is back. Both end with the way back open: the flow turned round. A rehearsal
takes the steps that change nothing, and measures.
Every step may be taken again: it looks at what is there and does the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from controlplane.core.plans import Json, Refusal
from controlplane.replication.logic.progress import PartitionLag


class Kind(StrEnum):
    PLANNED = "planned"
    UNPLANNED = "unplanned"
    REHEARSAL = "rehearsal"


class Step(StrEnum):
    CHECK = "check"
    FREEZE = "freeze"
    DRAIN = "drain"
    STOP = "stop"
    OFFSETS = "offsets"
    SWITCH = "switch"
    VERIFY = "verify"
    LOSS = "loss"
    REVERSE = "reverse"

    @property
    def heading(self) -> str:
        return HEADINGS[self]


HEADINGS: Mapping[Step, str] = {
    Step.CHECK: "Look whether everything is ready, and how much would be lost now",
    Step.FREEZE: "Stop all writing in the source",
    Step.DRAIN: "Wait until everything is copied",
    Step.STOP: "Stop the flow",
    Step.OFFSETS: "Commit the groups' offsets in the target",
    Step.SWITCH: "Move the clients",
    Step.VERIFY: "Compare both sides",
    Step.LOSS: "Count what was lost, once the source is back",
    Step.REVERSE: "Turn the flow round",
}
STEPS: Mapping[Kind, tuple[Step, ...]] = {
    Kind.PLANNED: tuple(step for step in Step if step is not Step.LOSS),
    Kind.UNPLANNED: (Step.CHECK, Step.STOP, Step.OFFSETS, Step.SWITCH, Step.LOSS, Step.REVERSE),
    Kind.REHEARSAL: (Step.CHECK, Step.DRAIN, Step.VERIFY),
}


@dataclass(frozen=True, slots=True)
class Attempt:
    """A time that a step was taken and then taken again: it had failed, been broken off (`ended_at` is None), or was done."""

    state: str
    started_at: str
    ended_at: str | None
    error: str


@dataclass(frozen=True, slots=True)
class Taken:
    """A step that was begun. `evidence`: what was found and measured, kept for the report."""

    step: Step
    state: str
    started_at: str
    ended_at: str | None = None
    evidence: Mapping[str, Json] | None = None
    error: str = ""
    earlier: tuple[Attempt, ...] = ()

    @property
    def first_started_at(self) -> str:
        """What an attempt that failed had done already, its clients felt from then on."""
        return self.earlier[0].started_at if self.earlier else self.started_at

    @property
    def done(self) -> bool:
        return self.state == "done"


def next_step(kind: Kind, taken: Mapping[Step, Taken]) -> Step | None:
    """The first that is not done; None when the runbook is through."""
    return next((step for step in STEPS[kind] if step not in taken or not taken[step].done), None)


def refusal_of(kind: Kind, taken: Mapping[Step, Taken], step: Step) -> Refusal | None:
    """A step is taken in its order; one that is done may be taken again while no later one is."""
    if step not in STEPS[kind]:
        return Refusal("step", f"A {kind.value} failover has no step {step.value}", "Its page lists them.")
    due = next_step(kind, taken)
    if due is step:
        return None
    order = STEPS[kind]
    later = order[order.index(step) + 1 :]
    if step in taken and taken[step].done and not any(each in taken for each in later):
        return None
    if due is None or order.index(step) < order.index(due):
        return Refusal(
            "done", f"“{step.heading}” is done, and the runbook has gone on", "Take the next step."
        )
    return Refusal("order", f"“{due.heading}” comes first", "Steps are taken in their order.")


@dataclass(frozen=True, slots=True)
class Observation:
    """How far behind the flow was when both sides answered last: all that can be promised of a source that is gone."""

    at: str
    records: int | None
    seconds: float | None


def stood_still(
    before: Mapping[tuple[str, int], int], after: Mapping[tuple[str, int], int]
) -> tuple[str, ...]:
    """Partitions whose end moved between two looks; none proves the freeze."""
    return tuple(
        f"{topic}-{partition}"
        for (topic, partition), end in sorted(after.items())
        if before.get((topic, partition)) != end
    )


def seconds_lost(
    lost: int, oldest_ms: int | None, signs_of_life_ms: Sequence[int], stopped_ms: int
) -> float | None:
    """From the oldest record that was lost to the last sign of life of the source, which the failover itself came after.
    None where nobody can say."""
    if not lost:
        return 0.0
    if oldest_ms is None:
        return None
    died = min(max(signs_of_life_ms, default=stopped_ms), stopped_ms)
    return max(died - oldest_ms, 0) / 1000


def left_behind(rows: Sequence[PartitionLag]) -> int | None:
    """Records that no copy has; None where one partition is unknown."""
    lags = [row.lag for row in rows]
    return None if any(lag is None for lag in lags) else sum(lag or 0 for lag in lags)
