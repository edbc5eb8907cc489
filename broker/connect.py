"""The Connect worker beside a cluster: recorded, made ready to run, removed. Composes rendering, certificates, ports.

Every step is idempotent and leaves whole files only; callers see to it that one at a time is at work on a worker.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from broker import confine, connect_spec, plugins, ports
from broker import connect_render as render
from broker.artifacts import Artifacts
from broker.cluster import (
    JOLOKIA_PASSWORD,
    KEPT_ENV,
    HttpEndpoint,
    ensure_secret,
    list_clusters,
    load_cluster,
    taken_ports,
)
from broker.connect_render import ConnectLaunch, Ways, WorkerTls
from broker.connect_spec import ConnectSpec, Outside
from broker.credentials import control_files, ensure_authorities, ensure_pair, local_hosts
from broker.errors import BundledError
from broker.java import find_java
from broker.paths import DataPaths, private_directory, write_if_changed, write_private
from broker.pki import Purpose
from broker.processes import LogReady, ProcessKind, ProcessSpec
from broker.render import JOLOKIA_USER, jolokia_agent, jolokia_policy, properties_text
from broker.spec import ClusterSpec

#: Behind the blocks of a cluster's nodes.
PORT_OFFSET = 90
JOLOKIA_OFFSET = 1
#: Where a worker listens whose cluster is elsewhere.
HOST = "127.0.0.1"
START_TIMEOUT = 180.0
#: As `java.util.Properties` reads a line that is whole.
_PROPERTY = re.compile(r"\s*(?P<key>(?:\\.|[^\\\s=:#!])(?:\\.|[^\\\s=:])*)\s*[=:]?\s*(?P<value>.*)")
OWNER = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,200}")


def load_worker(paths: DataPaths, cluster: str) -> ConnectSpec | None:
    return connect_spec.load(paths.cluster(cluster).connect.record)


def list_workers(paths: DataPaths) -> tuple[ConnectSpec, ...]:
    """Those beside bundled clusters and those beside external ones, by the name of the cluster."""
    return connect_spec.load_all(paths)


def plan_worker(paths: DataPaths, spec: ClusterSpec) -> ConnectSpec:
    """Chooses the first two free ports from behind the cluster's own on; writes nothing."""
    return replace(_planned(paths, spec.name, spec.host, spec), apart=True)


def plan_outside(paths: DataPaths, cluster: str, outside: Outside) -> ConnectSpec:
    """Of a cluster that is not ours. Its ports are looked for from behind those of the first of ours on; writes nothing."""
    first = next(iter(list_clusters(paths)), None)
    return replace(_planned(paths, cluster, HOST, first), outside=outside)


def _planned(paths: DataPaths, cluster: str, host: str, beside: ClusterSpec | None) -> ConnectSpec:
    begin = beside.nodes[0].jolokia_port - ports.JOLOKIA_OFFSET if beside else ports.BASE
    wanted = begin + PORT_OFFSET
    taken = taken_ports(paths)
    free = (
        port
        for port in range(wanted, ports.LAST, 2)
        if not {port, port + JOLOKIA_OFFSET} & taken
        and ports.is_free(host, port)
        and ports.is_free(host, port + JOLOKIA_OFFSET)
    )
    port = next(free, None)
    if port is None:
        raise ports.NoFreePorts(f"no two free ports from {wanted} on", "Stop what uses them.")
    own = beside is not None and beside.name == cluster
    note = f"Port {wanted} is taken: Connect uses {port}." if own and port != wanted else None
    return ConnectSpec(cluster, host, port, port + JOLOKIA_OFFSET, notes=(note,) if note else ())


def create_worker(paths: DataPaths, spec: ClusterSpec) -> ConnectSpec:
    """The recorded worker, or a new one."""
    worker = load_worker(paths, spec.name)
    if worker is None:
        worker = plan_worker(paths, spec)
        record(paths, worker)
    return worker


def create_outside(paths: DataPaths, cluster: str, outside: Outside) -> ConnectSpec:
    """The recorded worker, or a new one; it reaches its cluster by `outside` from its next start on."""
    worker = load_worker(paths, cluster)
    if worker is None:
        worker = plan_outside(paths, cluster, outside)
    worker = replace(worker, outside=outside)
    record(paths, worker)
    return worker


def record(paths: DataPaths, worker: ConnectSpec) -> None:
    write_private(paths.cluster(worker.cluster).connect.record, json.dumps(worker.to_json(), indent=1) + "\n")


