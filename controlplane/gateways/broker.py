"""The door to the bundled clusters: the only module of the control plane that imports `broker`.

Everything here answers from files and the supervisor's control socket; nothing speaks Kafka.
Failures of the bundled side are raised as `gateways.errors`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Collection, Generator, Iterable
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

from broker import claim, issuance, logs, sealing, tuning
from broker import cluster as _cluster
from broker.admin_user import ensure_admin_user
from broker.artifacts import Artifacts, Lock, Progress
from broker.artifacts import fetch as _fetch
from broker.artifacts import missing as _missing
from broker.artifacts import offered as _offered
from broker.authorities import Authorities, Phase
from broker.availability import ClusterFacts, PartitionFacts, Quorum, Voter, blockers, impact, unprotected
from broker.connect_render import NAMES as CONNECT_NAMES
from broker.control import ControlClient, ControlError, NoSupervisor, NotReached, ensure_supervisor
from broker.errors import BundledError
from broker.issuance import Issued, Leaf
from broker.java import find_java as _find_java
from broker.paths import DataPaths, made_once, write_if_changed
from broker.pki import Hierarchy, PublicKey, Purpose, Revocation
from broker.ports import is_free as port_is_free
from broker.processes import (
    Crash,
    HttpReady,
    LogReady,
    ProcessKind,
    ProcessSpec,
    ProcessStatus,
    UnixReady,
)
from broker.removal import leaving_notes
from broker.render import principal_rules as _principal_rules
from broker.render import super_users as _super_users
from broker.roll import ClusterView, FactsUnavailable, RollEvent, cluster_facts, roll
from broker.roll import Outcome as RollOutcome
from broker.rolling import Kind as RollKind
from broker.rolling import RestartReason, planned_order
from broker.spec import ClusterSpec, NodeSpec
from broker.states import ALIVE, ProcessState
from broker.turn import TurnTaken, turn
from broker.turn import holder as turn_holder
from broker.unsupervised import Observed
from broker.unsupervised import observe as _observe
from broker.web_tls import NAME as WEB_NAME
from broker.web_tls import ensure_web_certificate
from controlplane.gateways.errors import NotBundled, NotFound, RefusedHere, Unreachable

PROBE_NAME = "kastellan-probe"

__all__ = [
    "ALIVE",
    "AT_REST",
    "PROBE_NAME",
    "WEB_NAME",
    "Authorities",
    "ClusterFacts",
    "ClusterSpec",
    "ClusterView",
    "ControlClient",
    "Crash",
    "DataPaths",
    "FactsUnavailable",
    "Hierarchy",
    "HttpReady",
    "Issued",
    "Leaf",
    "LogReady",
    "NodeSpec",
    "NotReached",
    "Observed",
    "PartitionFacts",
    "Phase",
    "ProcessKind",
    "ProcessSpec",
    "ProcessState",
    "ProcessStatus",
    "Progress",
    "PublicKey",
    "Purpose",
    "Quorum",
    "RestartReason",
    "Revocation",
    "RollEvent",
    "RollKind",
    "RollOutcome",
    "TurnTaken",
    "UnixReady",
    "Voter",
    "blockers",
    "cluster_facts",
    "impact",
    "leaving_notes",
    "made_once",
    "planned_order",
    "port_is_free",
    "roll",
    "sealing",
    "turn",
    "turn_holder",
    "unprotected",
    "write_if_changed",
]

#: States of a process that has ended and is not being started again.
AT_REST = frozenset(ProcessState) - ALIVE - {ProcessState.BACKOFF}


def data_paths() -> DataPaths:
    """The data directory: `KASTELLAN_DATA`, else `./data` of the checkout."""
    default = Path(__file__).resolve().parents[2] / "data"
    return DataPaths(Path(os.environ.get("KASTELLAN_DATA") or default).absolute())


def prepare(paths: DataPaths) -> None:
    """Makes the data directory ours; refused where it holds files of somebody else."""
    with translated():
        paths.prepare()


def is_ours(paths: DataPaths) -> bool:
    return claim.is_ours(paths.root)


def delete_data(paths: DataPaths) -> tuple[str, ...]:
    """Deletes what we made; returns the names of what is somebody else's, which stays."""
    return claim.delete(paths.root)


