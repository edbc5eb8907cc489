"""A small cluster of its own for what would disturb everybody: authorities replaced, brokers restarted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from broker import artifacts as artifacts_
from broker import cluster as clusters_
from broker.control import ControlClient
from broker.paths import DataPaths
from broker.spec import ClusterSpec
from controlplane.clusters.models import Cluster

READY_SECONDS = 180


@pytest.fixture(scope="session")
def lone_spec(data_paths: DataPaths, control: ControlClient) -> Iterator[ClusterSpec]:
    """One real broker named `lone`, secured as every other."""
    installed = artifacts_.Artifacts.at(data_paths.artifacts)
    artifacts_.fetch(artifacts_.Lock.load(), installed.groups(), data_paths.artifacts)
    spec = clusters_.create_cluster(data_paths, name="lone", brokers=1, artifacts=installed)
    control.apply(clusters_.prepare(data_paths, spec, datetime.now(UTC), artifacts=installed))
    control.wait_ready([spec.process_name(node) for node in spec.nodes], READY_SECONDS)
    clusters_.ensure_admin_user(data_paths, spec)
    yield spec
    control.stop(spec.process_name(spec.nodes[0]))


@pytest.fixture
def lone(lone_spec: ClusterSpec, db: None) -> Cluster:
    from controlplane.clusters.services import register_bundled

    return next(row for row in register_bundled() if row.name == lone_spec.name)
