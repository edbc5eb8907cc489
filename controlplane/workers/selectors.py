"""What is known of the Connect worker beside a cluster: its record, its process, its connectors by name."""

from __future__ import annotations

from controlplane.clusters.connections import connection_row
from controlplane.clusters.models import Cluster
from controlplane.core.errors import NotFound
from controlplane.gateways import broker as bundled
from controlplane.gateways import workers
from controlplane.gateways.connect import scrubbed
from controlplane.gateways.errors import GatewayError
from controlplane.gateways.workers import ConnectSpec
from controlplane.workers.logic.plans import WorkerState


def worker_if_any(cluster: Cluster) -> ConnectSpec | None:
    return workers.worker_of(cluster.name)


def worker_of(cluster: Cluster) -> ConnectSpec:
    found = worker_if_any(cluster)
    if found is None:
        raise NotFound(f"{cluster.title} has no Connect worker", hint="Start one first.")
    return found


def status_of(cluster: Cluster) -> bundled.ProcessStatus | None:
    worker = worker_if_any(cluster)
    if worker is None:
        return None
    return next((each for each in bundled.processes() if each.name == worker.process_name), None)


def supervised(client: bundled.ControlClient, name: str) -> bool:
    return any(status.name == name for status in client.status())


def worker_state(cluster: Cluster, status: bundled.ProcessStatus | None) -> WorkerState:
    """`status`: as `status_of` gives it."""
    recorded = workers.worker_of(cluster.name)
    worker = recorded or worker_or_planned(cluster)
    word = None if recorded is None else status.state.value if status else bundled.ProcessState.STOPPED.value
    return WorkerState(
        name=worker.process_name,
        url=worker.url,
        principal=principal_of(cluster),
        own_principal="" if cluster.external else workers.OWN_PRINCIPAL,
        heap_mb=worker.heap_mb,
        exactly_once=worker.exactly_once,
        process=word,
        alive=status is not None and status.state in bundled.ALIVE,
        connectors=connectors(worker) if recorded else (),
        internal_topics=worker.topics,
        notes=worker.notes,
        outside=cluster.external,
    )


def worker_or_planned(cluster: Cluster) -> ConnectSpec:
    """The recorded one, or the one that a start would make."""
    if cluster.external:
        return workers.planned_outside(cluster.name, cluster.cluster_id)
    return workers.planned_worker(bundled.bundled_cluster(cluster.name))


def principal_of(cluster: Cluster) -> str:
    """Who its connectors are there: on an external cluster the user that was registered; empty where no name is known."""
    if not cluster.external:
        return workers.PRINCIPAL
    username = connection_row(cluster).username
    return f"User:{username}" if username else ""


def needing(cluster: Cluster) -> tuple[str, ...]:
    """The worker beside an external cluster would be left without a way in. That of a bundled one goes with it."""
    return ("its Connect worker",) if cluster.external and worker_if_any(cluster) else ()


def connectors(worker: ConnectSpec) -> tuple[str, ...] | None:
    """Their names as the worker tells them; None while it does not answer."""
    try:
        return workers.rest_api(worker).names()
    except (GatewayError, OSError):
        return None


def classes_in_use(cluster: Cluster) -> tuple[tuple[str, str], ...] | None:
    """Each connector with its class, as its configuration names it; None while the worker does not answer."""
    worker = worker_if_any(cluster)
    if worker is None:
        return ()
    try:
        found = workers.rest_api(worker).connectors()
    except (GatewayError, OSError):
        return None
    return tuple((name, each.config.get("connector.class", "")) for name, each in found.items())


def log_of(cluster: Cluster, limit: int) -> str:
    """Without the secrets of its connectors, as far as it tells them now."""
    worker = worker_if_any(cluster)
    if worker is None:
        return ""
    try:
        hide = workers.rest_api(worker).all_secrets()
    except (GatewayError, OSError):
        hide = ()
    return scrubbed(workers.worker_log(worker, limit), hide)
