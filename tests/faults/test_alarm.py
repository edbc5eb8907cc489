"""AL-3, AL-4 and AL-7 on a real installation: somebody is told in time, of brokers and of Kastellan itself, and told once.

The supervisor is held by SIGSTOP while something is dead, or it would be back before anybody could notice.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from tests.alerts.scene import Received, Sink
from tests.faults.drill import until
from tests.faults.installation import Installation, installation, kill
from tests.faults.load import Limits, Load, create_topic
from tests.faults.rotation import Api

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
POLL_S, AFTER_POLL_S = 10, 5
#: AL-7.
TOLD_S = 90
ROUNDS = 6


@dataclass
class Heard:
    """A sink that remembers when each message came."""

    sink: Sink = field(default_factory=Sink)
    times: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sink.answer = self._hear

    def _hear(self, request: Received) -> int:
        self.times.append(time.monotonic())
        return 200

    def of(self, status: str, since: float, **labels: str) -> list[float]:
        """When alerts with these labels were told to be in that state."""
        return [
            at
            for at, request in zip(self.times, tuple(self.sink.received), strict=False)
            if at >= since
            for alert in request.json["alerts"]
            if alert["status"] == status and labels.items() <= alert["labels"].items()
        ]


@pytest.fixture(scope="module")
def watcher() -> Iterator[Heard]:
    """Where the watcher of the evaluation says that it has stopped."""
    heard = Heard()
    yield heard
    heard.sink.close()


@pytest.fixture(scope="module")
def hook() -> Iterator[Heard]:
    heard = Heard()
    yield heard
    heard.sink.close()


@pytest.fixture(scope="module")
def target(hook: Heard, watcher: Heard) -> Iterator[Installation]:
    with installation(KASTELLAN_FALLBACK_URL=watcher.sink.url) as made:
        call = Api(made)
        wanted = {"name": "drill", "kind": "webhook", "url": hook.sink.url, "allow_private": True}
        call("POST", "alerts/receivers/", wanted)
        always = {"name": "Drill", "expr": "vector(1)", "for": "0s", "labels": {"severity": "critical"}}
        call("POST", "alerts/rules/", always)
        until(lambda: bool(hook.of("firing", 0, alertname="Drill")), "that alerts arrive at all")
        yield made


@contextmanager
def unsupervised(target: Installation) -> Iterator[None]:
    """Nothing that dies is started again meanwhile."""
    pid = target.pid("supervisor")
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def wait(found: Callable[[], list[float]], what: str, timeout: float) -> float:
    until(lambda: bool(found()), what, timeout)
    return found()[0]


def test_a_broker_that_dies_under_load_is_told_in_time_and_resolved_once(
    target: Installation, hook: Heard
) -> None:
    topic = f"alarm-{time.time_ns()}"
    create_topic(target.link, topic)
    load = Load(target.link, topic, limits=Limits(rate=200, seconds=600))
    load.start()
    took: list[float] = []
    try:
        for number in range(ROUNDS):
            took.append(_falls_and_returns(target, hook, str(number % 3 + 1)))
    finally:
        journal = load.stop()
    assert not journal.errors, sorted(set(journal.errors))
    print(f"told after {', '.join(f'{each:.1f}' for each in sorted(took))} s")
    assert max(took) <= POLL_S + AFTER_POLL_S


def _falls_and_returns(target: Installation, hook: Heard, broker: str) -> float:
    """Seconds from its death to the message."""
    down = {"alertname": "BrokerDown", "broker": broker}
    pid, began = target.pid(f"main-broker-{broker}"), time.monotonic()
    with unsupervised(target):
        kill([pid])
        told = wait(lambda: hook.of("firing", began, **down), f"broker {broker} down", 60)
    wait(lambda: hook.of("resolved", began, **down), f"broker {broker} back", 180)
    time.sleep(15)
    assert len(hook.of("resolved", began, **down)) == 1
    return told - began


def test_a_broker_that_hangs_is_told_and_what_it_said_is_neither_believed_nor_resolved(
    target: Installation, hook: Heard
) -> None:
    """AL-3: a rule on what the broker itself says stays as it was, and `up` says that it is not scraped."""
    call = Api(target)
    rule = {"name": "AlwaysOfBrokers", "expr": "jvm_memory_used_bytes{area=\"heap\"} > 0", "for": "0s", "labels": {"severity": "critical"}}  # fmt: skip
    call("POST", "alerts/rules/", rule)
    labels = {"alertname": "AlwaysOfBrokers", "broker": "2"}
    wait(lambda: hook.of("firing", 0, **labels), "the rule fires", 60)
    began = time.monotonic()
    with frozen(target.pid("main-broker-2")):
        down = {"alertname": "BrokerDown", "broker": "2"}
        told = wait(lambda: hook.of("firing", began, **down), "not scraped", 3 * POLL_S + AFTER_POLL_S)
        assert told - began <= 3 * POLL_S + AFTER_POLL_S
        time.sleep(75)
        assert hook.of("resolved", began, **labels) == []
        assert hook.of("resolved", began, **down) == []
    wait(lambda: hook.of("resolved", began, **down), "answers again", 180)


@pytest.mark.parametrize(
    ("part", "says"),
    [
        ("worker", "worker"),
        ("alert-worker", "evaluation"),
        ("beat", "evaluation"),
        ("redis", "evaluation"),
        ("web", "web"),
    ],
)
def test_the_death_of_each_part_is_told_by_the_watcher(
    part: str, says: str, target: Installation, watcher: Heard
) -> None:
    pid, began = target.pid(part), time.monotonic()
    with unsupervised(target):
        kill([pid])
        told = wait(lambda: watcher.of("firing", began, part=says), f"{part} is missed", TOLD_S + 30)
    print(f"{part}: told after {told - began:.0f} s")
    assert told - began <= TOLD_S
    wait(lambda: watcher.of("resolved", began, part=says), f"{part} is back", 180)


def test_a_database_that_takes_nothing_is_told_by_the_watcher(target: Installation, watcher: Heard) -> None:
    began = time.monotonic()
    with sqlite3.connect(target.paths.database, timeout=60, isolation_level=None) as locked:
        locked.execute("BEGIN EXCLUSIVE")
        told = wait(
            lambda: watcher.of("firing", began, part="evaluation"), "the database is missed", TOLD_S + 30
        )
        locked.execute("ROLLBACK")
    print(f"database: told after {told - began:.0f} s")
    assert told - began <= TOLD_S
    wait(lambda: watcher.of("resolved", began, part="evaluation"), "the database is back", 180)
