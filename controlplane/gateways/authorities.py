"""The door to the authorities of the bundled clusters: replace a key, reload what nodes present, ask what they trust.

Beside `gateways.broker` the only module that imports `broker`. Keys of authorities stay on the far side of it.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives import serialization

from broker import foreign, issuance, pki, served
from broker.authorities import Authorities, AuthorityStore, signed_by
from broker.connect import ensure_certificates, load_worker, trusted_roots
from broker.credentials import ensure_credentials, local_hosts
from broker.pki import Hierarchy, Purpose, permits
from broker.served import NodeTlsState
from broker.spec import ClusterSpec
from broker.states import ALIVE
from controlplane.gateways.broker import (
    PROBE_NAME,
    authorities,
    bundled_clusters,
    data_paths,
    processes,
    translated,
)

__all__ = ["Hierarchy", "NodeTlsState", "signed_by"]

PROBE_LIFE = timedelta(minutes=10)


def reseal() -> int:
    """The keys of all bundled clusters' authorities under the newest key of the installation; how many were not yet."""
    with translated():
        return sum(issuance.reseal(data_paths(), spec) for spec in bundled_clusters())


def foreign_hosts(spec: ClusterSpec, names: Collection[str]) -> tuple[str, ...]:
    """Alternative names that no certificate here may have: neither loopback nor private, nor of this machine, or outside of
    what the clients' authority may certify."""
    found = issuance.outside(spec, names)
    issuing = authorities(spec, Purpose.CLIENTS).current.issuing.certificate
    return tuple(name for name in names if name in found or not permits(issuing, (name,)))


def reissue_due(spec: ClusterSpec) -> tuple[str, ...]:
    """Writes every file as it has to be now; returns the names whose certificate is new."""
    with translated():
        brokers = ensure_credentials(data_paths(), spec, _now())
        worker = load_worker(data_paths(), spec.name)
        also = ensure_certificates(data_paths(), spec, _now()) if worker is not None else ()
        trusted_roots(data_paths(), spec)
        return (*brokers, *also)


def tls_states(spec: ClusterSpec) -> tuple[NodeTlsState, ...]:
    """One per node, in order: what it presents, and whether it has restarted since its files changed."""
    pids = {status.name: status.pid for status in processes() if status.state in ALIVE}
    place = data_paths().cluster(spec.name)
    return tuple(served.node_state(place, node, pids.get(spec.process_name(node))) for node in spec.nodes)


def reload_settings(spec: ClusterSpec, node: int) -> dict[str, str]:
    """The dynamic settings of one broker that make its listeners read their files again."""
    return served.reload_settings(data_paths().cluster(spec.name), spec, spec.node(node))


def new_hierarchy(spec: ClusterSpec, purpose: Purpose) -> Hierarchy:
    with translated():
        return _store(spec, purpose).new_hierarchy(local_hosts(spec.host), _now())


def uploaded_hierarchy(
    spec: ClusterSpec, purpose: Purpose, *, chain_pem: str, key_pem: str, password: str = ""
) -> Hierarchy:
    """An authority of the company's: certificate, key, and the way up to its root."""
    with translated():
        key = foreign.private_key(key_pem, password)
        return foreign.hierarchy(purpose, chain_pem, key, local_hosts(spec.host), _now())


def check_key(key_pem: str, password: str = "") -> None:
    """Refuses a key that cannot be read or used, before anything is looked at that belongs to it."""
    with translated():
        foreign.private_key(key_pem, password)


def signing_request(spec: ClusterSpec, purpose: Purpose) -> str:
    """PEM of a request for an issuing authority; its key waits here for the answer."""
    with translated():
        key = _store(spec, purpose).request_key()
        request = foreign.signing_request(purpose, f"{spec.name[:24]} {purpose} issuing", key)
    return request.public_bytes(serialization.Encoding.PEM).decode()


def signed_hierarchy(spec: ClusterSpec, purpose: Purpose, chain_pem: str) -> Hierarchy:
    """The answer to our request: the authority's certificate and the way up to its root."""
    with translated():
        key = _store(spec, purpose).request_key()
        return foreign.hierarchy(purpose, chain_pem, key, local_hosts(spec.host), _now())


def begin(spec: ClusterSpec, purpose: Purpose, hierarchy: Hierarchy) -> Authorities:
    with translated():
        store = _store(spec, purpose)
        found = store.begin(hierarchy, local_hosts(spec.host), _now())
        store.forget_request()
        return found


def switch(spec: ClusterSpec, purpose: Purpose) -> Authorities:
    with translated():
        return _store(spec, purpose).switch(local_hosts(spec.host), _now())


def drop(spec: ClusterSpec, purpose: Purpose) -> Authorities:
    """No file trusts the old one from here on. Brokers do until they have read theirs again."""
    with translated():
        return _store(spec, purpose).drop(local_hosts(spec.host), _now())


def forget(spec: ClusterSpec, purpose: Purpose) -> Authorities:
    """The one that leaves, once no broker trusts it."""
    with translated():
        return _store(spec, purpose).forget(local_hosts(spec.host), _now())


def abandon(spec: ClusterSpec, purpose: Purpose) -> Authorities:
    with translated():
        return _store(spec, purpose).abandon(local_hosts(spec.host), _now())


def trusted_by(spec: ClusterSpec, purpose: Purpose, hierarchy: Hierarchy) -> dict[int, bool | None]:
    """Per node, whether it takes a certificate of the hierarchy now (None: its threads do not agree yet, or nobody
    answered), tried with one that lives for minutes.

    Its name is nobody's: what it may do is nothing, and that is an answer too.
    """
    with translated():
        if hierarchy.issuing.certificate.not_valid_after_utc <= _now():
            return dict.fromkeys((node.id for node in spec.nodes), False)  # nobody takes what has ended
        known = issuance.authorities(data_paths(), spec, Purpose.BROKERS, _now()).known_roots
        trusted = "".join(map(pki.certificate_pem, known))
        hosts = ("localhost",) if purpose is Purpose.BROKERS else ()
        leaf = pki.issue(hierarchy, PROBE_NAME, hosts, _now(), life=PROBE_LIFE)
        clients = purpose is Purpose.CLIENTS
        return {
            node.id: served.accepts(served.probed_listener(node, clients=clients), hierarchy, leaf, trusted)
            for node in spec.nodes
        }


def _store(spec: ClusterSpec, purpose: Purpose) -> AuthorityStore:
    return issuance.store(data_paths(), spec, purpose)


def _now() -> datetime:
    return datetime.now(UTC)
