"""A cluster whose expressions answer what a test says, a clock that it moves, and a sink that receives webhooks."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from controlplane.alerts.logic.clock import Reading
from controlplane.alerts.logic.states import CLEAR, Sight
from controlplane.alerts.models import Alert, Receiver, Rule
from controlplane.alerts.services import cycle, delivering
from controlplane.alerts.services.evaluating import Counted
from controlplane.clusters.models import Cluster
from controlplane.metrics.query import Point, QueryError
from tests.alerts.notation import EPOCH
from tests.own_authority import secured


@dataclass
class Scene:
    """`answers`: expression → series. An expression that is not there has none; a string instead is a failure."""

    now: datetime = EPOCH
    monotonic: float = 1000.0
    boot: str = "boot-1"
    answers: dict[str, list[Mapping[str, str]] | str] = field(default_factory=dict)
    sight: Sight = CLEAR
    value: float = 1.0

    def query(self, cluster: str, expr: str, at_ms: int) -> Iterable[Point]:
        found = self.answers.get(expr, [])
        if isinstance(found, str):
            raise QueryError(found)
        return [Point(labels, self.value) for labels in found]

    def reading(self) -> Reading:
        return Reading(self.now, self.monotonic, self.boot)

    def cycle(self) -> Counted | None:
        return cycle.run(self.reading(), query=self.query, look=lambda cluster, at_ms: self.sight)

    def passes(self, seconds: float, *, every: float = 10.0) -> None:
        """Cycles as beat would run them."""
        ends = self.monotonic + seconds
        while self.monotonic < ends:
            self.moves(min(every, ends - self.monotonic))
            self.cycle()

    def moves(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.monotonic += seconds

    def jumps(self, seconds: float) -> None:
        """Somebody sets the wall clock."""
        self.now += timedelta(seconds=seconds)

    def delivers(self) -> int:
        return delivering.deliver(clock=lambda: self.now)


def rule(
    name: str = "X", *, hold: float = 0, keep: float = 0, severity: str = "critical", **fields: Any
) -> Rule:
    defaults: dict[str, Any] = {
        "name": name,
        "group": "test",
        "expr": name.lower(),
        "hold": timedelta(seconds=hold),
        "keep_firing": timedelta(seconds=keep),
        "labels": {"severity": severity},
        "annotations": {"summary": f"{name} of {{{{ $labels.broker }}}} is {{{{ $value }}}}"},
        "created_at": EPOCH,
        "updated_at": EPOCH,
    }
    return Rule.objects.create(**{**defaults, **fields})


def receiver(url: str, name: str = "hook", **fields: Any) -> Receiver:
    return Receiver.objects.create(name=name, url=url, allow_private=True, created_at=EPOCH, **fields)


def cluster(name: str = "main") -> Cluster:
    return Cluster.objects.get_or_create(name=name, defaults={"title": name})[0]


def states() -> dict[str, str]:
    """fingerprint-free: broker (or name) → state of what is open, or was the last."""
    rows = Alert.objects.exclude(name="Watchdog").order_by("active_at")
    return {row.labels.get("broker", row.name): row.state for row in rows}


@dataclass(frozen=True)
class Received:
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


class Sink:
    """A real HTTP server. `answer` decides the status of each request; None hangs up without one."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.reply = b"thanks"
        #: Paths of GET requests: all are answered with 200.
        self.asked: list[str] = []
        self.answer: Callable[[Received], int | None] = lambda request: 200
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                sink.asked.append(self.path)
                self.send_response(200)
                self.end_headers()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                request = Received(self.path, {k.lower(): v for k, v in self.headers.items()}, body)
                sink.received.append(request)
                status = sink.answer(request)
                if status is None:
                    self.close_connection = True
                    return
                self.send_response(status)
                self.end_headers()
                self.wfile.write(sink.reply)

            def log_message(self, format: str, *args: Any) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hook"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def secure(self, directory: Path) -> None:
        """From now on by TLS, with a certificate of an authority that no machine trusts."""
        secured(self._server, directory)
        self.url = self.url.replace("http://", "https://")

    @property
    def told(self) -> list[tuple[str, str]]:
        """(status, reason) of each message in order."""
        return [(each.json["status"], each.json["notification_reason"]) for each in self.received]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
