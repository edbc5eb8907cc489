"""Creating, recording, growing and preparing a cluster: idempotent, private, and whole after a kill at any step."""

from __future__ import annotations

import stat
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from broker import cluster, ports, storage
from broker.artifacts import Artifacts, Lock, fetch
from broker.cluster import (
    add_node,
    create_cluster,
    list_clusters,
    load_cluster,
    plan_cluster,
    prepare,
    taken_ports,
)
from broker.credentials import NodeTls
from broker.errors import BundledError
from broker.paths import DataPaths
from broker.spec import ClusterSpec

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
BASE = 29092


@pytest.fixture(scope="module")
def artifacts(data_paths: DataPaths) -> Artifacts:
    found = Artifacts.at(data_paths.artifacts)
    fetch(Lock.load(), found.groups(), found.root)
    return found


@pytest.fixture
def paths(tmp_path: Path) -> DataPaths:
    return DataPaths(tmp_path / "data")


@pytest.fixture
def unformatted(monkeypatch: pytest.MonkeyPatch) -> None:
    """For what does not touch storage: a format of three nodes takes seconds, and has its own tests."""
    monkeypatch.setattr(cluster, "_ensure_storage", lambda *_: None)


def test_a_created_cluster_is_recorded_and_made_once(paths: DataPaths, artifacts: Artifacts) -> None:
    spec = create_cluster(paths, base_port=BASE, artifacts=artifacts, now=NOW)
    assert load_cluster(paths) == spec
    assert [node.id for node in spec.controllers] == [1, 2, 3]
    again = create_cluster(
        paths, base_port=BASE + 500, brokers=5, artifacts=Artifacts(Path("/none"), {}), now=NOW
    )
    assert again == spec
    private = {
        path: stat.S_IMODE(path.stat().st_mode)
        for path in paths.root.rglob("*")
        if "data/clusters" in str(path)
    }
    directories = [mode for path, mode in private.items() if path.is_dir() and path.parent.name != "data"]
    assert set(directories) == {0o700}


