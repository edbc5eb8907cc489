"""`./run status` and the last lines of `./run up`: what each process is for, and the files of each cluster."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from controlplane.cli import services, status, up
from controlplane.gateways import broker as bundled
from controlplane.gateways.broker import DataPaths


@pytest.mark.parametrize(
    ("name", "labels", "purpose"),
    [
        ("web", {}, "web app and API"),
        *((name, {}, status.PURPOSES[name]) for name, _, _ in services.WORKERS),
        ("main-broker-2", {"cluster": "main", "node": "2"}, "broker 2 of main"),
        ("dr-connect", {"cluster": "dr"}, "Connect worker of dr"),
        ("somebody's", {}, ""),
    ],
)
def test_a_process_is_named_by_what_it_is_for(name: str, labels: dict[str, str], purpose: str) -> None:
    process: Any = SimpleNamespace(name=name, labels=labels)
    assert status.purpose_of(process) == purpose


def test_a_cluster_of_one_has_one_broker(capsys: pytest.CaptureFixture[str]) -> None:
    process = {
        "name": "beat", "purpose": "starts periodic work", "state": "RUNNING", "pid": 7,
        "rss_bytes": None, "since": None, "reason": "",
    }  # fmt: skip
    cluster = {"name": "dr", "state": "running", "brokers": [{}], "bootstrap": {}}
    status.print_report(
        {
            "version": "1",
            "url": "http://x",
            "data": "d",
            "supervised": True,
            "processes": [process],
            "clusters": [cluster],
        }
    )
    said = capsys.readouterr().out
    assert "Cluster dr: running, 1 broker\n" in said
    assert "starts periodic work" in said


def test_up_names_the_client_files_of_every_cluster(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    specs: Any = (SimpleNamespace(name="main", stopped=False), SimpleNamespace(name="dr", stopped=True))
    monkeypatch.setattr(bundled, "bundled_clusters", lambda: specs)
    address: Any = SimpleNamespace(url="http://127.0.0.1:8640")
    up.print_summary(DataPaths(tmp_path), address, {}, 1.0)
    said = capsys.readouterr().out
    assert f"  main: {tmp_path}/clients/admin\n" in said
    assert f"  dr: {tmp_path}/clients/dr/admin  (stopped)\n" in said
