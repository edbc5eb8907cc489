"""`rules` and `alerts` as Prometheus has them: shapes beside a real one, the filters of version 3 as a table."""

from __future__ import annotations

import math
import urllib.parse
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from controlplane.alerts.logic.prometheus import exponent
from controlplane.alerts.models import Rule
from controlplane.core.access import Role
from tests.alerts import real
from tests.alerts.scene import Scene, rule
from tests.conftest import Api

BASE = "/api/v1/clusters/main/prometheus/api/v1"
RULES = """
groups:
  - name: test
    interval: 1s
    rules:
      - {alert: Firing, expr: "vector(1)", labels: {severity: page}, annotations: {summary: "{{ $value }}"}}
      - {alert: Waiting, expr: "vector(1) * 1", for: 1h}
      - {alert: Quiet, expr: "vector(1) > 2"}
"""
Asked = Callable[..., tuple[int, Any]]


@pytest.fixture
def ours(scene: Scene, api: Callable[[Role], Api]) -> Asked:
    rule("Firing", expr="vector(1)", severity="page", annotations={"summary": "{{ $value }}"})
    rule("Waiting", expr="vector(1) * 1", hold=3600, labels={})
    rule("Quiet", expr="vector(1) > 2")
    rule("Local", expr="vector(3)", cluster="main", group="own", labels={"team": "{{ $labels.team }}"})
    scene.answers = {"vector(1)": [{}], "vector(1) * 1": [{}]}
    scene.cycle()
    client = api(Role.VIEWER).client

    def ask(path: str, **parameters: Any) -> tuple[int, Any]:
        answer = client.get(f"{BASE}/{path}?{urllib.parse.urlencode(parameters, doseq=True)}")
        return answer.status_code, answer.json()

    return ask


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with real.prometheus(tmp_path_factory.mktemp("prometheus"), RULES) as address:
        real.until(lambda: len(real.ask(f"{address}/alerts")[1]["data"]["alerts"]) >= 2)
        yield address


def shape(value: Any) -> Any:
    """Names and types: what a client of typed languages stumbles over."""
    if isinstance(value, dict):
        return {name: shape(each) for name, each in value.items()}
    if isinstance(value, list):
        return [shape(each) for each in value]
    return type(value).__name__.replace("int", "float")


def named(data: Any, name: str) -> Any:
    return next(each for group in data["groups"] for each in group["rules"] if each["name"] == name)


@real.needs("prometheus")
@pytest.mark.parametrize("name", ["Firing", "Waiting", "Quiet"])
def test_a_rule_has_the_shape_that_prometheus_gives_it(name: str, ours: Asked, theirs: str) -> None:
    (_, our), (_, their) = ours("rules"), real.ask(f"{theirs}/rules")
    mine, his = named(our["data"], name), named(their["data"], name)
    # Came with 2.43, and a version without it shows nothing.
    his.setdefault("keepFiringFor", 0)
    if name == "Quiet":
        mine["labels"] = {}
        mine["annotations"] = {}
    elif name == "Waiting":
        mine["annotations"] = {}
        mine["alerts"][0]["annotations"] = {}
    for each in mine["alerts"]:
        each["labels"].pop("cluster")
    assert shape(mine) == shape(his)
    same = ("state", "name", "query", "duration", "labels", "annotations", "health", "type")
    assert {key: mine[key] for key in same} == {key: his[key] for key in same}
    assert [each["value"] for each in mine["alerts"]] == [each["value"] for each in his["alerts"]]


@real.needs("prometheus")
def test_groups_and_alerts_have_the_shapes_that_prometheus_gives_them(ours: Asked, theirs: str) -> None:
    (_, our), (_, their) = ours("rules"), real.ask(f"{theirs}/rules")
    mine, his = ({**each["data"]["groups"][0], "rules": []} for each in (our, their))
    assert shape(mine) == shape(his)
    (_, our), (_, their) = ours("alerts"), real.ask(f"{theirs}/alerts")
    assert {*our["data"]} == {*their["data"]} == {"alerts"}
    assert {*our["data"]["alerts"][0]} == {*their["data"]["alerts"][0]}
    assert sorted(each["state"] for each in our["data"]["alerts"]) == ["firing", "pending"]


