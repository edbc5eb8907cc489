"""The door to the Connect workers that we run: what `broker.connect` knows, with failures as `gateways.errors`.

Everything but `connector_names` is answered from files and the supervisor.
"""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from broker import connect as _connect
from broker import connect_render as _render
from broker import logs
from broker.artifacts import Lock
from broker.artifacts import fetch as _fetch
from broker.artifacts import missing as _missing
from broker.cluster import HttpEndpoint
from broker.connect_spec import GROUP, ConnectSpec, Outside
from controlplane.gateways import broker as bundled
from controlplane.gateways.addresses import Allowed
from controlplane.gateways.broker import ClusterSpec, ProcessSpec
from controlplane.gateways.connect import TIMEOUT_S, ConnectApi, Login, scrubbed
from controlplane.gateways.jolokia import Endpoint

__all__ = ["GROUP", "OWN_PRINCIPAL", "PRINCIPAL", "ConnectSpec", "HttpEndpoint", "Outside"]

#: Who the connectors of the worker beside a bundled cluster are for that cluster's authorizer, and who the worker itself.
PRINCIPAL = f"User:{_render.PRINCIPAL}"
OWN_PRINCIPAL = f"User:{_render.OWN_PRINCIPAL}"
#: Whose file of credentials holds those by which a worker reaches an external cluster.
OWN_CREDENTIALS = "worker-cluster"
LOCK_GROUP = "connect"
ASK_SECONDS = 4.0


def worker_of(cluster: str) -> ConnectSpec | None:
    return _connect.load_worker(bundled.data_paths(), cluster)


def workers() -> tuple[ConnectSpec, ...]:
    return _connect.list_workers(bundled.data_paths())


def planned_worker(spec: ClusterSpec) -> ConnectSpec:
    """The recorded worker, or the one that would be made now: which ports it would take. Writes nothing."""
    with bundled.translated():
        return worker_of(spec.name) or _connect.plan_worker(bundled.data_paths(), spec)


def planned_outside(cluster: str, cluster_id: str) -> ConnectSpec:
    """The recorded worker beside an external cluster, or the one that would be made now."""
    with bundled.translated():
        known = worker_of(cluster)
        return known or _connect.plan_outside(bundled.data_paths(), cluster, new_outside(cluster, cluster_id))


def new_outside(cluster: str, cluster_id: str, clients: Mapping[str, str] | None = None) -> Outside:
    """A worker that is known stays in its group; a new one gets a group that no worker of others has."""
    known = worker_of(cluster)
    group = known.group if known else f"{GROUP}-{secrets.token_hex(4)}"
    return Outside(cluster_id, group, clients or {})


def create_outside(cluster: str, outside: Outside, exactly_once: bool | None = None) -> ConnectSpec:
    """The recorded worker, or a new one. What is given holds from its next start on."""
    with bundled.translated():
        worker = _connect.create_outside(bundled.data_paths(), cluster, outside)
        return _connect.change(bundled.data_paths(), worker, exactly_once=exactly_once)


def create_worker(spec: ClusterSpec, exactly_once: bool | None = None) -> ConnectSpec:
    """The recorded worker, or a new one. `exactly_once` holds from its next start on; None leaves it as it is. Its rights
    under its own name have been made."""
    with bundled.translated():
        worker = _connect.create_worker(bundled.data_paths(), spec)
        return _connect.change(bundled.data_paths(), worker, exactly_once=exactly_once, apart=True)


def remember_stopped(worker: ConnectSpec, stopped: bool) -> None:
    """Whether `up` is to leave it alone."""
    _connect.change(bundled.data_paths(), worker, stopped=stopped)


def worker_process(worker: ConnectSpec) -> ProcessSpec:
    """Reissues its certificate where that is due, writes its files, returns what to run."""
    with bundled.translated():
        return _connect.prepare_worker(bundled.data_paths(), worker, datetime.now(UTC))


def restart_if_stale(spec: ClusterSpec) -> bool:
    """A worker's clients read certificate and truststore when they are made: after either changed, it starts anew."""
    worker = worker_of(spec.name)
    if worker is None:
        return False
    changed = max(path.stat().st_mtime for path in _connect.tls_files(bundled.data_paths(), spec))
    with bundled.control() as client:
        running = [s for s in client.status() if s.name == worker.process_name and s.state in bundled.ALIVE]
        if not running or running[0].since >= changed:
            return False
        client.apply([worker_process(worker)])
        client.restart(worker.process_name)
    return True


