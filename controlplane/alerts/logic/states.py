"""The life of one alert: pending → firing → resolved. The only state code; live evaluation and previews fold the same step.

`step(timing, previous, seen, sight, now)`, as Prometheus' `AlertingRule.Eval`:

1. A series of the expression's answer is a pending alert, firing once it was there for `hold` (`for`), at once if 0.
2. A longer `for` moves a firing alert back to pending.
3. What is not in the answer any more is resolved: pending ones vanish, firing ones after `keep_firing_for`.

Beyond Prometheus (no data is never "resolved"):

4. An absent alert whose data cannot be seen now (`Sight`) stays what it is, marked with the time since when. So does
   every alert of a rule that could not be evaluated. While unseen, the clock of a pending one stands still.
5. One that fired, went back to pending and vanished is resolved, not forgotten: somebody was told of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from controlplane.alerts.logic.labels import BROKER, Labels

#: Pending alerts survive an outage of the evaluator that is shorter than this …
OUTAGE_TOLERANCE = timedelta(hours=1)
#: … and then fire after this at the earliest; rules with a shorter `for` just start anew.
GRACE = timedelta(minutes=10)
#: A pause between two evaluations that is longer than this was an outage.
RESTART_AFTER = timedelta(seconds=90)
ZERO = timedelta()


class State(StrEnum):
    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Timing:
    hold: timedelta = ZERO
    keep_firing: timedelta = ZERO


@dataclass(frozen=True, slots=True)
class Seen:
    """One series of the expression's answer, its labels and annotations made."""

    labels: Labels
    annotations: Labels
    value: float


@dataclass(frozen=True, slots=True)
class Sight:
    """What the answer could not show: a silent cluster has nothing to say, a silent broker nothing about itself."""

    cluster_silent: bool = False
    silent_brokers: frozenset[str] = frozenset()

    def is_blind_to(self, labels: Labels) -> bool:
        return self.cluster_silent or labels.get(BROKER, "") in self.silent_brokers


CLEAR = Sight()


@dataclass(frozen=True, slots=True)
class Instance:
    """One episode of one alert. `was_firing` outlives a move back to pending; `key` is the fingerprint of its labels."""

    key: str
    labels: Labels
    annotations: Labels
    state: State
    value: float
    active_at: datetime
    fired_at: datetime | None = None
    resolved_at: datetime | None = None
    keep_since: datetime | None = None
    no_data_since: datetime | None = None
    was_firing: bool = False
    #: Of its row; empty until it is stored.
    id: str = ""


@dataclass(frozen=True, slots=True)
class Transition:
    """`before` is None for an alert that has just appeared, `after` for a pending one that vanished."""

    instance: Instance
    before: State | None
    after: State | None


@dataclass(frozen=True, slots=True)
class Step:
    """`instances` to store, `gone` to forget."""

    instances: tuple[Instance, ...] = ()
    gone: tuple[Instance, ...] = ()
    transitions: tuple[Transition, ...] = field(default=())


def step(
    timing: Timing,
    previous: Mapping[str, Instance],
    seen: Mapping[str, Seen],
    sight: Sight,
    now: datetime,
) -> Step:
    """`previous`: the open alerts of this rule by key; `seen`: the answer by key."""
    instances: list[Instance] = []
    gone: list[Instance] = []
    transitions: list[Transition] = []
    for key in sorted(previous.keys() | seen.keys()):
        before = previous.get(key)
        after = _next(timing, before, key, seen.get(key), sight, now)
        if after is None:
            assert before is not None
            gone.append(before)
        else:
            instances.append(after)
        was, becomes = before.state if before else None, after.state if after else None
        if was is not becomes:
            transitions.append(Transition(after or before, was, becomes))  # type: ignore[arg-type]
    return Step(tuple(instances), tuple(gone), tuple(transitions))


def _next(
    timing: Timing, before: Instance | None, key: str, seen: Seen | None, sight: Sight, now: datetime
) -> Instance | None:
    if seen is not None:
        return _settled(timing, _present(before, key, seen, now), now)
    assert before is not None
    if sight.is_blind_to(before.labels):
        return unseen(before, now)
    return _absent(timing, replace(before, no_data_since=None), now)


def _present(before: Instance | None, key: str, seen: Seen, now: datetime) -> Instance:
    if before is None:
        return Instance(key, seen.labels, seen.annotations, State.PENDING, seen.value, now)
    waited = before.no_data_since is not None and before.state is State.PENDING
    lost = now - before.no_data_since if waited and before.no_data_since else ZERO
    return replace(
        before,
        annotations=seen.annotations,
        value=seen.value,
        active_at=before.active_at + lost,
        keep_since=None,
        no_data_since=None,
    )


def _absent(timing: Timing, before: Instance, now: datetime) -> Instance | None:
    if before.state is State.PENDING:
        return _resolved(before, now) if before.was_firing else None
    since = before.keep_since or now
    if timing.keep_firing > ZERO and now - since < timing.keep_firing:
        return _settled(timing, replace(before, keep_since=since), now)
    return _resolved(before, now)


def _resolved(before: Instance, now: datetime) -> Instance:
    return replace(before, state=State.RESOLVED, resolved_at=now, keep_since=None, no_data_since=None)


def _settled(timing: Timing, instance: Instance, now: datetime) -> Instance:
    held = now - instance.active_at >= timing.hold
    if instance.state is State.PENDING and held:
        return replace(instance, state=State.FIRING, fired_at=now, was_firing=True)
    if instance.state is State.FIRING and not held:
        return replace(instance, state=State.PENDING, fired_at=None, keep_since=None)
    return instance


def unseen(instance: Instance, now: datetime) -> Instance:
    """Neither confirmed nor gone."""
    return replace(instance, no_data_since=instance.no_data_since or now)


def ended(instance: Instance, now: datetime) -> Instance | None:
    """Its rule is gone or switched off: nobody will say any more whether it fires. None: forget it."""
    told = instance.state is State.FIRING or instance.was_firing
    return _resolved(instance, now) if told else None


def restored(
    timing: Timing, instances: Iterable[Instance], down_at: datetime, now: datetime
) -> list[Instance]:
    """After an outage of the evaluator, as Prometheus' `RestoreForState`: an outage is not time spent pending.

    A firing alert stays firing however long we were away: if its condition still holds, nobody is told twice.
    """
    return [
        replace(each, active_at=_restored_active_at(timing.hold, each, down_at, now), no_data_since=None)
        if each.state is State.PENDING
        else each
        for each in instances
    ]


def _restored_active_at(hold: timedelta, instance: Instance, down_at: datetime, now: datetime) -> datetime:
    since = min(down_at, instance.no_data_since or down_at)
    remaining = hold - (since - instance.active_at)
    if hold < GRACE or now - since > OUTAGE_TOLERANCE:
        return now
    if remaining <= ZERO:
        return instance.active_at
    if remaining < GRACE:
        return now + GRACE - hold
    return instance.active_at + (now - since)
