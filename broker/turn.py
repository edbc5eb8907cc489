"""Whose turn it is to disturb a cluster: whoever restarts, stops or adds its nodes holds a lock that ends with the holder.

The control plane's jobs and `python -m broker roll` take the same one, so no two of them are at work at once.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from broker.errors import BundledError
from broker.paths import DataPaths, private_directory

LOCKS = Path("/proc/locks")


class TurnTaken(BundledError):
    """Somebody else disturbs this cluster now."""

    def __init__(self, title: str) -> None:
        super().__init__(f"{title} is at work", "Nothing was done. Start it again when that has ended.")
        self.title = title


@contextmanager
def turn(paths: DataPaths, cluster: str, title: str) -> Generator[None]:
    """Raises TurnTaken at once where another holds it; the kernel drops the lock of a holder that dies."""
    private_directory(paths.state)
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
    descriptor = os.open(_lock_file(paths, cluster), flags, 0o600)
    try:
        _lock(descriptor)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, title.encode(), 0)
        yield
    finally:
        os.close(descriptor)


def holder(paths: DataPaths, cluster: str) -> str | None:
    """The title of whoever has the turn now. Asks the kernel's table, so that looking never takes a turn from anybody."""
    path = _lock_file(paths, cluster)
    try:
        inode = path.stat().st_ino
        held = any(_names(line, inode) for line in LOCKS.read_text().splitlines())
        return path.read_text() if held else None
    except OSError:
        return None


def _names(line: str, inode: int) -> bool:
    """`1: FLOCK  ADVISORY  WRITE 708 fd:01:2098 0 EOF`; a line of somebody who waits has `->` in it."""
    fields = line.split()
    return "FLOCK" in fields and "->" not in fields and any(f.endswith(f":{inode}") for f in fields)


def _lock_file(paths: DataPaths, cluster: str) -> Path:
    return paths.state / f"turn-{cluster}.lock"


def _lock(descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 400, 0).decode("utf-8", "replace")
        raise TurnTaken(holder or "Another operation") from None
