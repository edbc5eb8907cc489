"""What a Connect worker answers, as values; an unknown word is kept out of the way, never an exception."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, cast

from controlplane.gateways.connect_secrets import MASK, Reader, is_secret, scrubbed, secret_values, unread


class State(StrEnum):
    """Of a connector and of each of its tasks."""

    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    STOPPED = "STOPPED"
    FAILED = "FAILED"
    UNASSIGNED = "UNASSIGNED"
    RESTARTING = "RESTARTING"
    DESTROYED = "DESTROYED"
    UNKNOWN = "UNKNOWN"

    @classmethod
    def of(cls, word: object) -> State:
        return next((each for each in cls if each.value == word), cls.UNKNOWN)


@dataclass(frozen=True, slots=True)
class TaskStatus:
    id: int
    state: State
    worker: str
    trace: str = ""


@dataclass(frozen=True, slots=True)
class ConnectorStatus:
    """`kind`: source or sink. `trace`: of the connector itself; tasks have their own. Both without secrets."""

    name: str
    state: State
    kind: str
    worker: str
    tasks: tuple[TaskStatus, ...]
    trace: str = ""

    @property
    def failed(self) -> bool:
        return self.state is State.FAILED or any(task.state is State.FAILED for task in self.tasks)

    @property
    def worst(self) -> State:
        """Of connector and tasks: one that runs while a task of it has failed copies less than it should, or nothing."""
        return State.FAILED if self.failed else self.state

    @property
    def traces(self) -> tuple[str, ...]:
        return tuple(trace for trace in (self.trace, *(task.trace for task in self.tasks)) if trace)

    @property
    def running_tasks(self) -> int:
        return sum(task.state is State.RUNNING for task in self.tasks)


@dataclass(frozen=True, slots=True)
class Connector:
    """`config` is as stored, secrets included: for comparing and changing, never for showing."""

    name: str
    kind: str
    plugin: str
    config: Mapping[str, str] = field(repr=False)
    status: ConnectorStatus


@dataclass(frozen=True, slots=True)
class Offset:
    """Both are maps that belong to the connector: a file's name and position, a partition of a topic and an offset."""

    partition: Mapping[str, Any]
    offset: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Worker:
    version: str
    commit: str
    kafka_cluster_id: str


@dataclass(frozen=True, slots=True)
class Plugin:
    name: str
    kind: str
    version: str


def aliases(name: str) -> tuple[str, ...]:
    """As Connect takes plugins: the class, its simple name, and that without `Connector`."""
    simple = name.rpartition(".")[2]
    return name, simple, simple.removesuffix("Connector")


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of a plugin, and what the worker says of the value it was given (masked when it is secret)."""

    name: str
    type: str
    required: bool
    default: str | None
    importance: str
    documentation: str
    group: str
    order: int
    title: str
    value: str | None
    recommended: tuple[str, ...]
    errors: tuple[str, ...]
    visible: bool

    @property
    def secret(self) -> bool:
        return self.type == "PASSWORD" or is_secret(self.name)


@dataclass(frozen=True, slots=True)
class Validation:
    plugin: str
    groups: tuple[str, ...]
    settings: tuple[Setting, ...]

    @property
    def errors(self) -> dict[str, tuple[str, ...]]:
        return {each.name: each.errors for each in self.settings if each.errors}

    @property
    def secrets(self) -> frozenset[str]:
        return frozenset(each.name for each in self.settings if each.secret)


@dataclass(frozen=True, slots=True)
class Logger:
    name: str
    level: str


def config_of(found: Mapping[str, Any]) -> dict[str, str]:
    return {str(key): "" if value is None else str(value) for key, value in found.items()}


def connector_of(name: str, found: Mapping[str, Any], reads: Reader = unread) -> Connector:
    info = part(found, "info")
    config = config_of(part(info, "config"))
    told = part(found, "status")
    # Only a trace can hold a secret: of a thousand connectors that are well, none is looked through.
    status = status_of(told, name, secret_values(config, reads=reads) if _has_trace(told) else ())
    kind = str(info.get("type") or status.kind)
    return Connector(name, kind, config.get("connector.class", ""), config, status)


def _has_trace(status: Mapping[str, Any]) -> bool:
    return any(each.get("trace") for each in (part(status, "connector"), *parts(status, "tasks")))


def status_of(found: Mapping[str, Any], name: str, hide: Collection[str] = ()) -> ConnectorStatus:
    own = part(found, "connector")
    tasks = (
        TaskStatus(
            _number(each.get("id")),
            State.of(each.get("state")),
            str(each.get("worker_id", "")),
            scrubbed(str(each.get("trace") or ""), hide),
        )
        for each in parts(found, "tasks")
    )
    return ConnectorStatus(
        name=str(found.get("name") or name),
        state=State.of(own.get("state")),
        kind=str(found.get("type") or "unknown"),
        worker=str(own.get("worker_id", "")),
        tasks=tuple(sorted(tasks, key=lambda task: task.id)),
        trace=scrubbed(str(own.get("trace") or ""), hide),
    )


def offset_of(found: Mapping[str, Any]) -> Offset:
    return Offset(
        part(found, "partition"), part(found, "offset") if found.get("offset") is not None else None
    )


def validation_of(found: Mapping[str, Any], given: Mapping[str, str], reads: Reader = unread) -> Validation:
    entries = [(part(each, "definition"), part(each, "value")) for each in parts(found, "configs")]
    passwords = [str(about.get("name")) for about, _ in entries if about.get("type") == "PASSWORD"]
    hide = secret_values(given, passwords, reads)
    settings = sorted(
        (_setting(about, value, hide) for about, value in entries), key=lambda each: (each.order, each.name)
    )
    return Validation(str(found.get("name", "")), texts(found, "groups"), tuple(settings))


def _setting(about: Mapping[str, Any], value: Mapping[str, Any], hide: Collection[str]) -> Setting:
    name = str(about.get("name") or value.get("name"))
    kind = str(about.get("type", "STRING"))
    given = _text(value.get("value"))
    if given:
        given = MASK if kind == "PASSWORD" or is_secret(name) else scrubbed(given, hide)
    return Setting(
        name=name,
        type=kind,
        required=bool(about.get("required")),
        default=_text(about.get("default_value")),
        importance=str(about.get("importance", "LOW")),
        documentation=str(about.get("documentation") or ""),
        group=str(about.get("group") or ""),
        order=_number(about.get("order")),
        title=str(about.get("display_name") or name),
        value=given,
        recommended=texts(value, "recommended_values"),
        errors=tuple(scrubbed(each, hide) for each in texts(value, "errors")),
        visible=bool(value.get("visible", True)),
    )


def part(found: Mapping[str, Any], key: str) -> dict[str, Any]:
    """The map under a key; an empty one where there is something else."""
    value = found.get(key)
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def parts(found: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    return [cast("dict[str, Any]", each) for each in _entries(found, key) if isinstance(each, dict)]


def texts(found: Mapping[str, Any], key: str) -> tuple[str, ...]:
    return tuple(map(str, _entries(found, key)))


def _entries(found: Mapping[str, Any], key: str) -> list[Any]:
    value: list[Any] = found[key] if isinstance(found.get(key), list) else []
    return value


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _text(value: object) -> str | None:
    return None if value is None else str(value)
