"""Runs a program that may not look into a directory, but for some places in it: `python confine.py FLAGS -- program …`.

A Connect worker runs other people's plugins with settings that other people type, beside the keys and the database of the whole
installation. What checks of settings miss, the kernel refuses:

- Files (Landlock, Linux 5.13 and later): of the machine what belongs to the system can be read, of the directory what was
  named, and nothing else; nothing can be written but where that was said.
- Sockets (seccomp): only those of the network. Through one in the file system the supervisor, Redis or a container engine would
  do for it what it may not do itself, and Landlock has no right for them.
- What an administrator may (capabilities): nothing but to pass the modes of files.

Where the kernel cannot, the program just runs, and says so in its log. Standard library only: it runs before anything of ours is
imported.
"""

from __future__ import annotations

import argparse
import ctypes
import errno
import os
import platform
import socket
import sys
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

# include/uapi/linux/landlock.h
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
REMOVE_DIR, REMOVE_FILE = 1 << 4, 1 << 5
MAKE_CHAR, MAKE_DIR, MAKE_REG, MAKE_SOCK, MAKE_FIFO, MAKE_BLOCK, MAKE_SYM = (1 << bit for bit in range(6, 13))
REFER, TRUNCATE = 1 << 13, 1 << 14
READ = EXECUTE | READ_FILE | READ_DIR
WRITE = WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | MAKE_SOCK | MAKE_FIFO | MAKE_SYM
#: Rights that a rule on a file may have.
OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE
SCOPE_ABSTRACT_UNIX_SOCKET, SCOPE_SIGNAL = 1, 2
RULE_PATH_BENEATH, CREATE_RULESET_VERSION = 1, 1
# include/uapi/linux/prctl.h, capability.h
NO_NEW_PRIVS, SET_SECCOMP, CAPBSET_DROP, CAP_AMBIENT, CAP_AMBIENT_CLEAR_ALL = 38, 22, 24, 47, 4
CAPABILITY_VERSION_3, LAST_CAPABILITY = 0x20080522, 63
#: The data directory may lie below one of somebody else's, as in a container.
CAP_DAC_OVERRIDE = 1
# From include/uapi/linux: seccomp.h, filter.h, audit.h.
MODE_FILTER, ALLOW, REFUSE = 2, 0x7FFF0000, 0x00050000
LOAD, EQUAL, AT_LEAST, MASKED, ANSWER = 0x20, 0x15, 0x35, 0x54, 0x06
#: Without SOCK_NONBLOCK and SOCK_CLOEXEC.
TYPE_OF_SOCKET = 0xF
NUMBER, ARCHITECTURE, FIRST_ARGUMENT, SECOND_ARGUMENT = 0, 4, 16, 24
#: By machine: the kernel's name for it, its numbers of socket and socketpair.
MACHINES = {"x86_64": (0xC000003E, 41, 53), "aarch64": (0xC00000B7, 198, 199)}
#: Of x86_64: numbers from here on are those of x32.
X32 = 0x40000000
#: It opens sockets without a system call of that name; the same number everywhere.
SYS_IO_URING_SETUP = 425
#: Netlink tells which addresses a machine has: resolvers ask.
FAMILIES = (socket.AF_INET, socket.AF_INET6, 16)
#: The same numbers on every architecture since they were made (5.13).
SYS_CREATE_RULESET, SYS_ADD_RULE, SYS_RESTRICT_SELF = 444, 445, 446


