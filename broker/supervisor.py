"""The supervisor: a loop around the pure `reconcile.step`. It observes, records, does what step says, and reports back.

1. Take the lock (one supervisor per data directory), read the record, adopt what is alive and verified.
2. Wait for a pidfd, a control message, a probe's answer, a signal or the next deadline.
3. Turn what happened into observations, step, write the record, then do the effects.
Invariants: nothing is started before its intent is on disk; nothing is signalled but through a verified Handle.
"""

from __future__ import annotations

import logging
import secrets
import selectors
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from broker import evidence, logs, preflight, process, reconcile, record
from broker.control_server import ControlServer
from broker.diagnosis import Cause, Diagnosis, Facts, diagnose
from broker.lock import SupervisorLock
from broker.observe import Watch
from broker.operations import Operations
from broker.paths import DataPaths
from broker.process import Handle
from broker.processes import LogReady, ProcessSpec, ProcessStatus
from broker.readiness import Prober
from broker.reconcile import Effect, Entry, Failure, Kill, Spawn, Terminate, World
from broker.states import ALIVE, ProcessState

IDLE = 2.0
BUSY = 0.2
ROTATE_EVERY = 5.0
KEPT_LINES = 50
READ_LINES = 600

log = logging.getLogger("kastellan.supervisor")


