"""Pure: the states of a supervised process (Supervisor's names), the legal moves between them, and named sets of states.

A process is *alive* in a state when a live process may exist for its name; the supervisor never starts one then.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class ProcessState(StrEnum):
    STOPPED = "STOPPED"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    BACKOFF = "BACKOFF"
    STOPPING = "STOPPING"
    EXITED = "EXITED"
    FATAL = "FATAL"


_S = ProcessState

MOVES: Mapping[ProcessState, frozenset[ProcessState]] = {
    _S.STOPPED: frozenset({_S.STARTING}),
    _S.STARTING: frozenset({_S.RUNNING, _S.EXITED, _S.STOPPING}),
    _S.RUNNING: frozenset({_S.EXITED, _S.STOPPING}),
    # EXITED is left at once: what it becomes depends on the diagnosis.
    _S.EXITED: frozenset({_S.BACKOFF, _S.FATAL, _S.STOPPED}),
    _S.BACKOFF: frozenset({_S.STARTING, _S.STOPPED}),
    # STOPPING -> EXITED: its start timed out and it was ended by us, which counts as a failure.
    _S.STOPPING: frozenset({_S.STOPPED, _S.EXITED}),
    # FATAL -> STARTING: it ended for want of disk space, and there is room now.
    _S.FATAL: frozenset({_S.STOPPED, _S.STARTING}),
}

ALIVE = frozenset({_S.STARTING, _S.RUNNING, _S.STOPPING})
DOWN = frozenset(_S) - ALIVE
SETTLED = frozenset({_S.STOPPED, _S.RUNNING, _S.FATAL})


class IllegalMove(Exception):
    """The supervisor tried a move that the table of legal moves does not have."""


def may_move(before: ProcessState, after: ProcessState) -> bool:
    return after in MOVES[before]


def check_move(before: ProcessState, after: ProcessState) -> None:
    if not may_move(before, after):
        raise IllegalMove(f"{before} -> {after}")
