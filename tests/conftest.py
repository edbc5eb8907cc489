"""Fixtures for everyone: one data directory and one real three-broker cluster for the whole session.

Tests isolate themselves by a topic prefix (`prefix`). KASTELLAN_TEST_DATA names the data directory of a
cluster that is already up, for quick repeated runs; it is then neither started nor stopped here.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SHARED = os.environ.get("KASTELLAN_TEST_DATA", "")
# Before Django's settings are read: each session has a data directory and a database of its own.
DATA = SHARED or tempfile.mkdtemp(prefix="kastellan-test-")
os.environ["KASTELLAN_DATA"] = DATA
os.environ.setdefault("KASTELLAN_ARTIFACTS", str(ROOT / ".cache" / "artifacts"))
os.environ["KASTELLAN_TEST_DATABASE"] = str(Path(tempfile.gettempdir()) / f"kastellan-test-{os.getpid()}.sqlite3")
# The synchronous Playwright driver runs an event loop in the main thread; Django's ORM is used beside it, not in it.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

from broker import artifacts as artifacts_  # noqa: E402
from broker import cluster as clusters_  # noqa: E402
from broker.control import ControlClient, ensure_supervisor  # noqa: E402
from broker.paths import DataPaths  # noqa: E402
from broker.spec import ClusterSpec  # noqa: E402

READY_SECONDS = 180


@pytest.fixture(scope="session")
def data_paths() -> Iterator[DataPaths]:
    paths = DataPaths(Path(DATA)).prepare()
    yield paths
    if not SHARED:
        shutil.rmtree(paths.root, ignore_errors=True)


@pytest.fixture(scope="session")
def control(data_paths: DataPaths) -> Iterator[ControlClient]:
    """The supervisor of the session's data directory; everything it started has ended afterwards."""
    client = ensure_supervisor(data_paths)
    yield client
    if not SHARED:
        client.shutdown(stop_children=True)
        client.wait_gone(120)


@pytest.fixture(scope="session")
def cluster_spec(data_paths: DataPaths, control: ControlClient) -> ClusterSpec:
    """Three real brokers, secured as in production, and the Kafka user `admin`."""
    installed = artifacts_.Artifacts.at(data_paths.artifacts)
    artifacts_.fetch(artifacts_.Lock.load(), installed.groups(), data_paths.artifacts)
    spec = clusters_.create_cluster(data_paths, artifacts=installed)
    if not SHARED:
        control.apply(clusters_.prepare(data_paths, spec, datetime.now(UTC), artifacts=installed))
    control.wait_ready([spec.process_name(node) for node in spec.nodes], READY_SECONDS)
    clusters_.ensure_admin_user(data_paths, spec)
    return spec


@pytest.fixture
def prefix() -> str:
    """Unique per test: names of topics and groups start with it."""
    return f"t{secrets.token_hex(4)}"
