"""Taking a broker out: each step may be repeated, a voter stays, and the next start leaves it alone."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from broker import cluster, removal
from broker.__main__ import main
from broker.artifacts import Artifacts, Lock, fetch
from broker.paths import DataPaths
from broker.processes import ProcessKind, ProcessSpec, ProcessStatus
from broker.spec import ClusterSpec
from broker.states import ProcessState
from broker.turn import holder, turn
from broker.wire import Reader

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@dataclass
class Supervisor:
    """What was asked of it."""

    alive: bool = True
    asked: list[str] = field(default_factory=list)

    def status(self) -> tuple[ProcessStatus, ...]:
        state = ProcessState.RUNNING if self.alive else ProcessState.STOPPED
        return (ProcessStatus("main-broker-4", ProcessKind.BROKER, state),)

    def stop(self, name: str) -> None:
        self.asked.append(f"stop {name}")
        self.alive = False

    def apply(self, specs: Sequence[ProcessSpec], remove: Sequence[str]) -> None:
        self.asked += [f"remove {name}" for name in remove]

    def wait_for(
        self, names: Sequence[str], states: frozenset[ProcessState], timeout: float
    ) -> tuple[ProcessStatus, ...]:
        assert all(status.state in states for status in self.status())
        return self.status()


@pytest.fixture(scope="module")
def artifacts(data_paths: DataPaths) -> Artifacts:
    found = Artifacts.at(data_paths.artifacts)
    fetch(Lock.load(), found.groups(), found.root)
    return found


@pytest.fixture
def paths(tmp_path: Path) -> DataPaths:
    return DataPaths(tmp_path / "data")


@pytest.fixture
def spec(paths: DataPaths, artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch) -> ClusterSpec:
    """Three voters and a broker; a format of nodes takes seconds, and has its own tests."""
    monkeypatch.setattr(cluster, "_ensure_storage", lambda *_: None)
    made = cluster.create_cluster(paths, base_port=29092, artifacts=artifacts, now=NOW)
    grown = cluster.add_node(paths, made, artifacts=artifacts, now=NOW)
    data = paths.cluster("main").node(4).data
    data.mkdir(parents=True)
    (data / "meta.properties").write_text("node.id=4\n")
    return grown


@pytest.mark.parametrize("voter", [1, 2, 3])
def test_a_voter_stays(paths: DataPaths, spec: ClusterSpec, voter: int) -> None:
    with pytest.raises(removal.CannotRemove, match=r"one of the cluster's 3 controller"):
        removal.begin(paths, spec, voter)
    assert cluster.load_cluster(paths) == spec


def test_one_that_leaves_is_not_started_any_more(
    paths: DataPaths, spec: ClusterSpec, artifacts: Artifacts
) -> None:
    left = removal.begin(paths, spec, 4)
    assert removal.begin(paths, left, 4) == left
    assert cluster.load_cluster(paths) == left
    names = [process.name for process in cluster.prepare(paths, left, NOW, artifacts=artifacts)]
    assert names == ["main-broker-1", "main-broker-2", "main-broker-3"]
    assert "29123" not in cluster.bootstrap(left, "INTERNAL")
    (note,) = removal.leaving_notes(left)
    assert "broker 4 is being removed" in note
    assert removal.stay(paths, left, 4) == spec
    assert cluster.load_cluster(paths) == spec


@pytest.mark.parametrize("delete_data", [True, False])
def test_what_is_left_of_it(paths: DataPaths, spec: ClusterSpec, delete_data: bool) -> None:
    node = paths.cluster("main").node(4)
    assert (node.root / "tls").is_dir()
    supervisor = Supervisor()
    left = removal.begin(paths, spec, 4)
    removal.stop(supervisor, left, 4)
    aside = removal.forget(paths, supervisor, left, 4, delete_data=delete_data)
    assert supervisor.asked == ["stop main-broker-4", "remove main-broker-4"]
    assert not node.root.exists()
    assert cluster.load_cluster(paths) == replace(spec, nodes=spec.nodes[:3])
    if delete_data:
        assert aside is None
    else:
        assert aside is not None
        assert [entry.name for entry in aside.iterdir()] == ["meta.properties"]


def test_a_kill_between_the_files_and_the_record_is_finished_by_the_next_attempt(
    paths: DataPaths, spec: ClusterSpec, artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = removal.begin(paths, spec, 4)
    with monkeypatch.context() as patch:
        patch.setattr(cluster, "record", _killed)
        with pytest.raises(KeyboardInterrupt):
            removal.forget(paths, Supervisor(alive=False), left, 4, delete_data=False)
    found = cluster.load_cluster(paths)
    assert found == left
    cluster.prepare(paths, left, NOW, artifacts=artifacts)
    assert not paths.cluster("main").node(4).root.exists()  # nothing of it is made anew
    removal.stop(Supervisor(alive=False), left, 4)
    assert removal.forget(paths, Supervisor(alive=False), left, 4, delete_data=False) is None
    assert cluster.load_cluster(paths) == replace(spec, nodes=spec.nodes[:3])


def _killed(*_: object) -> None:
    raise KeyboardInterrupt


def test_its_number_is_free_for_a_new_one(paths: DataPaths, spec: ClusterSpec, artifacts: Artifacts) -> None:
    left = removal.begin(paths, spec, 4)
    removal.forget(paths, Supervisor(), left, 4, delete_data=False)
    again = cluster.add_node(paths, replace(spec, nodes=spec.nodes[:3]), artifacts=artifacts, now=NOW)
    assert [node.id for node in again.nodes] == [1, 2, 3, 4]
    assert again.nodes[3].directory_id != spec.nodes[3].directory_id
    assert not paths.cluster("main").node(4).data.exists()


def test_the_request_and_the_answer_on_the_wire() -> None:
    assert removal.unregister_request(4) == b"\0\0\0\4\0"
    answer = struct.pack(">ih", 0, 102) + b"\x05gone" + b"\0"
    assert removal.unregister_response(Reader(answer)) == (102, "gone")
    assert removal.unregister_response(Reader(struct.pack(">ih", 0, 0) + b"\0\0")) == (0, None)


def test_the_command_refuses_a_voter_and_an_unknown_number(
    paths: DataPaths, spec: ClusterSpec, capsys: pytest.CaptureFixture[str]
) -> None:
    for node, words in (("2", "3 controller"), ("9", "There is no node 9")):
        assert main(["remove", "--data", str(paths.root), node]) == 1
        assert words in capsys.readouterr().err


def test_who_has_the_turn_can_be_asked_without_taking_it(paths: DataPaths) -> None:
    paths.prepare()
    assert holder(paths, "main") is None
    with turn(paths, "main", "a roll"):
        assert holder(paths, "main") == "a roll"
        assert holder(paths, "dr") is None
    assert holder(paths, "main") is None
