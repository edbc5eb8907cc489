"""`./run up` on a machine that is not as it should be, with real brokers: told at once, and in words that help."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.cluster import load_cluster
from broker.control import ControlClient
from broker.paths import DataPaths
from tests.cli.launcher import run

pytestmark = pytest.mark.timeout(280)
BASE = 23092


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    root = tmp_path / "data"
    yield root
    run(root, "down")


def test_the_settings_of_a_new_cluster_count_then_and_a_taken_port_is_told_at_once(data: Path) -> None:
    env = {"KASTELLAN_BROKER_PORTS": str(BASE), "KASTELLAN_HEAP_MB": "256", "KASTELLAN_PORT": "23640"}
    up = run(data, "up", "--detach", "--brokers", "1", **env)
    assert up.returncode == 0, up.stderr
    paths = DataPaths(data)
    spec = load_cluster(paths)
    assert spec is not None
    assert min(spec.nodes[0].ports) == BASE
    (broker,) = [each for each in ControlClient(paths).specs() if each.name == "main-broker-1"]
    assert "-Xmx256m" in broker.argv

    assert run(data, "verify-audit").returncode == 0
    report = json.loads(run(data, "status", "--json").stdout)
    assert report["supervised"] is True

    again = run(data, "up", "--detach", "--brokers", "3", **{**env, "KASTELLAN_BROKER_PORTS": "24092"})
    assert again.returncode == 0, again.stderr
    assert "--brokers counts when a cluster is made; this one has 1" in again.stderr
    assert f"KASTELLAN_BROKER_PORTS counts when a cluster is made; this one begins at {BASE}" in again.stderr

    run(data, "down")
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", BASE))
        other.listen()
        assert_told_at_once(data, env)


def assert_told_at_once(data: Path, env: dict[str, str]) -> None:
    """Before the database step has ended, which on a busy machine takes many seconds."""
    started = time.monotonic()
    failed = run(data, "up", "--detach", **env)
    took = time.monotonic() - started
    assert failed.returncode == 1
    assert f"main-broker-1 cannot run: The port 127.0.0.1:{BASE} is already taken" in failed.stderr
    assert "KASTELLAN_BROKER_PORTS" in failed.stderr
    assert "Database ready" not in failed.stderr, f"after {took:.1f} s:\n{failed.stderr}"
