"""One supervisor per data directory: a lock that the kernel drops with its holder, and the holder's pid beside it."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from types import TracebackType

from broker.paths import DataPaths
from broker.process import boot_id, read_stat


class AlreadySupervised(Exception):
    """Another supervisor holds the lock of this data directory."""

    def __init__(self, root: Path, pid: int | None) -> None:
        self.pid = pid
        who = f"process {pid}" if pid else "another process"
        super().__init__(f"A supervisor is already running for {root}: {who}.")


class SupervisorLock:
    def __init__(self, paths: DataPaths) -> None:
        self._root = paths.root
        self._path = paths.supervisor_lock
        self._holder = paths.supervisor_pid
        self._fd = -1

    def __enter__(self) -> SupervisorLock:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            raise AlreadySupervised(self._root, self._holder_pid()) from None
        self._fd = fd
        self._write_holder()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._holder.unlink(missing_ok=True)
        os.close(self._fd)

    def _write_holder(self) -> None:
        stat = read_stat(os.getpid())
        raw = {"pid": os.getpid(), "start_ticks": stat.start_ticks if stat else 0, "boot_id": boot_id()}
        temporary = self._holder.with_suffix(".new")
        temporary.write_text(json.dumps(raw))
        temporary.chmod(0o600)
        temporary.replace(self._holder)

    def _holder_pid(self) -> int | None:
        try:
            return int(json.loads(self._holder.read_text())["pid"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
