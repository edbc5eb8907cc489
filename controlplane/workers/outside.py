"""A worker of ours beside an external cluster: it reaches the cluster as that was registered, and follows when that changes.

Its password or key lies in a file that the worker alone reads, as those of connectors do; settings refer to it.
"""

from __future__ import annotations

from controlplane.audit.services import operation
from controlplane.clusters.exclusion import at_work
from controlplane.clusters.models import Cluster
from controlplane.clusters.services import connection_for
from controlplane.core.access import SYSTEM, Action
from controlplane.gateways import broker as bundled
from controlplane.gateways import workers
from controlplane.gateways.workers import ConnectSpec
from controlplane.workers.logic.reach import Reach, reach

OWNER = workers.OWN_CREDENTIALS


def way_to(cluster: Cluster) -> Reach:
    """Of its present registration."""
    return reach(
        connection_for(cluster),
        lambda name: workers.secret_reference(cluster.name, OWNER, name),
        prefix="cluster",
    )


def prepare(cluster: Cluster, exactly_once: bool | None = None) -> ConnectSpec:
    """The recorded worker, or a new one, told how the cluster is reached now: that holds from its next start on."""
    way = way_to(cluster)
    workers.store_secrets(cluster.name, OWNER, way.secrets)
    outside = workers.new_outside(cluster.name, cluster.cluster_id, way.settings)
    return workers.create_outside(cluster.name, outside, exactly_once=exactly_once)


def is_stale(cluster: Cluster, worker: ConnectSpec) -> bool:
    """Whether it runs by an older registration."""
    way = way_to(cluster)
    told = worker.outside.clients if worker.outside else {}
    return dict(told) != dict(way.settings) or workers.stored_secrets(cluster.name, OWNER) != dict(
        way.secrets
    )


def follow(cluster: Cluster, kinds: tuple[str, ...]) -> bool:
    """Restarts the worker where the registration was changed since its start, unless a job of `kinds` is at work on it."""
    worker = workers.worker_of(cluster.name)
    if worker is None or worker.stopped or not is_stale(cluster, worker) or at_work(cluster.name, kinds):
        return False
    with (
        operation(SYSTEM, Action.WORKER_OPERATE, cluster=cluster.name, target="connect worker") as entry,
        bundled.control() as client,
    ):
        entry.note(act="restart", why="the registration of the cluster was changed")
        client.apply([workers.worker_process(prepare(cluster))])
        client.restart(worker.process_name)
    return True