def forget_worker(cluster: str) -> None:
    _connect.forget_worker(bundled.data_paths(), cluster)


def rest_endpoint(worker: ConnectSpec) -> HttpEndpoint:
    return _connect.rest_endpoint(bundled.data_paths(), worker)


def rest_api(worker: ConnectSpec, timeout_s: float = TIMEOUT_S) -> ConnectApi:
    endpoint = rest_endpoint(worker)
    login = Login(endpoint.username, password_file=endpoint.password_file)
    allowed = Allowed.of([worker.host])
    return ConnectApi(endpoint.url, login, allowed, timeout_s=timeout_s, reads=reader(worker.cluster))


def reader(cluster: str) -> Callable[[str], str]:
    """Gives what a reference of a connector's configuration stands for; empty where there is nothing."""

    def read(reference: str) -> str:
        path, _, key = reference.removeprefix("${file:").removesuffix("}").partition(":")
        return _connect.read_filed(bundled.data_paths(), cluster, Path(path)).get(key, "")

    return read


def jolokia_endpoint(worker: ConnectSpec) -> Endpoint:
    found = _connect.jolokia_endpoint(bundled.data_paths(), worker)
    return Endpoint(found.url, found.username, found.password_file)


def files_directory(cluster: str) -> Path:
    """Where the worker works, so where relative paths of file connectors begin."""
    return bundled.data_paths().cluster(cluster).connect.files.absolute()


def missing_bytes() -> int:
    """How much has to be fetched before a worker can start."""
    paths = bundled.data_paths()
    return sum(item.size for item in _missing(Lock.load().select({LOCK_GROUP}), paths.artifacts))


def fetch_artifacts() -> None:
    with bundled.translated():
        _fetch(Lock.load(), {LOCK_GROUP}, bundled.data_paths().artifacts)


def secret_reference(cluster: str, owner: str, name: str) -> str:
    """How a connector's configuration names a secret that `store_secrets` keeps."""
    return f"${{file:{_connect.credentials_file(bundled.data_paths(), cluster, owner)}:{name}}}"


def store_secrets(cluster: str, owner: str, kept: Mapping[str, str]) -> None:
    """In a 0600 file that only the worker and this control plane read; never in a topic."""
    _connect.write_credentials(bundled.data_paths(), cluster, owner, kept)


def stored_secrets(cluster: str, owner: str) -> dict[str, str]:
    return _connect.read_credentials(bundled.data_paths(), cluster, owner)


def forget_secrets(cluster: str, owner: str) -> None:
    _connect.forget_credentials(bundled.data_paths(), cluster, owner)


def owners_of_secrets(cluster: str, prefix: str, older_than_s: float) -> set[str]:
    """Whose names begin so."""
    return _connect.owners_of_credentials(bundled.data_paths(), cluster, prefix, time.time() - older_than_s)


def own_cluster(worker: ConnectSpec) -> dict[str, str]:
    """Settings for a connector's clients of the worker's own cluster."""
    if worker.outside is not None:
        return dict(worker.outside.clients)
    return _connect.connectors_way(bundled.data_paths(), bundled.bundled_cluster(worker.cluster))


def trusted_roots(spec: ClusterSpec) -> Path:
    """What connectors trust that enter a cluster of ours, in a file that workers may read."""
    with bundled.translated():
        return _connect.trusted_roots(bundled.data_paths(), spec)


def worker_log(worker: ConnectSpec, limit: int) -> str:
    """The newest `limit` bytes, from a line's start, without what looks like a password and without that of its REST API, which
    Jetty tells at DEBUG; empty before its first start."""
    endpoint = rest_endpoint(worker)
    try:
        password = endpoint.password_file.read_text().strip()
    except FileNotFoundError:
        password = ""
    header = base64.b64encode(f"{endpoint.username}:{password}".encode()).decode()
    text = logs.newest(bundled.data_paths().log(worker.process_name), limit)
    return scrubbed(text, [header, password] if password else [])