class Supervisor:
    def __init__(self, paths: DataPaths, *, closing: bool = False) -> None:
        """`closing`: take back what is alive only to stop it, as `down` does when no supervisor is left."""
        self.paths = paths
        self._closing = closing
        self.world = World(seed=secrets.randbelow(2**32))
        self.leaving = False
        self._handles: dict[str, Handle] = {}
        self._watches: dict[str, Watch] = {}
        self._selector = selectors.DefaultSelector()
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        self._prober = Prober(self.wake)
        self._recorded: list[dict[str, Any]] | None = None
        self._rotated = 0.0
        self._memory_kills = evidence.memory_kills()

    def run(self) -> None:
        """Until everything was asked to stop and has, or the supervisor was asked to leave its children."""
        with SupervisorLock(self.paths):
            self._restore()
            if self._closing:
                self.stop_everything()
            self._selector.register(self._wake_out, selectors.EVENT_READ, self._woken)
            server = ControlServer(self._socket_path(), self._selector, Operations(self).handlers())
            try:
                self._loop()
            finally:
                server.close()
                self.close()

    def _socket_path(self) -> Path:
        self.paths.socket_directory("control")
        return self.paths.control_socket

    def wake(self) -> None:
        """From any thread or signal handler."""
        with suppress(BlockingIOError, OSError):
            self._wake_in.send(b"\0")

    def close_down(self) -> None:
        """Stop all processes, but remember which were wanted: the next supervisor starts them again."""
        self.world = reconcile.close(self.world)
        self.wake()

    def stop_everything(self) -> None:
        """`down` means down: what is stopped this way is not wanted any more by the next supervisor."""
        down = {name: replace(entry, wanted=False) for name, entry in self.world.entries.items()}
        self.world = replace(self.world, entries=down)
        self.close_down()

    def _loop(self) -> None:
        while not self.leaving:
            try:
                self.tick()
            except Exception:
                # A defect here must not leave the brokers without their supervisor.
                log.exception("the turn failed; going on")
                self._heal()
            if self.world.closing and reconcile.all_down(self.world):
                return
            for key, events in self._selector.select(self._patience()):
                callback: Callable[[int], None] = key.data
                callback(events)

    def _heal(self) -> None:
        """A start that was interrupted by a defect counts as failed; if it did start, the next attempt finds it."""
        failure = Failure(Diagnosis(Cause.UNKNOWN, "Its start failed inside the supervisor; see its log."))
        for name, entry in self.world.entries.items():
            if entry.state is ProcessState.STARTING and entry.child is None:
                self.world = reconcile.ended(self.world, name, failure, time.monotonic())
        time.sleep(BUSY)

    def _patience(self) -> float:
        settled = all(
            entry.state in (ProcessState.STOPPED, ProcessState.RUNNING, ProcessState.FATAL)
            for entry in self.world.entries.values()
        )
        return IDLE if settled else BUSY

    def _woken(self, _events: int) -> None:
        with suppress(BlockingIOError):
            self._wake_out.recv(4096)

    def close(self) -> None:
        for handle in self._handles.values():
            handle.close()
        self._selector.close()
        self._wake_in.close()
        self._wake_out.close()

    # One turn of the loop

    def tick(self) -> None:
        before = self.world
        self._observe()
        while True:
            _log_moves(before, self.world)
            before = self.world
            self.world, effects = reconcile.step(before, time.monotonic())
            self._record()
            _log_moves(before, self.world)
            before = self.world
            if not effects:
                break
            for effect in effects:
                self._do(effect)
        self._rotate()

    def _observe(self) -> None:
        for name, handle in tuple(self._handles.items()):
            if handle.ended():
                self._on_end(name, handle)
        for name, entry in tuple(self.world.entries.items()):
            if entry.state in (ProcessState.STARTING, ProcessState.STOPPING) and name in self._watches:
                self._watch(name, entry, self._watches[name])
            if reconcile.waits_for_room(entry):
                full = evidence.full_disks(entry.spec, evidence.START_ROOM)
                self.world = reconcile.looked(self.world, name, full=bool(full))
        while not self._prober.answers.empty():
            name, pid = self._prober.answers.get()
            self._on_ready(name, pid)

    def _watch(self, name: str, entry: Entry, watch: Watch) -> None:
        ready_by_log = watch.read(time.monotonic())
        self.world = reconcile.watched(self.world, name, busy=watch.busy, progress=watch.progress)
        if entry.state is not ProcessState.STARTING or entry.child is None:
            return
        if entry.spec.ready is None or ready_by_log:
            self._on_ready(name, entry.child.pid)
        elif not isinstance(entry.spec.ready, LogReady):
            self._prober.ask(name, entry.child.pid, entry.spec.ready)

    def _on_ready(self, name: str, pid: int) -> None:
        """An answer may come late: only the process that was asked becomes ready by it."""
        entry = self.world.entries.get(name)
        if entry is not None and entry.child is not None and entry.child.pid == pid:
            self.world = reconcile.ready(self.world, name, time.monotonic())

    def _on_end(self, name: str, handle: Handle) -> None:
        entry = self.world.entries[name]
        self._forget(name)
        process.kill_session(handle.child)
        code = handle.exit_code
        handle.close()
        failure = self._explain(entry, code)
        if entry.state is not ProcessState.STOPPING or entry.timed_out:
            log.warning("%s: %s", name, failure.diagnosis.what)
        self.world = reconcile.ended(self.world, name, failure, time.monotonic())

    def _explain(self, entry: Entry, code: int | None) -> Failure:
        lines = logs.tail_of_run(Path(entry.spec.log), READ_LINES)
        kills, self._memory_kills = self._memory_kills, evidence.memory_kills()
        facts = Facts(
            owners=evidence.owners(entry.spec, lines),
            full=evidence.full_disks(entry.spec),
            memory_limit_kills=self._memory_kills - kills,
            timed_out_after=entry.spec.start_timeout if entry.timed_out else None,
        )
        return Failure(diagnose(code, lines, facts), code, lines[-KEPT_LINES:])

    # Effects

    def _do(self, effect: Effect) -> None:
        match effect:
            case Spawn(name):
                self._spawn(name)
            case Terminate(name):
                log.info("%s: SIGTERM", name)
                self._handles[name].signal(signal.SIGTERM)
            case Kill(name):
                log.warning("%s: does not stop, SIGKILL to its process group", name)
                self._handles[name].kill_group()

    def _spawn(self, name: str) -> None:
        spec = self.world.entries[name].spec
        found = self._find(spec)
        watch = self._watch_of(spec, adopted=found is not None)
        started = found or self._start(spec)
        if isinstance(started, Diagnosis):
            self._not_started(name, started)
            return
        self._hold(name, started, watch)
        self.world = reconcile.spawned(self.world, name, started.child)
        self._record()

    def _watch_of(self, spec: ProcessSpec, *, adopted: bool) -> Watch:
        return Watch(spec, logs.tail_of_run(Path(spec.log), READ_LINES) if adopted else ())

    def _find(self, spec: ProcessSpec) -> Handle | None:
        """The process may be there already, when the record of its start was lost."""
        found = process.find_unrecorded(spec, self.marker(spec.name))
        return process.adopt(found) if found else None

    def _start(self, spec: ProcessSpec) -> Handle | Diagnosis:
        obstacle = preflight.check(spec)
        if obstacle is not None:
            return obstacle
        with suppress(OSError):
            logs.mark_start(Path(spec.log), spec.name, time.time())
        try:
            return process.start(spec, self.marker(spec.name))
        except OSError as error:
            what = f"{spec.argv[0]} cannot be executed: {error.strerror}."
            return Diagnosis(Cause.CANNOT_EXECUTE, what, "Is it installed, and executable?")

    def _not_started(self, name: str, diagnosis: Diagnosis) -> None:
        log.warning("%s: %s", name, diagnosis.what)
        self.world = reconcile.ended(self.world, name, Failure(diagnosis), time.monotonic())

    def _hold(self, name: str, handle: Handle, watch: Watch) -> None:
        self._handles[name] = handle
        self._watches[name] = watch
        # The end of a process needs no callback: the next tick looks at every handle.
        self._selector.register(handle, selectors.EVENT_READ, _nothing)

    def _forget(self, name: str) -> None:
        self._selector.unregister(self._handles.pop(name))
        self._watches.pop(name, None)

    def marker(self, name: str) -> str:
        return f"{self.paths.root.resolve()}:{name}"

    # Record

    def _record(self) -> None:
        """On a full disk the loop goes on and tries again: a process that is not recorded is found by its mark."""
        durable = record.durable(self.world)
        if durable == self._recorded:
            return
        raw = record.world_to_json(self.world, now=time.monotonic(), wall=time.time())
        try:
            record.save(self.paths.processes, raw)
        except OSError as error:
            log.error("cannot write %s: %s", self.paths.processes, error)
            return
        self._recorded = durable

    def _restore(self) -> None:
        now = time.monotonic()
        loaded = record.load(self.paths.processes, now=now, wall=time.time())
        entries = {name: self._take_back(entry, now) for name, entry in loaded.entries.items()}
        self.world = replace(self.world, entries=entries)

    def _take_back(self, entry: Entry, now: float) -> Entry:
        name = entry.spec.name
        handle = (process.adopt(entry.child) if entry.child else None) or self._find(entry.spec)
        if handle is None:
            _log_lost(entry)
            return reconcile.restore(entry, None, now)
        log.info("%s: adopted, pid %d", name, handle.child.pid)
        self._hold(name, handle, self._watch_of(entry.spec, adopted=True))
        return reconcile.restore(entry, handle.child, now)

    def _rotate(self) -> None:
        now = time.monotonic()
        if now - self._rotated < ROTATE_EVERY:
            return
        self._rotated = now
        paths = [Path(entry.spec.log) for entry in self.world.entries.values()]
        for path in (*paths, self.paths.log("supervisor")):
            with suppress(OSError):
                logs.rotate(path)

    # Answers

    def statuses(self) -> tuple[ProcessStatus, ...]:
        now, wall = time.monotonic(), time.time()
        return tuple(self._status(entry, wall - now) for entry in self.world.entries.values())

    def _status(self, entry: Entry, epoch: float) -> ProcessStatus:
        """`epoch`: what turns monotonic seconds into Unix seconds."""
        why = reconcile.summary(self.world, entry)
        failed = entry.failure if entry.state not in ALIVE else None
        return ProcessStatus(
            name=entry.spec.name,
            kind=entry.spec.kind,
            state=entry.state,
            pid=entry.child.pid if entry.child else None,
            since=epoch + entry.since,
            restarts=entry.restarts,
            exit_code=failed.exit_code if failed else None,
            reason=why.what if why else None,
            hint=why.hint if why else None,
            rss_bytes=process.rss_bytes(entry.child.pid) if entry.child else None,
            labels=entry.spec.labels,
            cause=why.cause.value if why else None,
            last_lines=failed.last_lines if failed else (),
            progress=entry.progress,
            crash=reconcile.crash(entry, epoch),
        )


def _nothing(_events: int) -> None: ...


def _log_lost(entry: Entry) -> None:
    if entry.child is None:
        return
    verdict = process.verify(entry.child)
    log.warning("%s: not adopted, pid %d: %s", entry.spec.name, entry.child.pid, verdict.value)


def _log_moves(before: World, after: World) -> None:
    for name, entry in after.entries.items():
        old = before.entries.get(name)
        if old is not None and old.state is not entry.state:
            log.info("%s: %s -> %s", name, old.state, entry.state)


def install_signals(supervisor: Supervisor) -> None:
    """SIGTERM and SIGINT stop everything; the terminal's end is none of the supervisor's business."""

    def stop(number: int, frame: object) -> None:
        log.info("%s: stopping everything", signal.Signals(number).name)
        supervisor.close_down()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
