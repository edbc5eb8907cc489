"""Runs a program that may not look into a directory, but for some places in it: `python confine.py FLAGS -- program …`.

A Connect worker runs other people's plugins with settings that other people type, beside the keys and the database of the whole
installation. What checks of settings miss, the kernel refuses (Landlock, Linux 5.13 and later): everything outside of the
directory can be read, nothing can be written, and of the directory only what was named. Elsewhere the program just runs, and
says so in its log. Standard library only: it runs before anything of ours is imported.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

# include/uapi/linux/landlock.h
EXECUTE, WRITE_FILE, READ_FILE = 1 << 0, 1 << 1, 1 << 2
REMOVE_DIR, REMOVE_FILE = 1 << 4, 1 << 5
MAKE_CHAR, MAKE_DIR, MAKE_REG, MAKE_SOCK, MAKE_FIFO, MAKE_BLOCK, MAKE_SYM = (1 << bit for bit in range(6, 13))
REFER, TRUNCATE = 1 << 13, 1 << 14
READ = EXECUTE | READ_FILE
WRITE = WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | MAKE_SOCK | MAKE_FIFO | MAKE_SYM
#: Rights that a rule on a file may have.
OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE
SCOPE_ABSTRACT_UNIX_SOCKET, SCOPE_SIGNAL = 1, 2
RULE_PATH_BENEATH, CREATE_RULESET_VERSION, NO_NEW_PRIVS = 1, 1, 38
#: The same numbers on every architecture since they were made (5.13).
SYS_CREATE_RULESET, SYS_ADD_RULE, SYS_RESTRICT_SELF = 444, 445, 446


@dataclass(frozen=True, slots=True)
class Rule:
    path: Path
    access: int


def rules(closed: Path, read: Sequence[Path], write: Sequence[Path]) -> Iterator[Rule]:
    """Around the closed directory: on the way to it from the root whatever lies beside that way."""
    closed = closed.resolve()
    way = [*reversed(closed.parents), closed]
    for directory, taken in pairwise(way):
        yield from (Rule(each, READ) for each in sorted(_children(directory)) if each != taken)
    yield Rule(Path("/dev"), READ | WRITE_FILE)
    yield from (Rule(each.resolve(), READ) for each in read)
    yield from (Rule(each.resolve(), READ | WRITE | TRUNCATE | REFER) for each in write)


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


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--closed", type=Path, required=True)
    parser.add_argument("--read", type=Path, action="append", default=[])
    parser.add_argument("--write", type=Path, action="append", default=[])
    parser.add_argument("program", nargs="+")
    asked = parser.parse_args()
    try:
        restrict([*rules(asked.closed, asked.read, asked.write)])
    except (Unsupported, AttributeError, OSError) as error:
        sys.stdout.write(f"WARN Files of Kastellan are not closed to this process: no Landlock ({error})\n")
        sys.stdout.flush()
    os.execv(asked.program[0], asked.program)  # noqa: S606  # it is what this is for


if __name__ == "__main__":
    main()
