"""Bundled clusters: create, record, load, grow, and make ready to start. Composes ports, pki, storage and rendering.

Every step is idempotent and leaves whole files only: whatever a kill interrupts, the next call completes.
"""

from __future__ import annotations

import json
import secrets
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from broker import connect_spec, ports, render, storage
from broker.aot_cache import cache_file
from broker.artifacts import Artifacts
from broker.credentials import ControlCredentials, control_files, ensure_credentials
from broker.errors import BundledError
from broker.java import find_java
from broker.paths import (
    ClusterPaths,
    DataPaths,
    made_once,
    private_directory,
    write_if_changed,
    write_private,
)
from broker.processes import LogReady, ProcessKind, ProcessSpec
from broker.render import JOLOKIA_USER, Launch
from broker.spec import ClusterSpec, NodeSpec
from broker.tuning import jvm_profile

__all__ = ["ControlCredentials", "HttpEndpoint", "bootstrap", "create_cluster", "load_cluster", "prepare"]

DEFAULT_BROKERS = 3
FIRST = "main"
MOST_VOTERS = 3
JOLOKIA_PASSWORD = "jolokia-password"  # noqa: S105 - the name of a file
STARTED = r"Kafka Server started"
# Read by the JVM, and able to change what it runs; a broker's environment holds nothing that we did not put there.
KEPT_ENV = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR")

bootstrap = render.bootstrap


@dataclass(frozen=True, slots=True)
class HttpEndpoint:
    """Where a JVM of ours listens for us. The password stays in its 0600 file until the moment of use."""

    url: str
    username: str
    password_file: Path


def load_cluster(paths: DataPaths, name: str = "main") -> ClusterSpec | None:
    record = paths.cluster(name).record
    return ClusterSpec.from_json(json.loads(record.read_text())) if record.is_file() else None


def list_clusters(paths: DataPaths) -> tuple[ClusterSpec, ...]:
    """The first cluster comes first."""
    found = (load_cluster(paths, record.parent.name) for record in paths.clusters.glob("*/cluster.json"))
    return tuple(sorted((spec for spec in found if spec), key=lambda spec: (spec.name != "main", spec.name)))


def create_cluster(
    paths: DataPaths,
    *,
    name: str = "main",
    brokers: int = DEFAULT_BROKERS,
    base_port: int = ports.BASE,
    host: str = "127.0.0.1",
    artifacts: Artifacts | None = None,
    now: datetime | None = None,
) -> ClusterSpec:
    """The recorded cluster, or a new one; either way its certificates and formatted storage exist afterwards."""
    paths.prepare()
    spec = load_cluster(paths, name)
    if spec is None:
        spec = plan_cluster(paths, name=name, brokers=brokers, base_port=base_port, host=host)
        record(paths, spec)
    kept = replace(spec, nodes=spec.staying)
    ensure_credentials(paths, kept, now or datetime.now(UTC))
    _ensure_storage(paths, kept, artifacts or Artifacts.at(paths.artifacts))
    return spec


def plan_cluster(paths: DataPaths, *, name: str, brokers: int, base_port: int, host: str) -> ClusterSpec:
    """Chooses ids and the first free block of ports; writes nothing."""
    if brokers < 1:
        raise ValueError("a cluster has at least one broker")
    start, obstacle = ports.first_free_block(
        base_port, brokers, taken_ports(paths), lambda port: ports.is_free(host, port)
    )
    note = f"Port {obstacle} is taken: cluster {name} uses the ports from {start} on." if obstacle else None
    nodes = tuple(
        _node(index + 1, start + index * ports.PER_NODE, host, controller=index < _voters(brokers))
        for index in range(brokers)
    )
    return ClusterSpec(name, storage.new_id(), nodes, host=host, notes=(note,) if note else ())


def _voters(brokers: int) -> int:
    """An odd number, three at most: two voters would stop when either does."""
    return MOST_VOTERS if brokers >= MOST_VOTERS else 1


def _node(node_id: int, base: int, host: str, *, controller: bool) -> NodeSpec:
    return NodeSpec(
        node_id, ports.listeners(host, base), base + ports.JOLOKIA_OFFSET, storage.new_id(), controller
    )


def taken_ports(paths: DataPaths) -> frozenset[int]:
    """Ports that clusters of this data directory own, and all Connect workers, running or not."""
    specs = list_clusters(paths)
    brokers = (port for spec in specs for node in spec.nodes for port in node.ports)
    return frozenset([*brokers, *(port for worker in connect_spec.load_all(paths) for port in worker.ports)])


def add_node(
    paths: DataPaths, spec: ClusterSpec, *, artifacts: Artifacts | None = None, now: datetime | None = None
) -> ClusterSpec:
    """One more broker, never a voter. Recorded before it is formatted, so a crash leaves a node that gets completed;
    an error leaves none. Callers take turns (`broker.turn`); a `spec` from before another's turn is read anew."""
    spec = load_cluster(paths, spec.name) or spec
    node_id = max(node.id for node in spec.nodes) + 1
    base = spec.nodes[0].jolokia_port - ports.JOLOKIA_OFFSET + (node_id - spec.nodes[0].id) * ports.PER_NODE
    start, obstacle = ports.first_free_block(
        base, 1, taken_ports(paths), lambda port: ports.is_free(spec.host, port)
    )
    note = f"Port {obstacle} is taken: broker {node_id} uses the ports from {start} on." if obstacle else None
    node = _node(node_id, start, spec.host, controller=False)
    grown = replace(spec, nodes=(*spec.nodes, node), notes=(*spec.notes, *((note,) if note else ())))
    record(paths, grown)
    try:
        return create_cluster(paths, name=spec.name, artifacts=artifacts, now=now)
    except Exception:
        record(paths, spec)
        shutil.rmtree(paths.cluster(spec.name).node(node_id).root, ignore_errors=True)
        raise


