"""Polls of real brokers, and of ones that are slow, gone or wrong."""

from __future__ import annotations

import json
import math
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from broker.spec import ClusterSpec
from controlplane.clusters.models import Cluster
from controlplane.core.access import Role
from controlplane.gateways.errors import AuthenticationFailed, DeadlineExceeded, TargetRefused, Unreachable
from controlplane.gateways.jolokia import THREADING, Endpoint, read_mbeans
from controlplane.metrics import polling, selectors
from controlplane.metrics.boards import CHARTS
from controlplane.metrics.names import samples_of
from tests.conftest import Api

UP = "kafka.server:type=ReplicaManager,name=PartitionCount"


@pytest.fixture(autouse=True)
def _own_store(tmp_path: Path, settings: Any) -> None:
    settings.METRICS_DATABASE = tmp_path / "metrics.sqlite3"


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Accepts connections and never answers, as a stopped process does."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(8)
        yield listener.getsockname()[1]


def endpoint(tmp_path: Path, port: int, password: str = "x") -> Endpoint:
    file = tmp_path / "password"
    file.write_text(password)
    return Endpoint(f"http://127.0.0.1:{port}/jolokia/", "kastellan", file)


def now() -> int:
    return time.time_ns() // 1_000_000


def test_real_brokers_say_how_they_are(cluster_spec: ClusterSpec, cluster: Cluster) -> None:
    for _ in range(2):
        for node in cluster_spec.nodes:
            assert polling.poll(cluster.name, node.id) is None
    health = selectors.cluster_health(cluster.name, now())
    assert health.brokers == ("1", "2", "3")
    assert health.under_replicated.value is not None
    assert 0 < (health.heap.value or 0) < 1


def test_real_brokers_look_for_threads_that_wait_for_each_other(
    cluster_spec: ClusterSpec, cluster: Cluster
) -> None:
    for node in cluster_spec.nodes:
        assert polling.poll(cluster.name, node.id) is None
    found = selectors.store().select(cluster.name, "jvm_threads_deadlocked", {}, 0, now())
    assert {each.labels["broker"]: list(each.values) for each in found} == {"1": [0], "2": [0], "3": [0]}


@pytest.fixture
def agent() -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """Its port, and what it answers to any question."""
    answers: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(answers).encode())

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_address[1], answers
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("search", "count"),
    [({"status": 200, "value": [17, 23]}, 2), ({"status": 200, "value": None}, 0), ({"status": 403}, None)],
)
def test_threads_that_wait_for_each_other_are_counted_beside_the_others(
    search: dict[str, Any], count: int | None, agent: tuple[int, list[dict[str, Any]]], tmp_path: Path
) -> None:
    """An agent that does not let us search has not said that there are none."""
    port, answers = agent
    answers += [{"status": 200, "value": {"ThreadCount": 90}}, search]
    samples = {
        each.name: each.value for each in samples_of(read_mbeans(endpoint(tmp_path, port), [THREADING]))
    }
    assert samples.pop("jvm_threads_current") == 90
    assert samples == ({} if count is None else {"jvm_threads_deadlocked": count})


def test_a_silent_agent_costs_its_deadline_and_becomes_a_gap(
    cluster_spec: ClusterSpec, db: None, tmp_path: Path, silent_port: int
) -> None:
    started = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        read_mbeans(endpoint(tmp_path, silent_port), [UP], deadline_s=0.5)
    assert time.monotonic() - started < 3
    assert polling.poll("main", 1) is None
    assert isinstance(polling.poll("main", 1, endpoint=endpoint(tmp_path, 1)), Unreachable)
    (up,) = selectors.store().select("main", "up", {"broker": "1"}, 0, now())
    assert list(up.values)[-1] == 0.0
    health = selectors.cluster_health("main", now())
    assert [each.broker for each in health.silent] == ["1"]
    assert health.heap.per_broker["1"] is None  # what it said before is not told as present
    assert selectors.was_up("main", 1, now()) is False


def test_what_a_broker_said_before_its_end_is_not_present_even_before_the_next_poll(
    cluster_spec: ClusterSpec, cluster: Cluster
) -> None:
    for node in cluster_spec.nodes:
        assert polling.poll(cluster.name, node.id) is None
    health = selectors.cluster_health(
        cluster.name, now(), counts_from={"2": math.inf, "3": time.time() - 600}
    )
    (silent,) = health.silent
    assert silent.broker == "2"
    assert silent.since is not None
    assert health.speaking == ("1", "3")
    assert health.heap.per_broker["2"] is None
    assert health.heap.value == max(value for value in health.heap.per_broker.values() if value is not None)
    assert selectors.was_up(cluster.name, 2, now()) is True


def test_wrong_passwords_and_foreign_hosts_are_refused(
    cluster_spec: ClusterSpec, data_paths: Any, tmp_path: Path
) -> None:
    wrong = endpoint(tmp_path, cluster_spec.nodes[0].jolokia_port, "wrong")
    with pytest.raises(AuthenticationFailed):
        read_mbeans(wrong, [UP])
    for host in ("10.0.0.1", "169.254.169.254", "example.com", "0x7f.1"):
        with pytest.raises(TargetRefused):
            read_mbeans(Endpoint(f"http://{host}/jolokia/", "u", wrong.password_file), [UP])


def test_brokers_are_asked_at_different_moments_of_the_interval() -> None:
    offsets = [polling.offset_s("main", broker) for broker in range(1, 10)]
    assert len(set(offsets)) == len(offsets)
    assert all(0 <= offset < polling.INTERVAL_S for offset in offsets)


def test_no_fresh_sample_is_unknown_and_not_zero(db: None) -> None:
    health = selectors.cluster_health("main", now())
    assert health.under_replicated.value is None
    assert health.bytes_in.value is None


@pytest.mark.django_db(transaction=True)
def test_the_api_answers_every_chart(cluster: Cluster, api: Callable[[Role], Api]) -> None:
    call = api(Role.VIEWER)
    polling.poll(cluster.name, 1)
    listed = call("GET", "clusters/main/metrics/charts/?page_size=500").json()["results"]
    assert {chart["id"] for chart in listed} == set(CHARTS)
    until = int(time.time()) + 20
    answer = call("GET", f"clusters/main/metrics/charts/heap/?from={until - 900}&to={until}").json()
    assert answer["unit"] == "bytes"
    assert answer["series"][0]["name"] == "broker 1"
    assert any(value is None for _, value in answer["series"][0]["points"])
    assert call("GET", "clusters/main/metrics/charts/none/").status_code == 404


def test_the_store_is_a_file_of_its_own() -> None:
    assert str(settings.METRICS_DATABASE).endswith("/metrics.sqlite3")