@pytest.mark.parametrize("step", ["ensure_credentials", "_ensure_storage"])
def test_a_kill_at_any_step_leaves_a_state_that_the_next_call_completes(
    paths: DataPaths, artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(cluster, step, killed)
        with pytest.raises(KeyboardInterrupt):
            create_cluster(paths, brokers=1, base_port=BASE, artifacts=artifacts, now=NOW)
    recorded = load_cluster(paths)
    assert create_cluster(paths, brokers=1, base_port=BASE, artifacts=artifacts, now=NOW) == recorded


@pytest.mark.usefixtures("unformatted")
def test_preparing_again_changes_nothing_and_takes_no_time(paths: DataPaths, artifacts: Artifacts) -> None:
    spec = create_cluster(paths, base_port=BASE, artifacts=artifacts, now=NOW)
    first = prepare(paths, spec, NOW, artifacts=artifacts)
    before = {path: path.stat().st_mtime_ns for path in paths.root.rglob("*") if path.is_file()}
    begin = time.monotonic()
    assert prepare(paths, spec, NOW + timedelta(days=1), artifacts=artifacts) == first
    assert time.monotonic() - begin < 1
    assert {path: path.stat().st_mtime_ns for path in paths.root.rglob("*") if path.is_file()} == before


@pytest.mark.usefixtures("unformatted")
def test_a_data_directory_that_slept_for_a_year_gets_new_leaves_before_the_start(
    paths: DataPaths, artifacts: Artifacts
) -> None:
    spec = create_cluster(paths, base_port=BASE, artifacts=artifacts, now=NOW)
    later = NOW + timedelta(days=400)
    prepare(paths, spec, later, artifacts=artifacts)
    for node in spec.nodes:
        keystore = NodeTls(paths.cluster("main").node(node.id).tls).keystore
        leaf, issuing = x509.load_pem_x509_certificates(keystore.read_bytes())
        assert leaf.not_valid_before_utc < later < leaf.not_valid_after_utc < issuing.not_valid_after_utc


@pytest.mark.usefixtures("unformatted")
def test_each_process_is_told_apart_and_knows_its_ports(paths: DataPaths, artifacts: Artifacts) -> None:
    spec = create_cluster(paths, base_port=BASE, artifacts=artifacts, now=NOW)
    processes = prepare(paths, spec, NOW, artifacts=artifacts)
    assert [process.name for process in processes] == ["main-broker-1", "main-broker-2", "main-broker-3"]
    assert len({process.identity for process in processes}) == 3
    assert all(set(process.identity) <= set(process.argv) for process in processes)
    assert len({port for process in processes for port in process.ports}) == 15
    assert not {"JAVA_TOOL_OPTIONS", "KAFKA_OPTS", "LD_PRELOAD"} & set(processes[0].env)


@pytest.mark.usefixtures("unformatted")
def test_no_secret_is_in_a_command_line_or_environment(paths: DataPaths, artifacts: Artifacts) -> None:
    spec = create_cluster(paths, base_port=BASE, artifacts=artifacts, now=NOW)
    processes = prepare(paths, spec, NOW, artifacts=artifacts)
    password = paths.secret("jolokia-password").read_text()
    assert len(password) >= 32
    assert not [process for process in processes if password in str(process.to_json())]


@pytest.mark.usefixtures("unformatted")
def test_a_second_cluster_has_its_own_ports_and_authorities(paths: DataPaths, artifacts: Artifacts) -> None:
    main = create_cluster(paths, base_port=BASE, artifacts=artifacts, now=NOW)
    other = create_cluster(paths, name="dr", base_port=BASE, artifacts=artifacts, now=NOW)
    assert not {port for node in main.nodes for port in node.ports} & {
        port for node in other.nodes for port in node.ports
    }
    assert list_clusters(paths) == (main, other)
    assert cluster.control_credentials(paths, main).cafile.read_bytes() != (
        cluster.control_credentials(paths, other).cafile.read_bytes()
    )


@pytest.mark.usefixtures("unformatted")
def test_a_taken_port_moves_the_block_and_is_said(
    paths: DataPaths, artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ports, "is_free", lambda _host, port: port != BASE + 12)
    spec = create_cluster(paths, base_port=BASE, artifacts=artifacts, now=NOW)
    assert spec.nodes[0].listener("SASL_SSL").port == BASE + 100
    assert spec.notes == (f"Port {BASE + 12} is taken: cluster main uses the ports from {BASE + 100} on.",)


@pytest.mark.parametrize(("brokers", "voters"), [(1, 1), (2, 1), (3, 3), (4, 3), (7, 3)])
def test_voters_are_odd_in_number_and_three_at_most(paths: DataPaths, brokers: int, voters: int) -> None:
    spec = plan_cluster(paths, name="main", brokers=brokers, base_port=BASE, host="127.0.0.1")
    assert len(spec.controllers) == voters
    assert len({node.directory_id for node in spec.nodes}) == brokers


def test_a_cluster_without_brokers_is_refused(paths: DataPaths) -> None:
    with pytest.raises(ValueError, match="at least one"):
        plan_cluster(paths, name="main", brokers=0, base_port=BASE, host="127.0.0.1")


def grown(paths: DataPaths, artifacts: Artifacts) -> tuple[ClusterSpec, ClusterSpec]:
    spec = create_cluster(paths, brokers=1, base_port=BASE, artifacts=artifacts, now=NOW)
    return spec, add_node(paths, spec, artifacts=artifacts, now=NOW)


def test_an_added_node_is_a_broker_only_formatted_and_certified(
    paths: DataPaths, artifacts: Artifacts
) -> None:
    before, after = grown(paths, artifacts)
    added = after.node(2)
    assert after.nodes[:1] == before.nodes
    assert not added.controller
    assert set(added.ports).isdisjoint(before.nodes[0].ports)
    assert taken_ports(paths) == {port for node in after.nodes for port in node.ports}
    meta = storage.read_meta(paths.cluster("main").node(2).data) or {}
    assert (meta["cluster.id"], meta["node.id"]) == (after.cluster_id, "2")
    assert len(prepare(paths, after, NOW, artifacts=artifacts)) == 2


def test_a_foreign_data_directory_stops_the_preparation(paths: DataPaths, artifacts: Artifacts) -> None:
    spec = create_cluster(paths, brokers=1, base_port=BASE, artifacts=artifacts, now=NOW)
    meta = paths.cluster("main").node(1).data / storage.META
    meta.write_text(meta.read_text().replace(spec.cluster_id, "another"))
    with pytest.raises(BundledError, match=r"belongs to cluster\.id another"):
        prepare(paths, spec, NOW, artifacts=artifacts)


def test_a_node_that_cannot_be_formatted_is_not_left_in_the_record(
    paths: DataPaths, artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = create_cluster(paths, brokers=1, base_port=BASE, artifacts=artifacts, now=NOW)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(storage, "ensure_storage", full)
        with pytest.raises(OSError, match="No space left"):
            add_node(paths, before, artifacts=artifacts, now=NOW)
    assert load_cluster(paths) == before
    assert not paths.cluster("main").node(2).root.exists()


def test_a_specification_from_before_another_addition_is_read_anew(
    paths: DataPaths, artifacts: Artifacts
) -> None:
    before, _ = grown(paths, artifacts)
    after = add_node(paths, before, artifacts=artifacts, now=NOW)
    assert [node.id for node in after.nodes] == [1, 2, 3]
    assert len({node.directory_id for node in after.nodes}) == 3
