"""A flow's series are for those who see both of its clusters."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from controlplane.accounts.services import create_token
from controlplane.clusters.models import Cluster
from controlplane.core.access import Actor, Role
from controlplane.metrics.names import sample
from controlplane.metrics.selectors import store
from controlplane.metrics.visibility import is_shown
from tests.conftest import Api, make_user

HALF = Actor("half", "user", {"main": Role.VIEWER})
BOTH = Actor("both", "user", {"main": Role.VIEWER, "far": Role.VIEWER})


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        ({"__name__": "kastellan_flow_lag_records", "source": "far", "target": "main"}, False),
        ({"__name__": "kafka_connect_mirror_x", "source": "far", "target": "main", "topic": "far.t"}, False),
        ({"__name__": "kafka_connect_source_task_x", "connector": "far->main.source", "task": "0"}, False),
        ({"__name__": "kafka_connect_source_task_x", "connector": "orders", "task": "0"}, True),
        ({"__name__": "jvm_memory_used_bytes", "broker": "1"}, True),
        ({"__name__": "made_up", "source": "leaf"}, True),
    ],
)
def test_who_does_not_see_the_source_is_not_told(labels: dict[str, str], told: bool) -> None:
    assert is_shown(HALF, "main", labels) is told
    assert is_shown(BOTH, "main", labels)


def test_queries_lists_and_the_federation_leave_them_out(
    cluster: Cluster, api: Callable[[Role], Api], tmp_path: Path, settings: Any
) -> None:
    settings.METRICS_DATABASE = str(tmp_path / "metrics.sqlite3")
    flow = {"source": "far", "target": "main"}
    store().append(
        "main",
        "flow",
        time.time_ns() // 1_000_000,
        [sample("kastellan_flow_lag_records", 3, **flow), sample("kastellan_flow_made_up", 1)],
    )
    half = Api(create_token(user=make_user("half", Role.VIEWER, "main"), name="t")[1])
    all_ = api(Role.VIEWER)
    base = "clusters/main/prometheus/api/v1/"
    for asked in (
        f"{base}query?query=kastellan_flow_lag_records",
        f"{base}series?match[]=kastellan_flow_lag_records",
        f"{base}label/source/values",
        "clusters/main/prometheus/federate?match[]=kastellan_flow_lag_records",
    ):
        assert "far" in all_("GET", asked).content.decode(), asked
        assert "far" not in half("GET", asked).content.decode(), asked
