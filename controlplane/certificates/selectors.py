"""Reads: issued certificates from the database, authorities and own leaves from the files, blocks live from Kafka."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from django.db.models import QuerySet
from django.utils import timezone

from controlplane.certificates.logic.csr import PublicKey, SigningRequest
from controlplane.certificates.logic.expiry import Span
from controlplane.certificates.logic.principals import MappingError, principal_of
from controlplane.certificates.logic.state import Issued, IssueState, Reason, SameKey
from controlplane.certificates.models import Certificate, Download, WatchedEndpoint
from controlplane.certificates.trust import Trust, accepted, trust_of
from controlplane.clusters.logic import blocks
from controlplane.clusters.logic.credentials import NOTHING, Accepted
from controlplane.clusters.models import Cluster
from controlplane.clusters.services import gateway_for
from controlplane.core.errors import NotFound
from controlplane.gateways import broker as bundled
from controlplane.gateways.authorities import foreign_hosts
from controlplane.gateways.broker import Purpose
from controlplane.gateways.errors import GatewayError
from controlplane.gateways.kafka.access_types import Acl, AclFilter


@dataclass(frozen=True, slots=True)
class AuthorityRow:
    """One certificate of an authority. `generation`: present, next or old; `role`: root, issuing or between."""

    purpose: Purpose
    generation: str
    role: str
    subject: str
    issuer: str
    serial: str
    fingerprint: str
    span: Span
    key_here: bool
    renewal: str


@dataclass(frozen=True, slots=True)
class AuthorityView:
    """Everything of one purpose: `phase` tells where a replacement of its key stands."""

    purpose: Purpose
    phase: bundled.Phase
    external: bool
    rows: tuple[AuthorityRow, ...]


@dataclass(frozen=True, slots=True)
class OwnRow:
    """A certificate that the cluster or the control plane itself uses, and renews by itself."""

    name: str
    purpose: Purpose
    subject: str
    issuer: str
    serial: str
    fingerprint: str
    hosts: tuple[str, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class ExpiryRow:
    """One line of the expiry view, whatever kind of thing it is. `error`: why it could not be read lately."""

    kind: str
    name: str
    detail: str
    not_after: datetime | None
    span: Span | None
    serial: str = ""
    seen_at: datetime | None = None
    error: str = ""
    note: str = ""
    watched: WatchedEndpoint | None = None
    replaced: bool = False


def fingerprint(certificate: x509.Certificate) -> str:
    return certificate.fingerprint(hashes.SHA256()).hex()


def key_fingerprint(key: PublicKey) -> str:
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    digest = hashes.Hash(hashes.SHA256())
    digest.update(der)
    return digest.finalize().hex()


def issuer_of(chain: Sequence[x509.Certificate]) -> str:
    """One name for all that one issuing certificate signed: its fingerprint; where a root issues, the id of its key."""
    if len(chain) > 1:
        return fingerprint(chain[1])
    found = chain[0].extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    return (found.key_identifier or b"").hex()


def serial_hex(certificate: x509.Certificate) -> str:
    return f"{certificate.serial_number:x}"


# --- Issued certificates --------------------------------------------------------------------------------------------


def bare_hex(text: str) -> str:
    """A serial or fingerprint as tools print it, as it is stored: no colons, lower case; some tools pad with zeros."""
    return text.replace(":", "").lower().lstrip("0")


def get_certificate(cluster: Cluster, serial: str) -> Certificate:
    found = Certificate.objects.filter(cluster=cluster, serial=bare_hex(serial)).first()
    if found is None:
        raise NotFound(
            f"There is no certificate with serial {serial[:64]} in {cluster.title}",
            hint="The list has every certificate that was issued here; its search takes serials.",
        )
    return found


def live(cluster: Cluster, name: str, now: datetime) -> tuple[Issued, ...]:
    """Certificates of the name that a broker accepts now, and nobody has revoked."""
    rows = accepted(cluster, trust_of(cluster), now).filter(common_name=name, revoked_at=None)
    return tuple(row.issued for row in rows)


def accepted_certificates(cluster: Cluster) -> dict[str, Accepted]:
    """Who can log in with a certificate of ours, and with which; a revoked one is accepted by brokers until it ends."""
    found: dict[str, list[Certificate]] = {}
    rows = accepted(cluster, trust_of(cluster), timezone.now())
    for row in rows.only("principal", "serial", "revoked_at", "not_after").order_by("pk"):
        found.setdefault(row.principal, []).append(row)
    return {principal: _accepted(some) for principal, some in found.items()}


def _accepted(rows: Sequence[Certificate]) -> Accepted:
    revoked = [row for row in rows if row.revoked_at is not None]
    return Accepted(
        tuple(row.serial for row in rows),
        tuple(row.serial for row in revoked),
        max((row.not_after for row in revoked), default=None),
    )


def issued(certificate: Certificate, trust: Trust | None = None) -> Issued:
    """As plans and tags need it: with whether brokers still take it, and what else has its key."""
    trust = trust or trust_of(certificate.cluster)
    same = tuple(
        SameKey(row.serial, row.common_name, row.principal) for row in same_key(certificate, timezone.now())
    )
    return replace(certificate.issued, trusted=trust.of(certificate), same_key=same)


def same_key(certificate: Certificate, now: datetime) -> QuerySet[Certificate]:
    """Others of the same public key, neither revoked nor over: whoever has the key acts as each of them."""
    rows = Certificate.objects.filter(
        cluster=certificate.cluster,
        key_fingerprint=certificate.key_fingerprint,
        revoked_at=None,
        not_after__gte=now,
    )
    return rows.exclude(pk=certificate.pk).exclude(key_fingerprint="").order_by("pk")


def issuing_authority(cluster: Cluster) -> x509.Certificate:
    """What signs clients' certificates. Raises NotBundled where the authorities are not ours."""
    return bundled.authorities(
        bundled.bundled_cluster(cluster.name), Purpose.CLIENTS
    ).current.issuing.certificate


