"""Pure: from an exit, the last log lines and facts gathered by others to a cause in plain words and what to do about it.

A *permanent* cause does not go away by starting again: the supervisor gives up at once instead of looping.
The texts matched are those of real processes (see tests/broker/test_diagnosis.py, taken from provoked failures).
"""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self


class Cause(StrEnum):
    PORT_TAKEN = "port_taken"
    STORAGE_MISMATCH = "storage_mismatch"
    NOT_FORMATTED = "not_formatted"
    DISK_FULL = "disk_full"
    WRONG_JAVA = "wrong_java"
    UNREADABLE_KEY = "unreadable_key"
    DIRECTORY_LOCKED = "directory_locked"
    OUT_OF_MEMORY = "out_of_memory"
    KILLED = "killed"
    BAD_CONFIG = "bad_config"
    CANNOT_EXECUTE = "cannot_execute"
    START_TIMEOUT = "start_timeout"
    UNKNOWN = "unknown"


PERMANENT = frozenset(
    {
        Cause.PORT_TAKEN,
        Cause.STORAGE_MISMATCH,
        Cause.NOT_FORMATTED,
        Cause.DISK_FULL,
        Cause.WRONG_JAVA,
        Cause.UNREADABLE_KEY,
        Cause.DIRECTORY_LOCKED,
        Cause.BAD_CONFIG,
        Cause.CANNOT_EXECUTE,
    }
)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    cause: Cause
    what: str
    hint: str = ""

    @property
    def permanent(self) -> bool:
        return self.cause in PERMANENT

    def to_json(self) -> dict[str, str]:
        return {"cause": self.cause.value, "what": self.what, "hint": self.hint}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        return cls(Cause(raw["cause"]), raw["what"], raw.get("hint", ""))


@dataclass(frozen=True, slots=True)
class PortOwner:
    pid: int
    command: str

    def __str__(self) -> str:
        return f"process {self.pid} ({self.command})"


@dataclass(frozen=True, slots=True)
class Facts:
    """What the log cannot say. `owners`: "host:port" of a taken port to its owner, None when it cannot be seen.

    `full`: directories of the process on a disk without space; a full disk may leave no trace in a log on that disk.
    """

    owners: Mapping[str, PortOwner | None] = field(default_factory=dict[str, PortOwner | None])
    full: tuple[str, ...] = ()
    memory_limit_kills: int = 0
    timed_out_after: float | None = None


def explain_exit(code: int | None) -> str:
    """`code` as subprocess has it: negative is a signal; None when the process was not our child."""
    if code is None:
        return "ended (it was adopted, so its exit code is unknown)"
    if code >= 0:
        return f"exited with code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"


def _find_timeout(code: int | None, text: str, facts: Facts) -> Diagnosis | None:
    if facts.timed_out_after is None:
        return None
    said = last_error(text.splitlines())
    what = f"It was not ready after {facts.timed_out_after:.0f} s and was stopped"
    hint = "The machine may be too busy; the last lines of its log say what it was doing."
    return Diagnosis(
        Cause.START_TIMEOUT, what + (f"; its last error was: {said[:300]}" if said else "."), hint
    )


_HEAP = re.compile(r"java\.lang\.OutOfMemoryError: (?P<which>[^\n]+)")


def _find_memory(code: int | None, text: str, facts: Facts) -> Diagnosis | None:
    heap = _HEAP.search(text)
    if heap is not None:
        hint = "Give the node a larger heap, or fewer partitions."
        return Diagnosis(Cause.OUT_OF_MEMORY, f"Java ran out of memory ({heap['which'].strip()}).", hint)
    if code == -signal.SIGKILL and facts.memory_limit_kills > 0:
        what = "The kernel killed it because memory ran out (of the machine, or of the container's limit)."
        return Diagnosis(Cause.OUT_OF_MEMORY, what, "Raise the limit, or run less on this machine.")
    return None


# A JVM that is asked to end by a signal exits with 128 + its number.
_ENDED_BY_SIGNAL = frozenset({128 + signal.SIGTERM, 128 + signal.SIGINT, 128 + signal.SIGHUP})


