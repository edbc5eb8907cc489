"""The ahead-of-time cache: keyed by what makes it valid, trained beside the cluster, made by one process at a time."""

from __future__ import annotations

import fcntl
import os
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from broker import aot, cluster
from broker.aot_cache import cache_file
from broker.artifacts import Artifacts, Lock, fetch
from broker.java import Java, find_java
from broker.paths import DataPaths
from broker.ports import listeners
from broker.spec import ClusterSpec, JvmProfile, NodeSpec

SPEC = ClusterSpec("main", "id", (NodeSpec(1, listeners("127.0.0.1", 19092), 19096, "d", True),))
JAVA = Java(Path("/java"), 25, "build 1")


@pytest.fixture
def jars(tmp_path: Path) -> tuple[Path, Path]:
    for name in ("a.jar", "agent.jar"):
        (tmp_path / name).write_bytes(b"jar")
        os.utime(tmp_path / name, (1, 1))
    return tmp_path / "a.jar", tmp_path / "agent.jar"


def test_the_size_of_the_heap_does_not_matter_but_flags_java_and_jars_do(
    tmp_path: Path, jars: tuple[Path, Path]
) -> None:
    jar, agent = jars

    def name(java: Java = JAVA, jvm: JvmProfile | None = None) -> str:
        return cache_file(tmp_path, java, [jar], agent, jvm or JvmProfile()).name

    first = name()
    assert name(jvm=JvmProfile(heap_mb=2048)) == first
    others = {name(jvm=JvmProfile(flags=("-XX:+UseG1GC",))), name(replace(JAVA, build="build 2"))}
    jar.write_bytes(b"another jar")
    others.add(name())
    assert first not in others
    assert len(others) == 3


@pytest.fixture
def installed(data_paths: DataPaths, tmp_path: Path) -> Artifacts:
    """The session's files under a root of its own, so that the cache of others stays as it is."""
    source = Artifacts.at(data_paths.artifacts)
    fetch(Lock.load(), source.groups(), source.root)
    for group in ("broker", "agent"):
        shutil.copytree(source.root / group, tmp_path / "artifacts" / group)
    return Artifacts(tmp_path / "artifacts", {"PATH": os.environ["PATH"], "REDIS_URL": "none"})


def cache_of(installed: Artifacts) -> Path:
    found = cluster.launch_of(SPEC, installed).aot_cache
    assert found is not None
    return found


def test_nothing_is_trained_where_the_cache_is_there_or_being_made(
    tmp_path: Path, installed: Artifacts
) -> None:
    cache = cache_of(installed)
    cache.parent.mkdir(parents=True)
    with cache.with_suffix(".lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert not aot.train(DataPaths(tmp_path), SPEC, installed)
    cache.touch()
    assert not aot.train(DataPaths(tmp_path), SPEC, installed)


def test_an_older_java_has_no_cache(installed: Artifacts, monkeypatch: pytest.MonkeyPatch) -> None:
    java = replace(find_java({}), version=21)
    monkeypatch.setattr(cluster, "find_java", lambda _: java)
    assert cluster.launch_of(SPEC, installed).aot_cache is None


@pytest.mark.slow
def test_training_leaves_a_cache_that_a_broker_accepts_and_no_process_behind(
    tmp_path: Path, installed: Artifacts
) -> None:
    assert aot.train(DataPaths(tmp_path / "data"), SPEC, installed)
    cache = cache_of(installed)
    assert cache.stat().st_size > 10_000_000
    assert sorted(path.suffix for path in cache.parent.iterdir()) == [".aot", ".lock"]
    paths = DataPaths(tmp_path / "new")
    spec = cluster.create_cluster(paths, brokers=1, base_port=31092, artifacts=installed)
    (process,) = cluster.prepare(paths, spec, datetime.now(UTC), artifacts=installed)
    assert f"-XX:AOTCache={cache}" in process.argv
