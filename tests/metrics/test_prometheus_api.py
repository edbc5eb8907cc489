"""The Prometheus HTTP API beside a real Prometheus that has the same samples: the same answers, status codes and shapes."""

from __future__ import annotations

import hashlib
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.http import QueryDict
from django.test import Client

from controlplane.clusters.models import Cluster
from controlplane.core.access import Role
from controlplane.metrics import prometheus_api
from controlplane.metrics.helps import help_of
from controlplane.metrics.names import Sample
from controlplane.metrics.promql import Series
from controlplane.metrics.selectors import store
from tests.conftest import Api
from tests.metrics.promql import reference

BASE = "/api/v1/clusters/main/prometheus/api/v1"
AT = reference.FIRST_QUESTION / 1000
RANGE = {"start": AT, "end": AT + 1800, "step": 60}
Asked = Callable[..., tuple[int, Any]]


def labelled() -> list[Series]:
    """Every fourth: enough for shapes; the engine has its own comparison."""
    return [
        Series({**each.labels, "cluster": "main"}, each.times, each.values)
        for each in reference.samples()[::4]
    ]


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    if not reference.available():
        pytest.skip("Prometheus is not installed: apt install prometheus")
    with reference.prometheus(tmp_path_factory.mktemp("prometheus"), labelled()) as address:

        def ask(path: str, **parameters: Any) -> tuple[int, Any]:
            url = f"{address}/{path}?{urllib.parse.urlencode(parameters, doseq=True)}"
            try:
                with urllib.request.urlopen(url, timeout=30) as answer:
                    return answer.status, json.load(answer)
            except urllib.error.HTTPError as error:
                with error:
                    return error.code, json.load(error)

        yield ask


@pytest.fixture
def filled(tmp_path: Path, settings: Any, db: None) -> None:
    settings.METRICS_DATABASE = str(tmp_path / "metrics.sqlite3")
    Cluster.objects.get_or_create(name="main", defaults={"title": "Main"})
    by_time: dict[int, list[Sample]] = {}
    for each in labelled():
        labels = tuple(sorted((k, v) for k, v in each.labels.items() if k not in ("__name__", "cluster")))
        for at, value in zip(each.times, each.values, strict=True):
            by_time.setdefault(int(at), []).append(Sample(each.labels["__name__"], labels, float(value)))
    for at, samples in by_time.items():
        # A target of its own for each set of series: none of them ends.
        names = str(sorted((each.name, each.labels) for each in samples))
        store().append("main", hashlib.sha256(names.encode()).hexdigest(), at, samples)


@pytest.fixture
def ours(filled: None, api: Callable[[Role], Api]) -> Asked:
    client = api(Role.VIEWER).client

    def ask(path: str, **parameters: Any) -> tuple[int, Any]:
        answer = client.get(f"{BASE}/{path}?{urllib.parse.urlencode(parameters, doseq=True)}")
        return answer.status_code, answer.json()

    return ask


SAME: list[tuple[str, dict[str, Any]]] = [
    ("query", {"query": "heat", "time": AT}),
    ("query", {"query": "sum by (broker) (rate(requests_total[5m]))", "time": AT}),
    ("query", {"query": "requests_total[2m]", "time": AT}),
    ("query", {"query": "scalar(sum(up))", "time": AT}),
    ("query", {"query": '"text"', "time": AT}),
    ("query", {"query": "weird", "time": AT}),
    ("query", {"query": "absent(nothing)", "time": "2025-10-09T09:35:00Z"}),
    ("query_range", {"query": "heat > 20", **RANGE}),
    ("query_range", {"query": "1 + 1", **RANGE, "step": "5m"}),
    ("query_range", {"query": "nothing", **RANGE}),
    ("series", {"match[]": ["heat", 'up{broker="1"}'], "start": AT - 600, "end": AT}),
    ("labels", {"start": AT - 600, "end": AT}),
    ("labels", {"match[]": "heat", "start": AT - 600, "end": AT}),
    ("label/broker/values", {"start": AT - 600, "end": AT}),
    ("label/__name__/values", {"start": AT - 600, "end": AT}),
    ("label/nothing/values", {"start": AT - 600, "end": AT}),
    ("query_exemplars", {"query": "heat", "start": AT - 600, "end": AT}),
]


@pytest.mark.parametrize(("path", "parameters"), SAME, ids=lambda each: str(each)[:60])
def test_answers_are_those_of_prometheus(
    path: str, parameters: dict[str, Any], ours: Asked, theirs: Asked
) -> None:
    (our_status, our), (their_status, their) = ours(path, **parameters), theirs(path, **parameters)
    assert (our_status, our["status"]) == (their_status, "success")
    if path in ("query", "query_range"):
        if our["data"]["resultType"] != "string":
            assert reference.difference(our["data"], their["data"], ordered=False) < 1e-9
        assert stripped(our["data"]) == stripped(their["data"])
    else:
        assert sorted(our["data"], key=str) == sorted(their["data"], key=str)


