"""Pure: the world of supervised processes and `step(world, now) -> (world', effects)`, the only code that decides moves.

1. Commands (apply, start, stop, restart, close) and observations (spawned, ready, ended) change the world, decide nothing.
2. `step` moves each process by the rule of its state and says what is to be done: Spawn, Terminate, Kill.
3. The caller records the world, then does the effects, then reports what came of them as observations.
Invariants: Spawn only for a name without a live process; moves only along states.MOVES. `now` is monotonic seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from zlib import crc32

from broker.diagnosis import Cause, Diagnosis
from broker.processes import Child, Crash, ProcessSpec
from broker.states import ALIVE, ProcessState, check_move

BACKOFF_LONGEST = 60.0
HEALTHY_AFTER = 600.0
CRASHES = 5
CRASH_WINDOW = 120.0
TIMEOUTS = 3
KILL_AGAIN = 5.0
LONGEST_STOP = 300.0

_S = ProcessState


@dataclass(frozen=True, slots=True)
class Failure:
    """The last exit that nobody asked for."""

    diagnosis: Diagnosis
    exit_code: int | None = None
    last_lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    spec: ProcessSpec
    wanted: bool = True
    state: ProcessState = _S.STOPPED
    since: float = 0.0
    child: Child | None = None
    again: bool = False
    removing: bool = False
    restarts: int = 0
    failures: int = 0
    timeouts: int = 0
    exits: tuple[float, ...] = ()
    wake: float = 0.0
    asked: bool = False
    killed: float | None = None
    timed_out: bool = False
    # While the log says so, deadlines are suspended: a broker recovers its logs, or hands its leaders over.
    busy: bool = False
    progress: str | None = None
    failure: Failure | None = None
    # Of one that ended for want of disk space: None until its disk was looked at, False while full, True with room again.
    room: bool | None = None


@dataclass(frozen=True, slots=True)
class World:
    entries: Mapping[str, Entry] = field(default_factory=dict[str, Entry])
    closing: bool = False
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Spawn:
    name: str


@dataclass(frozen=True, slots=True)
class Terminate:
    name: str


@dataclass(frozen=True, slots=True)
class Kill:
    name: str


Effect = Spawn | Terminate | Kill
Rule = Callable[[World, Entry, float], tuple[Entry, Effect | None]]


# Commands


def apply(world: World, specs: Iterable[ProcessSpec], remove: Iterable[str] = ()) -> World:
    """These processes shall be up. A changed specification of a live process holds from its next start."""
    entries = dict(world.entries)
    for name in remove:
        if name in entries:
            entries[name] = replace(entries[name], wanted=False, removing=True, again=False)
    for spec in specs:
        old = entries.get(spec.name, Entry(spec))
        entries[spec.name] = _forgiven(replace(old, spec=spec, wanted=True, removing=False))
    return replace(world, entries=entries)


def _forgiven(entry: Entry) -> Entry:
    """Someone asks for a start: past failures count no more, and waiting is over."""
    if entry.state in (_S.FATAL, _S.BACKOFF):
        entry = replace(_move(entry, _S.STOPPED, entry.since), failure=None)
    return entry if entry.state in ALIVE else replace(entry, failures=0, timeouts=0, exits=())


def start(world: World, name: str) -> World:
    return _with(world, name, _forgiven(replace(world.entries[name], wanted=True)))


def stop(world: World, name: str) -> World:
    return _with(world, name, replace(world.entries[name], wanted=False, again=False))


def restart(world: World, name: str) -> World:
    entry = world.entries[name]
    if entry.state not in ALIVE:
        return start(world, name)
    return _with(world, name, replace(entry, wanted=True, again=entry.state is not _S.STOPPING))


def close(world: World) -> World:
    return replace(world, closing=True)


# Observations


def spawned(world: World, name: str, child: Child) -> World:
    return _with(world, name, replace(world.entries[name], child=child))


def ready(world: World, name: str, now: float) -> World:
    entry = world.entries[name]
    if entry.state is not _S.STARTING or entry.child is None:
        return world
    entry = replace(_move(entry, _S.RUNNING, now), timeouts=0, busy=False, progress=None)
    return _with(world, name, entry)


def ended(world: World, name: str, failure: Failure, now: float) -> World:
    """The process is gone (or could not be started). In STOPPING that is what was asked for, unless its start timed out."""
    if world.entries[name].state not in ALIVE:
        return world
    entry = replace(world.entries[name], child=None, busy=False, progress=None)
    if entry.state is _S.STOPPING and not entry.timed_out:
        return _with(world, name, _move(entry, _S.STOPPED, now))
    return _with(world, name, replace(_move(entry, _S.EXITED, now), failure=failure))


def watched(world: World, name: str, *, busy: bool, progress: str | None) -> World:
    return _with(world, name, replace(world.entries[name], busy=busy, progress=progress))


def waits_for_room(entry: Entry) -> bool:
    """It ended because its disk was full, and is started again when that is over."""
    failure = entry.failure
    return (
        entry.state is _S.FATAL
        and entry.wanted
        and failure is not None
        and failure.diagnosis.cause is Cause.DISK_FULL
    )


def looked(world: World, name: str, *, full: bool) -> World:
    """At the disks of one that waits for room. Only what was seen full can have room *again*: else it would loop."""
    entry = world.entries[name]
    if full or entry.room is not None:
        entry = replace(entry, room=not full)
    return _with(world, name, entry)


# Decisions


def step(world: World, now: float) -> tuple[World, tuple[Effect, ...]]:
    effects: list[Effect] = []
    for name in tuple(world.entries):
        world = _settle(world, name, now, effects)
    return world, tuple(effects)


def _settle(world: World, name: str, now: float, effects: list[Effect]) -> World:
    """Apply the rule of the entry's state until it rests (an exit may lead to a start in the same step)."""
    while True:
        entry = world.entries[name]
        if entry.removing and entry.state not in ALIVE:
            return replace(world, entries={key: value for key, value in world.entries.items() if key != name})
        after, effect = _RULES[entry.state](world, entry, now)
        world = _with(world, name, after)
        if effect is not None:
            effects.append(effect)
        if after.state is entry.state:
            return world