def _find_killed(code: int | None, text: str, facts: Facts) -> Diagnosis | None:
    """After a signal the log says nothing about the cause, unless we sent it to end a start that took too long."""
    if facts.timed_out_after is not None:
        return None
    if code in _ENDED_BY_SIGNAL:
        what = f"It was ended by {signal.Signals((code or 0) - 128).name}; Kastellan did not send it."
    elif code is not None and code < 0 and code != -signal.SIGABRT:
        what = f"It {explain_exit(code)}; Kastellan did not send it."
    else:
        return None
    return Diagnosis(Cause.KILLED, what, "Someone, or the system, ended it.")


Finder = Callable[[int | None, str, Facts], Diagnosis | None]

_BIND = re.compile(
    r"failed to bind to (?P<kafka>\S+?):? Address already in use"
    r"|bind on address \('(?P<host>[^']+)', (?P<port>\d+)"
    r"|listening socket (?P<redis>[\w.:*\[\]]+): bind: Address already in use",
    re.IGNORECASE,
)
_TAKEN = re.compile(r"address already in use", re.IGNORECASE)


def port_taken(address: str, owner: PortOwner | None) -> Diagnosis:
    by = f"by {owner}" if owner else "by a process that this user may not look into"
    hint = (
        "Stop that process. The web server takes another port: KASTELLAN_PORT=N ./run up. "
        "The ports of a cluster are chosen when it is made: KASTELLAN_BROKER_PORTS."
    )
    return Diagnosis(Cause.PORT_TAKEN, f"The port {address} is already taken {by}.", hint)


def _find_port_taken(code: int | None, text: str, facts: Facts) -> Diagnosis | None:
    if not _TAKEN.search(text):
        return None
    found = _BIND.search(text)
    if found is None:
        address, owner = next(iter(facts.owners.items()), ("it needs", None))
        return port_taken(address, owner)
    address = taken_address(found)
    owner = facts.owners.get(address) or next(iter(facts.owners.values()), None)
    return port_taken(address, owner)


def taken_address(found: re.Match[str]) -> str:
    if found["host"]:
        return f"{found['host']}:{found['port']}"
    return (found["kafka"] or found["redis"]).rstrip(".:")


def taken_addresses(lines: Sequence[str]) -> tuple[str, ...]:
    """The addresses that the log says are taken: whose owner is worth looking for."""
    return tuple(dict.fromkeys(taken_address(found) for found in _BIND.finditer("\n".join(lines))))


_MISMATCH_HINT = (
    "Give the node back the directory that belongs to it, or move this one away. Nothing was changed."
)
_DISK_HINT = (
    "Enlarge that disk, or move away what else is on it; never delete files in the data directory. "
    "Of a broker, shorten retention once it runs: only then does Kafka delete what has expired."
)


@dataclass(frozen=True, slots=True)
class _Text:
    """A cause that shows as a text in the log; named groups of the pattern fill `what` and `hint`."""

    cause: Cause
    pattern: re.Pattern[str]
    what: str
    hint: str

    def __call__(self, _code: int | None, text: str, _facts: Facts) -> Diagnosis | None:
        found = self.pattern.search(text)
        if found is None:
            return None
        groups = {name: (value or "").strip().rstrip(".") for name, value in found.groupdict().items()}
        return Diagnosis(self.cause, _tidy(self.what.format(**groups)), self.hint)


def _tidy(sentence: str) -> str:
    """Without the places that the log left empty."""
    return sentence.replace(" ()", "").replace(": .", ".")


def _text(cause: Cause, pattern: str, what: str, hint: str) -> _Text:
    return _Text(cause, re.compile(pattern, re.DOTALL), what, hint)


