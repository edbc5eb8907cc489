"""Reads: issued certificates from the database, authorities and own leaves from the files, blocks live from Kafka."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from controlplane.certificates.logic import blocks
from controlplane.certificates.logic.blocks import BlockState
from controlplane.certificates.logic.csr import PublicKey, SigningRequest
from controlplane.certificates.logic.expiry import SOON, Span
from controlplane.certificates.logic.principals import MappingError, principal_of
from controlplane.certificates.logic.state import Issued, IssueState, Reason
from controlplane.certificates.models import Certificate, Download, WatchedEndpoint
from controlplane.clusters.models import Cluster
from controlplane.clusters.services import gateway_for
from controlplane.core.errors import NotFound
from controlplane.gateways import broker as bundled
from controlplane.gateways.broker import Purpose
from controlplane.gateways.errors import GatewayError
from controlplane.gateways.kafka.access_types import AclFilter


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


def fingerprint(certificate: x509.Certificate) -> str:
    return certificate.fingerprint(hashes.SHA256()).hex()


def key_fingerprint(key: PublicKey) -> str:
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    digest = hashes.Hash(hashes.SHA256())
    digest.update(der)
    return digest.finalize().hex()


def serial_hex(certificate: x509.Certificate) -> str:
    return f"{certificate.serial_number:x}"


# --- Issued certificates --------------------------------------------------------------------------------------------


def certificates(cluster: Cluster, *, search: str = "", state: str = "") -> QuerySet[Certificate]:
    """With the newest download of each. Fingerprints and serials may be pasted with colons and in any case."""
    rows = Certificate.objects.filter(cluster=cluster)
    if search:
        wanted = Q(common_name__icontains=search) | Q(principal__icontains=search)
        if bare := bare_hex(search):
            wanted |= Q(serial__icontains=bare) | Q(fingerprint__icontains=bare)
        rows = rows.filter(wanted)
    newest = Download.objects.filter(certificate=OuterRef("pk")).order_by("-at", "-pk")
    return _in_state(rows, state, timezone.now()).annotate(
        downloaded_by=Subquery(newest.values("actor")[:1]), downloaded_at=Subquery(newest.values("at")[:1])
    )


STATES = ("valid", "ending", "expired", "revoked", "replaced")


def _in_state(rows: QuerySet[Certificate], state: str, now: datetime) -> QuerySet[Certificate]:
    match state:
        case "valid":
            return rows.filter(revoked_at=None, not_after__gte=now)
        case "ending":
            return rows.filter(revoked_at=None, not_after__gte=now, not_after__lte=now + SOON)
        case "expired":
            return rows.filter(not_after__lt=now)
        case "revoked":
            return rows.exclude(revoked_at=None)
        case "replaced":
            return rows.exclude(replaced_by="")
    return rows


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
    """Certificates of the name that a broker would accept now."""
    rows = Certificate.objects.filter(cluster=cluster, common_name=name, revoked_at=None, not_after__gte=now)
    return tuple(row.issued for row in rows)


def principals(cluster: Cluster) -> frozenset[str]:
    """Who can log in with a certificate of ours; a revoked one is accepted by brokers until it ends."""
    rows = Certificate.objects.filter(cluster=cluster, not_after__gte=timezone.now())
    return frozenset(rows.values_list("principal", flat=True))


def of_principal(cluster: Cluster, principal: str) -> tuple[str, ...]:
    rows = Certificate.objects.filter(cluster=cluster, principal=principal, not_after__gte=timezone.now())
    return tuple(rows.values_list("serial", flat=True))


def issue_state(
    cluster: Cluster, name: str, now: datetime, signing: SigningRequest | None = None
) -> IssueState:
    spec = bundled.bundled_cluster(cluster.name)
    issuing = bundled.authorities(spec, Purpose.CLIENTS).current.issuing.certificate
    principal = principal_for(cluster, name)
    return IssueState(
        common_name=name,
        reserved=bundled.reserved_name(spec, name),
        principal=principal,
        issuer=issuing.subject.rfc4514_string(),
        issuer_ends=issuing.not_valid_after_utc,
        live=live(cluster, name, now),
        acls=_acl_count(cluster, principal) if principal else None,
        scram_user=_has_scram(cluster, name),
        compromised_key=signing is not None and _compromised(cluster, signing.public_key),
        foreign_hosts=tuple(
            host for host in (signing.hosts if signing else ()) if not bundled.permits(issuing, (host,))
        ),
    )


def principal_for(cluster: Cluster, name: str) -> str | None:
    """The `User:` that brokers make of `CN=<name>`; None where no rule applies, or a rule cannot be read."""
    rules = bundled.principal_rules(bundled.bundled_cluster(cluster.name))
    try:
        return principal_of(rules, f"CN={name}")
    except MappingError:
        return None


def _acl_count(cluster: Cluster, principal: str) -> int | None:
    try:
        return len(gateway_for(cluster).describe_acls(AclFilter(principal=principal)))
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


# --- Blocks ---------------------------------------------------------------------------------------------------------


def block_state(cluster: Cluster, principal: str, *, broker: int | None = None) -> BlockState:
    """Live, as any broker knows it or the given one; raises what the gateway raises where nobody answers."""
    spec = bundled.bundled_cluster(cluster.name)
    found = gateway_for(cluster).describe_acls(AclFilter(principal=principal), broker=broker)
    return blocks.state_of(principal, found, super_user=principal in bundled.super_users(spec))


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
    key_here = not hierarchy.external
    yield _authority(hierarchy.purpose, generation, "root", root, now, key_here=key_here)
    for each in hierarchy.between:
        yield _authority(hierarchy.purpose, generation, "between", each, now, key_here=False)
    if issuing != root:
        yield _authority(hierarchy.purpose, generation, "issuing", issuing, now, key_here=True)


def _authority(
    purpose: Purpose,
    generation: str,
    role: str,
    certificate: x509.Certificate,
    now: datetime,
    *,
    key_here: bool,
) -> AuthorityRow:
    return AuthorityRow(
        purpose=purpose,
        generation=generation,
        role=role,
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        serial=serial_hex(certificate),
        fingerprint=fingerprint(certificate),
        span=span_of(certificate, now),
        key_here=key_here,
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
