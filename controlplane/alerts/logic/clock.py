"""Has the wall clock jumped? Intervals come from the machine's own clock, which nobody sets; times from UTC. Pure.

A reading names the boot that its monotonic clock counts from: between readings of one boot the two clocks are compared,
and what differs is the jump. Stored times are then moved by it, so that no interval is cut or stretched.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

#: Two clocks drift apart a little, and readings of both take a moment.
TOLERATED = timedelta(seconds=5)
#: After a jump the samples of the last minute are at the wrong times: nothing is judged by them. Three polls.
SETTLING = timedelta(seconds=40)
ZERO = timedelta()


@dataclass(frozen=True, slots=True)
class Reading:
    wall: datetime
    #: Seconds since boot, suspended time included.
    monotonic: float
    boot: str


@dataclass(frozen=True, slots=True)
class Passage:
    """How much time has really passed, and by how much the wall clock moved beyond that."""

    elapsed: timedelta
    jump: timedelta

    @property
    def jumped(self) -> bool:
        return self.jump != ZERO


def passage(last: Reading, now: Reading) -> Passage:
    by_wall = now.wall - last.wall
    if last.boot != now.boot:
        # Nothing counted on across a boot: a clock that went back did jump, one that went on is believed.
        return Passage(max(by_wall, ZERO), min(by_wall, ZERO))
    elapsed = timedelta(seconds=max(now.monotonic - last.monotonic, 0.0))
    jump = by_wall - elapsed
    return Passage(elapsed, jump if abs(jump) > TOLERATED else ZERO)
