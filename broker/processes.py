"""What a supervised process is, as values that travel as JSON: its specification, how its readiness shows, its status.

Knows nothing of how processes run; `process` and `supervisor` do. Generic over brokers, Redis, web, worker and beat.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

from broker.states import ProcessState


class ProcessKind(StrEnum):
    BROKER = "broker"
    REDIS = "redis"
    WEB = "web"
    WORKER = "worker"
    BEAT = "beat"
    WATCH = "watch"
    CONNECT = "connect"


@dataclass(frozen=True, slots=True)
class TcpReady:
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class UnixReady:
    path: str


@dataclass(frozen=True, slots=True)
class HttpReady:
    url: str
    expect_status: int = 200


@dataclass(frozen=True, slots=True)
class LogReady:
    """Ready when a line of the log written since the start matches this regular expression."""

    pattern: str


Ready = TcpReady | UnixReady | HttpReady | LogReady

_READY: Mapping[str, Callable[..., Ready]] = {
    "tcp": TcpReady,
    "unix": UnixReady,
    "http": HttpReady,
    "log": LogReady,
}


def ready_to_json(ready: Ready | None) -> dict[str, Any] | None:
    match ready:
        case None:
            return None
        case TcpReady(host, port):
            return {"type": "tcp", "host": host, "port": port}
        case UnixReady(path):
            return {"type": "unix", "path": path}
        case HttpReady(url, expect_status):
            return {"type": "http", "url": url, "expect_status": expect_status}
        case LogReady(pattern):
            return {"type": "log", "pattern": pattern}


def ready_from_json(raw: Mapping[str, Any] | None) -> Ready | None:
    if raw is None:
        return None
    fields = {key: value for key, value in raw.items() if key != "type"}
    return _READY[raw["type"]](**fields)


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """`identity`: strings that must all occur in the argv of a process before it is adopted or signalled as this one.

    `ports`: each "host:port" that must be free before the start; a taken one is told at once, with its owner.
    `expect`: files that must hold these lines before the start (`meta.properties`: Kafka itself believes any cluster id).
    """

    name: str
    kind: ProcessKind
    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: str
    log: str
    identity: tuple[str, ...]
    ready: Ready | None = None
    depends_on: tuple[str, ...] = ()
    start_timeout: float = 90
    stop_timeout: float = 60
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    ports: tuple[str, ...] = ()
    expect: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "kind": self.kind.value,
            "argv": list(self.argv),
            "env": dict(self.env),
            "cwd": self.cwd,
            "log": self.log,
            "identity": list(self.identity),
            "ready": ready_to_json(self.ready),
            "depends_on": list(self.depends_on),
            "start_timeout": self.start_timeout,
            "stop_timeout": self.stop_timeout,
            "labels": dict(self.labels),
            "ports": list(self.ports),
            "expect": {path: list(lines) for path, lines in self.expect.items()},
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        return cls(
            name=raw["name"],
            kind=ProcessKind(raw["kind"]),
            argv=tuple(raw["argv"]),
            env=dict(raw["env"]),
            cwd=raw["cwd"],
            log=raw["log"],
            identity=tuple(raw["identity"]),
            ready=ready_from_json(raw.get("ready")),
            depends_on=tuple(raw.get("depends_on", ())),
            start_timeout=float(raw.get("start_timeout", 90)),
            stop_timeout=float(raw.get("stop_timeout", 60)),
            labels=dict(raw.get("labels", {})),
            ports=tuple(raw.get("ports", ())),
            expect={path: tuple(lines) for path, lines in raw.get("expect", {}).items()},
        )


@dataclass(frozen=True, slots=True)
class Child:
    """The recorded identity of a started process."""

    pid: int
    start_ticks: int
    boot_id: str
    identity: tuple[str, ...]
    marker: str

    def to_json(self) -> dict[str, Any]:
        return {
            "pid": self.pid,
            "start_ticks": self.start_ticks,
            "boot_id": self.boot_id,
            "identity": list(self.identity),
            "marker": self.marker,
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        return cls(
            int(raw["pid"]), int(raw["start_ticks"]), raw["boot_id"], tuple(raw["identity"]), raw["marker"]
        )


@dataclass(frozen=True, slots=True)
class Crash:
    """The last exit that nobody asked for. Times are Unix seconds; `restart` of `limit` is the start that follows it,
    tried at `next_try`; None while it is being tried, and after giving up."""

    at: float
    what: str
    restart: int
    limit: int
    next_try: float | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "at": self.at,
            "what": self.what,
            "restart": self.restart,
            "limit": self.limit,
            "next_try": self.next_try,
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        return cls(raw["at"], raw["what"], raw["restart"], raw["limit"], raw.get("next_try"))


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """One line of `status`: `since` is Unix seconds; `reason` and `hint` are plain words for people."""

    name: str
    kind: ProcessKind
    state: ProcessState
    pid: int | None = None
    since: float = 0
    restarts: int = 0
    exit_code: int | None = None
    reason: str | None = None
    hint: str | None = None
    rss_bytes: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    cause: str | None = None
    last_lines: tuple[str, ...] = ()
    progress: str | None = None
    crash: Crash | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "kind": self.kind.value,
            "state": self.state.value,
            "pid": self.pid,
            "since": self.since,
            "restarts": self.restarts,
            "exit_code": self.exit_code,
            "reason": self.reason,
            "hint": self.hint,
            "rss_bytes": self.rss_bytes,
            "labels": dict(self.labels),
            "cause": self.cause,
            "last_lines": list(self.last_lines),
            "progress": self.progress,
            "crash": self.crash.to_json() if self.crash else None,
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        return cls(
            name=raw["name"],
            kind=ProcessKind(raw["kind"]),
            state=ProcessState(raw["state"]),
            pid=raw.get("pid"),
            since=raw.get("since", 0),
            restarts=raw.get("restarts", 0),
            exit_code=raw.get("exit_code"),
            reason=raw.get("reason"),
            hint=raw.get("hint"),
            rss_bytes=raw.get("rss_bytes"),
            labels=dict(raw.get("labels", {})),
            cause=raw.get("cause"),
            last_lines=tuple(raw.get("last_lines", ())),
            progress=raw.get("progress"),
            crash=Crash.from_json(raw["crash"]) if raw.get("crash") else None,
        )
