"""Gathers from the operating system what a diagnosis needs and a log cannot say: who holds a port, was memory short.

Reads /proc only; what it may not see is None, never a guess.
"""

from __future__ import annotations

import errno
import shutil
import socket
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from broker.diagnosis import PortOwner, taken_addresses
from broker.process import read_argv
from broker.processes import ProcessSpec

_PROC = Path("/proc")
_LISTEN = "0A"
_ROOM = 1024 * 1024
#: A process that ended for want of space needs so much before it is started again: indexes, checkpoints, its log.
START_ROOM = 16 * _ROOM


def split_address(address: str) -> tuple[str, int] | None:
    host, _, port = address.rpartition(":")
    return (host.strip("[]"), int(port)) if port.isdigit() else None


def is_taken(address: str) -> bool:
    """Whether a bind would fail as the broker's would; TIME_WAIT does not count (Java sets SO_REUSEADDR too)."""
    split = split_address(address)
    if split is None:
        return False
    with socket.socket(socket.AF_INET6 if ":" in split[0] else socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(split)
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False


def taken(addresses: Iterable[str]) -> tuple[str, ...]:
    return tuple(address for address in addresses if is_taken(address))


def port_owner(address: str) -> PortOwner | None:
    split = split_address(address)
    inodes = set(_listening_inodes(split[1]) if split else ())
    for pid in (int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit()):
        if inodes and not inodes.isdisjoint(_socket_inodes(pid)):
            return PortOwner(pid, command(pid))
    return None


def _listening_inodes(port: int) -> Iterator[str]:
    for table in ("tcp", "tcp6"):
        try:
            rows = (_PROC / "net" / table).read_text().splitlines()[1:]
        except OSError:
            continue
        for row in rows:
            columns = row.split()
            if columns[3] == _LISTEN and int(columns[1].rpartition(":")[2], 16) == port:
                yield columns[9]


def _socket_inodes(pid: int) -> Iterator[str]:
    try:
        links = [str(link.readlink()) for link in (_PROC / str(pid) / "fd").iterdir()]
    except OSError:
        return
    for link in links:
        if link.startswith("socket:["):
            yield link[8:-1]


def command(pid: int) -> str:
    """The program, and of an interpreter or a JVM what it runs: the argument list may be thousands of characters long."""
    argv = read_argv(pid)
    if not argv or not argv[0]:
        return "unknown"
    words = [argv[0].rpartition("/")[2], *(word for word in argv[1:] if not word.startswith("-"))]
    return " ".join(words)[:120]


def full_disks(spec: ProcessSpec, room: int = _ROOM) -> tuple[str, ...]:
    """The directories of a process whose disk has less room left than that; each disk once."""
    places = [*(str(Path(file).parent) for file in spec.expect), spec.cwd, str(Path(spec.log).parent)]
    found: dict[int, str] = {}
    for place in places:
        try:
            if shutil.disk_usage(place).free < room:
                found.setdefault(Path(place).stat().st_dev, place)
        except OSError:
            continue
    return tuple(found.values())


def memory_kills() -> int:
    """How often the kernel has killed a process for want of memory since boot."""
    try:
        rows = (_PROC / "vmstat").read_text().splitlines()
    except OSError:
        return 0
    return next((int(row.split()[1]) for row in rows if row.startswith("oom_kill ")), 0)


def owners(spec: ProcessSpec, lines: Sequence[str]) -> dict[str, PortOwner | None]:
    """Who holds the ports that a process could not get: those its log names, else those it needs and are taken."""
    if not any("already in use" in line for line in lines):
        return {}
    addresses = taken_addresses(lines) or taken(spec.ports)
    return {address: port_owner(address) for address in addresses}
