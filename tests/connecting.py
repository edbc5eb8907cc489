"""A real Connect worker beside the session's cluster, started at its first use; its topics are those of the tests."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from broker import artifacts, connect
from broker.control import ControlClient
from broker.paths import DataPaths
from broker.spec import ClusterSpec
from broker.states import ProcessState
from tests.environment import SHARED

if TYPE_CHECKING:
    from broker.connect_spec import ConnectSpec

READY_SECONDS = 180


@pytest.fixture(scope="session")
def connect_worker(
    data_paths: DataPaths, cluster_spec: ClusterSpec, control: ControlClient
) -> Iterator[ConnectSpec]:
    """A worker that may read and write every topic."""
    artifacts.fetch(artifacts.Lock.load(), {"connect"}, data_paths.artifacts)
    _allow(cluster_spec)
    worker = connect.create_worker(data_paths, cluster_spec)
    control.apply([connect.prepare_worker(data_paths, cluster_spec, worker, datetime.now(UTC))])
    control.wait_ready([worker.process_name], READY_SECONDS)
    yield worker
    if not SHARED:
        control.stop(worker.process_name)
        control.wait_for([worker.process_name], frozenset({ProcessState.STOPPED}), 60)


def _allow(spec: ClusterSpec) -> None:
    from controlplane.acls.logic.bundles import Bundle, BundleRequest, bindings_of
    from controlplane.clusters.models import Cluster
    from controlplane.clusters.services import gateway_for
    from controlplane.gateways.workers import GROUP, PRINCIPAL

    request = BundleRequest(Bundle.CONNECT_WORKER, PRINCIPAL, group=GROUP, topics=("*",), outputs=("*",))
    gateway_for(Cluster(name=spec.name, title="Main")).create_acls(bindings_of(request))
