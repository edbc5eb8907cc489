"""Node directories: formatted by Kafka's tool once, refused when they are somebody else's, whole after a crash."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from broker import storage
from broker.artifacts import Artifacts, Lock, fetch
from broker.java import find_java
from broker.paths import ClusterPaths, DataPaths
from broker.ports import listeners
from broker.spec import ClusterSpec, NodeSpec
from broker.storage import StorageError, Tool, ensure_storage, formatted, new_id, read_meta


def node(number: int, *, controller: bool = True) -> NodeSpec:
    base = 21000 + number * 10
    return NodeSpec(number, listeners("127.0.0.1", base), base + 4, new_id(), controller)


@pytest.fixture
def place(tmp_path: Path) -> ClusterPaths:
    return DataPaths(tmp_path / "data").prepare().cluster("main")


@pytest.fixture
def spec() -> ClusterSpec:
    return ClusterSpec("main", new_id(), (node(1), node(2, controller=False)))


@pytest.fixture(scope="session")
def tool(data_paths: DataPaths) -> Tool:
    artifacts = Artifacts.at(data_paths.artifacts)
    fetch(Lock.load(), artifacts.groups(), artifacts.root)
    return Tool(find_java(os.environ).executable, artifacts.classpath())


def test_ids_are_kafkas_and_never_look_like_options() -> None:
    ids = {new_id() for _ in range(2000)}
    assert len(ids) == 2000
    assert all(len(item) == 22 and not item.startswith("-") for item in ids)


def test_kafkas_tool_formats_with_our_ids_once(place: ClusterPaths, spec: ClusterSpec, tool: Tool) -> None:
    assert ensure_storage(place, spec, tool) == (1, 2)
    for item in spec.nodes:
        meta = read_meta(place.node(item.id).data) or {}
        expected = {"cluster.id": spec.cluster_id, "node.id": str(item.id), "directory.id": item.directory_id}
        assert expected.items() <= meta.items()
        assert not (place.node(item.id).root / ".format").exists()
    assert ensure_storage(place, spec, Tool(Path("/never/run"), ())) == ()


def test_what_a_crash_left_behind_is_formatted_anew(
    place: ClusterPaths, spec: ClusterSpec, tool: Tool
) -> None:
    scratch = place.node(1).root / ".format" / "data"
    scratch.mkdir(parents=True)
    (scratch / "bootstrap.checkpoint").write_bytes(b"half")
    place.node(2).data.mkdir(parents=True)
    assert ensure_storage(place, spec, tool) == (1, 2)


def test_a_tool_that_fails_leaves_nothing_and_gives_its_reason(
    place: ClusterPaths, spec: ClusterSpec, tool: Tool
) -> None:
    with pytest.raises(StorageError, match=r"formatting node \d of main failed: .*kafka\.tools\.StorageTool"):
        ensure_storage(place, spec, Tool(tool.java, (Path("/no.jar"),)))
    assert not place.node(1).data.exists()


@pytest.mark.parametrize(
    ("meta", "reason"),
    [
        ("cluster.id=another\nnode.id=1\n", "belongs to cluster.id another"),
        ("cluster.id={id}\nnode.id=7\n", "belongs to node.id 7"),
        (None, "holds files but no meta.properties"),
    ],
)
def test_a_directory_of_somebody_else_is_refused_and_left_alone(
    place: ClusterPaths, spec: ClusterSpec, meta: str | None, reason: str
) -> None:
    data = place.node(1).data
    data.mkdir(parents=True)
    (data / "orders-0").mkdir()
    if meta is not None:
        (data / storage.META).write_text(meta.format(id=spec.cluster_id))
    before = sorted(data.iterdir())
    with pytest.raises(StorageError, match=reason):
        formatted(place.node(1), spec, spec.node(1))
    assert sorted(data.iterdir()) == before