def stripped(data: Any) -> Any:
    """Numbers replaced by their JSON types, so that shapes compare; metrics as they are, in any order."""
    if isinstance(data, dict):
        return {key: value if key == "metric" else stripped(value) for key, value in data.items()}
    if isinstance(data, list):
        kinds = [stripped(each) for each in data]
        return sorted(kinds, key=str)
    return (
        data if isinstance(data, str) and not _number(data) else type(data).__name__.replace("int", "float")
    )


def _number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


WRONG: list[tuple[str, dict[str, Any], int, str]] = [
    ("query", {"query": "rate(heat"}, 400, "bad_data"),
    ("query", {}, 400, "bad_data"),
    ("query", {"query": "up", "time": "soon"}, 400, "bad_data"),
    ("query", {"query": "up", "timeout": "x"}, 400, "bad_data"),
    ("query", {"query": '{__name__=~".+"} * on() {__name__=~".+"}', "time": AT}, 422, "execution"),
    ("query_range", {"query": "up", "start": AT, "end": AT - 5, "step": 1}, 400, "bad_data"),
    ("query_range", {"query": "up", "start": AT, "end": AT + 5, "step": 0}, 400, "bad_data"),
    ("query_range", {"query": "up", "start": 0, "end": AT, "step": 1}, 400, "bad_data"),
    ("query_range", {"query": "up[5m]", **RANGE}, 400, "bad_data"),
    ("query_range", {"query": "up"}, 400, "bad_data"),
    ("series", {}, 400, "bad_data"),
    ("series", {"match[]": "rate("}, 400, "bad_data"),
]


@pytest.mark.parametrize(("path", "parameters", "status", "kind"), WRONG, ids=lambda each: str(each)[:60])
def test_errors_have_prometheus_status_and_envelope(
    path: str, parameters: dict[str, Any], status: int, kind: str, ours: Asked, theirs: Asked
) -> None:
    for found, body in (ours(path, **parameters), theirs(path, **parameters)):
        assert found == status, body
        assert (body["status"], body["errorType"]) == ("error", kind)
        assert body["error"]


def test_a_parse_error_names_the_place(ours: Asked) -> None:
    _, body = ours("query", query="sum(rate(up[5m])) + histogram_count(x)")
    assert "1:21" in body["error"]


def test_a_form_is_taken_as_grafana_sends_it(filled: None, api: Callable[[Role], Api]) -> None:
    client = api(Role.VIEWER).client
    form = urllib.parse.urlencode({"query": "up", **RANGE, "unknown": "1"})
    answer = client.post(f"{BASE}/query_range", form, content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 200, answer.content
    assert answer.json()["data"]["resultType"] == "matrix"
    again = client.post(
        f"{BASE}/series",
        urllib.parse.urlencode({"match[]": "up"}),
        content_type="application/x-www-form-urlencoded",
    )
    assert all(each["__name__"] == "up" for each in again.json()["data"])


@pytest.mark.parametrize(
    ("name", "help_"),
    [
        ("kafka_consumergroup_lag", "Records that the group has not committed yet."),
        ("kafka_server_replicamanager_isrshrinks_total", "Of the MBean kafka.server:type=ReplicaManager. A follower fell behind or went away."),
        ("kafka_connect_source_task_source_record_poll_total", "Of the MBean kafka.connect:type=source-task-metrics."),
        ("jvm_memory_used_bytes", "JVM: memory used bytes."),
        ("made_up", ""),
    ],
)  # fmt: skip
def test_a_metric_says_what_it_is(name: str, help_: str) -> None:
    assert help_of(name) == help_


@pytest.mark.parametrize(
    ("wanted", "kept", "warned"), [("1", 1, True), ("0", 3, False), ("", 3, False), ("99", 3, False)]
)
def test_a_query_is_cut_to_its_limit(wanted: str, kept: int, warned: bool) -> None:
    found = {"resultType": "vector", "result": [{}, {}, {}]}
    answer = prometheus_api.cut(QueryDict(f"limit={wanted}"), found)
    assert (len(answer[0]["result"]), answer[1]) == (kept, warned)


def test_metadata_and_buildinfo(ours: Asked) -> None:
    _, metadata = ours("metadata", metric="requests_total")
    assert metadata["data"]["requests_total"][0]["type"] == "counter"
    _, build = ours("status/buildinfo")
    assert build["data"]["version"].startswith("3.")


def test_it_needs_a_token_that_may_see_metrics_of_the_cluster(
    filled: None, client: Client, api: Callable[[Role], Api]
) -> None:
    assert client.get(f"{BASE}/query?query=up").status_code == 401
    other = BASE.replace("/main/", "/other/")
    assert api(Role.VIEWER).client.get(f"{other}/query?query=up").status_code == 404
