"""The watcher's watcher: what counts as stopped as a table, and a real one with a real sink, a real file and its own clock."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from broker.paths import DataPaths
from controlplane.alerts.logic import webhook
from controlplane.alerts.logic.labels import fingerprint
from controlplane.cli import services, watch
from controlplane.cli.console import CommandFailed
from controlplane.cli.settings import WebAddress
from controlplane.cli.watch import Watcher
from controlplane.core import watching
from controlplane.core.stamps import boot_id
from controlplane.core.watching import STAMPS, Stamp, Watched
from tests.alerts.scene import Sink

BOOT = boot_id()
SECRET = "whsec_" + base64.b64encode(bytes(range(24))).decode()


@pytest.mark.parametrize(
    ("stamp", "started", "now", "stale"),
    [
        (Stamp(1000, "b"), 0, 1010, False),
        (Stamp(1000, "b"), 0, 1046, True),
        (Stamp(1000, "b"), 1040, 1050, False),
        (Stamp(5000, "a"), 0, 60, False),
        (Stamp(5000, "a"), 0, 121, True),
        (None, 0, 119, False),
        (None, 0, 121, True),
    ],
)
def test_when_a_stamp_is_stale(stamp: Stamp | None, started: float, now: float, stale: bool) -> None:
    assert watching.stale(stamp, "b", now, started) is stale


def test_a_stop_is_told_once_again_each_hour_and_when_it_is_over() -> None:
    state, told = Watched(0), list[tuple[float, str, bool]]()
    for now in range(0, 8000, 10):
        failed = {"evaluation": "stopped"} if 100 <= now < 7600 else {}
        state, notices = watching.step(state, failed, now)
        told += [(now, each.part, each.firing) for each in notices]
    assert told == [
        (100, "evaluation", True), (3700, "evaluation", True), (7300, "evaluation", True), (7600, "evaluation", False),
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"at": "x", "boot": 1}'])
def test_what_is_no_stamp_is_none(text: str) -> None:
    assert watching.read(text) is None


class Machine:
    """Time as the test says, stamps that it writes, a web app that it stops."""

    def __init__(self, folder: Path, sink: Sink) -> None:
        self.now, self.folder, self.sink = 10_000.0, folder, sink
        base = sink.url.removesuffix("/hook")
        self.watcher = Watcher(
            folder,
            base,
            fallback=sink.url,
            secret=SECRET,
            heartbeat=f"{base}/beat",
            clock=lambda: self.now,
        )

    def passes(self, seconds: float, *, without: str = "") -> None:
        ends = self.now + seconds
        while self.now < ends:
            self.now += 5
            for part in STAMPS.keys() - {without}:
                (self.folder / STAMPS[part]).write_text(Stamp(self.now, BOOT).write())
            self.watcher.look()

    @property
    def told(self) -> list[tuple[str, str]]:
        return [
            (each.json["alerts"][0]["labels"]["part"], each.json["status"])
            for each in self.sink.received
            if each.path == "/hook"
        ]


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    sink = Sink()
    yield Machine(tmp_path, sink)
    sink.close()


@pytest.mark.parametrize("part", STAMPS)
def test_what_stops_is_told_within_ninety_seconds_and_its_return_too(part: str, machine: Machine) -> None:
    machine.passes(120)
    assert machine.told == []
    machine.passes(90, without=part)
    assert machine.told == [(part, "firing")]
    machine.passes(30)
    assert machine.told == [(part, "firing"), (part, "resolved")]


def test_it_is_told_in_the_shape_and_with_the_headers_of_other_webhooks(machine: Machine) -> None:
    machine.passes(60)
    machine.passes(60, without="worker")
    machine.passes(10)
    firing, resolved = (each for each in machine.sink.received if each.path == "/hook")
    alert, over = firing.json["alerts"][0], resolved.json["alerts"][0]
    assert alert["fingerprint"] == over["fingerprint"] == fingerprint(alert["labels"])
    assert firing.json["groupKey"] == resolved.json["groupKey"]
    # It began before it was told, and its end knows when that was.
    began, ended = (datetime.fromisoformat(over[name]) for name in ("startsAt", "endsAt"))
    assert 10 <= (ended - began).total_seconds() <= 30
    assert firing.id != resolved.id
    for each in (firing, resolved):
        stamp = each.headers["webhook-timestamp"]
        assert each.headers["webhook-signature"] == webhook.signature(SECRET, each.id, stamp, each.body)


def test_a_secret_that_is_none_is_refused_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KASTELLAN_FALLBACK_URL", "http://127.0.0.1:9/")
    monkeypatch.setenv(watch.SECRET, "hunter2")
    with pytest.raises(CommandFailed, match="no secret of webhooks"):
        services.watch(DataPaths(tmp_path), WebAddress("127.0.0.1", 9))


def test_a_web_app_that_is_gone_is_told(machine: Machine) -> None:
    machine.passes(60)
    machine.watcher.web = "http://127.0.0.1:9"
    machine.passes(90)
    assert machine.told == [("web", "firing")]


def test_what_the_fallback_did_not_hear_is_said_again(machine: Machine) -> None:
    machine.passes(60)
    machine.sink.answer = lambda request: 503 if request.path == "/hook" else 200
    machine.passes(60, without="evaluation")
    assert len(machine.told) > 1
    assert len({each.id for each in machine.sink.received}) == 1, "the same, said again"
    machine.sink.answer = lambda request: 200
    machine.passes(60, without="evaluation")
    heard = len(machine.told)
    machine.passes(60, without="evaluation")
    assert len(machine.told) == heard
    machine.sink.answer = lambda request: 503 if request.path == "/hook" else 200
    machine.passes(60)
    over = [each for each in machine.sink.received if each.json["status"] == "resolved"]
    assert len(over) > 1
    assert len({each.id for each in over}) == 1
    assert len({each.json["alerts"][0]["annotations"]["summary"] for each in over}) == 1


def test_the_heartbeat_comes_only_while_all_is_well(machine: Machine) -> None:
    machine.passes(300)
    beats = machine.sink.asked.count("/beat")
    assert 4 <= beats <= 6
    machine.passes(120, without="evaluation")
    assert machine.sink.asked.count("/beat") <= beats + 1
    assert watch.READY