_TEXTS = (
    _text(
        Cause.WRONG_JAVA,
        r"UnsupportedClassVersionError|Unrecognized (?:VM )?option:? '?-?\S+",
        "This Java is too old for this Kafka: it cannot read its classes or its options.",
        "Unset JAVA_HOME to use the bundled Java, or point it to a newer one.",
    ),
    _text(
        Cause.DIRECTORY_LOCKED,
        r"Failed to acquire lock on file \.lock in (?P<dir>\S+?)\. A Kafka instance",
        "Another broker is running on the data directory {dir}: it holds the lock.",
        "Stop the other broker first. Two brokers on one directory would destroy it, so Kafka refuses.",
    ),
    _text(
        Cause.STORAGE_MISMATCH,
        r"Stored node id (?P<read>\d+) doesn't match previous node id (?P<expected>\d+) in (?P<file>\S+?)\. ",
        "The data directory belongs to another node: {file} says node.id={read}, this is node {expected}.",
        _MISMATCH_HINT,
    ),
    _text(
        Cause.STORAGE_MISMATCH,
        r"INCONSISTENT_CLUSTER_ID|Invalid cluster\.id in",
        "The data directory belongs to another cluster.",
        _MISMATCH_HINT,
    ),
    _text(
        Cause.NOT_FORMATTED,
        r"No readable meta\.properties files found|No `?meta\.properties`? found in",
        "The data directory has no readable meta.properties: it is not formatted, or not mounted.",
        "If its disk is not mounted, mount it. Nothing was changed.",
    ),
    _text(
        Cause.UNREADABLE_KEY,
        r"InvalidConfigurationException: Failed to load \S+ (?:SSL )?(?:keystore|truststore) (?P<file>\S+)"
        r"(?:.*?Caused by: \S+(?:Exception|Error): (?P<why>(?!Invalid PEM)[^\n]+))?",
        "The key or certificate {file} cannot be used: {why}.",
        "Look at the file's content, mode and owner; ./run up issues certificates that are missing.",
    ),
    _text(
        Cause.DISK_FULL,
        r"(?:(?:in|for) dir (?P<dir>/\S+).{0,200}?)?(?:No space left on device|Disk quota exceeded)",
        "The disk is full ({dir}).",
        _DISK_HINT,
    ),
)


def diagnose(code: int | None, lines: Sequence[str], facts: Facts) -> Diagnosis:
    text = "\n".join(lines) + "\n"
    for find in _FINDERS:
        found = find(code, text, facts)
        if found is not None:
            return found
    return _unknown(code, lines)


def _find_full_disk(code: int | None, _text: str, facts: Facts) -> Diagnosis | None:
    if code == 0 or not facts.full:
        return None
    return Diagnosis(Cause.DISK_FULL, f"The disk is full ({', '.join(facts.full)}).", _DISK_HINT)


def storage_mismatch(file: str, text: str, expected: Sequence[str]) -> Diagnosis | None:
    """Before a start: what the file of a data directory says, against what this node is."""
    lines = {key: value for key, _, value in (line.partition("=") for line in text.splitlines())}
    for line in expected:
        key, _, value = line.partition("=")
        if lines.get(key) != value:
            said = f"{key}={lines[key]}" if key in lines else f"nothing about {key}"
            what = f"The data directory is not this node's: {file} says {said}, expected is {line}."
            return Diagnosis(Cause.STORAGE_MISMATCH, what, _MISMATCH_HINT)
    return None


_BAD_CONFIG = _text(
    Cause.BAD_CONFIG,
    r"(?:ConfigException|fatal exception \(kafka\.Kafka\$\)\s+java\.lang\.IllegalArgumentException): (?P<said>[^\n]+)",
    "Its configuration is refused: {said}",
    "Correct the setting, then start the process.",
)

# Ordered: what is certain first; a signal hides what the log says; a timeout only explains what nothing else does.
_FINDERS: tuple[Finder, ...] = (
    _find_memory,
    _find_killed,
    _find_port_taken,
    *_TEXTS,
    _find_full_disk,
    _BAD_CONFIG,
    _find_timeout,
)

_ERROR = re.compile(r"\bERROR\b|\bFATAL\b|^(?:Caused by: )?[\w.$]*(?:Exception|Error)\b|^error:|^Error:")


def last_error(lines: Sequence[str]) -> str:
    return next((line.strip() for line in reversed(lines) if _ERROR.search(line)), "")


def _unknown(code: int | None, lines: Sequence[str]) -> Diagnosis:
    said = last_error(lines)
    what = f"It {explain_exit(code)}" + (f"; its last error was: {said[:300]}" if said else ".")
    return Diagnosis(Cause.UNKNOWN, what, "The last lines of its log say more.")
