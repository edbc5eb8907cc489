"""Log files of the supervised processes: rotate them under a running writer, read their end, follow what is new.

Writers hold an append fd and are never told to reopen, so rotation copies and then truncates.
"""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

ROTATE_AT = 10 * 1024 * 1024
KEEP = 5

# Opens each run in a log, so that a diagnosis never reads the failures of an earlier run.
_MARK = "--- kastellan: "
_TAIL_BYTES = 256 * 1024


def mark_start(path: Path, name: str, wall: float) -> None:
    when = datetime.fromtimestamp(wall, UTC).isoformat(timespec="seconds")
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, f"{_MARK}{name} starts at {when} ---\n".encode())
    finally:
        os.close(fd)


def tail(path: Path, lines: int) -> tuple[str, ...]:
    """The last lines, of at most 256 KiB; () when there is no such file."""
    try:
        with path.open("rb") as file:
            start = max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES)
            file.seek(start)
            found = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ()
    return tuple((found[1:] if start else found)[-lines:])


def tail_of_run(path: Path, lines: int) -> tuple[str, ...]:
    """The last lines that belong to the latest run."""
    found = tail(path, lines)
    starts = [number for number, line in enumerate(found) if line.startswith(_MARK)]
    return found[starts[-1] + 1 :] if starts else found


def rotate(path: Path, *, at: int = ROTATE_AT, keep: int = KEEP) -> bool:
    try:
        if path.stat().st_size < at:
            return False
    except OSError:
        return False
    for number in range(keep - 1, 0, -1):
        older = _numbered(path, number)
        if older.exists():
            older.replace(_numbered(path, number + 1))
    shutil.copy2(path, _numbered(path, 1))
    os.truncate(path, 0)
    return True


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")


class Follower:
    """Hands out the complete lines written since it last looked; starts anew when the file was truncated."""

    def __init__(self, path: Path, *, from_end: bool) -> None:
        self._path = path
        self._partial = b""
        self._offset = 0
        if from_end and path.exists():
            self._offset = path.stat().st_size

    def read(self, limit: int = 1024 * 1024) -> tuple[str, ...]:
        try:
            with self._path.open("rb") as file:
                if self._offset > file.seek(0, os.SEEK_END):
                    self._offset, self._partial = 0, b""
                file.seek(self._offset)
                fresh = file.read(limit)
        except OSError:
            return ()
        self._offset += len(fresh)
        *complete, self._partial = (self._partial + fresh).split(b"\n")
        return tuple(line.decode(errors="replace") for line in complete)


def newest(path: Path, limit: int) -> str:
    """The newest `limit` bytes of a log, from a line's start; empty when the process has never run."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - limit, 0))
            text = file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
    return text if size <= limit else text.partition("\n")[2]
