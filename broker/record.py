"""The supervisor's memory on disk: which processes are wanted, and the identity of those that run.

Written to a temporary file, synced, then renamed, so a crash leaves the old record or the new one, never half of one.
Mode 0600: specifications hold environments.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from broker.diagnosis import Diagnosis
from broker.processes import Child, ProcessSpec
from broker.reconcile import Entry, Failure, World
from broker.states import ProcessState

VERSION = 1


class UnreadableRecord(Exception):
    """The record of the supervisor cannot be read."""


def world_to_json(world: World, *, now: float, wall: float) -> dict[str, Any]:
    return {
        "version": VERSION,
        "processes": [_entry_to_json(entry, wall - (now - entry.since)) for entry in world.entries.values()],
    }


def durable(world: World) -> list[dict[str, Any]]:
    """What must be on disk before anything is done: the record without its clock readings."""
    return [_entry_to_json(entry, 0) for entry in world.entries.values()]


def _entry_to_json(entry: Entry, since: float) -> dict[str, Any]:
    return {
        "spec": entry.spec.to_json(),
        "wanted": entry.wanted,
        "state": entry.state.value,
        "since": round(since, 3),
        "child": entry.child.to_json() if entry.child else None,
        "again": entry.again,
        "removing": entry.removing,
        "restarts": entry.restarts,
        "failures": entry.failures,
        "timed_out": entry.timed_out,
        "failure": _failure_to_json(entry.failure) if entry.failure else None,
    }


def _failure_to_json(failure: Failure) -> dict[str, Any]:
    return {
        "diagnosis": failure.diagnosis.to_json(),
        "exit_code": failure.exit_code,
        "last_lines": list(failure.last_lines),
    }


def world_from_json(raw: Mapping[str, Any], *, now: float, wall: float) -> World:
    entries = [_entry_from_json(item, now, wall) for item in raw["processes"]]
    return World({entry.spec.name: entry for entry in entries})


def _entry_from_json(raw: Mapping[str, Any], now: float, wall: float) -> Entry:
    failure, child = raw.get("failure"), raw.get("child")
    return Entry(
        spec=ProcessSpec.from_json(raw["spec"]),
        wanted=raw["wanted"],
        state=ProcessState(raw["state"]),
        since=now - max(0.0, wall - raw["since"]),
        child=Child.from_json(child) if child else None,
        again=raw["again"],
        removing=raw["removing"],
        restarts=raw["restarts"],
        failures=raw["failures"],
        timed_out=raw["timed_out"],
        failure=_failure_from_json(failure) if failure else None,
    )


def _failure_from_json(raw: Mapping[str, Any]) -> Failure:
    return Failure(Diagnosis.from_json(raw["diagnosis"]), raw["exit_code"], tuple(raw["last_lines"]))


def save(path: Path, raw: Mapping[str, Any]) -> None:
    temporary = path.with_name(f".{path.name}.new")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "w") as file:
        json.dump(raw, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def load(path: Path, *, now: float, wall: float) -> World:
    """An absent record is an empty world."""
    try:
        raw = json.loads(path.read_text())
        return world_from_json(raw, now=now, wall=wall)
    except FileNotFoundError:
        return World()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnreadableRecord(f"{path} cannot be read: {error}") from error
