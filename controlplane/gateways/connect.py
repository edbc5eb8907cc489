"""Kafka Connect's REST API (4.3): one typed method per request, one error tree, nothing handed on unread.

What it returns to show has lost its secrets; what holds them (`config`, `Connector.config`) is for comparing and changing,
and goes through `mask` before anybody sees it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

from controlplane.gateways.addresses import NOTHING, Allowed
from controlplane.gateways.connect_secrets import (
    MASK,
    REFERENCE,
    Reader,
    is_kept,
    is_reference,
    is_secret,
    left_masked,
    longest_first,
    mask,
    restored,
    scrubbed,
    secret_values,
    unread,
)
from controlplane.gateways.connect_values import (
    Connector,
    ConnectorStatus,
    Logger,
    Offset,
    Plugin,
    Setting,
    State,
    TaskStatus,
    Validation,
    Worker,
    aliases,
    config_of,
    connector_of,
    offset_of,
    part,
    parts,
    status_of,
    texts,
    validation_of,
)
from controlplane.gateways.errors import (
    AlreadyExists,
    AuthenticationFailed,
    BadAnswer,
    Conflict,
    DeadlineExceeded,
    GatewayError,
    InvalidRequest,
    NotAuthorized,
    NotFound,
    Unreachable,
    Unsupported,
)
from controlplane.gateways.outbound import Answer, Outbound, trusting

__all__ = [
    "MASK",
    "REFERENCE",
    "ConnectApi",
    "Connector",
    "ConnectorStatus",
    "Logger",
    "Login",
    "Offset",
    "Plugin",
    "Setting",
    "State",
    "TaskStatus",
    "Validation",
    "Worker",
    "aliases",
    "is_kept",
    "is_reference",
    "is_secret",
    "left_masked",
    "mask",
    "restored",
    "scrubbed",
]

#: Creating a connector validates it first, and a plugin may ask a database for that.
TIMEOUT_S = 30.0
MAX_BYTES = 32 * 1024 * 1024
LONGEST_MESSAGE = 600


@dataclass(frozen=True, slots=True)
class Login:
    """Basic authentication. The password comes from a file that only we read, or is given."""

    username: str
    password: str = field(default="", repr=False)
    password_file: Path | None = None

    @property
    def header(self) -> dict[str, str]:
        password = self.password_file.read_text().strip() if self.password_file else self.password
        token = base64.b64encode(f"{self.username}:{password}".encode()).decode()
        return {"Authorization": f"Basic {token}"}


@dataclass(frozen=True, slots=True)
class ConnectApi:
    """`allowed`: beyond the public internet; the bundled workers are reached with `Allowed.of(["127.0.0.1"])`.

    `ca_pem`: who signs its certificate; empty: the authorities that this machine trusts.

    `reads`: the password behind a reference of ours, to keep it out of what the worker says.
    """

    url: str
    login: Login | None = None
    allowed: Allowed = NOTHING
    ca_pem: str = ""
    timeout_s: float = TIMEOUT_S
    reads: Reader = unread

    # Connectors

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(map(str, self._list("/connectors", "its connectors"))))

    def connectors(self) -> dict[str, Connector]:
        """All with configuration and state, in one request."""
        found = self._map("/connectors?expand=status&expand=info", "its connectors")
        return {name: connector_of(name, part(found, name), self.reads) for name in sorted(found)}

    def all_secrets(self) -> tuple[str, ...]:
        """What must not appear in any text about this worker, the longest first."""
        found = self._map("/connectors?expand=info", "its connectors")
        configs = (config_of(part(part(part(found, name), "info"), "config")) for name in found)
        return longest_first(value for each in configs for value in secret_values(each, reads=self.reads))

    def statuses(self) -> dict[str, ConnectorStatus]:
        """All, in one request."""
        return {name: each.status for name, each in self.connectors().items()}

    def status(self, name: str) -> ConnectorStatus:
        """Only a trace makes us read the configuration too: its secrets must not be in there."""
        found = self._map(_path(name, "status"), f"the state of {name}")
        status = status_of(found, name)
        if not status.trace and not any(task.trace for task in status.tasks):
            return status
        return status_of(found, name, secret_values(self.config(name), reads=self.reads))

    def config(self, name: str) -> dict[str, str]:
        """As it is stored, secrets included: for comparing and changing, never for showing."""
        return config_of(self._map(_path(name, "config"), f"the configuration of {name}"))

    def create(self, name: str, config: Mapping[str, str], initial_state: State = State.RUNNING) -> None:
        """Refuses a name that is taken, unlike `put_config` (KIP-980)."""
        _path(name)  # a name that could be made and never reached again
        body = {"name": name, "config": dict(config), "initial_state": initial_state.value}
        self._send("POST", "/connectors", body, hide=secret_values(config, reads=self.reads))

    def put_config(self, name: str, config: Mapping[str, str]) -> None:
        """Makes the connector, or changes it."""
        self._send("PUT", _path(name, "config"), dict(config), hide=secret_values(config, reads=self.reads))

    def delete(self, name: str) -> None:
        self._send("DELETE", _path(name))

    def pause(self, name: str) -> None:
        self._send("PUT", _path(name, "pause"))

    def resume(self, name: str) -> None:
        self._send("PUT", _path(name, "resume"))

    def stop(self, name: str) -> None:
        """Its tasks end, its configuration and offsets stay (KIP-875)."""
        self._send("PUT", _path(name, "stop"))

    def restart(self, name: str, *, only_failed: bool = False) -> None:
        """The connector with its tasks; or those of them that failed (KIP-745)."""
        flag = "true" if only_failed else "false"
        self._send("POST", f"{_path(name, 'restart')}?includeTasks=true&onlyFailed={flag}")

    def restart_task(self, name: str, task: int) -> None:
        self._send("POST", _path(name, "tasks", str(task), "restart"))

    def topics(self, name: str) -> tuple[str, ...]:
        """Those it was seen to use since it was made or `reset_topics`, which need not be those it names."""
        found = self._map(_path(name, "topics"), f"the topics of {name}")
        return tuple(sorted(texts(part(found, name), "topics")))

    def reset_topics(self, name: str) -> None:
        self._send("PUT", _path(name, "topics", "reset"))

    # Where it stands, since KIP-875

    def offsets(self, name: str) -> tuple[Offset, ...]:
        found = self._map(_path(name, "offsets"), f"the offsets of {name}")
        return tuple(offset_of(each) for each in parts(found, "offsets"))

    def alter_offsets(self, name: str, offsets: Iterable[Offset]) -> str:
        """Only of a stopped connector. An offset of None forgets that partition. Returns what the worker says of it."""
        entries = [
            {"partition": dict(each.partition), "offset": None if each.offset is None else dict(each.offset)}
            for each in offsets
        ]
        return self._said(self._send("PATCH", _path(name, "offsets"), {"offsets": entries}))

    def reset_offsets(self, name: str) -> str:
        """Only of a stopped connector; resumed, it copies everything again."""
        return self._said(self._send("DELETE", _path(name, "offsets")))

    # Plugins

    def worker(self) -> Worker:
        found = self._map("/", "its version")
        return Worker(*(str(found.get(key, "")) for key in ("version", "commit", "kafka_cluster_id")))

    def plugins(self, *, only_connectors: bool = True) -> tuple[Plugin, ...]:
        found = self._list(f"/connector-plugins?connectorsOnly={str(only_connectors).lower()}", "its plugins")
        return tuple(
            Plugin(*(str(each.get(key) or "") for key in ("class", "type", "version")))
            for each in parts({"plugins": found}, "plugins")
        )

    def validation(self, plugin: str, config: Mapping[str, str]) -> Validation:
        """Every setting that the plugin has under this configuration, with what is wrong about it. Nothing is made."""
        path = f"/connector-plugins/{quote(plugin, safe='')}/config/validate"
        found = self._send("PUT", path, dict(config), hide=secret_values(config, reads=self.reads))
        return validation_of(self._as_map(found, f"what it says of {plugin}"), config, self.reads)

    def validate(self, plugin: str, config: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
        """What the plugin says of each setting; those without an error are left out."""
        return self.validation(plugin, config).errors

    # Log levels

    def loggers(self) -> tuple[Logger, ...]:
        """Of the worker that answers, which may be one of several."""
        found = self._map("/admin/loggers", "its log levels")
        return tuple(Logger(name, str(part(found, name).get("level"))) for name in sorted(found))

    def set_log_level(self, logger: str, level: str) -> None:
        """On every worker, until it restarts (KIP-976)."""
        path = f"/admin/loggers/{quote(logger, safe='')}?scope=cluster"
        self._send("PUT", path, {"level": level})

    # Requests

    def _map(self, path: str, what: str) -> dict[str, Any]:
        return self._as_map(self._send("GET", path), what)

    def _as_map(self, found: Any, what: str) -> dict[str, Any]:
        if not isinstance(found, dict):
            raise self._strange(what)
        return cast("dict[str, Any]", found)

    def _list(self, path: str, what: str) -> list[Any]:
        found: list[Any] | None = self._send("GET", path)
        if not isinstance(found, list):
            raise self._strange(what)
        return found

    def _said(self, found: Any) -> str:
        return scrubbed(str(part({"said": found}, "said").get("message") or ""))

    def _send(self, method: str, path: str, body: object = None, *, hide: Iterable[str] = ()) -> Any:
        content = b"" if body is None else json.dumps(body).encode()
        headers = {"Accept": "application/json", **(self.login.header if self.login else {})}
        if content:
            headers["Content-Type"] = "application/json"
        try:
            answer = Outbound(self.allowed, tls=trusting(self.ca_pem)).request(
                method,
                f"{self.url.rstrip('/')}{path}",
                headers=headers,
                content=content,
                timeout_s=self.timeout_s,
                max_bytes=MAX_BYTES,
            )
        except Unreachable as error:
            hint = "See whether the worker runs; one that was just started needs some seconds"
            raise Unreachable(
                f"The Connect worker at {self.url} does not answer: {error.what}", hint
            ) from error
        if not answer.ok:
            raise self._fault(answer, path, hide)
        if not answer.body:
            return None
        try:
            return json.loads(answer.body)
        except (ValueError, RecursionError) as error:
            raise self._strange("JSON") from error

    def _strange(self, what: str) -> BadAnswer:
        return BadAnswer(f"{self.url} did not answer with {what}", "Is it a Kafka Connect worker?")

    def _fault(self, answer: Answer, path: str, hide: Iterable[str]) -> GatewayError:
        """The status, and what the worker says of it with secrets taken out."""
        said = _message(answer.body, hide)
        match answer.status:
            case 401:
                return AuthenticationFailed(f"{self.url} does not accept the user and password")
            case 403:
                return NotAuthorized(f"{self.url} refuses this: {said}")
            case 404:
                return NotFound(said or f"{self.url} does not know it")
            case 405:
                return Unsupported(
                    f"{self.url} cannot do this", "Its version of Kafka Connect may be too old."
                )
            case 409:
                return _conflict(said)
            case 400 | 422 | 500:
                return _refusal(self.url, answer.status, said, path)
            case 503:
                return Unreachable(f"{self.url} is not ready: {said}")
            case _:
                return BadAnswer(f"{self.url} answered {answer.status}: {said}")


def _conflict(said: str) -> GatewayError:
    if "already exists" in said:
        return AlreadyExists(said)
    return Conflict(said or "The workers are sharing their work out anew", "Try again in a few seconds.")


def _refusal(url: str, status: int, said: str, path: str) -> GatewayError:
    """Offsets that a connector refuses, and plugins that are not there, come as 500 with the reason."""
    if "STOPPED state" in said:
        return Conflict(said, "Stop the connector first.")
    if "rebalance is expected" in said:
        return Conflict("The workers are sharing their work out anew", "Try again in a few seconds.")
    if status != 500:
        return InvalidRequest(said or f"{url} refuses the request")
    if "timed out" in said.lower():
        return DeadlineExceeded(said, "The worker goes on with it; look again in a moment.")
    if said and path.split("?")[0].endswith(("/offsets", "/config", "/validate", "/connectors")):
        return InvalidRequest(said)
    return BadAnswer(f"{url} answered {status}: {said}")


def _path(name: str, *parts: str) -> str:
    """Jetty refuses an encoded separator or percent sign (seen: %2F, %25), and dots alone lead to another path."""
    if not name or name in {".", ".."} or set(name) & set("/\\%"):
        raise InvalidRequest(
            f"Kafka Connect's REST API cannot reach a connector called {name!r}",
            "Names have no /, \\ or %, and are not dots alone.",
        )
    return "/".join(("/connectors", quote(name, safe=""), *parts))


def _message(body: bytes, hide: Iterable[str]) -> str:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    said = cast("dict[str, Any]", found).get("message") if isinstance(found, dict) else ""
    return scrubbed(str(said or ""), hide)[:LONGEST_MESSAGE]