@contextmanager
def translated() -> Generator[None]:
    """The bundled side's exceptions in the terms of `gateways.errors`."""
    try:
        yield
    except NoSupervisor as error:
        raise Unreachable(
            str(error),
            hint="The supervisor starts and stops the processes; `./run up` brings it back. Brokers keep running.",
        ) from error
    except (ControlError, BundledError) as error:
        raise RefusedHere(str(error), hint=error.hint) from error


# Artifacts


def artifacts(paths: DataPaths) -> Artifacts:
    return Artifacts.at(paths.artifacts)


def fetch_artifacts(paths: DataPaths, *, offline: Path | None, progress: Callable[[Progress], None]) -> int:
    """Makes the locked files present and verified; returns how many had to be fetched."""
    with translated():
        lock, groups = Lock.load(), artifacts(paths).groups()
        if offline is not None and all(_offered(item, offline) for item in lock.select({"connect"})):
            # Nothing can be fetched later here: what somebody may ask for comes along now.
            groups |= {"connect"}
        absent = len(_missing(lock.select(groups), paths.artifacts))
        _fetch(lock, groups, paths.artifacts, progress, offline=offline)
    return absent


def fetch_into(directory: Path, progress: Callable[[Progress], None]) -> None:
    """For closed networks: everything that any machine may need, Redis and Kafka Connect included."""
    with translated():
        _fetch(Lock.load(), {"broker", "agent", "redis", "connect"}, directory, progress)


def missing_artifacts(paths: DataPaths) -> int:
    return len(_missing(Lock.load().select(artifacts(paths).groups()), paths.artifacts))


# Clusters


def bundled_clusters() -> tuple[ClusterSpec, ...]:
    return tuple(_cluster.list_clusters(data_paths()))


def bundled_cluster(name: str) -> ClusterSpec:
    spec = _cluster.load_cluster(data_paths(), name)
    if spec is None:
        raise NotBundled(
            f"The brokers of {name} are not run by Kastellan",
            "Only bundled clusters have this: on an external one it is done where its brokers run",
        )
    return spec


def create_cluster(paths: DataPaths, name: str, brokers: int) -> ClusterSpec:
    """Idempotent: the recorded cluster when there is one; `spec.notes` tells what was chosen at creation."""
    with translated():
        made = artifacts(paths)
        return _cluster.create_cluster(
            paths, name=name, brokers=brokers, base_port=tuning.base_port(made.env), artifacts=made
        )


def broker_processes(paths: DataPaths, spec: ClusterSpec) -> tuple[ProcessSpec, ...]:
    """Reissues what has expired, renders the configuration, returns what to run."""
    with translated():
        return _cluster.prepare(paths, spec, datetime.now(UTC), artifacts=artifacts(paths))


def add_node(paths: DataPaths, spec: ClusterSpec) -> ClusterSpec:
    with translated():
        return _cluster.add_node(paths, spec, artifacts=artifacts(paths))


def ensure_admin(paths: DataPaths, spec: ClusterSpec) -> None:
    with translated():
        ensure_admin_user(paths, spec)


