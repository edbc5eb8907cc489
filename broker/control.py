"""Talks to the supervisor over its unix socket, and starts one when none answers.

One short connection per call: a client keeps no state, so it survives the supervisor's death and its successor.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from broker.paths import DataPaths
from broker.process import read_stat
from broker.processes import ProcessSpec, ProcessStatus
from broker.states import ProcessState

CALL_TIMEOUT = 10.0
POLL = 0.1
RESPAWN = 5.0
OnChange = Callable[[ProcessStatus], None]


class ControlError(Exception):
    """The supervisor refused: the message says why, `hint` what to do."""

    def __init__(self, what: str, *, code: str = "refused", hint: str = "") -> None:
        super().__init__(what)
        self.code = code
        self.hint = hint


class NoSupervisor(ControlError):
    """Nothing answers on the control socket."""

    def __init__(self, what: str = "No supervisor is running for this data directory.") -> None:
        super().__init__(what, code="no_supervisor", hint="Start one: ./run up, or python -m broker up")


class NotReached(ControlError):
    """Processes did not get where they were awaited; `statuses` are theirs."""

    def __init__(self, what: str, statuses: tuple[ProcessStatus, ...], hint: str = "") -> None:
        super().__init__(what, code="not_reached", hint=hint)
        self.statuses = statuses


class ControlClient:
    def __init__(self, paths: DataPaths) -> None:
        self._socket = paths.control_socket

    def ping(self) -> dict[str, Any]:
        """`pid`, `closing`, `version` of the supervisor."""
        answer: dict[str, Any] = self._call("ping")
        return answer

    def apply(self, specs: Iterable[ProcessSpec], remove: Iterable[str] = ()) -> None:
        self._call("apply", specs=[spec.to_json() for spec in specs], remove=list(remove))

    def status(self) -> tuple[ProcessStatus, ...]:
        return tuple(ProcessStatus.from_json(item) for item in self._call("status"))

    def specs(self) -> tuple[ProcessSpec, ...]:
        return tuple(ProcessSpec.from_json(item) for item in self._call("specs"))

    def start(self, name: str) -> None:
        self._call("start", name=name)

    def stop(self, name: str) -> None:
        self._call("stop", name=name)

    def restart(self, name: str) -> None:
        self._call("restart", name=name)

    def shutdown(self, stop_children: bool = True) -> None:
        self._call("shutdown", stop_children=stop_children)

    def wait_ready(
        self, names: Sequence[str], timeout: float, on_change: OnChange | None = None
    ) -> tuple[ProcessStatus, ...]:
        """Returns when all are RUNNING; raises NotReached when one is FATAL or the time is over."""
        return self.wait_for(names, frozenset({ProcessState.RUNNING}), timeout, on_change)

    def wait_for(
        self,
        names: Sequence[str],
        states: frozenset[ProcessState],
        timeout: float,
        on_change: OnChange | None = None,
    ) -> tuple[ProcessStatus, ...]:
        deadline = time.monotonic() + timeout
        seen: dict[str, tuple[str, str | None, str | None]] = {}
        while True:
            found = {status.name: status for status in self.status()}
            statuses = tuple(found[name] for name in names if name in found)
            _tell(statuses, seen, on_change)
            if len(statuses) == len(names) and all(status.state in states for status in statuses):
                return statuses
            _give_up(statuses, names, states, late=time.monotonic() > deadline)
            time.sleep(POLL)

    def wait_gone(self, timeout: float, on_change: OnChange | None = None) -> None:
        """After `shutdown`: until the supervisor has ended; its socket goes a moment before its process."""
        deadline = time.monotonic() + timeout
        seen: dict[str, tuple[str, str | None, str | None]] = {}
        pid: int | None = None
        while time.monotonic() < deadline:
            try:
                pid = pid or self.ping()["pid"]
                _tell(self.status(), seen, on_change)
            except NoSupervisor:
                if pid is None or (stat := read_stat(pid)) is None or stat.state in "ZX":
                    return
            time.sleep(POLL)
        raise ControlError(f"The supervisor is still stopping processes after {timeout:.0f} s.")

    def _call(self, op: str, **arguments: Any) -> Any:
        answer = json.loads(self._exchange(json.dumps({"op": op, **arguments}).encode() + b"\n"))
        if answer["ok"]:
            return answer["result"]
        raise ControlError(answer["error"]["what"], code=answer["error"]["code"])

    def _exchange(self, request: bytes) -> bytes:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(CALL_TIMEOUT)
            try:
                connection.connect(str(self._socket))
                connection.sendall(request)
                answer = _read_line(connection)
            except TimeoutError as error:
                raise NoSupervisor(f"The supervisor does not answer within {CALL_TIMEOUT:.0f} s.") from error
            except OSError as error:
                raise NoSupervisor from error
        if not answer:
            raise NoSupervisor("The supervisor closed the connection.")
        return answer


def _read_line(connection: socket.socket) -> bytes:
    parts: list[bytes] = []
    while part := connection.recv(65536):
        parts.append(part)
        if part.endswith(b"\n"):
            break
    return b"".join(parts)


def _tell(
    statuses: Iterable[ProcessStatus],
    seen: dict[str, tuple[str, str | None, str | None]],
    on_change: OnChange | None,
) -> None:
    for status in statuses:
        view = (status.state.value, status.reason, status.progress)
        if on_change and seen.get(status.name) != view:
            on_change(status)
        seen[status.name] = view


def _give_up(
    statuses: tuple[ProcessStatus, ...], names: Sequence[str], states: frozenset[ProcessState], *, late: bool
) -> None:
    dead = [s for s in statuses if s.state is ProcessState.FATAL and ProcessState.FATAL not in states]
    if dead:
        raise NotReached(f"{dead[0].name} cannot run: {dead[0].reason}", statuses, dead[0].hint or "")
    if late:
        missing = set(names) - {status.name for status in statuses if status.state in states}
        raise NotReached(f"Not ready in time: {', '.join(sorted(missing))}.", statuses)


def ensure_supervisor(
    paths: DataPaths, python: str = sys.executable, *, timeout: float = 20.0
) -> ControlClient:
    """The client of a live supervisor. Two callers may both start one: the lock lets a single one live."""
    client = ControlClient(paths)
    spawn_at = time.monotonic()
    deadline = spawn_at + timeout
    while (now := time.monotonic()) < deadline:
        try:
            if not client.ping()["closing"]:
                return client
            deadline, spawn_at = now + timeout, now
        except NoSupervisor:
            if now >= spawn_at:
                _spawn_supervisor(paths, python)
                spawn_at = now + RESPAWN
        time.sleep(POLL / 4)
    raise NoSupervisor(f"The supervisor did not come up within {timeout:.0f} s; see {supervisor_log(paths)}.")


def supervisor_log(paths: DataPaths) -> Path:
    return paths.log("supervisor")


def _spawn_supervisor(paths: DataPaths, python: str) -> None:
    """The started process forks and returns at once: the supervisor is nobody's child."""
    log = supervisor_log(paths)
    log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    source = Path(__file__).resolve().parent.parent
    fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        subprocess.run(
            [python, "-m", "broker", "supervise", "--detach", "--data", str(paths.root)],
            env={**os.environ, "PYTHONPATH": str(source), "PYTHONUNBUFFERED": "1"},
            cwd=source,
            stdin=subprocess.DEVNULL,
            stdout=fd,
            stderr=fd,
            start_new_session=True,
            check=False,
        )
    finally:
        os.close(fd)
