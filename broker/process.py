"""One process of the operating system: start it in its own session, recognise it again, signal it, see it end, end its group.

A process is ours only if boot id, pid, start time and argv all agree with what was recorded; every signal goes through
a pidfd that was opened before that check, so a reused pid can never be hit.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from broker.processes import Child, ProcessSpec

# In the environment of every child, inherited by its children: finds what a supervisor started but could not record.
MARKER = "KASTELLAN_PROCESS"

_PROC = Path("/proc")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Verdict(StrEnum):
    """What a look at the process table says about a recorded child."""

    OURS = "ours"
    GONE = "gone"
    OTHER_BOOT = "recorded before the machine restarted"
    OTHER_START = "the pid belongs to a process with another start time"
    OTHER_ARGV = "the command line of the pid lacks what identifies this process"


@dataclass(frozen=True, slots=True)
class Stat:
    state: str
    session: int
    start_ticks: int


@cache
def boot_id() -> str:
    return (_PROC / "sys/kernel/random/boot_id").read_text().strip()


def read_stat(pid: int) -> Stat | None:
    """Fields 3, 6 and 22 of /proc/pid/stat; the command name may hold spaces and parentheses, so count from its end."""
    try:
        raw = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    rest = raw[raw.rindex(")") + 2 :].split()
    return Stat(state=rest[0], session=int(rest[3]), start_ticks=int(rest[19]))


def read_argv(pid: int) -> tuple[str, ...]:
    try:
        raw = (_PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return ()
    return tuple(part.decode(errors="replace") for part in raw.rstrip(b"\0").split(b"\0"))


def read_marker(pid: int) -> str | None:
    prefix = MARKER.encode() + b"="
    try:
        raw = (_PROC / str(pid) / "environ").read_bytes()
    except OSError:
        return None
    return next(
        (
            part[len(prefix) :].decode(errors="replace")
            for part in raw.split(b"\0")
            if part.startswith(prefix)
        ),
        None,
    )


def rss_bytes(pid: int) -> int | None:
    try:
        return int((_PROC / str(pid) / "statm").read_text().split()[1]) * _PAGE
    except (OSError, IndexError):
        return None


def matches(argv: tuple[str, ...], identity: tuple[str, ...]) -> bool:
    return bool(identity) and all(any(wanted in part for part in argv) for wanted in identity)


def verify(child: Child) -> Verdict:
    if child.boot_id != boot_id():
        return Verdict.OTHER_BOOT
    stat = read_stat(child.pid)
    if stat is None or stat.state in "ZX":
        return Verdict.GONE
    if stat.start_ticks != child.start_ticks:
        return Verdict.OTHER_START
    return Verdict.OURS if matches(read_argv(child.pid), child.identity) else Verdict.OTHER_ARGV


def _pids() -> Iterator[int]:
    return (int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit())


def find_unrecorded(spec: ProcessSpec, marker: str) -> Child | None:
    """A live process of this name that was started but not recorded (the supervisor was killed in between)."""
    for pid in _pids():
        stat = read_stat(pid)
        if stat is None or stat.session != pid or stat.state in "ZX" or read_marker(pid) != marker:
            continue
        child = Child(pid, stat.start_ticks, boot_id(), spec.identity, marker)
        if verify(child) is Verdict.OURS:
            return child
    return None


class Handle:
    """A live process that was verified to be ours, held by its pidfd (readable when it ends)."""

    def __init__(self, child: Child, pidfd: int, popen: subprocess.Popen[bytes] | None = None) -> None:
        self.child = child
        self.pidfd = pidfd
        self._popen = popen

    def fileno(self) -> int:
        return self.pidfd

    @property
    def adopted(self) -> bool:
        return self._popen is None

    def signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, number)

    def kill_group(self) -> None:
        """SIGKILL for the process and everything else in its session that carries its mark."""
        if verify(self.child) is Verdict.OURS:
            self.signal(signal.SIGKILL)
        kill_session(self.child)

    def ended(self) -> bool:
        if not select.select([self.pidfd], [], [], 0)[0]:
            return False
        return self._popen is None or self._popen.poll() is not None

    @property
    def exit_code(self) -> int | None:
        return None if self._popen is None else self._popen.poll()

    def close(self) -> None:
        os.close(self.pidfd)


def kill_session(child: Child) -> int:
    """SIGKILL for what is left of a session after its leader: each member by its own pidfd, after a check."""
    killed = 0
    if child.boot_id != boot_id():
        return 0
    for pid in _pids():
        if pid != child.pid and _is_member(pid, child):
            killed += _kill_member(pid, child)
    return killed


def _is_member(pid: int, child: Child) -> bool:
    stat = read_stat(pid)
    return (
        stat is not None
        and stat.session == child.pid
        and stat.state not in "ZX"
        and read_marker(pid) == child.marker
    )


def _kill_member(pid: int, child: Child) -> bool:
    try:
        fd = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        if not _is_member(pid, child):
            return False
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(fd, signal.SIGKILL)
        return True
    finally:
        os.close(fd)


def start(spec: ProcessSpec, marker: str) -> Handle:
    """Raises OSError when it cannot be executed. The log is an append fd, so the child never needs its parent."""
    log = Path(spec.log)
    log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        popen = subprocess.Popen(
            spec.argv,
            env={**spec.env, MARKER: marker},
            cwd=spec.cwd,
            stdin=subprocess.DEVNULL,
            stdout=fd,
            stderr=fd,
            start_new_session=True,
        )
    finally:
        os.close(fd)
    # Not reaped yet, so the pid cannot have been reused and /proc still has it, even if it ended already.
    stat = read_stat(popen.pid)
    ticks = stat.start_ticks if stat else 0
    return Handle(Child(popen.pid, ticks, boot_id(), spec.identity, marker), os.pidfd_open(popen.pid), popen)


def adopt(child: Child) -> Handle | None:
    """Take a recorded process back, if it is alive and verifiably the same."""
    try:
        pidfd = os.pidfd_open(child.pid)
    except OSError:
        return None
    if verify(child) is Verdict.OURS:
        return Handle(child, pidfd)
    os.close(pidfd)
    return None
