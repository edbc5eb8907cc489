"""A real Connect worker beside the session's cluster, started where a test needs one that does not run; it may read and
write every topic."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from broker import artifacts, connect
from broker.connect_spec import ConnectSpec
from broker.control import ControlClient
from broker.paths import DataPaths
from broker.spec import ClusterSpec

if TYPE_CHECKING:
    from controlplane.gateways.kafka.access_types import Acl

READY_SECONDS = 180


@pytest.fixture
def connect_worker(data_paths: DataPaths, cluster_spec: ClusterSpec, control: ControlClient) -> ConnectSpec:
    """It goes with the supervisor at the end of the session, or with a test that removes it."""
    artifacts.fetch(artifacts.Lock.load(), {"connect"}, data_paths.artifacts)
    _allow(cluster_spec)
    worker = connect.create_worker(data_paths, cluster_spec)
    control.apply([connect.prepare_worker(data_paths, worker, datetime.now(UTC))])
    control.start(worker.process_name)
    control.wait_ready([worker.process_name], READY_SECONDS)
    return worker


def lines_into(worker: ConnectSpec, topic: str, name: str) -> None:
    """A connector that copies three lines of a file into the topic, and is running."""
    from controlplane.gateways import workers
    from tests.waiting import eventually

    (workers.files_directory(worker.cluster) / f"{name}.txt").write_text("one\ntwo\nthree\n")
    config = {
        "connector.class": "FileStreamSource",
        "file": f"{name}.txt",
        "topic": topic,
        "tasks.max": "1",
        "value.converter": "org.apache.kafka.connect.storage.StringConverter",
    }
    api = workers.rest_api(worker)
    api.put_config(name, config)
    # What was just made is in the list before it has a state.
    eventually(lambda: (seen := api.statuses().get(name)) and seen.running_tasks == 1, timeout=60)


def _allow(spec: ClusterSpec) -> None:
    from controlplane.acls.logic.bundles import Bundle, BundleRequest, bindings_of
    from controlplane.clusters.models import Cluster
    from controlplane.clusters.services import gateway_for
    from controlplane.gateways.workers import PRINCIPAL

    sinks = BundleRequest(Bundle.CONSUMER, PRINCIPAL, group="connect-*", topics=("*",))
    sources = BundleRequest(Bundle.PRODUCER, PRINCIPAL, topics=("*",), create_topics=True)
    acls = (*worker_rights(), *bindings_of(sinks), *bindings_of(sources))
    gateway_for(Cluster(name=spec.name, title="Main")).create_acls(acls)


def worker_rights() -> tuple[Acl, ...]:
    """What a start by a plan makes."""
    from controlplane.gateways.workers import GROUP, OWN_PRINCIPAL, PRINCIPAL
    from controlplane.workers.logic.rights import Names, needed

    topics = ConnectSpec("", "", 0, 0).topics
    there, _ = needed(Names(OWN_PRINCIPAL, PRINCIPAL, GROUP, topics), exactly_once=False)
    return there