def names(answer: tuple[int, Any]) -> list[str]:
    status, body = answer
    assert status == 200, body
    return sorted(each["name"] for group in body["data"]["groups"] for each in group["rules"])


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, ["Firing", "Local", "Quiet", "Waiting"]),
        ({"type": "alert"}, ["Firing", "Local", "Quiet", "Waiting"]),
        ({"type": "record"}, []),
        ({"rule_name[]": ["Firing", "Quiet"]}, ["Firing", "Quiet"]),
        ({"rule_group[]": "own"}, ["Local"]),
        ({"file[]": "kastellan.yml"}, ["Firing", "Quiet", "Waiting"]),
        ({"file[]": "main.yml", "rule_group[]": "test"}, []),
        ({"match[]": '{severity="page"}'}, ["Firing"]),
        ({"match[]": ['{severity="page"}', '{severity="critical"}']}, ["Firing", "Quiet"]),
        ({"match[]": '{severity=~".+", team=""}'}, ["Firing", "Quiet"]),
        ({"group_limit": 1}, ["Firing", "Quiet", "Waiting"]),
    ],
    ids=str,
)
def test_filters_are_those_of_prometheus_3(asked: dict[str, Any], found: list[str], ours: Asked) -> None:
    assert names(ours("rules", **asked)) == found


def test_groups_come_in_pages(ours: Asked) -> None:
    _, page = ours("rules", group_limit=1)
    token = page["data"]["groupNextToken"]
    _, rest = ours("rules", group_limit=1, group_next_token=token)
    assert [each["name"] for each in rest["data"]["groups"]] == ["own"]
    assert "groupNextToken" not in rest["data"]


def test_alerts_can_be_left_out(ours: Asked) -> None:
    _, body = ours("rules", exclude_alerts="true")
    assert named(body["data"], "Firing")["alerts"] == []
    assert named(body["data"], "Firing")["state"] == "firing"


@pytest.mark.parametrize(
    "asked",
    [
        {"type": "none"}, {"match[]": "rate("}, {"match[]": "up[5m]"}, {"exclude_alerts": "maybe"},
        {"group_limit": "-1"}, {"group_next_token": "x"}, {"group_limit": 1, "group_next_token": "x"},
    ],
    ids=str,
)  # fmt: skip
def test_wrong_filters_are_bad_data(asked: dict[str, Any], ours: Asked) -> None:
    status, body = ours("rules", **asked)
    assert (status, body["status"], body["errorType"]) == (400, "error", "bad_data")


def test_a_failed_rule_says_why_and_a_kept_alert_since_when(scene: Scene, ours: Asked) -> None:
    Rule.objects.filter(name="Firing").update(keep_firing=timedelta(minutes=5))
    scene.answers["vector(1) > 2"] = "no such metric"
    scene.answers["vector(1)"] = []
    scene.passes(30)
    _, body = ours("rules")
    broken = named(body["data"], "Quiet")
    assert (broken["health"], broken["lastError"]) == ("err", "no such metric")
    (kept,) = named(body["data"], "Firing")["alerts"]
    assert kept["keepFiringSince"].endswith("Z")


def test_who_does_not_see_the_cluster_sees_no_rules(scene: Scene, api: Callable[[Role], Api]) -> None:
    answer = api(Role.VIEWER)("GET", "clusters/other/prometheus/api/v1/rules")
    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1e+00"), (0.0, "0e+00"), (-0.5, "-5e-01"), (0.1, "1e-01"), (123456789.0, "1.23456789e+08"),
        (1 / 3, "3.333333333333333e-01"), (math.inf, "+Inf"), (-math.inf, "-Inf"), (math.nan, "NaN"),
        (5e-324, "5e-324"), (1.7976931348623157e308, "1.7976931348623157e+308"),
    ],
)  # fmt: skip
def test_values_are_written_as_go_writes_them(value: float, text: str) -> None:
    assert exponent(value) == text
