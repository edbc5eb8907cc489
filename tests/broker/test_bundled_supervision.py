"""Real Kafka brokers under a real supervisor: adoption under produce load, orderly stops, rolling restart, and the causes
that no restart cures (PS-1, PS-4, PS-5, PS-6), each provoked for real.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from confluent_kafka import KafkaError, Message, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from broker import artifacts as artifacts_
from broker import cluster, ports
from broker.artifacts import Artifacts
from broker.health import JolokiaFacts
from broker.processes import ProcessSpec, ProcessStatus
from broker.roll import Outcome, roll
from broker.rolling import RestartReason
from broker.spec import INTERNAL, ClusterSpec
from broker.states import ProcessState
from tests.broker.supervised import ROOT, Rig, alive
from tests.waiting import eventually

pytestmark = pytest.mark.timeout(180)
ARTIFACTS = Path(os.environ.get("KASTELLAN_ARTIFACTS") or ROOT / ".cache" / "artifacts")
CONTROL_RESTART = 10.0


@dataclass
class Bundle:
    """A bundled cluster of its own, with its supervisor."""

    rig: Rig
    spec: ClusterSpec
    artifacts: Artifacts
    processes: tuple[ProcessSpec, ...] = ()

    @property
    def names(self) -> list[str]:
        return [self.spec.process_name(node) for node in self.spec.nodes]

    def start(self) -> None:
        self.processes = cluster.prepare(
            self.rig.paths, self.spec, datetime.now(UTC), artifacts=self.artifacts
        )
        self.rig.client.apply(self.processes)
        self.rig.client.wait_ready(self.names, 90)

    def client_config(self) -> dict[str, str | int | float | bool]:
        credentials = cluster.control_credentials(self.rig.paths, self.spec)
        return {
            "bootstrap.servers": cluster.bootstrap(self.spec, INTERNAL),
            "security.protocol": "SSL",
            "ssl.ca.location": str(credentials.cafile),
            "ssl.certificate.location": str(credentials.certfile),
            "ssl.key.location": str(credentials.keyfile),
        }

    def data(self, node: int) -> Path:
        return self.rig.paths.cluster(self.spec.name).node(node).data


def bundle(root: Path, brokers: int) -> Iterator[Bundle]:
    rig = Rig(root)
    installed = Artifacts.at(ARTIFACTS)
    artifacts_.fetch(artifacts_.Lock.load(), installed.groups(), ARTIFACTS)
    # Far from the session's cluster, which may be starting at the same time.
    base = ports.BASE + 4000 + os.getpid() % 500 * 10
    spec = cluster.create_cluster(rig.paths, brokers=brokers, base_port=base, artifacts=installed)
    try:
        rig.supervise()
        yield Bundle(rig, spec, installed)
    finally:
        rig.close()


@pytest.fixture(scope="module")
def shared_three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bundle]:
    for found in bundle(tmp_path_factory.mktemp("three"), 3):
        found.start()
        admin = AdminClient(found.client_config())
        topic = NewTopic("load", 6, 3, config={"min.insync.replicas": "2"})
        for future in admin.create_topics([topic]).values():
            future.result()
        yield found


@pytest.fixture
def three(shared_three: Bundle) -> Bundle:
    """The three nodes, running, whatever the test before has done to them."""
    if not shared_three.rig.answers():
        shared_three.rig.supervise()
        shared_three.start()
    return shared_three


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Bundle]:
    yield from bundle(tmp_path, 1)


@dataclass
class Load:
    """About 1,000 records per second with acks=all and idempotence, until `finish`."""

    config: dict[str, str | int | float | bool]
    acked: int = 0
    sent: int = 0
    failed: list[str] = field(default_factory=list)

    def __enter__(self) -> Load:
        settings = {"enable.idempotence": True, "acks": "all", "linger.ms": 5, "message.timeout.ms": 60_000}
        self._producer = Producer({**self.config, **settings})
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        eventually(lambda: self.acked > 100, timeout=30)
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()
        assert self._producer.flush(60) == 0

    def _run(self) -> None:
        while not self._stop.wait(0.02):
            for _ in range(20):
                self._producer.produce("load", b"x" * 200, on_delivery=self._delivered)
                self.sent += 1
            self._producer.poll(0)

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is None:
            self.acked += 1
        else:
            self.failed.append(str(error))


def test_brokers_survive_the_supervisor_and_are_adopted_under_load(three: Bundle) -> None:
    rig = three.rig
    before = {status.name: status.pid for status in rig.client.status()}
    with Load(three.client_config()) as load:
        rig.kill(rig.last_supervisor)
        started = time.monotonic()
        rig.supervise()
        after = {status.name: status for status in rig.client.wait_ready(three.names, CONTROL_RESTART)}
        assert time.monotonic() - started < CONTROL_RESTART
        acked = load.acked
        eventually(lambda: load.acked > acked + 100, timeout=20)
    assert {name: status.pid for name, status in after.items()} == before
    assert [status.restarts for status in after.values()] == [0, 0, 0]
    assert (load.failed, load.acked) == ([], load.sent)


@pytest.mark.slow
def test_a_rolling_restart_under_load_loses_nothing_and_has_one_node_down_at_most(three: Bundle) -> None:
    rig, most_down = three.rig, 0
    facts = JolokiaFacts(rig.paths, three.spec)
    reasons = {node.id: RestartReason.MANUAL for node in three.spec.nodes}

    def count_down() -> bool:
        nonlocal most_down
        down = [status for status in rig.client.status() if status.state is not ProcessState.RUNNING]
        most_down = max(most_down, len(down))
        return False

    with Load(three.client_config()) as load:
        result = roll(facts, rig.client, three.spec, reasons, lambda event: None, count_down)
    assert result.outcome is Outcome.DONE, result.reason
    assert most_down == 1
    assert (load.failed, load.acked) == ([], load.sent)


def test_stopping_all_brokers_is_clean_and_leaves_no_process(three: Bundle) -> None:
    rig = three.rig
    rig.client.shutdown()
    rig.client.wait_gone(60)
    assert not rig.marked()
    assert all((three.data(node.id) / ".kafka_cleanshutdown").exists() for node in three.spec.nodes)


def fatal(rig: Rig, name: str, within: float = 60) -> ProcessStatus:
    def ask() -> ProcessStatus | None:
        status = rig.status(name)
        return status if status.state is ProcessState.FATAL else None

    return eventually(ask, timeout=within)


def test_causes_that_no_restart_cures_are_told_and_not_looped(one: Bundle) -> None:
    rig, node = one.rig, one.spec.nodes[0]
    (name,), paths = one.names, one.rig.paths.cluster("main").node(node.id)
    (process,) = cluster.prepare(rig.paths, one.spec, datetime.now(UTC), artifacts=one.artifacts)

    with socket.create_server((one.spec.host, node.listener("SSL").port)):
        rig.client.apply([process])
        status = fatal(rig, name, within=2)
    assert status.cause == "port_taken"
    assert f"process {os.getpid()}" in (status.reason or "")

    meta = paths.data / "meta.properties"
    good = meta.read_text()
    for key, value in (("cluster.id", one.spec.cluster_id), ("node.id", str(node.id))):
        meta.write_text(good.replace(f"{key}={value}", f"{key}=7777"))
        rig.client.apply([process])
        status = fatal(rig, name, within=2)
        assert status.cause == "storage_mismatch"
        assert f"{key}=7777" in (status.reason or "")
    meta.write_text(good)

    key_file = paths.tls / "keystore.pem"
    pem = key_file.read_bytes()
    key_file.write_bytes(pem[: len(pem) // 3])
    rig.client.apply([process])
    status = fatal(rig, name)
    assert status.cause == "unreadable_key"
    assert str(key_file) in (status.reason or "")
    key_file.write_bytes(pem)

    _second_instance(one, name, process)


def _second_instance(one: Bundle, name: str, process: ProcessSpec) -> None:
    """The broker runs; another one of the same directory, with ports of its own, is refused by Kafka's own lock."""
    rig = one.rig
    rig.client.apply([process])
    rig.client.wait_ready([name], 60)
    properties = rig.paths.cluster("main").node(1).server_properties
    other = properties.with_name("other.properties")
    text = properties.read_text()
    for port in one.spec.nodes[0].ports:
        text = text.replace(f":{port}", f":{port + 100}")
    other.write_text(text)
    argv = [
        part.replace(str(properties), str(other))
        for part in process.argv
        if not part.startswith("-javaagent")
    ]
    second = replace(process, name="second", argv=tuple(argv), ports=(), log=str(rig.paths.log("second")))
    rig.client.apply([second])
    status = fatal(rig, "second")
    assert status.cause == "directory_locked"
    assert str(one.data(1)) in (status.reason or "")
    assert rig.status(name).state is ProcessState.RUNNING
    assert rig.status(name).restarts == 0