def train_cache(paths: DataPaths) -> None:
    """Makes the JVM's AOT cache in the background, once: the next start is faster. Never required, never waited for."""
    log = paths.log("aot")
    with log.open("ab") as output:
        subprocess.Popen(
            [sys.executable, "-m", "broker.aot"],
            cwd=Path(__file__).resolve().parents[2],
            env={**os.environ, "KASTELLAN_DATA": str(paths.root)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def bootstrap(spec: ClusterSpec, listener: str) -> str:
    return _cluster.bootstrap(spec, listener)


def control_credentials(spec: ClusterSpec) -> _cluster.ControlCredentials:
    return _cluster.control_credentials(data_paths(), spec)


# Certificates


def authorities(spec: ClusterSpec, purpose: Purpose) -> Authorities:
    """Present, next and old authority of a purpose, each with its chain."""
    with translated():
        return issuance.authorities(data_paths(), spec, purpose, datetime.now(UTC))


def issue_client(spec: ClusterSpec, common_name: str, life: timedelta) -> Issued:
    with translated():
        return issuance.issue_client(data_paths(), spec, common_name, life, datetime.now(UTC))


def certify_client(
    spec: ClusterSpec, common_name: str, public_key: PublicKey, hosts: Collection[str], life: timedelta
) -> Issued:
    with translated():
        return issuance.certify_client(
            data_paths(), spec, common_name, public_key, hosts, life, datetime.now(UTC)
        )


def revocation_lists(
    spec: ClusterSpec,
    purpose: Purpose,
    revoked: Callable[[x509.Certificate], Iterable[Revocation]],
    number: int,
) -> tuple[x509.CertificateRevocationList, ...]:
    with translated():
        return issuance.revocation_lists(data_paths(), spec, purpose, revoked, number, datetime.now(UTC))


def web_certificate(paths: DataPaths, spec: ClusterSpec, names: Collection[str]) -> tuple[Path, Path]:
    """Certificate and key for the web server, from the cluster's broker authority."""
    with translated():
        return ensure_web_certificate(paths, spec, names, datetime.now(UTC))


def own_leaves(spec: ClusterSpec) -> tuple[Leaf, ...]:
    """The certificates of the cluster's brokers, the control plane and the user admin."""
    with translated():
        return issuance.leaves(data_paths(), spec)


def keytool() -> Path:
    """Of the Java that the brokers run on."""
    return _find_java(artifacts(data_paths()).env).executable.with_name("keytool")


def super_users(spec: ClusterSpec) -> frozenset[str]:
    """The principals that no ACL binds, as the brokers name them (`User:CN=broker-1`, `User:admin`)."""
    return frozenset(_super_users(spec))


def principal_rules(spec: ClusterSpec) -> str:
    """`ssl.principal.mapping.rules` of the listener that clients with certificates use."""
    return _principal_rules(spec)


def probe_principals() -> frozenset[str]:
    """Who we are when we try what a listener trusts: with certificates of nobody, which are refused everything."""
    return frozenset({f"User:{PROBE_NAME}", f"User:CN={PROBE_NAME}"})


def reserved_name(spec: ClusterSpec, name: str) -> bool:
    """SCRAM users and certificates share the `User:` space: a name of the product's own would be a super user, or
    hide among the probes whose denials nobody is shown."""
    bare = name.strip().casefold().removeprefix("cn=")
    return bare in (PROBE_NAME, *CONNECT_NAMES) or bare in {
        principal.removeprefix("User:").removeprefix("CN=").casefold() for principal in _super_users(spec)
    }


def jolokia_endpoint(spec: ClusterSpec, node: NodeSpec) -> _cluster.HttpEndpoint:
    return _cluster.jolokia_endpoint(data_paths(), spec, node)


def broker_log(spec: ClusterSpec, broker: int, limit: int) -> str:
    """The newest `limit` bytes of a node's log, from a line's start; empty when it has never run."""
    node = next((node for node in spec.nodes if node.id == broker), None)
    if node is None:
        raise NotFound(f"There is no broker {broker} in {spec.name}")
    return logs.newest(data_paths().log(spec.process_name(node)), limit)


def soonest_expiry() -> datetime | None:
    """When the first certificate of any bundled cluster ends; None before there are any."""
    ends = [
        x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc
        for path in data_paths().clusters.glob("*/nodes/*/tls/*.pem")
        if b"BEGIN CERTIFICATE" in path.read_bytes()
    ]
    return min(ends, default=None)


def java_version() -> tuple[str, str]:
    """The Java that the brokers run on: path and version."""
    java = _find_java(os.environ)
    return str(java.executable), f"Java {java.version}"


def first_port(spec: ClusterSpec) -> int:
    return min(port for node in spec.nodes for port in node.ports)


def wanted_port() -> int | None:
    """The first port that the environment asks for, if it asks."""
    with translated():
        return tuning.base_port(os.environ) if os.environ.get(tuning.PORTS) else None


def admin_directory(paths: DataPaths, spec: ClusterSpec) -> Path:
    return paths.cluster(spec.name).clients / "admin"


# Processes


def supervisor(paths: DataPaths) -> ControlClient:
    """The live supervisor; started when none answers, adopting whatever still runs."""
    with translated():
        return ensure_supervisor(paths)


@contextmanager
def control() -> Generator[ControlClient]:
    """The supervisor for one conversation, or `Unreachable` with what to do."""
    with translated():
        yield ControlClient(data_paths())


def observe(paths: DataPaths | None = None) -> Observed:
    """The processes, also while no supervisor answers: then as the process table shows them."""
    return _observe(paths or data_paths())


def processes() -> tuple[ProcessStatus, ...]:
    with control() as client:
        return client.status()
