"""How far behind a consumer group is: in seconds, and as a state. Pure.

Seconds (as kafka-lag-exporter defines them): the age of the first record that the group has not committed, read off
the history of the partition's end offset; between two polls it is interpolated. No answer is guessed beyond the
history: what was produced before it began is at least that old.

States follow Burrow (core/internal/evaluator/caching.go), with no threshold to set: what counts is whether commits
keep up. Burrow reads the times of commits; we see offsets at polls and whether the group has members, so "it commits
the same offset" (STALL) is a group with members that stands still, and "it no longer commits" (STOP) one without.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise

import numpy as np
import numpy.typing as npt

#: Burrow's window: ten observations.
WINDOW = 10


class LagState(IntEnum):
    """Worse is higher; the state of a group is that of its worst partition."""

    OK = 0
    WARN = 1
    STALL = 2
    STOP = 3
    REWIND = 4


@dataclass(frozen=True, slots=True)
class Seen:
    """One partition at one poll."""

    committed: int
    lag: int


def seconds_behind(
    committed: int, now: int, times: npt.NDArray[np.int64], ends: npt.NDArray[np.float64]
) -> float:
    """`times` (Unix milliseconds, in order) and `ends`: the partition's end offset at polls, the last one the present.

    0 when nothing is behind. A partition whose log was cut and restarted is read from its last restart on.
    """
    if not len(ends) or committed >= ends[-1]:
        return 0.0
    (falls,) = np.nonzero(np.diff(ends) < 0)
    begin = int(falls[-1]) + 1 if len(falls) else 0
    times, ends = times[begin:], ends[begin:]
    # The first poll at which the record at `committed` was there: its end offset was beyond it.
    after = int(np.searchsorted(ends, committed, side="right"))
    if after == 0:
        return float(now - times[0]) / 1000
    share = (committed + 1 - ends[after - 1]) / (ends[after] - ends[after - 1])
    written = times[after - 1] + share * (times[after] - times[after - 1])
    return max(float(now - written) / 1000, 0.0)


def partition_state(window: Sequence[Seen], *, members: bool) -> LagState:
    """`window`: the last polls of a partition with a commit, oldest first, at least one."""
    last = window[-1]
    if last.lag <= 0:
        return LagState.OK
    if _rewound(window):
        return LagState.REWIND
    if any(seen.lag <= 0 for seen in window) or len(window) < WINDOW:
        return LagState.OK
    if last.committed == window[0].committed:
        return LagState.STALL if members else LagState.STOP
    lags = [seen.lag for seen in window]
    if all(after >= before for before, after in pairwise(lags)):
        return LagState.WARN
    return LagState.OK


def _rewound(window: Sequence[Seen]) -> bool:
    """An offset went back and has not been reached again."""
    highest = max(seen.committed for seen in window)
    return window[-1].committed < highest


def group_state(partitions: Sequence[LagState]) -> LagState:
    return max(partitions, default=LagState.OK)


def next_poll_s(took_s: float, *, shortest: float = 10.0, longest: float = 300.0) -> float:
    """How long after a poll that took this long the next one is due: reading takes at most a tenth of the time."""
    return min(max(shortest, took_s * 10), longest)
