"""What a rule would have done: the answers of a past time folded by the same state machine that judges live. Pure.

An alert's life depends on its own series alone, and within a run of equal answers it changes only when `for` or
`keep_firing_for` has passed. So each run is stepped at its beginning and at those moments, and not ten thousand times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt

from controlplane.alerts.logic.labels import BROKER, Labels, fingerprint
from controlplane.alerts.logic.seeing import MOST_ALERTS, RuleFailed, Words, nameless, never
from controlplane.alerts.logic.states import CLEAR, Instance, Seen, Sight, State, Timing, step
from controlplane.metrics.promql.model import Series

Times = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
ABSENT, PRESENT, UNSEEN = 0, 1, 2
BLIND = Sight(cluster_silent=True)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Of all series together; what flaps more than this is not followed to its end.
MOST_STEPS = 60_000


@dataclass(frozen=True, slots=True)
class Answer:
    """One series of the expression over the times: where it has no value, `present` is False."""

    labels: Labels
    values: Values
    present: Mask


def answer_of(series: Series, times: Times) -> Answer:
    """`series`: evaluated at some of the times."""
    at = np.searchsorted(times, np.asarray(series.times, dtype=np.int64))
    values, present = np.zeros(len(times)), np.zeros(len(times), dtype=np.bool_)
    values[at], present[at] = series.values, True
    return Answer(series.labels, values, present)


@dataclass(frozen=True, slots=True)
class Sights:
    """When which brokers, or all of them, could not be seen."""

    cluster: Mask
    brokers: Mapping[str, Mask] = field(default_factory=dict)

    def blind_to(self, labels: Labels) -> Mask:
        own = self.brokers.get(labels.get(BROKER, ""))
        return self.cluster if own is None else self.cluster | own


@dataclass(frozen=True, slots=True)
class Episode:
    """One life of one alert. `fired_at` None: it never got that far; `resolved_at` None: it still goes on."""

    labels: Labels
    active_at: datetime
    fired_at: datetime | None
    resolved_at: datetime | None
    value: float
    annotations: Labels


@dataclass(frozen=True, slots=True)
class Outcome:
    """`episodes` that fired, oldest first; `only_pending`: how many ended before `for` had passed."""

    episodes: tuple[Episode, ...] = ()
    only_pending: int = 0
    series: int = 0
    #: It flaps too much: not followed to the end.
    cut: bool = False


@dataclass(slots=True)
class _Track:
    """One alert through time."""

    own: Labels
    labels: Labels
    present: Mask
    values: Values


class _Spent(Exception):
    """MOST_STEPS are used up."""


def fold(
    words: Words,
    timing: Timing,
    times: Times,
    answers: Iterable[Answer],
    sights: Sights,
    deadline: Callable[[], None] = never,
) -> Outcome:
    """`deadline` is asked before each step, and raises to stop."""
    tracks, twice = _tracks(words, answers, len(times), deadline)
    folding = _Fold(words, timing, times, deadline)
    found: list[Episode] = []
    pending, cut = 0, False
    for key, track in tracks.items():
        try:
            for episode in folding.episodes(key, track, twice | sights.blind_to(track.labels), twice):
                pending += episode.fired_at is None
                found += [episode] if episode.fired_at is not None else []
        except _Spent:
            cut = True
            break
    ordered = sorted(found, key=lambda each: (each.fired_at or each.active_at, sorted(each.labels.items())))
    return Outcome(tuple(ordered), pending, len(tracks), cut)


def _tracks(
    words: Words, answers: Iterable[Answer], steps: int, deadline: Callable[[], None]
) -> tuple[dict[str, _Track], Mask]:
    """Alerts by key, and the moments when two series were one alert: then the rule had failed as a whole."""
    found: dict[str, _Track] = {}
    twice = np.zeros(steps, dtype=np.bool_)
    for answer in answers:
        for own, labels, present in _identities(words, answer):
            deadline()
            key = fingerprint(labels)
            if key not in found:
                found[key] = _Track(own, labels, present.copy(), answer.values.copy())
            else:
                track = found[key]
                twice |= track.present & present
                track.values = np.where(present, answer.values, track.values)
                track.present = track.present | present
            if len(found) > MOST_ALERTS:
                raise RuleFailed(f"The expression gives more than {MOST_ALERTS:,} alerts")
    return found, twice


def _identities(words: Words, answer: Answer) -> Iterator[tuple[Labels, Labels, Mask]]:
    own = nameless(answer.labels)
    if not words.by_value:
        yield own, words.labels_of(own, 0.0), answer.present
        return
    for value in np.unique(answer.values[answer.present])[: MOST_ALERTS + 1]:
        yield own, words.labels_of(own, float(value)), answer.present & (answer.values == value)


@dataclass(slots=True)
class _Fold:
    words: Words
    timing: Timing
    times: Times
    deadline: Callable[[], None]
    steps: int = 0

    def episodes(self, key: str, track: _Track, blind: Mask, failed: Mask) -> Iterator[Episode]:
        here = np.where(track.present & ~failed, PRESENT, np.where(blind, UNSEEN, ABSENT))
        starts = [0, *(np.flatnonzero(np.diff(here)) + 1).tolist()]
        opened: Instance | None = None
        for start, end in zip(starts, [*starts[1:], len(here)], strict=True):
            opened, over = self._run(key, track, opened, int(here[start]), start, end)
            if over is not None:
                yield _episode(over)
        if opened is not None:
            yield _episode(opened)

    def _run(
        self, key: str, track: _Track, opened: Instance | None, what: int, start: int, end: int
    ) -> tuple[Instance | None, Instance | None]:
        """The alert after a run of equal answers, and the one that ended in it."""
        at = start
        while at < end and (opened is not None or what == PRESENT):
            before, opened = opened, self._step(key, track, opened, what, at)
            if opened is None:
                return None, before
            if opened.state is State.RESOLVED:
                return None, opened
            at = max(self._next(opened, what), at + 1)
        return opened, None

    def _step(self, key: str, track: _Track, opened: Instance | None, what: int, at: int) -> Instance | None:
        self.steps += 1
        self.deadline()
        if self.steps > MOST_STEPS:
            raise _Spent
        value = float(track.values[at])
        answer = {key: Seen(track.labels, self.words.annotations_of(track.own, value), value)}
        done = step(
            self.timing,
            {key: opened} if opened else {},
            answer if what == PRESENT else {},
            BLIND if what == UNSEEN else CLEAR,
            EPOCH + timedelta(milliseconds=int(self.times[at])),
        )
        return done.instances[0] if done.instances else None

    def _next(self, opened: Instance, what: int) -> int:
        """The place of the first moment at which an equal answer changes something."""
        if what == PRESENT and opened.state is State.PENDING:
            due = opened.active_at + self.timing.hold
        elif what == ABSENT and opened.keep_since is not None:
            due = opened.keep_since + self.timing.keep_firing
        else:
            return len(self.times)
        return int(np.searchsorted(self.times, (due - EPOCH) // timedelta(milliseconds=1)))


def _episode(each: Instance) -> Episode:
    return Episode(each.labels, each.active_at, each.fired_at, each.resolved_at, each.value, each.annotations)


def spans(episodes: Iterable[Episode], end: datetime) -> list[tuple[float, float]]:
    """When anything fired, in Unix seconds: overlapping lives are one span."""
    found: list[tuple[float, float]] = []
    pairs = ((each.fired_at, each.resolved_at or end) for each in episodes if each.fired_at)
    for begins, ends in sorted((a.timestamp(), b.timestamp()) for a, b in pairs):
        if found and begins <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], ends))
        else:
            found.append((begins, ends))
    return found