def issue_state(
    cluster: Cluster, name: str, now: datetime, signing: SigningRequest | None = None
) -> IssueState:
    spec, issuing = bundled.bundled_cluster(cluster.name), issuing_authority(cluster)
    principal = principal_for(cluster, name)
    acls = _acls_of(cluster, principal) if principal else None
    shut_out = blocks.blocked_in(acls or ())
    return IssueState(
        common_name=name,
        reserved=bundled.reserved_name(spec, name),
        principal=principal,
        issuer=issuing.subject.rfc4514_string(),
        issuer_ends=issuing.not_valid_after_utc,
        live=live(cluster, name, now),
        acls=None if acls is None else len(blocks.apart(acls, shut_out)[1]),
        scram_user=_has_scram(cluster, name),
        accepted=accepted_certificates(cluster).get(principal or "", NOTHING),
        blocked=principal in shut_out,
        compromised_key=signing is not None and _compromised(cluster, signing.public_key),
        foreign_hosts=foreign_hosts(spec, signing.hosts) if signing else (),
    )


def principal_for(cluster: Cluster, name: str) -> str | None:
    """The `User:` that brokers make of `CN=<name>`; None where no rule applies, or a rule cannot be read."""
    rules = bundled.principal_rules(bundled.bundled_cluster(cluster.name))
    try:
        return principal_of(rules, f"CN={name}")
    except MappingError:
        return None


def rights_of(cluster: Cluster, principal: str) -> int | None:
    """How many ACLs name it, without those of a block; None where the cluster did not answer."""
    found = _acls_of(cluster, principal)
    return None if found is None else len(blocks.apart(found, blocks.blocked_in(found))[1])


def _acls_of(cluster: Cluster, principal: str) -> tuple[Acl, ...] | None:
    try:
        return gateway_for(cluster).describe_acls(AclFilter(principal=principal))
    except GatewayError:
        return None


def _has_scram(cluster: Cluster, name: str) -> bool | None:
    try:
        return any(found.user == name for found in gateway_for(cluster).describe_user_scram_credentials())
    except GatewayError:
        return None


