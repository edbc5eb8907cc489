"""What Grafana and Prometheus are given: held against Grafana's own models, promtool and a real Prometheus' parser."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.test import Client
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard
from prometheus_client.parser import text_string_to_metric_families

from controlplane.accounts.models import User
from controlplane.core.access import Role
from controlplane.metrics import grafana, query
from controlplane.metrics.boards import BOARDS
from controlplane.metrics.names import Sample
from controlplane.metrics.promql.model import STALE
from controlplane.metrics.selectors import store
from controlplane.metrics.views import now_ms
from tests.alerts.scene import cluster
from tests.conftest import Api

FEDERATE = "clusters/main/prometheus/federate"


@pytest.fixture(autouse=True)
def _one_cluster(db: None, tmp_path: Path, settings: Any) -> None:
    settings.METRICS_DATABASE = str(tmp_path / "metrics.sqlite3")
    cluster()


def lost(given: Any, kept: Any, place: str = "") -> list[str]:
    """What Grafana's models do not know, or read as something else."""
    if isinstance(given, dict) and isinstance(kept, dict):
        return [
            found
            for key, value in given.items()
            for found in (lost(value, kept[key], f"{place}.{key}") if key in kept else [f"{place}.{key}"])
        ]
    if isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        return [
            found
            for at, (one, other) in enumerate(zip(given, kept, strict=True))
            for found in lost(one, other, f"{place}[{at}]")
        ]
    return [] if given == kept else [f"{place}: {given!r} became {kept!r}"]


@pytest.mark.parametrize("board", BOARDS)
def test_grafanas_own_models_read_every_dashboard(board: str) -> None:
    made = json.loads(json.dumps(grafana.dashboard(BOARDS[board])))
    kept = json.loads(json.dumps(Dashboard.from_json(made), cls=JSONEncoder))
    assert lost(made, kept) == []
    names = {each["name"] for each in made["templating"]["list"]}
    for panel in made["panels"]:
        for target in panel["targets"]:
            filled = target["expr"].replace("$__rate_interval", "1m")
            for name in names:
                filled = filled.replace(f"${name}", ".*")
            assert "$" not in filled, "a variable that the dashboard does not have"
            query.parse(filled)


def test_the_files_for_grafana(api: Callable[[Role], Api]) -> None:
    answer = api(Role.VIEWER)("GET", "clusters/main/metrics/grafana/")
    assert answer.headers["Content-Type"] == "application/zip"
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    texts = {
        name.removeprefix("kastellan-grafana/"): archive.read(name).decode() for name in archive.namelist()
    }
    assert {f"dashboards/kastellan/{board}.json" for board in BOARDS} < set(texts)
    (source,) = yaml.safe_load(texts["provisioning/datasources/kastellan.yaml"])["datasources"]
    assert source["url"] == "http://testserver/api/v1/clusters/main/prometheus"
    assert source["secureJsonData"] == {"httpHeaderValue1": "Bearer $KASTELLAN_TOKEN"}
    (provider,) = yaml.safe_load(texts["provisioning/dashboards/kastellan.yaml"])["providers"]
    assert provider["options"]["path"].endswith("/dashboards/kastellan")


def test_promtool_takes_the_scrape_configuration(api: Callable[[Role], Api], tmp_path: Path) -> None:
    text = api(Role.VIEWER)("GET", "clusters/main/metrics/scrape-config/").content.decode()
    kafka, own = yaml.safe_load(text)["scrape_configs"]
    assert kafka["metrics_path"] == "/api/v1/clusters/main/prometheus/federate"
    assert own.get("metrics_path", "/metrics") == "/metrics"
    if not shutil.which("promtool"):
        pytest.skip("promtool is not installed")
    (tmp_path / "prometheus.yml").write_text(text)
    (tmp_path / "kastellan.token").write_text("kst_x")
    done = subprocess.run(
        ["promtool", "check", "config", str(tmp_path / "prometheus.yml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def append(at: int, **values: float) -> None:
    names = {"lag": "kafka_consumergroup_lag", "bytes": "kafka_server_brokertopicmetrics_bytesin_total"}
    samples = [
        Sample(names.get(name, name), (("topic", 'or"ders\\'),), value) for name, value in values.items()
    ]
    store().append("main", "kafka", at, samples)


def test_a_scrape_gets_the_newest_samples_with_their_times(api: Callable[[Role], Api]) -> None:
    now = now_ms()
    append(now - 20_000, lag=1, bytes=10, kastellan_gone=5)
    append(now - 10_000, lag=2, bytes=20)
    call = api(Role.VIEWER)
    answer = call("GET", FEDERATE)
    assert answer.headers["Content-Type"].startswith("text/plain")
    families = {
        family.name: family.samples for family in text_string_to_metric_families(answer.content.decode())
    }
    assert set(families) == {"kafka_consumergroup_lag"}, "JMX metrics are asked for; what ended is gone"
    (sample,) = families["kafka_consumergroup_lag"]
    assert (sample.value, sample.labels) == (2, {"topic": 'or"ders\\', "cluster": "main"})
    assert isinstance(sample.timestamp, float)
    assert round(sample.timestamp * 1000) == now - 10_000
    everything = call("GET", f"{FEDERATE}?match[]=%7B__name__%3D~%22.%2B%22%7D").content.decode()
    assert "# TYPE kafka_server_brokertopicmetrics_bytesin_total counter" in everything
    assert call("GET", f"{FEDERATE}?match[]=up%7B").status_code == 400
    assert STALE != STALE  # the marker is a NaN: it could not be told from one in the text


def test_the_page_says_how(client: Client, users: dict[Role, User]) -> None:
    client.force_login(users[Role.VIEWER])
    text = client.get("/clusters/main/metrics/export/").content.decode()
    assert "http://testserver/api/v1/clusters/main/prometheus" in text
    assert client.get("/clusters/main/metrics/export/grafana.zip").content[:2] == b"PK"
    assert client.get("/clusters/main/metrics/export/prometheus.yml").content.startswith(
        b"# For prometheus.yml"
    )
