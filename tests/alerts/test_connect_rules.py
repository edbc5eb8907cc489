"""The shipped rules of Connect workers and flows on samples as their polls store them: when they hold, what explains what."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from controlplane.alerts import shipped_rules
from controlplane.alerts.logic import matchers
from controlplane.alerts.logic.inhibition import Inhibitor, InhibitRule
from controlplane.alerts.logic.labels import Labels
from controlplane.alerts.shipped_connect_rules import INHIBITIONS, RULES
from controlplane.metrics import query
from controlplane.metrics.names import Sample, sample
from controlplane.metrics.selectors import store

pytestmark = pytest.mark.django_db
STATES = ("running", "paused", "stopped", "failed", "incomplete", "mixed", "unassigned", "unknown")
FLOW = {"source": "main", "target": "dr"}


@pytest.fixture(autouse=True)
def _own_store(tmp_path: Path, settings: Any) -> None:
    settings.METRICS_DATABASE = str(tmp_path / "metrics.sqlite3")


def worker(up: int, **values: float) -> list[Sample]:
    own = [
        sample(f"jvm_memory_{name}_bytes", value, area="heap", worker="w") for name, value in values.items()
    ]
    return [sample("kastellan_connect_worker_up", up, worker="w"), *own]


def connector(state: str, **tasks: int) -> list[Sample]:
    counts = {"running": 0, "failed": 0, **tasks}
    return [
        *(sample("kastellan_connector_state", each == state, connector="c", state=each) for each in STATES),
        *(sample("kastellan_connector_tasks", n, connector="c", state=each) for each, n in counts.items()),
    ]


def flow(state: str, poll_up: int = 1, **values: float) -> list[Sample]:
    return [
        *(sample("kastellan_flow_state", each == state, **FLOW, state=each) for each in STATES),
        *(sample(f"kastellan_flow_{name}_seconds", value, **FLOW) for name, value in values.items()),
        sample("kastellan_flow_poll_up", poll_up, **FLOW),
    ]


def records(lag: int, rpo: int) -> list[Sample]:
    values = {"lag": lag, "rpo": rpo}
    return [sample(f"kastellan_flow_{name}_records", value, **FLOW) for name, value in values.items()]


@pytest.mark.parametrize(
    ("samples", "holds"),
    [
        (worker(1, used=50, max=100), set()),
        (worker(0), {"ConnectWorkerDown"}),
        (worker(1, used=95, max=100), {"ConnectWorkerHeap"}),  # and no rule of brokers
        (connector("running", running=2), set()),
        (connector("paused"), set()),
        (connector("failed"), {"ConnectorFailed"}),
        (connector("running", running=1, failed=1), {"ConnectorTaskFailed"}),
        (connector("running", failed=2), {"ConnectorFailed", "ConnectorTaskFailed"}),
        (flow("running", lag=3, heartbeat_age=1, checkpoint_age=0), set()),
        (flow("paused", lag=9000, heartbeat_age=9000, checkpoint_age=9000), set()),
        (flow("stopped", lag=9000, heartbeat_age=9000), set()),
        (flow("mixed", lag=3), set()),
        (flow("failed", lag=90), {"FlowNotRunning", "FlowBehind"}),
        (flow("incomplete"), {"FlowNotRunning"}),
        (flow("unknown", 0), {"FlowNotRunning", "FlowLagUnknown"}),
        (flow("running", lag=61), {"FlowBehind"}),
        (flow("running", lag=601), {"FlowBehind", "FlowFarBehind"}),
        # One with an objective is behind beyond that, whatever holds for others.
        (flow("running", lag=61, rpo=90), set()),
        (flow("running", lag=601, rpo=3600), set()),
        (flow("running", lag=31, rpo=30), {"FlowBehind"}),
        (flow("running", lag=301, rpo=30), {"FlowBehind", "FlowFarBehind"}),
        (flow("paused", lag=9000, rpo=30), set()),
        ([*flow("running", lag=3), *records(11, 10)], {"FlowRecordsBehind"}),
        ([*flow("running", lag=3), *records(10, 10)], set()),
        (flow("running", heartbeat_age=61), {"FlowHeartbeatStopped"}),
        (flow("running", checkpoint_age=301), {"FlowCheckpointsStale"}),
    ],
)  # fmt: skip
def test_a_rule_holds_where_something_is_wrong(samples: list[Sample], holds: set[str]) -> None:
    now = time.time_ns() // 1_000_000
    store().append("dr", "test", now, samples)
    found = {each.name: query.instant("dr", each.expr, now) for each in shipped_rules.RULES}
    del found["Watchdog"]
    of_quorum = {"ActiveControllers"}  # a sum of nothing is nothing
    assert {name for name, points in found.items() if points} - of_quorum == holds
    assert all(len(points) <= 1 for points in found.values())


def test_connectors_that_are_made_are_no_storm() -> None:
    (rule,) = [each for each in RULES if each.name == "ConnectRebalances"]
    now = time.time_ns() // 1_000_000
    name = "kafka_connect_worker_rebalance_completed_rebalances_total"
    for at in range(61):
        store().append("calm", "connect", now - (60 - at) * 10_000, [sample(name, 5 + at // 8, worker="w")])
        store().append("storm", "connect", now - (60 - at) * 10_000, [sample(name, 5 + at, worker="w")])
    assert query.instant("calm", rule.expr, now) == []
    (point,) = query.instant("storm", rule.expr, now)
    assert 50 < point.value < 70


def alert(name: str, **labels: str) -> Labels:
    return {"alertname": name, "cluster": "dr", **labels}


@pytest.mark.parametrize(
    ("by", "of", "quiet"),
    [
        (alert("ConnectWorkerDown", worker="w"), alert("ConnectorFailed", connector="c"), True),
        (alert("ConnectWorkerDown", worker="w"), alert("FlowNotRunning", **FLOW), True),
        (alert("ConnectWorkerDown", worker="w"), alert("FlowHeartbeatStopped", **FLOW), True),
        (alert("ConnectWorkerDown", worker="w"), alert("OfflinePartitions"), False),
        (
            alert("ConnectWorkerDown", worker="w"),
            {**alert("FlowNotRunning", **FLOW), "cluster": "main"},
            False,
        ),
        (alert("ConnectorFailed", connector="c"), alert("ConnectorTaskFailed", connector="c"), True),
        (alert("ConnectorFailed", connector="c"), alert("ConnectorTaskFailed", connector="d"), False),
        (alert("FlowNotRunning", **FLOW), alert("FlowBehind", **FLOW), True),
        (alert("FlowNotRunning", **FLOW), alert("FlowBehind", source="other", target="dr"), False),
        (alert("FlowNotRunning", **FLOW), alert("ConnectorFailed", connector="main->dr.source"), True),
        (alert("FlowNotRunning", **FLOW), alert("ConnectorFailed", connector="orders-to-s3"), False),
        (alert("FlowFarBehind", **FLOW), alert("FlowBehind", **FLOW), True),
        (alert("FlowBehind", **FLOW), alert("FlowFarBehind", **FLOW), False),
    ],
)
def test_what_explains_others_keeps_them_quiet(by: Labels, of: Labels, quiet: bool) -> None:
    rules = [
        InhibitRule(name, matchers.parse(source), matchers.parse(target), equal)
        for name, source, target, equal in INHIBITIONS
    ]
    assert (Inhibitor(rules, {"1": by}).by(of) is not None) is quiet
