"""Broken and stopped brokers: dashboard, brokers, a broker's page, a topic and the API say the same of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from controlplane.clusters.models import BrokerSnapshot, Cluster
from controlplane.core.access import EVERY_CLUSTER, Actor, Role
from controlplane.core.plans import Json
from controlplane.gateways import broker as bundled
from controlplane.jobs import services as jobs
from controlplane.jobs.models import Job, JobState
from tests.web.people import api, signed_in

pytestmark = pytest.mark.django_db
S = bundled.ProcessState
KILLED = "It was killed by SIGKILL; Kastellan did not send it."
PATHS = {
    "dashboard": "/clusters/main/",
    "brokers": "/clusters/main/brokers/",
    "broker": "/clusters/main/brokers/2/",
}
ADA = Actor("ada", "user", {EVERY_CLUSTER: Role.ADMIN}, 1)
Pretend = Callable[..., None]


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch, cluster: Cluster) -> Pretend:
    """Broker 2's process as the supervisor would report it; the others are real."""

    def as_if(state: bundled.ProcessState, **fields: object) -> None:
        real = bundled.processes()
        told = tuple(
            replace(each, state=state, pid=None, since=time.time() - 12, **fields)  # type: ignore[arg-type]
            if each.name == "main-broker-2"
            else each
            for each in real
        )
        monkeypatch.setattr(bundled, "observe", lambda *_: bundled.Observed(True, told))

    return as_if


@pytest.fixture
def crash() -> bundled.Crash:
    return bundled.Crash(time.time() - 12, KILLED, 1, 4, time.time() + 30)


def pages() -> dict[str, str]:
    browser = signed_in(Role.ADMIN)
    return {name: browser.get(path).content.decode() for name, path in PATHS.items()}


def told_by_api() -> tuple[str, str, str]:
    client = api(Role.VIEWER)
    verdict = client.get("/api/v1/clusters/main/").json()["verdict"]
    listed = client.get("/api/v1/clusters/main/brokers/").json()["results"]
    found = client.get("/api/v1/clusters/main/brokers/2/").json()
    assert {row["broker_id"]: row["condition"] for row in listed}[2] == found["condition"]
    return verdict["tone"], verdict["sentence"], found["condition"]


def test_a_crashed_broker_before_kafka_notices(pretend: Pretend, crash: bundled.Crash) -> None:
    pretend(S.BACKOFF, crash=crash, reason=KILLED)
    tone, sentence, condition = told_by_api()
    assert (tone, condition) == ("warn", "crashed")
    assert sentence.startswith("Broker 2 went down 12 s ago: it was killed by SIGKILL. Restart 1 of 4 in ")
    found = pages()
    assert "Broker 2 went down 12 s ago: it was killed by SIGKILL. Restart 1 of 4 in " in found["dashboard"]
    assert "Kafka has not noticed yet" in found["dashboard"]
    for name, page in found.items():
        assert "crashed" in page, name
        assert "Restart 1 of 4" in page, name
        assert "unknown" in page, name


def test_a_crashed_broker_after_kafka_noticed(pretend: Pretend, crash: bundled.Crash) -> None:
    BrokerSnapshot.objects.filter(broker_id=2).update(fenced=True, leaders=0, in_sync=0)
    pretend(S.STARTING, crash=replace(crash, next_try=None))
    tone, sentence, condition = told_by_api()
    assert (tone, condition) == ("warn", "crashed")
    assert sentence.endswith("It is starting now: restart 1 of 4.")
    assert "has not noticed" not in pages()["dashboard"]


def test_a_broker_that_was_given_up(pretend: Pretend) -> None:
    pretend(S.FATAL, reason="Port 19092 is taken.", hint="Free it, then start the broker.")
    assert told_by_api() == ("critical", "Broker 2 cannot run: Port 19092 is taken.", "given up")
    for name, page in pages().items():
        assert "Port 19092 is taken." in page, name
        assert "Free it, then start the broker." in page, name
        assert "given up" in page, name


def test_a_broker_that_was_stopped_on_purpose_names_who_did_it(pretend: Pretend) -> None:
    args: dict[str, Json] = {"broker": 2, "act": "stop"}
    job = jobs.enqueue(kind="brokers.act", title="Stop broker 2", args=args, actor=ADA, cluster="main")
    Job.objects.update(state=JobState.SUCCEEDED, ended_at=job.created_at)
    pretend(S.STOPPED)
    tone, sentence, condition = told_by_api()
    assert (tone, condition) == ("warn", "stopped")
    assert sentence == "Broker 2 was stopped 12 s ago by ada. It stays so until somebody starts it."
    for name, page in pages().items():
        assert f"/jobs/{job.pk}/" in page, name


def test_a_rolling_restart_is_no_outage(pretend: Pretend) -> None:
    job = jobs.enqueue(
        kind="brokers.roll", title="Rolling restart of Main", args={}, actor=ADA, cluster="main"
    )
    Job.objects.update(state=JobState.RUNNING, done=1, total=3)
    pretend(S.STARTING)
    tone, sentence, condition = told_by_api()
    assert (tone, condition) == ("info", "starting")
    assert sentence == "Rolling restart of Main: broker 2 of 3 (by ada)."
    assert f"/jobs/{job.pk}/" in pages()["dashboard"]


def test_a_topic_marks_the_replicas_of_a_dead_broker(
    pretend: Pretend, make_topic: Callable[..., str], prefix: str
) -> None:
    topic = make_topic(prefix, 3)
    pretend(S.STOPPED)
    page = signed_in(Role.VIEWER).get(f"/clusters/main/topics/{topic}/").content.decode()
    assert page.count('href="/clusters/main/brokers/2/">down</a>') == 3


def test_topics_in_trouble_can_be_listed(
    cluster: Cluster, make_topic: Callable[..., str], prefix: str
) -> None:
    from controlplane.clusters.models import TopicSnapshot
    from controlplane.clusters.services import refresh

    topic = make_topic(prefix)
    refresh(cluster)
    path = f"/clusters/main/topics/?search={prefix}&trouble=under_replicated"
    listed = f"/api/v1/clusters/main/topics/?search={prefix}&trouble=under_replicated"
    browser, client = signed_in(Role.VIEWER), api(Role.VIEWER)
    assert "No such topic" in browser.get(path).content.decode()
    assert client.get(listed).json()["count"] == 0
    TopicSnapshot.objects.filter(name=topic).update(under_replicated=1, out_of_sync=1)
    assert topic in browser.get(path).content.decode()
    assert client.get(listed).json()["count"] == 1
    assert client.get("/api/v1/clusters/main/topics/?trouble=x").status_code == 422


def test_the_numbers_of_a_dead_broker_are_not_present(pretend: Pretend) -> None:
    from controlplane.metrics import polling

    for broker in (1, 2, 3):
        assert polling.poll("main", broker) is None
    pretend(S.STOPPED)
    tiles = signed_in(Role.VIEWER).get("/clusters/main/metrics/health/").content.decode()
    assert "Broker 2 gives no metrics." in tiles
    assert "2: unknown" in tiles
    assert "The numbers are those of brokers 1, 3." in tiles