def change(
    paths: DataPaths,
    worker: ConnectSpec,
    *,
    exactly_once: bool | None = None,
    stopped: bool | None = None,
    apart: bool | None = None,
) -> ConnectSpec:
    """`exactly_once` and `apart` hold from the worker's next start on, `stopped` until it is set again; None leaves it."""
    changed = replace(
        worker,
        exactly_once=worker.exactly_once if exactly_once is None else exactly_once,
        stopped=worker.stopped if stopped is None else stopped,
        apart=worker.apart if apart is None else apart,
    )
    if changed != worker:
        record(paths, changed)
    return changed


def certificates(paths: DataPaths, spec: ClusterSpec) -> tuple[tuple[str, WorkerTls], ...]:
    """Of connectors and of the worker itself, by the names in them."""
    place = paths.cluster(spec.name).connect
    return ((render.PRINCIPAL, WorkerTls(place.tls)), (render.OWN_PRINCIPAL, WorkerTls(place.own_tls)))


def ensure_certificates(paths: DataPaths, spec: ClusterSpec, now: datetime) -> tuple[str, ...]:
    """Makes or renews both; the names of those that are new. The worker reads them at its next start."""
    place = paths.cluster(spec.name)
    authorities = ensure_authorities(place, spec, Purpose.CLIENTS, local_hosts(spec.host), now)
    made: list[str] = []
    for name, tls in certificates(paths, spec):
        if ensure_pair(tls.certificate, tls.key, authorities.current, name, (), now):
            made.append(name)
        write_if_changed(tls.keystore, tls.key.read_text() + tls.certificate.read_text())
    return tuple(made)


def tls_files(paths: DataPaths, spec: ClusterSpec) -> tuple[Path, ...]:
    """What the worker's clients read when they are made: certificates with keys, and whom they trust."""
    keystores = (tls.keystore for _, tls in certificates(paths, spec))
    return (*(file for file in keystores if file.is_file()), control_files(paths.cluster(spec.name)).cafile)


def prepare_worker(
    paths: DataPaths, worker: ConnectSpec, now: datetime, *, artifacts: Artifacts | None = None
) -> ProcessSpec:
    """Reissues what is due, writes the worker's files, and says how to run it."""
    artifacts = artifacts or Artifacts.at(paths.artifacts)
    files = paths.cluster(worker.cluster).connect
    plugins.verify(paths, worker.cluster)
    cluster_id, ways = _home(paths, worker, now)
    for directory in (files.plugins, files.credentials, files.files, files.temporary):
        private_directory(directory)
    values = render.worker_properties(worker, files, ways)
    text = "".join(f"{key}={render.property_value(value)}\n" for key, value in values.items())
    write_if_changed(files.worker_properties, text)
    write_if_changed(files.log4j, render.LOG4J)
    write_if_changed(files.jaas, render.jaas(files))
    password = ensure_secret(paths, rest_secret(worker.cluster))
    write_if_changed(files.rest_users, properties_text({render.REST_USER: password}))
    write_if_changed(files.jolokia_policy, jolokia_policy())
    agent = jolokia_agent(
        worker.host, worker.jolokia_port, ensure_secret(paths, JOLOKIA_PASSWORD), files.jolokia_policy
    )
    write_if_changed(files.jolokia_properties, agent)
    java = str(find_java(artifacts.env).executable)
    launch = ConnectLaunch(java, artifacts.connect_classpath(), artifacts.agent().absolute())
    return ProcessSpec(
        name=worker.process_name,
        kind=ProcessKind.CONNECT,
        argv=_confined(paths, worker, render.worker_argv(worker, files, launch, cluster_id)),
        env={key: artifacts.env[key] for key in KEPT_ENV if key in artifacts.env},
        cwd=str(files.files),
        log=str(paths.log(worker.process_name)),
        identity=render.identity(worker, cluster_id),
        ready=LogReady(render.STARTED),
        start_timeout=START_TIMEOUT,
        labels={"cluster": worker.cluster},
        ports=tuple(f"{worker.host}:{port}" for port in worker.ports),
    )


def _confined(paths: DataPaths, worker: ConnectSpec, argv: tuple[str, ...]) -> tuple[str, ...]:
    """Of the data directory the worker reads its own files and the programs, whatever a connector is told."""
    place = paths.cluster(worker.cluster)
    # Flows that were made before there was `trust` name these.
    cafiles = (control_files(paths.cluster(spec.name)).cafile for spec in list_clusters(paths))
    java = Path(argv[0]).resolve().parents[1]
    private_directory(paths.trust)
    read = (place.connect.root, paths.artifacts, java, paths.trust, *cafiles)
    return confine.argv(paths.root, read, (place.connect.files, place.connect.temporary), argv)


