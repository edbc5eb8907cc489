"""One broker's log directory on a disk of its own, a small tmpfs, and who watches how it fills."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from broker.control import ControlClient
from broker.states import ProcessState
from tests.faults.drill import behind, running, until
from tests.faults.installation import Installation

LOOK_S = 1.0


@dataclass(frozen=True, slots=True)
class SmallDisk:
    data: Path

    @property
    def used(self) -> float:
        usage = shutil.disk_usage(self.data)
        return 1 - usage.free / usage.total

    def enlarge(self, megabytes: int) -> None:
        subprocess.run(["mount", "-o", f"remount,size={megabytes}m", str(self.data)], check=True)


@contextmanager
def small_disk(target: Installation, broker: int, megabytes: int) -> Iterator[SmallDisk]:
    """Stopped, moved onto the disk with all it has, and started again. Unmounted once it is stopped at the end."""
    name, client = f"main-broker-{broker}", ControlClient(target.paths)
    data = target.paths.cluster("main").node(broker).data
    _stop(client, name)
    aside = data.with_name("aside")
    data.rename(aside)
    data.mkdir(mode=0o700)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=700", "tmpfs", str(data)], check=False).returncode:  # fmt: skip
        pytest.skip("this machine does not allow mounts")
    try:
        subprocess.run(["cp", "-a", "--sparse=always", f"{aside}/.", str(data)], check=True)
        client.start(name)
        until(lambda: bool(running(target, (name,))) and not behind(target), f"{name} on its small disk")
        yield SmallDisk(data)
    finally:
        _stop(client, name)
        subprocess.run(["umount", str(data)], check=True)


def _stop(client: ControlClient, name: str) -> None:
    client.stop(name)
    client.wait_for([name], frozenset({ProcessState.STOPPED}), 120)


@dataclass
class Watch:
    """Since when each thing is so, and how full the disk was then. Asked each second by a thread of its own."""

    disk: SmallDisk
    questions: Mapping[str, Callable[[], bool]]
    seen: dict[str, tuple[float, float]] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)

    @contextmanager
    def running(self) -> Iterator[None]:
        over = threading.Event()
        thread = threading.Thread(target=self._run, args=(over,), name="watch", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join(60)

    def _run(self, over: threading.Event) -> None:
        while not over.wait(LOOK_S):
            for name, ask in self.questions.items():
                if name not in self.seen and ask():
                    self.seen[name] = (time.monotonic() - self.began, self.disk.used)
