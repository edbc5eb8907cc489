"""How a broker is, in one word that every page, the API and the verdict share. Pure.

The supervisor knows of an ended process seconds before Kafka does (it waits for a heartbeat), and of one that still
starts; Kafka knows whether a running one serves.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

#: `broker.session.timeout.ms`: for so long Kafka believes in a broker that has ended without a word.
NOTICED_AFTER_S = 9


class Condition(StrEnum):
    UP = "up"
    STARTING = "starting"
    STOPPING = "stopping"
    STOPPED = "stopped"
    #: Ended by itself; it is started again, or is starting again now.
    CRASHED = "crashed"
    #: The supervisor does not start it any more.
    GIVEN_UP = "given up"
    #: Its disk was full; it is started again when there is room.
    OUT_OF_DISK = "out of disk"
    #: Its process runs; Kafka has not taken it back yet.
    RETURNING = "returning"
    #: Its process has run for long, and Kafka misses it all the same: it hangs, or the network does.
    SILENT = "silent"
    #: Kafka misses it, and its process is not ours to see.
    DOWN = "down"


#: Something has to be done before it can run.
UNABLE = frozenset({Condition.GIVEN_UP, Condition.OUT_OF_DISK})
#: Nothing of the broker runs, so what Kafka last said of it is past.
DEAD = UNABLE | {Condition.STOPPED, Condition.CRASHED, Condition.DOWN}


@dataclass(frozen=True, slots=True)
class Ended:
    """The last exit that nobody asked for, and the start that follows: `restart` of `limit`, at `next_try`."""

    at: datetime
    what: str
    restart: int
    limit: int
    next_try: datetime | None = None


@dataclass(frozen=True, slots=True)
class Process:
    """What the supervisor knows; `state` and `cause` are its words. `why` and `hint` are for people."""

    state: str
    since: datetime | None = None
    why: str = ""
    hint: str = ""
    cause: str = ""
    ended: Ended | None = None


@dataclass(frozen=True, slots=True)
class BrokerNow:
    """`replicas` and `leaders` as Kafka counted them at the last read; `fenced`: Kafka knows that it is away.

    `stopped_by`: who stopped it on purpose, and in which job. `offline_dirs`: log directories that Kafka has given up.
    """

    id: int
    condition: Condition
    process: Process | None = None
    fenced: bool = False
    replicas: int = 0
    leaders: int = 0
    stopped_by: str = ""
    job: str = ""
    offline_dirs: tuple[str, ...] = ()

    @property
    def unable(self) -> bool:
        return self.condition in UNABLE

    @property
    def unnoticed(self) -> bool:
        """Dead, but Kafka still counts its leaders and replicas."""
        return self.condition in DEAD and not self.fenced


#: The supervisor's word for it.
DISK_FULL = "disk_full"

_BY_STATE = {
    "BACKOFF": Condition.CRASHED,
    "EXITED": Condition.CRASHED,
    "FATAL": Condition.GIVEN_UP,
    "STOPPED": Condition.STOPPED,
    "STOPPING": Condition.STOPPING,
    "STARTING": Condition.STARTING,
}


#: Within so long after its start Kafka has taken a broker back that is well.
TAKEN_BACK = timedelta(seconds=60)


def condition_of(process: Process | None, now: datetime, *, fenced: bool) -> Condition:
    if process is None:
        return Condition.DOWN if fenced else Condition.UP
    if process.state == "STARTING" and process.ended is not None:
        return Condition.CRASHED
    if process.state == "FATAL" and process.cause == DISK_FULL:
        return Condition.OUT_OF_DISK
    if not fenced:
        return _BY_STATE.get(process.state, Condition.UP)
    started = process.since is None or now - process.since <= TAKEN_BACK
    return _BY_STATE.get(process.state, Condition.RETURNING if started else Condition.SILENT)