def _home(paths: DataPaths, worker: ConnectSpec, now: datetime) -> tuple[str, Ways]:
    """Kafka's id of the worker's cluster, and how clients reach it: of ours with certificates that are renewed when due."""
    if worker.outside is not None:
        return worker.outside.cluster_id, Ways(worker.outside.clients, worker.outside.clients)
    spec = load_cluster(paths, worker.cluster)
    if spec is None:
        raise BundledError(
            f"There is no cluster {worker.cluster} in the data directory", "Remove its Connect worker."
        )
    ensure_certificates(paths, spec, now)
    connectors = connectors_way(paths, spec)
    return spec.cluster_id, Ways(
        _way(paths, spec, render.OWN_PRINCIPAL) if worker.apart else connectors, connectors
    )


def connectors_way(paths: DataPaths, spec: ClusterSpec) -> dict[str, str]:
    """How clients of connectors beside a cluster of ours reach it."""
    return _way(paths, spec, render.PRINCIPAL)


def _way(paths: DataPaths, spec: ClusterSpec, name: str) -> dict[str, str]:
    tls = dict(certificates(paths, spec))[name]
    return render.way(spec, tls, trusted_roots(paths, spec))


def trusted_roots(paths: DataPaths, spec: ClusterSpec) -> Path:
    """What brokers' certificates of a cluster of ours may end in, where workers may read it: also one that is made later."""
    file = (paths.trust / f"{spec.name}.pem").absolute()
    private_directory(paths.trust)
    write_if_changed(file, control_files(paths.cluster(spec.name)).cafile.read_text())
    return file


def rest_secret(cluster: str) -> str:
    return f"connect-password-{cluster}"


def rest_endpoint(paths: DataPaths, worker: ConnectSpec) -> HttpEndpoint:
    return HttpEndpoint(worker.url, render.REST_USER, paths.secret(rest_secret(worker.cluster)))


def jolokia_endpoint(paths: DataPaths, worker: ConnectSpec) -> HttpEndpoint:
    url = f"http://{worker.host}:{worker.jolokia_port}/jolokia/"
    return HttpEndpoint(url, JOLOKIA_USER, paths.secret(JOLOKIA_PASSWORD))


def credentials_file(paths: DataPaths, cluster: str, owner: str) -> Path:
    """Of one owner (a flow, a connector) of secrets; the only place that connectors' configurations may refer to."""
    if not OWNER.fullmatch(owner):
        raise ValueError(f"{owner!r} is no name of a file of credentials")
    return (paths.cluster(cluster).connect.credentials / f"{owner}.properties").absolute()


def write_credentials(paths: DataPaths, cluster: str, owner: str, secrets: Mapping[str, str]) -> Path:
    file = credentials_file(paths, cluster, owner)
    lines = [f"{key}={render.property_value(value)}\n" for key, value in secrets.items()]
    write_if_changed(file, "".join(lines))
    return file


def read_credentials(paths: DataPaths, cluster: str, owner: str) -> dict[str, str]:
    """Empty where nothing was written."""
    try:
        lines = credentials_file(paths, cluster, owner).read_text().splitlines()
    except (FileNotFoundError, ValueError):
        return {}
    return {key: render.property_text(value) for key, _, value in (line.partition("=") for line in lines)}


def read_filed(paths: DataPaths, cluster: str, file: Path) -> dict[str, str]:
    """What a file of properties below the directory of credentials holds that somebody laid there by hand, or we did."""
    directory = paths.cluster(cluster).connect.credentials.resolve()
    try:
        if directory not in file.resolve().parents:
            return {}
        lines = file.read_text(errors="replace").splitlines()
    except (OSError, ValueError):
        return {}
    found = (_PROPERTY.match(line) for line in lines)
    return {render.property_text(each["key"]): render.property_text(each["value"]) for each in found if each}


def forget_credentials(paths: DataPaths, cluster: str, owner: str) -> None:
    credentials_file(paths, cluster, owner).unlink(missing_ok=True)


def owners_of_credentials(paths: DataPaths, cluster: str, prefix: str, before: float) -> set[str]:
    """Whose names begin so, and whose file was written before that moment."""
    files = paths.cluster(cluster).connect.credentials.glob(f"{prefix}*.properties")
    return {file.stem for file in files if file.stat().st_mtime < before}


def forget_worker(paths: DataPaths, cluster: str) -> None:
    """Deletes its settings, keys and plugins; what file connectors wrote stays where people find it."""
    place = paths.cluster(cluster)
    if place.connect.root.exists():
        shutil.rmtree(place.connect.root)
    if place.root.exists() and not any(place.root.iterdir()):
        # Of an external cluster nothing else is kept here.
        place.root.rmdir()
        paths.secret(rest_secret(cluster)).unlink(missing_ok=True)
