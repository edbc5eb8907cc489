"""The leaf certificates of one bundled cluster as files: reissued before a node starts when their time comes.

`pki/control/`; per node `tls/keystore.pem` and the two truststores; `clients/admin/`. The authorities: `authorities.py`.
"""

from __future__ import annotations

import socket
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509

from broker import pki
from broker.authorities import Authorities, AuthorityStore, signed_by
from broker.paths import ClusterPaths, DataPaths, write_if_changed, write_private
from broker.pki import Hierarchy, KeyPair, Purpose
from broker.spec import ClusterSpec, NodeSpec

CONTROL_NAME = "kastellan-control"
ADMIN_USER = "admin"
PREVIOUS_KEPT = 5


@dataclass(frozen=True, slots=True)
class ControlCredentials:
    """PEM files of the control plane's own certificate; `cafile` has the roots that the brokers' certificates may end in."""

    cafile: Path
    certfile: Path
    keyfile: Path


@dataclass(frozen=True)
class LeafFiles:
    """A client's own certificate and its key."""

    directory: Path

    @property
    def certificate(self) -> Path:
        return self.directory / "certificate.pem"

    @property
    def key(self) -> Path:
        return self.directory / "key.pem"


class ClientFiles(LeafFiles):
    """What people give to their tools: Java ones take `client.properties`, kcat takes `kcat.conf` (`kcat -F`)."""

    @property
    def ca(self) -> Path:
        return self.directory / "ca.pem"

    @property
    def java(self) -> Path:
        return self.directory / "client.properties"

    @property
    def kcat(self) -> Path:
        return self.directory / "kcat.conf"


@dataclass(frozen=True, slots=True)
class NodeTls:
    """The PEM files that a node reads."""

    directory: Path

    @property
    def keystore(self) -> Path:
        return self.directory / "keystore.pem"

    @property
    def previous(self) -> Path:
        """The certificates before the present one, newest first: one of them is what a node that has not restarted
        since still uses as a client."""
        return self.directory / "previous.pem"

    @property
    def broker_root(self) -> Path:
        return self.directory / "broker-root.pem"

    @property
    def client_root(self) -> Path:
        return self.directory / "client-root.pem"


def broker_name(node_id: int) -> str:
    return f"broker-{node_id}"


def local_hosts(host: str) -> tuple[str, ...]:
    """Names and addresses that clients may use for a node of this machine."""
    names = (socket.gethostname().lower(), socket.getfqdn().lower())
    usable = [name for name in names if pki.is_host_name(name)]
    return tuple(dict.fromkeys(("localhost", "127.0.0.1", "::1", host, *usable)))


def control_files(paths: ClusterPaths) -> ControlCredentials:
    control = paths.pki / "control"
    return ControlCredentials(
        paths.pki / "brokers" / "trusted.pem", control / "certificate.pem", control / "key.pem"
    )


def admin_files(paths: ClusterPaths) -> ClientFiles:
    return ClientFiles((paths.clients / ADMIN_USER).absolute())


def ensure_credentials(paths: DataPaths, spec: ClusterSpec, now: datetime) -> tuple[str, ...]:
    """Makes or renews whatever is missing or due; returns the names of the leaves that were issued."""
    place = paths.cluster(spec.name)
    hosts = local_hosts(spec.host)
    brokers = ensure_authorities(place, spec, Purpose.BROKERS, hosts, now)
    clients = ensure_authorities(place, spec, Purpose.CLIENTS, hosts, now)
    issued = [
        broker_name(node.id) for node in spec.nodes if _ensure_node(place, node, brokers, clients, hosts, now)
    ]
    control, admin = control_files(place), admin_files(place)
    if ensure_pair(control.certfile, control.keyfile, brokers.current, CONTROL_NAME, hosts, now):
        issued.append(CONTROL_NAME)
    if ensure_pair(admin.certificate, admin.key, clients.current, ADMIN_USER, (), now):
        issued.append(ADMIN_USER)
    return tuple(issued)


def ensure_authorities(
    paths: ClusterPaths, spec: ClusterSpec, purpose: Purpose, hosts: Collection[str], now: datetime
) -> Authorities:
    return AuthorityStore(paths, spec, purpose).ensure(hosts, now)


def _load(certificate: Path, key: Path) -> KeyPair | None:
    """None when either file is missing; the key is written first, so a crash between them leaves no certificate."""
    if not certificate.is_file() or not key.is_file():
        return None
    return KeyPair.from_pem(certificate.read_text(), key.read_text())


def _ensure_node(
    paths: ClusterPaths,
    node: NodeSpec,
    brokers: Authorities,
    clients: Authorities,
    hosts: Collection[str],
    now: datetime,
) -> bool:
    tls = NodeTls(paths.node(node.id).tls)
    write_if_changed(tls.broker_root, brokers.trusted_pem)
    write_if_changed(tls.client_root, clients.trusted_pem)
    if _leaf_serves(tls.keystore, brokers.current, hosts, now):
        return False
    if tls.keystore.is_file():
        write_private(tls.previous, "".join(map(pki.certificate_pem, own_certificates(tls)[:PREVIOUS_KEPT])))
    leaf = pki.issue(brokers.current, broker_name(node.id), hosts, now)
    write_private(tls.keystore, leaf.key_pem + brokers.current.chain_pem(leaf.certificate))
    return True


def own_certificates(tls: NodeTls) -> list[x509.Certificate]:
    """The node's present certificate and those before it, newest first."""
    present = x509.load_pem_x509_certificates(tls.keystore.read_bytes())[:1]
    before = tls.previous.read_bytes() if tls.previous.is_file() else b""
    return [*present, *(x509.load_pem_x509_certificates(before) if before else [])]


def ensure_pair(
    certificate: Path, key: Path, hierarchy: Hierarchy, name: str, hosts: Collection[str], now: datetime
) -> bool:
    """True when the pair was made or renewed."""
    pair = _load(certificate, key)
    if pair and _leaf_serves(certificate, hierarchy, hosts, now) and _matches(pair):
        return False
    leaf = pki.issue(hierarchy, name, hosts, now)
    write_private(key, leaf.key_pem)
    write_private(certificate, hierarchy.chain_pem(leaf.certificate))
    return True


def _matches(pair: KeyPair) -> bool:
    """False after a crash between the two files."""
    return pair.certificate.public_key() == pair.key.public_key()


def _leaf_serves(file: Path, hierarchy: Hierarchy, hosts: Collection[str], now: datetime) -> bool:
    """Still young, for the same hosts, and sent along with the present authorities."""
    if not file.is_file():
        return False
    chain = x509.load_pem_x509_certificates(file.read_bytes())
    if tuple(chain[1:]) != hierarchy.path or not signed_by(chain[0], hierarchy.issuing.certificate):
        return False
    return not pki.renewal_due(chain[0], now) and set(pki.hosts_of(chain[0])) == set(hosts)