OLD_JAVA = Path("/usr/lib/jvm/java-17-openjdk-amd64/bin/java")


@pytest.mark.skipif(not OLD_JAVA.exists(), reason="needs a Java that is older than the bundled one")
def test_a_java_that_is_too_old_is_told(one: Bundle) -> None:
    (process,) = cluster.prepare(one.rig.paths, one.spec, datetime.now(UTC), artifacts=one.artifacts)
    flags = ("-XX:AOTCache=/nowhere.aot",)
    one.rig.client.apply([replace(process, argv=(str(OLD_JAVA), *flags, *process.argv[1:]))])
    assert fatal(one.rig, one.names[0]).cause == "wrong_java"


@pytest.mark.slow
@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small tmpfs, which needs root")
def test_a_full_disk_is_told_with_its_directory_and_cured_by_space(one: Bundle) -> None:
    (name,), data = one.names, one.data(1)
    copy = data.with_name("copy")
    shutil.copytree(data, copy)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(data)], check=False)
    if mounted.returncode != 0:
        pytest.skip("this machine does not allow mounts")
    try:
        shutil.copytree(copy, data, dirs_exist_ok=True)
        one.start()
        fill = data.parent / "data" / "fill"
        _fill(fill)
        status = fatal(one.rig, name, within=60)
        assert status.cause == "disk_full"
        assert str(data) in (status.reason or "")
        one.rig.client.start(name)
        assert fatal(one.rig, name).cause == "disk_full"
        fill.unlink()
        eventually(lambda: one.rig.status(name).state is ProcessState.RUNNING, timeout=60)
        one.rig.client.stop(name)
        one.rig.client.wait_for([name], frozenset({ProcessState.STOPPED}), 60)
    finally:
        for pid in one.rig.marked(name):
            os.kill(pid, signal.SIGKILL)
            eventually(lambda pid=pid: not alive(pid))  # type: ignore[misc]
        subprocess.run(["umount", str(data)], check=True)


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 4096)
        except OSError:
            return
