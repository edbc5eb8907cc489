"""Explore: answers, errors with their place, files; units by the names of metrics."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from controlplane.accounts.models import User
from controlplane.clusters.models import Cluster
from controlplane.core.access import Role
from controlplane.metrics.logic.units import unit_of
from controlplane.metrics.names import Sample
from controlplane.metrics.selectors import store

PAGE = "/clusters/main/metrics/explore/"


@pytest.fixture
def viewer(client: Client, users: dict[Role, User], tmp_path: Path, settings: Any) -> Client:
    settings.METRICS_DATABASE = str(tmp_path / "metrics.sqlite3")
    Cluster.objects.get_or_create(name="main", defaults={"title": "Main"})
    now = time.time_ns() // 1_000_000
    for number in range(30):
        at = now - (30 - number) * 10_000
        samples = [Sample("bytes_total", (("topic", topic),), number * 1000.0) for topic in ("a", '=cmd"x')]
        store().append("main", "1", at, samples)
    client.force_login(users[Role.VIEWER])
    return client


def asked(client: Client, path: str, **parameters: Any) -> Any:
    return client.get(f"{path}?{urlencode(parameters, doseq=True)}")


def test_each_query_has_its_chart_and_legend(viewer: Client) -> None:
    answer = asked(
        viewer, PAGE, q=["rate(bytes_total[1m])", "sum(bytes_total)"], range="15m"
    ).content.decode()
    assert answer.count("data-chart=") == 2
    assert "100 B/s" in answer
    data = asked(viewer, f"{PAGE}data.json", q="rate(bytes_total[1m])", range="15m").json()
    assert data["unit"] == "bytes/s"
    assert [line["labels"]["topic"] for line in data["series"]] == ['=cmd"x', "a"]
    assert data["series"][0]["points"][-1][1] == pytest.approx(100)


def test_what_is_wrong_is_shown_with_its_place_and_nothing_typed_is_lost(viewer: Client) -> None:
    answer = asked(viewer, PAGE, q=["sum(", "up{"]).content.decode()
    assert answer.count('role="alert"') == 2
    assert "^</pre>" in answer
    assert ">sum(</textarea>" in answer
    assert asked(viewer, f"{PAGE}data.json", q="sum(").status_code == 422


def test_no_series_is_not_an_empty_chart(viewer: Client) -> None:
    assert "No series in this range" in asked(viewer, PAGE, q="nothing_here").content.decode()


def test_a_file_has_a_column_per_series_and_no_formula(viewer: Client) -> None:
    lines = (
        asked(viewer, f"{PAGE}data.csv", q="sum by (topic) (bytes_total)", range="15m")
        .content.decode()
        .split("\r\n")
    )
    assert lines[0].startswith("time,")
    assert "{topic=" in lines[0]
    assert len(lines) > 80


@pytest.mark.parametrize(
    ("text", "names", "unit"),
    [
        ("rate(kafka_server_brokertopicmetrics_bytesin_total[1m])", ("kafka_server_brokertopicmetrics_bytesin_total",), "bytes/s"),
        ("sum(kastellan_log_dir_usable_bytes)", ("kastellan_log_dir_usable_bytes",), "bytes"),
        ("count(kastellan_log_dir_usable_bytes)", ("kastellan_log_dir_usable_bytes",), ""),
        ("jvm_memory_used_bytes / jvm_memory_max_bytes", ("jvm_memory_used_bytes", "jvm_memory_max_bytes"), "fraction"),
        ("kafka_network_requestmetrics_totaltimems", ("kafka_network_requestmetrics_totaltimems",), "ms"),
        ("kastellan_group_lag_seconds", ("kastellan_group_lag_seconds",), "s"),
        ("kafka_network_socketserver_networkprocessoravgidle_percent", ("kafka_network_socketserver_networkprocessoravgidle_percent",), "fraction"),
        ("rate(messages_total[1m])", ("messages_total",), "/s"),
        ("kafka_consumergroup_lag", ("kafka_consumergroup_lag",), ""),
        ("a_bytes + b_ms", ("a_bytes", "b_ms"), ""),
        ("vector(1)", (), ""),
    ],
)  # fmt: skip
def test_units_follow_the_names_of_metrics(text: str, names: tuple[str, ...], unit: str) -> None:
    assert unit_of(text, names) == unit
