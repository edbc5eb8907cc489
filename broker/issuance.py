"""What others ask of a bundled cluster's authorities: leaves for clients, revocation lists, the inventory of what exists.

No private key of an authority ever leaves this module's callers' reach: they get certificates, and the one new leaf key.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509

from broker import pki
from broker.authorities import Authorities, AuthorityStore
from broker.connect import certificates as worker_certificates
from broker.credentials import (
    ADMIN_USER,
    CONTROL_NAME,
    NodeTls,
    admin_files,
    broker_name,
    control_files,
    local_hosts,
)
from broker.paths import DataPaths
from broker.pki import PkiError, PublicKey, Purpose, Revocation
from broker.spec import ClusterSpec
from broker.web_tls import NAME as WEB_NAME
from broker.web_tls import web_files


@dataclass(frozen=True)
class Issued:
    """`chain_pem`: leaf, then the authorities. `key_pem` is empty where the owner kept the key (a CSR)."""

    certificate: x509.Certificate
    chain_pem: str
    key_pem: str = ""


@dataclass(frozen=True)
class Leaf:
    """A certificate of the cluster's own: of a broker, the control plane, or the user admin."""

    name: str
    purpose: Purpose
    certificate: x509.Certificate


def authorities(paths: DataPaths, spec: ClusterSpec, purpose: Purpose, now: datetime) -> Authorities:
    return store(paths, spec, purpose).ensure(local_hosts(spec.host), now)


def store(paths: DataPaths, spec: ClusterSpec, purpose: Purpose) -> AuthorityStore:
    return AuthorityStore(paths.cluster(spec.name), spec, purpose)


def reseal(paths: DataPaths, spec: ClusterSpec) -> int:
    """The keys of every authority of a cluster under the newest sealing key; returns how many were not yet."""
    return sum(store(paths, spec, purpose).reseal() for purpose in Purpose)


def issue_client(
    paths: DataPaths, spec: ClusterSpec, common_name: str, life: timedelta, now: datetime
) -> Issued:
    """A client certificate with a new P-256 key, which is in the answer and nowhere else."""
    hierarchy = authorities(paths, spec, Purpose.CLIENTS, now).current
    pair = pki.issue(hierarchy, common_name, (), now, life=life)
    return Issued(pair.certificate, hierarchy.chain_pem(pair.certificate), pair.key_pem)


def certify_client(
    paths: DataPaths,
    spec: ClusterSpec,
    common_name: str,
    public_key: PublicKey,
    hosts: Collection[str],
    life: timedelta,
    now: datetime,
) -> Issued:
    """A client certificate for a key that its owner keeps."""
    strange = outside(spec, hosts)
    if strange:
        raise PkiError(f"no certificate of a client names {', '.join(strange)}")
    hierarchy = authorities(paths, spec, Purpose.CLIENTS, now).current
    certificate = pki.certify(hierarchy, common_name, public_key, hosts, now, life)
    return Issued(certificate, hierarchy.chain_pem(certificate))


def outside(spec: ClusterSpec, names: Collection[str]) -> tuple[str, ...]:
    """Alternative names that no certificate here may have."""
    return pki.outside(names, local_hosts(spec.host))


def revocation_lists(
    paths: DataPaths,
    spec: ClusterSpec,
    purpose: Purpose,
    revoked: Callable[[x509.Certificate], Iterable[Revocation]],
    number: int,
    now: datetime,
) -> tuple[x509.CertificateRevocationList, ...]:
    """One of the present authority, and one of the old one while it is still trusted. `revoked`: what is revoked of the
    certificates that an issuing certificate signed: a list speaks for its own issuer only."""
    found = authorities(paths, spec, purpose, now)
    signers = [each.issuing for each in (found.current, found.old) if each is not None]
    return tuple(pki.revocation_list(signer, revoked(signer.certificate), number, now) for signer in signers)


def leaves(paths: DataPaths, spec: ClusterSpec) -> tuple[Leaf, ...]:
    """What the files hold now; a file that is not there yet is left out."""
    place = paths.cluster(spec.name)
    files = [
        *((broker_name(n.id), Purpose.BROKERS, NodeTls(place.node(n.id).tls).keystore) for n in spec.nodes),
        (CONTROL_NAME, Purpose.BROKERS, control_files(place).certfile),
        (ADMIN_USER, Purpose.CLIENTS, admin_files(place).certificate),
        (WEB_NAME, Purpose.BROKERS, web_files(place)[0]),
        *((name, Purpose.CLIENTS, tls.certificate) for name, tls in worker_certificates(paths, spec)),
    ]
    return tuple(
        Leaf(name, purpose, x509.load_pem_x509_certificates(file.read_bytes())[0])
        for name, purpose, file in files
        if file.is_file()
    )