#: Programs, libraries, settings, and which servers know names. Homes, /tmp, /srv and what services keep below /var are not among them.
SYSTEM = (
    "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/usr", "/opt", "/nix", "/gnu", "/etc", "/proc", "/sys", "/var/lib/ca-certificates",
    "/run/systemd/resolve", "/run/resolvconf", "/run/NetworkManager",
)  # fmt: skip
#: Not disks, nor memory that others share.
DEVICES = ("null", "zero", "full", "random", "urandom", "tty", "fd", "stdin", "stdout", "stderr")
PRIVATE = (
    "/etc/shadow", "/etc/shadow-", "/etc/gshadow", "/etc/gshadow-", "/etc/sudoers", "/etc/sudoers.d", "/etc/ssh", "/etc/ssl/private",
    "/etc/pki/tls/private", "/etc/letsencrypt", "/etc/krb5.keytab", "/etc/kubernetes", "/etc/rancher", "/etc/wireguard",
    "/etc/NetworkManager",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rule:
    path: Path
    access: int


def rules(closed: Path, read: Sequence[Path], write: Sequence[Path]) -> Iterator[Rule]:
    """What is the system's, around the closed directory and what is private to others there."""
    away = {closed.resolve(), *map(Path, PRIVATE)}
    for each in map(Path, SYSTEM):
        yield from _around(each, away)
    yield from (Rule(Path("/dev", name), READ | WRITE_FILE) for name in DEVICES)
    yield from (Rule(each.resolve(), READ) for each in read)
    yield from (Rule(each.resolve(), READ | WRITE | TRUNCATE | REFER) for each in write)


def _around(place: Path, away: Collection[Path]) -> Iterator[Rule]:
    """A right to a directory is one to all in it: where something lies that is closed, its neighbours are named."""
    if not any(each.is_relative_to(place) for each in away):
        yield Rule(place, READ)
    elif place not in away:
        for child in sorted(_children(place)):
            yield from _around(child, away)


def _children(directory: Path) -> Iterator[Path]:
    try:
        yield from (each for each in directory.iterdir() if not each.is_symlink())
    except OSError:
        return


class RulesetAttr(ctypes.Structure):
    _fields_ = (("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class PathBeneathAttr(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("access", ctypes.c_uint64), ("parent", ctypes.c_int32))


class Unsupported(Exception):
    pass


def restrict(found: Sequence[Rule]) -> None:
    """This thread and whatever it becomes; raises `Unsupported` where the kernel cannot."""
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(
        SYS_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(CREATE_RULESET_VERSION)
    )
    if version < 1:
        raise Unsupported(os.strerror(ctypes.get_errno()))
    handled = _handled(version)
    scoped = SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL if version >= 6 else 0
    attr = RulesetAttr(handled, 0, scoped)
    size = ctypes.sizeof(attr) if version >= 6 else 8
    ruleset = libc.syscall(SYS_CREATE_RULESET, ctypes.byref(attr), ctypes.c_size_t(size), ctypes.c_uint32(0))
    if ruleset < 0:
        raise Unsupported(os.strerror(ctypes.get_errno()))
    for rule in found:
        _add(libc, ruleset, rule, handled)
    libc.prctl(NO_NEW_PRIVS, 1, 0, 0, 0)
    if libc.syscall(SYS_RESTRICT_SELF, ruleset, ctypes.c_uint32(0)):
        raise Unsupported(os.strerror(ctypes.get_errno()))
    os.close(ruleset)


class Filter(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_uint16), ("yes", ctypes.c_uint8), ("no", ctypes.c_uint8), ("k", ctypes.c_uint32),
    )  # fmt: skip


class FilterProgram(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("first", ctypes.POINTER(Filter)))


def sockets_filter(machine: str) -> list[tuple[int, int, int, int]]:
    """The rule in BPF: code, instructions to skip if so, if not, operand. Raises `Unsupported` for other machines."""
    if machine not in MACHINES:
        raise Unsupported(f"no filter of system calls for {machine}")
    architecture, a_socket, a_pair = MACHINES[machine]
    refuse, allow = (ANSWER, 0, 0, REFUSE | errno.EACCES), (ANSWER, 0, 0, ALLOW)
    return [
        (LOAD, 0, 0, ARCHITECTURE),
        # System calls of another kind of program, such as one of 32 bits, have other numbers.
        (EQUAL, 1, 0, architecture), refuse,
        (LOAD, 0, 0, NUMBER),
        (AT_LEAST, 0, 1, X32), refuse,
        (EQUAL, 0, 1, SYS_IO_URING_SETUP), (ANSWER, 0, 0, REFUSE | errno.ENOSYS),
        # A pair of streams is connected, and cannot be connected again; one for datagrams could be sent elsewhere.
        (EQUAL, 0, 5, a_pair),
        (LOAD, 0, 0, SECOND_ARGUMENT), (MASKED, 0, 0, TYPE_OF_SOCKET), (EQUAL, 1, 0, socket.SOCK_STREAM), refuse, allow,
        (EQUAL, 1, 0, a_socket), allow,
        (LOAD, 0, 0, FIRST_ARGUMENT),
        *((EQUAL, len(FAMILIES) - at, 0, family) for at, family in enumerate(FAMILIES)), refuse, allow,
    ]  # fmt: skip


def no_other_sockets() -> None:
    """Only those of the network can be made from here on; raises `Unsupported` where that cannot be."""
    lines = sockets_filter(platform.machine())
    array = (Filter * len(lines))(*(Filter(*line) for line in lines))
    program = FilterProgram(len(lines), array)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(NO_NEW_PRIVS, 1, 0, 0, 0)
    if libc.prctl(SET_SECCOMP, MODE_FILTER, ctypes.byref(program), 0, 0):
        raise Unsupported(os.strerror(ctypes.get_errno()))


def no_privileges() -> None:
    """Of root's: nothing remains that would lead round the rules. Who is not root has none to lose."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(CAP_AMBIENT, CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    for capability in range(LAST_CAPABILITY + 1):
        if capability != CAP_DAC_OVERRIDE:
            libc.prctl(CAPBSET_DROP, capability, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    now = (ctypes.c_uint32 * 6)()
    libc.capget(header, now)
    kept = 1 << CAP_DAC_OVERRIDE
    # Effective, permitted, inheritable: of the first 32, of the others.
    libc.capset(header, (ctypes.c_uint32 * 6)(now[0] & kept, now[1] & kept, 0, 0, 0, 0))


def _handled(version: int) -> int:
    everything = READ | WRITE | MAKE_CHAR | MAKE_BLOCK
    return everything | (REFER if version >= 2 else 0) | (TRUNCATE if version >= 3 else 0)


def _add(libc: ctypes.CDLL, ruleset: int, rule: Rule, handled: int) -> None:
    try:
        place = os.open(rule.path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    access = rule.access & handled & (~0 if rule.path.is_dir() else OF_FILES)
    attr = PathBeneathAttr(access, place)
    libc.syscall(SYS_ADD_RULE, ruleset, RULE_PATH_BENEATH, ctypes.byref(attr), ctypes.c_uint32(0))
    os.close(place)


def argv(
    closed: Path, read: Sequence[Path], write: Sequence[Path], program: Sequence[str]
) -> tuple[str, ...]:
    """The command line that runs the program so."""
    flags = [
        ("--closed", closed),
        *(("--read", each) for each in read),
        *(("--write", each) for each in write),
    ]
    return (
        sys.executable, "-I", "-S", str(Path(__file__).absolute()),
        *(text for flag, path in flags for text in (flag, str(path.absolute()))), "--", *program,
    )  # fmt: skip


def _warn(text: str) -> None:
    sys.stdout.write(f"WARN {text}\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--closed", type=Path, required=True)
    parser.add_argument("--read", type=Path, action="append", default=[])
    parser.add_argument("--write", type=Path, action="append", default=[])
    parser.add_argument("program", nargs="+")
    asked = parser.parse_args()
    no_privileges()
    try:
        restrict([*rules(asked.closed, asked.read, asked.write)])
    except (Unsupported, AttributeError, OSError) as error:
        _warn(f"Files of Kastellan are not closed to this process: no Landlock ({error})")
    try:
        no_other_sockets()
    except (Unsupported, AttributeError, OSError) as error:
        _warn(f"Sockets of this machine are not closed to this process: no seccomp ({error})")
    os.execv(asked.program[0], asked.program)  # noqa: S606  # it is what this is for


if __name__ == "__main__":
    main()
