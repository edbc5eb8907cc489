"""Helpers for tests that supervise real processes: small Python children, and a supervisor in a process of its own.

`Rig.close` ends every process that a test started, found by the data directory in their environment.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from broker import process
from broker.control import ControlClient, ControlError, NoSupervisor
from broker.paths import DataPaths
from broker.processes import LogReady, ProcessKind, ProcessSpec, ProcessStatus, Ready
from tests.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
READY = LogReady("^ready$")

SLEEPER = "print('ready', flush=True); import time; time.sleep(600)"
CRASHER = "print('ERROR it does not work', flush=True); raise SystemExit(3)"
STUBBORN = (
    "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); print('ready', flush=True); time.sleep(600)"
)


class Rig:
    def __init__(self, root: Path) -> None:
        self.paths = DataPaths(root / "data").prepare()
        self.client = ControlClient(self.paths)
        self._supervisors: list[subprocess.Popen[bytes]] = []

    def spec(
        self,
        name: str,
        code: str = SLEEPER,
        *,
        ready: Ready | None = READY,
        depends_on: tuple[str, ...] = (),
        env: Mapping[str, str] | None = None,
        start_timeout: float = 20,
        stop_timeout: float = 10,
        ports: tuple[str, ...] = (),
    ) -> ProcessSpec:
        return ProcessSpec(
            name=name,
            kind=ProcessKind.WORKER,
            argv=(sys.executable, "-c", code, f"kastellan-test={name}"),
            env={**os.environ, **(env or {})},
            cwd=str(self.paths.root),
            log=str(self.paths.log(name)),
            identity=(f"kastellan-test={name}",),
            ready=ready,
            depends_on=depends_on,
            start_timeout=start_timeout,
            stop_timeout=stop_timeout,
            ports=ports,
        )

    def supervise(self) -> subprocess.Popen[bytes]:
        with self.paths.log("supervisor").open("ab") as log:
            supervisor = subprocess.Popen(
                [sys.executable, "-m", "broker", "supervise", "--data", str(self.paths.root)],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._supervisors.append(supervisor)
        eventually(self.answers, timeout=10)
        return supervisor

    @property
    def last_supervisor(self) -> subprocess.Popen[bytes]:
        return self._supervisors[-1]

    def answers(self) -> bool:
        try:
            return not self.client.ping()["closing"]
        except NoSupervisor:
            return False

    def kill(self, supervisor: subprocess.Popen[bytes]) -> None:
        supervisor.kill()
        supervisor.wait()

    def kill_child(self, pid: int) -> None:
        assert pid in self.marked()
        os.kill(pid, signal.SIGKILL)

    def status(self, name: str) -> ProcessStatus:
        return next(status for status in self.client.status() if status.name == name)

    def pid(self, name: str) -> int:
        pid = self.status(name).pid
        assert pid is not None
        return pid

    def log(self, name: str) -> str:
        return self.paths.log(name).read_text()

    def marked(self, name: str | None = None) -> set[int]:
        """Every live process that a supervisor of this data directory started, and their children."""
        prefix = f"{self.paths.root.resolve()}:{name or ''}"
        pids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
        return {pid for pid in pids if (process.read_marker(pid) or "").startswith(prefix) and alive(pid)}

    def close(self) -> None:
        with suppress(ControlError):
            self.client.shutdown(stop_children=False)
        for supervisor in self._supervisors:
            with suppress(subprocess.TimeoutExpired):
                supervisor.wait(5)
            supervisor.kill()
            supervisor.wait()
        for pid in self.marked():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def alive(pid: int) -> bool:
    stat = process.read_stat(pid)
    return stat is not None and stat.state not in "ZX"
