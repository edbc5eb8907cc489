"""An installation of its own for fault drills, started by `./run` as a person would, in a directory that ends with it.

Kills go through pidfds to pids that the supervisor names, so that nothing else can be hit.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from broker.cluster import load_cluster
from broker.control import ControlClient, NoSupervisor
from broker.health import JolokiaFacts
from broker.paths import DataPaths
from broker.processes import ProcessStatus
from tests.faults.load import Connection, connection

ROOT = Path(__file__).resolve().parents[2]
BROKERS = ("main-broker-1", "main-broker-2", "main-broker-3")
COMMAND_TIMEOUT_S = 300
ARTIFACTS = "KASTELLAN_ARTIFACTS"


class DrillFailed(Exception):
    """A command of the installation failed, or something did not come back."""


@dataclass(frozen=True)
class Installation:
    """`settings`: of its environment, beyond what every drill has."""

    root: Path
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def paths(self) -> DataPaths:
        return DataPaths(self.root)

    @property
    def link(self) -> Connection:
        return connection(self.root / "clients" / "admin" / "kcat.conf")

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            [str(ROOT / "run"), *arguments],
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=COMMAND_TIMEOUT_S,
            check=False,
        )
        if done.returncode != 0:
            raise DrillFailed(f"./run {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def broker(self, *arguments: str) -> str:
        """`python -m broker`, as somebody without the control plane would use it."""
        done = subprocess.run(
            [sys.executable, "-m", "broker", *arguments],
            cwd=ROOT,
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=COMMAND_TIMEOUT_S,
            check=False,
        )
        if done.returncode != 0:
            raise DrillFailed(f"python -m broker {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def up(self) -> None:
        self.run("up", "--detach")

    def down(self) -> None:
        self.run("down")

    def starting(self) -> subprocess.Popen[bytes]:
        """`up --detach` in the background, for those who watch meanwhile; `said` has its output."""
        with self._output.open("wb") as output:
            return subprocess.Popen(
                [str(ROOT / "run"), "up", "--detach"],
                env=self._environment(),
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def said(self) -> str:
        return self._output.read_text(errors="replace")

    @property
    def _output(self) -> Path:
        return self.root.parent / "up.log"

    def status(self) -> dict[str, Any]:
        report: dict[str, Any] = json.loads(self.run("status", "--json"))
        return report

    def processes(self) -> Mapping[str, ProcessStatus]:
        """As `./run status` has it, without the second that its start costs; empty while no supervisor answers."""
        try:
            return {process.name: process for process in ControlClient(self.paths).status()}
        except NoSupervisor:
            return {}

    def pid(self, name: str) -> int:
        if name == "supervisor":
            return int(json.loads(self.paths.supervisor_pid.read_text())["pid"])
        process = self.processes().get(name)
        if process is None or process.pid is None:
            raise DrillFailed(f"{name} does not run: {process}")
        return process.pid

    def pids(self, names: Sequence[str]) -> tuple[int, ...]:
        return tuple(self.pid(name) for name in names)

    def web_answers(self) -> bool:
        url = self.url
        try:
            with urllib.request.urlopen(f"{url}/healthz", timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def controller(self) -> str:
        """The process of the active controller, "" while there is none."""
        spec = load_cluster(self.paths)
        assert spec is not None
        leader = JolokiaFacts(self.paths, spec).view().quorum.leader
        return f"main-broker-{leader}" if leader is not None else ""

    def left(self) -> tuple[tuple[int, str], ...]:
        """Every live process whose arguments or environment name this data directory."""
        return tuple(_processes_of(self.root))

    @property
    def url(self) -> str:
        recorded = json.loads(self.paths.settings.read_text())
        return f"http://{recorded.get('host', '127.0.0.1')}:{recorded['port']}"

    def _environment(self) -> dict[str, str]:
        """Of the caller's settings only the shared downloads: its ports and databases are its own."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("KASTELLAN_", "DJANGO_", "PYTEST_"))
        }
        artifacts = os.environ.get(ARTIFACTS, str(ROOT / ".cache" / "artifacts"))
        return {
            **kept,
            ARTIFACTS: artifacts,
            "KASTELLAN_DATA": str(self.root),
            "TERM": "dumb",
            **self.settings,
        }


def kill(pids: Sequence[int]) -> None:
    """SIGKILL to all of them as close to at once as it gets."""
    descriptors = [os.pidfd_open(pid) for pid in pids]
    try:
        for descriptor in descriptors:
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def _processes_of(root: Path) -> Iterator[tuple[int, str]]:
    name = os.fsencode(root)
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (directory / "cmdline").read_bytes()
            environment = (directory / "environ").read_bytes()
        except OSError:
            continue
        if int(directory.name) != os.getpid() and arguments and name in arguments + environment:
            yield int(directory.name), arguments.replace(b"\0", b" ").decode(errors="replace")[:200]


@contextmanager
def installation(**settings: str) -> Iterator[Installation]:
    """Up; afterwards down, and whatever then is left is told and ended, by pid."""
    with tempfile.TemporaryDirectory(prefix="kastellan-faults-") as directory:
        made = Installation(Path(directory) / "data", settings)
        try:
            made.up()
            yield made
        finally:
            end(made)


def end(made: Installation) -> None:
    try:
        made.down()
    except (DrillFailed, subprocess.TimeoutExpired) as error:
        print(error, file=sys.stderr)
    for _ in range(50):
        if not (left := made.left()):
            return
        time.sleep(0.1)
    print(f"left after `./run down`, ended now: {left}", file=sys.stderr)
    for pid, _ in left:
        try:
            kill([pid])
        except ProcessLookupError:
            continue