def _should_run(world: World, entry: Entry) -> bool:
    return entry.wanted and not world.closing


def waits_for(world: World, entry: Entry) -> tuple[str, ...]:
    """The dependencies that are not up yet; a name that nobody supervises is not waited for."""
    others = ((name, world.entries.get(name)) for name in entry.spec.depends_on)
    return tuple(name for name, other in others if other is not None and other.state is not _S.RUNNING)


def _spawn(entry: Entry, now: float) -> tuple[Entry, Effect]:
    entry = _move(entry, _S.STARTING, now)
    entry = replace(entry, asked=False, killed=None, timed_out=False, again=False, busy=False, progress=None)
    return replace(entry, room=None), Spawn(entry.spec.name)


def _stopped(world: World, entry: Entry, now: float) -> tuple[Entry, Effect | None]:
    if not _should_run(world, entry) or waits_for(world, entry):
        return entry, None
    return _spawn(entry, now)


def _starting(world: World, entry: Entry, now: float) -> tuple[Entry, Effect | None]:
    if entry.child is None:
        return entry, None
    if not entry.busy and now - entry.since > entry.spec.start_timeout:
        return replace(_move(entry, _S.STOPPING, now), timed_out=True), None
    return _up(world, entry, now)


def _running(world: World, entry: Entry, now: float) -> tuple[Entry, Effect | None]:
    if entry.failures and now - entry.since >= HEALTHY_AFTER:
        entry = replace(entry, failures=0, exits=())
    return _up(world, entry, now)


def _up(world: World, entry: Entry, now: float) -> tuple[Entry, Effect | None]:
    if (_should_run(world, entry) and not entry.again) or _needed(world, entry):
        return entry, None
    return _move(entry, _S.STOPPING, now), None


def _needed(world: World, entry: Entry) -> bool:
    """When all stop, a process stays until nothing that depends on it is alive."""
    return world.closing and any(
        entry.spec.name in other.spec.depends_on and other.state in ALIVE for other in world.entries.values()
    )


def _stopping(world: World, entry: Entry, now: float) -> tuple[Entry, Effect | None]:
    if not entry.asked:
        return replace(entry, asked=True), Terminate(entry.spec.name)
    patience = LONGEST_STOP if entry.busy else entry.spec.stop_timeout
    if now - entry.since > patience and (entry.killed is None or now - entry.killed > KILL_AGAIN):
        return replace(entry, killed=now), Kill(entry.spec.name)
    return entry, None