def _compromised(cluster: Cluster, key: PublicKey) -> bool:
    return Certificate.objects.filter(
        cluster=cluster,
        key_fingerprint=key_fingerprint(key),
        revocation_reason=Reason.KEY_COMPROMISE.value,
    ).exists()


# --- The cluster's own ----------------------------------------------------------------------------------------------


def authorities(cluster: Cluster) -> tuple[AuthorityView, ...]:
    spec, now = bundled.bundled_cluster(cluster.name), timezone.now()
    views = []
    for purpose in Purpose:
        found = bundled.authorities(spec, purpose)
        named = (("present", found.current), ("next", found.following), ("old", found.old))
        rows = tuple(
            row for generation, each in named if each is not None for row in _rows(each, generation, now)
        )
        views.append(AuthorityView(purpose, found.phase, found.current.external, rows))
    return tuple(views)


def _rows(hierarchy: bundled.Hierarchy, generation: str, now: datetime) -> Iterator[AuthorityRow]:
    root, issuing = hierarchy.root.certificate, hierarchy.issuing.certificate
    here = hierarchy.root_key_here
    made = partial(_authority, hierarchy, generation, now)
    yield made("root", root, key_here=here)
    for each in hierarchy.between:
        yield made("between", each, key_here=False)
    if issuing != root:
        yield made("issuing", issuing, key_here=True)


def _renewal(hierarchy: bundled.Hierarchy, generation: str, role: str) -> str:
    """Who sees to its end. An issuing certificate is signed anew by its root's key, and by nothing else."""
    if generation == "old":
        return "dropped with the old authority"
    if hierarchy.external:
        return "your company's: replace the key before it ends"
    return "renewed automatically" if role == "issuing" else "replace the key before it ends"


def _authority(
    hierarchy: bundled.Hierarchy,
    generation: str,
    now: datetime,
    role: str,
    certificate: x509.Certificate,
    *,
    key_here: bool,
) -> AuthorityRow:
    return AuthorityRow(
        purpose=hierarchy.purpose,
        generation=generation,
        role=role,
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        serial=serial_hex(certificate),
        fingerprint=fingerprint(certificate),
        span=span_of(certificate, now),
        key_here=key_here,
        renewal=_renewal(hierarchy, generation, role),
    )


def authority_chain(cluster: Cluster, purpose: str, generation: str) -> str:
    """The public certificates of an authority, issuing first, root last; never a key."""
    kinds = {each.value: each for each in Purpose}
    if purpose not in kinds:
        raise NotFound(f"There is no authority for {purpose!r}", hint=f"One of {', '.join(kinds)}.")
    found = bundled.authorities(bundled.bundled_cluster(cluster.name), kinds[purpose])
    named = {"present": found.current, "next": found.following, "old": found.old}
    hierarchy = named.get(generation)
    if hierarchy is None:
        raise NotFound(f"There is no {generation} authority for {purpose} now")
    chain = [*hierarchy.path, hierarchy.root.certificate]
    return "".join(each.public_bytes(serialization.Encoding.PEM).decode() for each in chain)


def span_of(certificate: x509.Certificate, now: datetime) -> Span:
    return Span(certificate.not_valid_before_utc, certificate.not_valid_after_utc, now)


def own(cluster: Cluster) -> tuple[OwnRow, ...]:
    now = timezone.now()
    leaves = bundled.own_leaves(bundled.bundled_cluster(cluster.name))
    return tuple(
        OwnRow(
            name=leaf.name,
            purpose=leaf.purpose,
            subject=leaf.certificate.subject.rfc4514_string(),
            issuer=leaf.certificate.issuer.rfc4514_string(),
            serial=serial_hex(leaf.certificate),
            fingerprint=fingerprint(leaf.certificate),
            hosts=hosts_of(leaf.certificate),
            span=span_of(leaf.certificate, now),
        )
        for leaf in leaves
    )


def hosts_of(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(str(name.value) for name in names)


def downloads(certificate: Certificate) -> Sequence[Download]:
    return tuple(certificate.downloads.all()[:50])
