"""Issue and renew: the row is kept, the key is not. What is handed over exists in the answer of one request only.

`deliver` is free of audit, so that a composing app can make it a step of its own operation.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from django.db import transaction
from django.utils import timezone

from controlplane.audit.services import operation
from controlplane.certificates import selectors
from controlplane.certificates.logic import keystores, plans
from controlplane.certificates.logic.bundle import Material, bundle_files, zip_of
from controlplane.certificates.logic.csr import PublicKey, SigningRequest, read_request
from controlplane.certificates.logic.plans import IssueCertificate, RenewCertificate
from controlplane.certificates.logic.state import Issued, Origin
from controlplane.certificates.models import Certificate, Download
from controlplane.certificates.selectors import fingerprint, issuer_of, key_fingerprint, serial_hex
from controlplane.clusters.logic.client_config import CertificateLogin, snippets
from controlplane.clusters.models import Cluster
from controlplane.clusters.services import client_endpoint
from controlplane.core.access import Actor
from controlplane.core.errors import Conflict
from controlplane.core.plans import Plan
from controlplane.core.verify import verify
from controlplane.gateways import broker as bundled

ZIP_WITHOUT_KEY = "ZIP without a key"


@dataclass(frozen=True, slots=True)
class Delivery:
    """What the one answer shows. Nobody keeps it; `key_pem` and `password` are empty where the owner has the key."""

    certificate: Certificate
    ca_pem: str
    archive: bytes = field(repr=False)
    files: tuple[str, ...] = ()
    key_pem: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    snippets: tuple[tuple[str, str], ...] = ()

    @property
    def archive_name(self) -> str:
        return f"{self.folder}.zip"

    @property
    def folder(self) -> str:
        """What the archive unpacks into."""
        return folder_of(self.certificate)


def folder_of(certificate: Certificate) -> str:
    name = certificate.common_name.replace("@", "_at_").strip(".") or "certificate"
    return f"{name}-{certificate.serial[:8]}"


def plan_issue(cluster: Cluster, request: IssueCertificate, *, rights_come: bool = False) -> Plan:
    now = timezone.now()
    state = selectors.issue_state(cluster, request.common_name, now, _signing(request.csr))
    return plans.plan_issue(request, state, cluster=cluster.name, now=now, rights_come=rights_come)


def apply_issue(actor: Actor, cluster: Cluster, request: IssueCertificate, plan: Plan) -> Delivery:
    with operation(actor, plan.action, cluster=cluster.name, target=request.common_name, plan=plan) as entry:
        delivery = deliver(actor, cluster, request)
        entry.note(serial=delivery.certificate.serial, principal=delivery.certificate.principal)
    return delivery


def plan_renew(cluster: Cluster, certificate: Certificate, request: RenewCertificate) -> Plan:
    now, old = timezone.now(), selectors.issued(certificate)
    state = selectors.issue_state(cluster, old.common_name, now, _renewal_signing(certificate, request))
    return plans.plan_renew(request, old, state, cluster=cluster.name, now=now)


def apply_renew(
    actor: Actor, cluster: Cluster, certificate: Certificate, request: RenewCertificate, plan: Plan
) -> Delivery:
    target = certificate.common_name
    wanted = IssueCertificate(target, request.days, request.csr)
    signing = _renewal_signing(certificate, request)
    with operation(actor, plan.action, cluster=cluster.name, target=target, plan=plan) as entry:
        delivery = deliver(actor, cluster, wanted, signing=signing, replaces=certificate.issued)
        entry.note(serial=delivery.certificate.serial, replaces=certificate.serial)
    return delivery


def deliver(
    actor: Actor,
    cluster: Cluster,
    request: IssueCertificate,
    *,
    signing: SigningRequest | None = None,
    replaces: Issued | None = None,
) -> Delivery:
    """Issues, keeps the row, and packs everything that its owner needs."""
    now = timezone.now()
    signing = signing or _signing(request.csr)
    issued = _certify(cluster, request, signing)
    with transaction.atomic():
        row = _save(actor, cluster, request, issued, signing, now)
        if replaces is not None:
            _replace(cluster, replaces, row)
        what = "ZIP with the private key" if issued.key_pem else ZIP_WITHOUT_KEY
        Download.objects.create(cluster=cluster, certificate=row, what=what, actor=actor.name[:240], at=now)
    verify(
        f"the certificate {row.serial}", lambda: Certificate.objects.filter(pk=row.pk, pem=row.pem).exists()
    )
    return packed(row, issued.key_pem, now)


def _signing(csr: str) -> SigningRequest | None:
    found = read_request(csr) if csr.strip() else None
    return found if isinstance(found, SigningRequest) else None


def _renewal_signing(certificate: Certificate, request: RenewCertificate) -> SigningRequest | None:
    """A certificate whose key its owner keeps goes on with that key, unless a new request comes with another."""
    if request.csr.strip() or certificate.origin != Origin.CSR.value:
        return _signing(request.csr)
    key = x509.load_pem_x509_certificate(certificate.pem.encode()).public_key()
    return SigningRequest(key, tuple(certificate.hosts)) if isinstance(key, PublicKey) else None


def _certify(cluster: Cluster, request: IssueCertificate, signing: SigningRequest | None) -> bundled.Issued:
    spec, life = bundled.bundled_cluster(cluster.name), timedelta(days=request.days)
    if signing is None:
        return bundled.issue_client(spec, request.common_name, life)
    return bundled.certify_client(spec, request.common_name, signing.public_key, signing.hosts, life)


def _save(
    actor: Actor,
    cluster: Cluster,
    request: IssueCertificate,
    issued: bundled.Issued,
    signing: SigningRequest | None,
    now: datetime,
) -> Certificate:
    certificate = issued.certificate
    key = certificate.public_key()
    assert isinstance(key, PublicKey)  # nosec B101  # we chose or checked it
    row = Certificate(
        cluster=cluster,
        serial=serial_hex(certificate),
        common_name=request.common_name,
        principal=selectors.principal_for(cluster, request.common_name) or "",
        issuer=issuer_of(x509.load_pem_x509_certificates(issued.chain_pem.encode())),
        fingerprint=fingerprint(certificate),
        key_fingerprint=key_fingerprint(key),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        pem=certificate.public_bytes(serialization.Encoding.PEM).decode(),
        chain_pem=issued.chain_pem,
        hosts=list(signing.hosts) if signing else [],
        origin=(Origin.CSR if signing else Origin.GENERATED).value,
        issued_by=actor.name[:240],
        issued_at=now,
    )
    row.full_clean(validate_unique=False, validate_constraints=False)
    row.save()
    return row


def _replace(cluster: Cluster, old: Issued, new: Certificate) -> None:
    """Two renewals at once: the second finds the first's mark, and nothing of it is kept."""
    changed = Certificate.objects.filter(
        cluster=cluster, serial=old.serial, replaced_by="", revoked_at=None
    ).update(replaced_by=new.serial)
    if not changed:
        raise Conflict(f"{old.common_name} was renewed or revoked a moment ago", "Look at it again.")
    Certificate.objects.filter(pk=new.pk).update(replaces=old.serial)
    new.replaces = old.serial


def packed(row: Certificate, key_pem: str, now: datetime) -> Delivery:
    """Without a key nothing in it is secret, and it can be packed again at any time."""
    endpoint = client_endpoint(row.cluster, "SSL")
    password = secrets.token_urlsafe(18) if key_pem else ""
    material = Material(
        cluster=row.cluster.title,
        common_name=row.common_name,
        principal=row.principal,
        endpoint=endpoint,
        chain=tuple(x509.load_pem_x509_certificates(row.chain_pem.encode())),
        chain_pem=row.chain_pem,
        roots=tuple(x509.load_pem_x509_certificates(endpoint.ca_pem.encode())),
        key_pem=key_pem,
        password=password,
        salt=secrets.token_bytes(keystores.SALT_BYTES),
    )
    files = bundle_files(material, now)
    return Delivery(
        certificate=row,
        ca_pem=endpoint.ca_pem,
        archive=zip_of(files, now, folder_of(row)),
        files=tuple(files),
        key_pem=key_pem,
        password=password,
        snippets=tuple(snippets(endpoint, CertificateLogin(row.chain_pem, key_pem)).items()),
    )