def _exited(world: World, entry: Entry, now: float) -> tuple[Entry, Effect | None]:
    exits = (*(at for at in entry.exits if now - at < CRASH_WINDOW), now)
    timeouts = entry.timeouts + 1 if entry.timed_out else 0
    entry = replace(entry, exits=exits, timeouts=timeouts, failures=entry.failures + 1)
    if not _should_run(world, entry):
        return _move(entry, _S.STOPPED, now), None
    if entry.failure and entry.failure.diagnosis.permanent:
        return _move(entry, _S.FATAL, now), None
    if len(exits) >= CRASHES or timeouts >= TIMEOUTS:
        return _move(entry, _S.FATAL, now), None
    wait = backoff_delay(entry.failures, world.seed + crc32(entry.spec.name.encode()))
    return replace(_move(entry, _S.BACKOFF, now), wake=now + wait), None


def backoff_delay(failures: int, seed: int) -> float:
    """1, 2, 4 … 60 seconds, each up to a fifth longer, so that processes felled together do not rise together."""
    base = min(BACKOFF_LONGEST, 2.0 ** min(failures - 1, 10))
    jitter = crc32(f"{seed}/{failures}".encode()) / 2**32
    return base * (1 + jitter / 5)


def _backoff(world: World, entry: Entry, now: float) -> tuple[Entry, Effect | None]:
    if not _should_run(world, entry):
        return _move(entry, _S.STOPPED, now), None
    if now < entry.wake or waits_for(world, entry):
        return entry, None
    return _spawn(replace(entry, restarts=entry.restarts + 1), now)


def _fatal(world: World, entry: Entry, now: float) -> tuple[Entry, Effect | None]:
    if not entry.wanted:
        return _move(entry, _S.STOPPED, now), None
    rested = now - entry.since >= backoff_delay(max(entry.failures, 1), world.seed)
    if entry.room and rested and not world.closing and not waits_for(world, entry):
        return _spawn(replace(entry, restarts=entry.restarts + 1), now)
    return entry, None


_RULES: Mapping[ProcessState, Rule] = {
    _S.STOPPED: _stopped,
    _S.STARTING: _starting,
    _S.RUNNING: _running,
    _S.STOPPING: _stopping,
    _S.EXITED: _exited,
    _S.BACKOFF: _backoff,
    _S.FATAL: _fatal,
}


def all_down(world: World) -> bool:
    return not any(entry.state in ALIVE for entry in world.entries.values())


def restore(entry: Entry, child: Child | None, now: float) -> Entry:
    """A recorded entry in a new supervisor: with its process if that was found alive, else ready to be started again."""
    since = entry.since if entry.state is _S.RUNNING else now
    entry = replace(entry, child=child, asked=False, killed=None, busy=False, progress=None, since=since)
    if child is not None:
        return entry if entry.state in ALIVE else replace(entry, state=_S.STARTING)
    if entry.state is _S.FATAL:
        return entry
    died = entry.state is _S.RUNNING
    return replace(entry, state=_S.STOPPED, restarts=entry.restarts + died, again=False, timed_out=False)


def _move(entry: Entry, state: ProcessState, now: float) -> Entry:
    check_move(entry.state, state)
    return replace(entry, state=state, since=now)


def _with(world: World, name: str, entry: Entry) -> World:
    return replace(world, entries={**world.entries, name: entry})


FOLLOWS: Mapping[ProcessState, str] = {
    _S.BACKOFF: "It is started again.",
    _S.FATAL: "Given up: it is not started again by itself. Start it when the cause is gone.",
}


WITH_ROOM = "It is started by itself when there is room again."


def _with_what_follows(entry: Entry, diagnosis: Diagnosis) -> Diagnosis:
    """The cause is one thing, what the supervisor does about it another."""
    follows = WITH_ROOM if waits_for_room(entry) else FOLLOWS.get(entry.state, "")
    return replace(diagnosis, hint=f"{diagnosis.hint} {follows}".strip())


def summary(world: World, entry: Entry) -> Diagnosis | None:
    """Why a process is not up, in plain words; None when there is nothing to say."""
    if entry.state in (_S.BACKOFF, _S.FATAL, _S.EXITED) and entry.failure:
        return _with_what_follows(entry, entry.failure.diagnosis)
    if entry.state is _S.STOPPED and _should_run(world, entry):
        return Diagnosis(Cause.UNKNOWN, f"Waits for {', '.join(waits_for(world, entry))}.")
    return None


def crash(entry: Entry, epoch: float) -> Crash | None:
    """What ended it last, and the start that follows. `epoch` turns monotonic seconds into Unix seconds."""
    if not entry.exits or entry.failure is None or entry.state is _S.STOPPED:
        return None
    next_try = epoch + entry.wake if entry.state is _S.BACKOFF else None
    what = entry.failure.diagnosis.what
    return Crash(epoch + entry.exits[-1], what, min(len(entry.exits), CRASHES - 1), CRASHES - 1, next_try)
