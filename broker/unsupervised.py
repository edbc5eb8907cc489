"""What still runs when no supervisor answers: the record, believed only as far as the process table confirms it."""

from __future__ import annotations

import time
from dataclasses import dataclass

from broker import process, record
from broker.control import ControlClient, NoSupervisor
from broker.paths import DataPaths
from broker.processes import ProcessStatus
from broker.reconcile import Entry
from broker.states import ALIVE, ProcessState

REASON = "It runs, but nobody supervises it."
HINT = "`./run up` starts the supervisor again, which takes it back as it is: nothing restarts."


@dataclass(frozen=True, slots=True)
class Observed:
    """`supervised` is False when the statuses come from the record and the process table."""

    supervised: bool
    statuses: tuple[ProcessStatus, ...]

    @property
    def abandoned(self) -> tuple[ProcessStatus, ...]:
        return () if self.supervised else tuple(status for status in self.statuses if status.pid)


def observe(paths: DataPaths) -> Observed:
    try:
        return Observed(True, ControlClient(paths).status())
    except NoSupervisor:
        statuses = left_behind(paths)
        alive = any(status.pid for status in statuses)
        return Observed(False, statuses if alive else ())


def left_behind(paths: DataPaths) -> tuple[ProcessStatus, ...]:
    """The recorded processes; only those that are verified to be ours have a pid."""
    try:
        world = record.load(paths.processes, now=time.monotonic(), wall=time.time())
    except record.UnreadableRecord:
        return ()
    return tuple(_status(entry) for entry in world.entries.values())


def _status(entry: Entry) -> ProcessStatus:
    child, spec = entry.child, entry.spec
    if child is None or process.verify(child) is not process.Verdict.OURS:
        return ProcessStatus(spec.name, spec.kind, ProcessState.STOPPED, labels=spec.labels)
    return ProcessStatus(
        name=spec.name,
        kind=spec.kind,
        state=entry.state if entry.state in ALIVE else ProcessState.RUNNING,
        pid=child.pid,
        since=time.time() - (time.monotonic() - entry.since),
        restarts=entry.restarts,
        reason=REASON,
        hint=HINT,
        rss_bytes=process.rss_bytes(child.pid),
        labels=spec.labels,
    )
