"""What the log of a process that starts or stops tells the supervisor: ready, recovering its logs, handing over leaders.

The texts are those of Kafka 4.4; unknown texts change nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from broker.logs import Follower
from broker.processes import LogReady, ProcessKind, ProcessSpec

# The log of the metadata itself says "Recovering unflushed segment" at every start; that is no recovery.
_RECOVERY_BEGINS = re.compile(r"Recovering (?P<all>\d+) logs from \S+ since no clean shutdown file was found")
_RECOVERY_GOES_ON = re.compile(r"\((?P<done>\d+)/(?P<all>\d+) completed in ")
_RECOVERY_ENDS = re.compile(r"Loaded \d+ logs in")
_LEADERS_MOVE = re.compile(r"PENDING_CONTROLLED_SHUTDOWN state, still waiting for the active controller")
# The broker repeats the line with each heartbeat, every 2 s: silence means that no controller answers any more.
_MOVING_FOR = 10.0


class Watch:
    """Follows one log while its process starts or stops. `busy` suspends the deadline, `progress` is for people."""

    def __init__(self, spec: ProcessSpec, earlier: Sequence[str] = ()) -> None:
        """`earlier`: what an adopted process wrote before we looked."""
        self.busy = False
        self.progress: str | None = None
        self._broker = spec.kind is ProcessKind.BROKER
        self._ready = re.compile(spec.ready.pattern) if isinstance(spec.ready, LogReady) else None
        self._follower = Follower(Path(spec.log), from_end=True)
        self._recovering = False
        self._moving_until = 0.0
        self._earlier = tuple(earlier)

    def read(self, now: float) -> bool:
        """Whether a line said that the process is ready."""
        ready = False
        lines, self._earlier = (*self._earlier, *self._follower.read()), ()
        for line in lines:
            ready = ready or (self._ready is not None and self._ready.search(line) is not None)
            if self._broker:
                self._learn(line, now)
        moving = now < self._moving_until
        self.busy = self._recovering or moving
        if moving:
            self.progress = "leaders move to other brokers"
        elif not self._recovering:
            self.progress = None
        return ready

    def _learn(self, line: str, now: float) -> None:
        if _LEADERS_MOVE.search(line):
            self._moving_until = now + _MOVING_FOR
        elif _RECOVERY_ENDS.search(line):
            self._recovering = False
        elif found := _RECOVERY_BEGINS.search(line):
            self._recovering = True
            self.progress = f"recovers its logs after an unclean stop: {found['all']} logs"
        elif self._recovering and (found := _RECOVERY_GOES_ON.search(line)):
            self.progress = f"recovers its logs after an unclean stop: {found['done']} of {found['all']} logs"
