"""A second bundled cluster `dr` with a Connect worker, beside the session's cluster, for the tests of one module."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from broker import artifacts, connect
from broker import cluster as clusters
from broker.admin_user import ensure_admin_user
from broker.control import ControlClient
from broker.paths import DataPaths
from broker.spec import ClusterSpec
from broker.states import ProcessState
from tests.connecting import worker_rights
from tests.environment import PORTS

if TYPE_CHECKING:
    from controlplane.clusters.models import Cluster

READY_SECONDS = 180
ENDED = frozenset({ProcessState.STOPPED, ProcessState.FATAL})


@pytest.fixture(scope="module")
def dr_spec(
    data_paths: DataPaths, cluster_spec: ClusterSpec, control: ControlClient
) -> Iterator[ClusterSpec]:
    """One broker and a worker. Everything of it is gone afterwards: other modules know one cluster."""
    with bundled("dr", data_paths, control) as spec:
        worker = _start_worker(data_paths, spec, control)
        yield spec
        _end(control, [worker])


@pytest.fixture(scope="module")
def far_spec(
    data_paths: DataPaths, cluster_spec: ClusterSpec, control: ControlClient
) -> Iterator[ClusterSpec]:
    """A source that may be killed: one broker, no worker."""
    with bundled("far", data_paths, control) as spec:
        yield spec


@contextmanager
def bundled(name: str, paths: DataPaths, control: ControlClient) -> Iterator[ClusterSpec]:
    installed = artifacts.Artifacts.at(paths.artifacts)
    artifacts.fetch(artifacts.Lock.load(), {"connect"}, paths.artifacts)
    spec = clusters.create_cluster(paths, name=name, brokers=1, artifacts=installed, base_port=PORTS)
    names = [spec.process_name(node) for node in spec.nodes]
    control.apply(clusters.prepare(paths, spec, datetime.now(UTC), artifacts=installed))
    control.wait_ready(names, READY_SECONDS)
    ensure_admin_user(paths, spec)
    yield spec
    _end(control, names)
    shutil.rmtree(paths.cluster(name).root)


def _end(control: ControlClient, names: list[str]) -> None:
    for name in names:
        control.stop(name)
        control.wait_for([name], ENDED, 90)
    control.apply([], names)


def _start_worker(paths: DataPaths, spec: ClusterSpec, control: ControlClient) -> str:
    from controlplane.clusters.models import Cluster
    from controlplane.clusters.services import gateway_for

    gateway_for(Cluster(name=spec.name, title="DR")).create_acls(worker_rights())
    worker = connect.create_worker(paths, spec)
    control.apply([connect.prepare_worker(paths, worker, datetime.now(UTC))])
    control.wait_ready([worker.process_name], READY_SECONDS)
    return worker.process_name


@pytest.fixture
def dr(dr_spec: ClusterSpec, cluster: Cluster) -> Cluster:
    """The registered row of the second cluster, with a fresh snapshot."""
    return _row(dr_spec)


@pytest.fixture
def far(far_spec: ClusterSpec, cluster: Cluster) -> Cluster:
    return _row(far_spec)


def _row(spec: ClusterSpec) -> Cluster:
    from controlplane.clusters.services import refresh, register_bundled

    (row,) = [found for found in register_bundled() if found.name == spec.name]
    refresh(row)
    return row
