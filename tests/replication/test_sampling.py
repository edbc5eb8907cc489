"""Polls of a real flow: what charts and rules read is there, a pause is seen, and what is gone ends."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from broker.connect_spec import ConnectSpec
from controlplane.alerts import shipped_rules
from controlplane.clusters.models import Cluster
from controlplane.clusters.services import gateway_for, refresh
from controlplane.core.access import SYSTEM, Role
from controlplane.gateways import workers
from controlplane.gateways.kafka.gateway import KafkaGateway
from controlplane.metrics import query
from controlplane.metrics.charts import filled
from controlplane.metrics.connect_boards import FLOW
from controlplane.metrics.selectors import store
from controlplane.replication import sampling, services, tasks
from controlplane.replication.logic.flows import FlowRequest
from controlplane.replication.logic.plans import FlowAct
from controlplane.replication.models import Flow
from controlplane.workers import polling
from tests.replication.test_live import commit, end_of_if_there, produce, told
from tests.waiting import eventually
from tests.web.people import signed_in

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _own_store(tmp_path: Path, settings: Any) -> None:
    settings.METRICS_DATABASE = str(tmp_path / "metrics.sqlite3")


@pytest.fixture
def asked(prefix: str) -> FlowRequest:
    return FlowRequest(
        "main",
        "dr",
        topics=(f"{prefix}*",),
        groups=(f"{prefix}*",),
        refresh_s=5,
        checkpoint_s=1,
        rpo_s=3600,
        rpo_records=1000,
    )


def now() -> int:
    return time.time_ns() // 1_000_000


def read(name: str, where: str = "") -> dict[tuple[str, ...], float]:
    """Of the target: values by the labels that are not the flow's ends."""
    points = query.instant("dr", f'{name}{{source="main",target="dr"{where}}}', now())
    ends = {"source", "target", "cluster", "__name__"}
    return {tuple(v for k, v in sorted(p.labels.items()) if k not in ends): p.value for p in points}


def wanted(texts: list[str]) -> set[str]:
    return {each.name for text in texts for each in query.parse(text).selectors()}


def test_a_flow_is_polled_from_its_first_records_to_its_end(
    asked: FlowRequest,
    dr: Cluster,
    cluster: Cluster,
    gateway: KafkaGateway,
    make_topic: Callable[..., str],
    prefix: str,
    users: Any,
) -> None:
    topic = make_topic(f"{prefix}-orders", 2)
    produce(gateway, topic, 5)
    refresh(cluster)
    flow = services.apply_create(SYSTEM, asked, services.plan_create(asked))
    there = gateway_for(dr)
    eventually(lambda: end_of_if_there(there, asked.copy_of(topic)) == 5, timeout=90)
    commit(cluster, topic, group := f"{prefix}-app", 5)
    refresh(cluster)
    eventually(lambda: told(asked, cluster, dr, group) == (5, 5), timeout=60)

    def poll() -> dict[tuple[str, ...], float]:
        at = now()
        sampling.poll(asked, cluster, dr, at, sampling.last_poll(asked, at))
        return read("kastellan_flow_lag_records")

    started = time.monotonic()
    eventually(lambda: poll() == {(): 0.0}, timeout=30, every=1)
    print(f"polls took {time.monotonic() - started:.1f} s")
    assert read("kastellan_flow_lag_seconds") == {(): 0.0}
    assert read("kastellan_flow_poll_up") == {(): 1.0}
    assert read("kastellan_flow_rpo_seconds") == {(): 3600.0}
    assert read("kastellan_flow_topic_lag_records") == {(topic,): 0.0}
    assert {state for state, is_now in read("kastellan_flow_state").items() if is_now} == {("running",)}
    assert read("kastellan_flow_checkpoint_age_seconds") == {(group,): 0.0}
    (age,) = read("kastellan_flow_heartbeat_age_seconds").values()
    assert age < 30

    worker = workers.worker_of("dr")
    assert worker is not None
    assert polling.poll("dr", worker, now()) is None
    copied = read("kafka_connect_mirror_mirrorsourceconnector_record_count")
    assert sum(number for labels, number in copied.items() if asked.copy_of(topic) in labels) == 5
    exposed = set(store().metric_names("dr"))
    charts = wanted([filled(line.expr, 10_000, {}) for chart in FLOW.charts for line in chart.lines])
    rules = wanted([rule.expr for rule in shipped_rules.RULES if rule.name.startswith("Flow")])
    assert (charts | rules) - exposed == set()
    holds = {
        rule.name
        for rule in shipped_rules.RULES
        if "kastellan_conn" in rule.expr or "kastellan_flow" in rule.expr
        if query.instant("dr", rule.expr, now())
    }
    assert holds == set()

    browser = signed_in(Role.VIEWER)
    page = browser.get("/clusters/dr/replication/main/metrics/").content.decode()
    assert "metrics/charts/flow-lag.json" in page
    assert "source=main" in page
    until = int(time.time()) + 20  # a chart has whole steps of ten seconds
    period = f"from={until - 900}&to={until}"
    drawn = browser.get(f"/clusters/dr/metrics/charts/flow-lag.json?source=main&{period}").json()
    assert [line["name"] for line in drawn["series"]] == ["records", "objective"]

    services.apply_act(SYSTEM, flow, FlowAct.PAUSE, services.plan_act(flow, FlowAct.PAUSE))
    produce(gateway, topic, 3)
    eventually(lambda: poll() == {(): 3.0}, timeout=30, every=1)
    assert {state for state, is_now in read("kastellan_flow_state").items() if is_now} == {("paused",)}
    (behind,) = read("kastellan_flow_lag_seconds").values()
    assert 0 < behind < 60

    services.apply_delete(SYSTEM, flow, services.plan_delete(flow))
    assert not Flow.objects.exists()
    sampling.end_gone("dr", now())
    assert read("kastellan_flow_lag_records") == {}
    assert read("kastellan_flow_state") == {}


def test_without_a_worker_that_answers_the_state_is_unknown_and_the_lag_no_number(
    asked: FlowRequest, dr: Cluster, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = workers.worker_of("dr")
    assert worker is not None
    silent: ConnectSpec = replace(worker, port=1)
    monkeypatch.setattr(workers, "worker_of", lambda name: silent)
    sampling.poll(asked, cluster, dr, now(), None)
    assert {state for state, is_now in read("kastellan_flow_state").items() if is_now} == {("unknown",)}
    assert read("kastellan_flow_poll_up") == {(): 0.0}
    assert read("kastellan_flow_lag_records") == {}


def test_a_flow_is_polled_at_its_own_pace(db: None) -> None:
    at = 1_000_000
    assert sampling.due(None, at)
    assert not sampling.due(sampling.Last(at - 20_000, 0.5, {}), at)
    assert sampling.due(sampling.Last(at - 28_500, 0.5, {}), at)
    assert not sampling.due(sampling.Last(at - 90_000, 12.0, {}), at)  # it takes a tenth of the time
    assert sampling.due(sampling.Last(at - 120_000, 12.0, {}), at)


def test_a_poll_that_takes_too_long_says_so_and_is_not_repeated_at_once(
    asked: FlowRequest, cluster: Cluster
) -> None:
    sampling.unread(asked, now() - 40_000, 45.0)
    assert read("kastellan_flow_poll_up") == {(): 0.0}
    assert not sampling.due(sampling.last_poll(asked, now()), now())


def test_a_flow_that_is_not_there_is_not_polled(cluster: Cluster) -> None:
    tasks.poll("main", "dr")
    tasks.poll_all()
    assert store().targets("dr", 0) == ()