def record(paths: DataPaths, spec: ClusterSpec) -> None:
    write_private(paths.cluster(spec.name).record, json.dumps(spec.to_json(), indent=1) + "\n")


def remember_stopped(paths: DataPaths, spec: ClusterSpec, stopped: bool) -> ClusterSpec:
    changed = replace(spec, stopped=stopped)
    if changed != spec:
        record(paths, changed)
    return changed


def forget(paths: DataPaths, spec: ClusterSpec, *, delete_data: bool) -> Path | None:
    """Takes a cluster out of the data directory, when none of its processes runs. Returns where it was set aside: all of
    it, authorities and records, as it was. Its passwords and the files for people's tools go in either case."""
    if spec.name == FIRST:
        raise BundledError(f"{FIRST} is the cluster of this installation", "./run reset deletes everything.")
    place = paths.cluster(spec.name)
    aside = None
    if place.root.exists() and not delete_data:
        private_directory(paths.removed)
        aside = paths.removed / f"{spec.name}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
        place.root.rename(aside)
    for gone in (place.root, place.clients):
        shutil.rmtree(gone, ignore_errors=True)
    for secret in (f"admin-password-{spec.name}", f"connect-password-{spec.name}"):
        paths.secret(secret).unlink(missing_ok=True)
    return aside


def _ensure_storage(paths: DataPaths, spec: ClusterSpec, artifacts: Artifacts) -> None:
    place = paths.cluster(spec.name)
    if any(not storage.formatted(place.node(node.id), spec, node) for node in spec.nodes):
        tool = storage.Tool(find_java(artifacts.env).executable, artifacts.classpath())
        storage.ensure_storage(place, spec, tool)


def prepare(
    paths: DataPaths, spec: ClusterSpec, now: datetime, *, artifacts: Artifacts | None = None
) -> tuple[ProcessSpec, ...]:
    """Reissues what is due, writes every node's files, and says how to run the nodes; those that leave are left alone."""
    artifacts = artifacts or Artifacts.at(paths.artifacts)
    spec = replace(spec, nodes=spec.staying, jvm=jvm_profile(spec.jvm, artifacts.env))
    ensure_credentials(paths, spec, now)
    _ensure_storage(paths, spec, artifacts)
    password = ensure_secret(paths, JOLOKIA_PASSWORD)
    place = paths.cluster(spec.name)
    launch = _launch(spec, artifacts)
    for node in spec.nodes:
        write_node_files(place, spec, node, password)
    return tuple(_process(paths, spec, node, launch, artifacts.env) for node in spec.nodes)


def ensure_secret(paths: DataPaths, name: str) -> str:
    """A random secret in its own file, made once."""
    return made_once(paths.secret(name), lambda: secrets.token_urlsafe(32))


def launch_of(spec: ClusterSpec, artifacts: Artifacts) -> Launch:
    return _launch(replace(spec, jvm=jvm_profile(spec.jvm, artifacts.env)), artifacts)


def _launch(spec: ClusterSpec, artifacts: Artifacts) -> Launch:
    java, classpath, agent = find_java(artifacts.env), artifacts.classpath(), artifacts.agent().absolute()
    cache = cache_file(artifacts.root, java, classpath, agent, spec.jvm) if java.aot else None
    return Launch(str(java.executable), classpath, agent, cache)


def write_node_files(place: ClusterPaths, spec: ClusterSpec, node: NodeSpec, password: str) -> None:
    files = place.node(node.id)
    private_directory(files.root)
    write_if_changed(
        files.server_properties, render.properties_text(render.server_properties(spec, node, files))
    )
    write_if_changed(files.log4j, render.LOG4J)
    write_if_changed(files.jolokia_policy, render.jolokia_policy())
    write_if_changed(files.jolokia_properties, render.jolokia_properties(spec, node, files, password))


def _process(
    paths: DataPaths, spec: ClusterSpec, node: NodeSpec, launch: Launch, env: Mapping[str, str]
) -> ProcessSpec:
    files, name = paths.cluster(spec.name).node(node.id), spec.process_name(node)
    return ProcessSpec(
        name=name,
        kind=ProcessKind.BROKER,
        argv=render.broker_argv(spec, node, files, launch),
        env={key: env[key] for key in KEPT_ENV if key in env},
        cwd=str(files.root),
        log=str(paths.log(name)),
        identity=render.identity(spec, node),
        ready=LogReady(STARTED),
        labels={"cluster": spec.name, "node": str(node.id), "data": str(files.data)},
        ports=tuple(f"{spec.host}:{port}" for port in broker_ports(node)),
        expect={str(files.data / "meta.properties"): (f"cluster.id={spec.cluster_id}", f"node.id={node.id}")},
    )


def broker_ports(node: NodeSpec) -> tuple[int, ...]:
    used = [item.port for item in node.listeners if node.controller or item.name != "CONTROLLER"]
    return (*used, node.jolokia_port)


def control_credentials(paths: DataPaths, spec: ClusterSpec) -> ControlCredentials:
    return control_files(paths.cluster(spec.name))


def jolokia_endpoint(paths: DataPaths, spec: ClusterSpec, node: NodeSpec) -> HttpEndpoint:
    url = f"http://{spec.host}:{node.jolokia_port}/jolokia/"
    return HttpEndpoint(url, JOLOKIA_USER, paths.secret(JOLOKIA_PASSWORD))
