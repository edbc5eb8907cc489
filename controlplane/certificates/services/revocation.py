"""Revoke a certificate, and publish the lists that say so. What brokers do about it: nothing (logic/protection.py)."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from controlplane.audit.services import operation
from controlplane.certificates import selectors
from controlplane.certificates.logic import plans
from controlplane.certificates.logic.state import Reason
from controlplane.certificates.models import Certificate, RevocationList
from controlplane.certificates.trust import issuers_below, trust_of
from controlplane.clusters.blocking import block_state
from controlplane.clusters.models import Cluster
from controlplane.core.access import Actor
from controlplane.core.errors import Conflict, NotFound
from controlplane.core.plans import Plan
from controlplane.core.verify import verify
from controlplane.gateways import broker as bundled
from controlplane.gateways.broker import Purpose, Revocation
from controlplane.gateways.errors import GatewayError

PRESENT, OLD = "present", "old"
REFRESH_AFTER = timedelta(hours=24)


def plan_revoke(
    cluster: Cluster, certificate: Certificate, reason: Reason, *, block_told: bool = False
) -> Plan:
    """`block_told`: as part of a plan that says whether the principal is blocked."""
    try:
        blocked: bool | None = block_state(cluster, certificate.principal).blocked
    except GatewayError:
        blocked = None
    issued = selectors.issued(certificate)
    return plans.plan_revoke(
        reason, issued, cluster=cluster.name, blocked=blocked, now=timezone.now(), block_told=block_told
    )


def apply_revoke(
    actor: Actor, cluster: Cluster, certificate: Certificate, reason: Reason, plan: Plan
) -> Certificate:
    with operation(actor, plan.action, cluster=cluster.name, target=certificate.serial, plan=plan) as entry:
        entry.note(common_name=certificate.common_name, principal=certificate.principal)
        same = plans.revoked_with(reason, selectors.issued(certificate))
        if same:
            entry.note(same_key=[each.serial for each in same])
        entry.note(revocation_list=revoke(actor, cluster, certificate, reason))
    certificate.refresh_from_db()
    return certificate


def revoke(actor: Actor, cluster: Cluster, certificate: Certificate, reason: Reason) -> int:
    """The act itself, inside an operation of the caller's; returns the number of the list that says so.

    Of a certificate whose authority was dropped no list speaks any more; that it is revoked is kept all the same.
    """
    trust = trust_of(cluster)
    with transaction.atomic():
        same = tuple(
            selectors.same_key(certificate, timezone.now()) if reason is Reason.KEY_COMPROMISE else ()
        )
        _mark(actor, certificate, reason)
        Certificate.objects.filter(pk__in=[each.pk for each in same]).update(**_revoked(actor, reason))
        lists = publish(cluster)
    for each in (certificate, *same):
        if not trust.ended(each):
            verify(f"the list with {each.serial}", partial(is_listed, cluster, each.serial))
    return lists[0].number


def _mark(actor: Actor, certificate: Certificate, reason: Reason) -> None:
    changed = Certificate.objects.filter(pk=certificate.pk, revoked_at=None).update(**_revoked(actor, reason))
    if not changed:
        raise Conflict(f"{certificate.serial} was revoked a moment ago")


def _revoked(actor: Actor, reason: Reason) -> dict[str, Any]:
    return {
        "revoked_at": timezone.now(),
        "revoked_by": actor.name[:240],
        "revocation_reason": reason.value,
    }


def publish(cluster: Cluster) -> tuple[RevocationList, ...]:
    """A new list of every client authority that is trusted, each with what that authority issued; one writer at a time,
    so that numbers only grow."""
    spec = bundled.bundled_cluster(cluster.name)
    with transaction.atomic():
        Cluster.objects.select_for_update().get(pk=cluster.pk)
        now = timezone.now()
        number = _next_number(cluster, now)
        made = bundled.revocation_lists(spec, Purpose.CLIENTS, partial(_revocations, cluster), number)
        issuers = _issuers(cluster)
        rows = tuple(
            _save(cluster, generation, issuer, signed)
            for (generation, issuer), signed in zip(issuers.items(), made, strict=True)
        )
        RevocationList.objects.filter(cluster=cluster).exclude(generation__in=issuers).delete()
    return rows


def _revocations(cluster: Cluster, issuing: x509.Certificate) -> list[Revocation]:
    """Of this issuer every one that was ever revoked: an entry may not go before its certificate has ended, and it is
    cheap. A serial of another issuer would say something of a certificate that this one never signed."""
    rows = Certificate.objects.filter(cluster=cluster, issuer__in=issuers_below(cluster, issuing))
    rows = rows.exclude(revoked_at=None).order_by("revoked_at", "pk")
    return [
        Revocation(int(row.serial, 16), row.revoked_at, x509.ReasonFlags[row.revocation_reason])
        for row in rows
        if row.revoked_at is not None
    ]


def _next_number(cluster: Cluster, now: datetime) -> int:
    """Also grows when the database was restored from a backup: readers refuse a list older than one they have seen."""
    last = RevocationList.objects.filter(cluster=cluster).aggregate(last=Max("number"))["last"] or 0
    return max(last + 1, int(now.timestamp()))


def _issuers(cluster: Cluster) -> dict[str, str]:
    """Generation → SHA-256 of the issuing certificate, in the order of `bundled.revocation_lists`."""
    found = bundled.authorities(bundled.bundled_cluster(cluster.name), Purpose.CLIENTS)
    named = ((PRESENT, found.current), (OLD, found.old))
    return {
        generation: selectors.fingerprint(each.issuing.certificate)
        for generation, each in named
        if each is not None
    }


def _save(
    cluster: Cluster, generation: str, issuer: str, signed: x509.CertificateRevocationList
) -> RevocationList:
    number = signed.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    row, _ = RevocationList.objects.update_or_create(
        cluster=cluster,
        generation=generation,
        defaults={
            "issuer": issuer,
            "number": number,
            "der": signed.public_bytes(serialization.Encoding.DER),
            "entries": len(signed),
            "this_update": signed.last_update_utc,
            "next_update": signed.next_update_utc,
        },
    )
    return row


def is_due(cluster: Cluster, now: datetime) -> bool:
    """Once a day, and whenever the authorities are others than those that signed."""
    rows = {row.generation: row for row in RevocationList.objects.filter(cluster=cluster)}
    if {generation: row.issuer for generation, row in rows.items()} != _issuers(cluster):
        return True
    return any(now - row.this_update >= REFRESH_AFTER for row in rows.values())


def refresh_if_due(cluster: Cluster) -> bool:
    if not is_due(cluster, timezone.now()):
        return False
    publish(cluster)
    return True


def is_listed(cluster: Cluster, serial: str) -> bool:
    """On whichever list: the old authority's names what it issued itself."""
    return any(
        x509.load_der_x509_crl(bytes(row.der)).get_revoked_certificate_by_serial_number(int(serial, 16))
        for row in RevocationList.objects.filter(cluster=cluster)
    )


def revocation_list(cluster: Cluster, generation: str) -> RevocationList:
    """The published one; a cluster whose first list nobody has asked for yet gets it now."""
    row = RevocationList.objects.filter(cluster=cluster, generation=generation).first()
    if row is None and generation == PRESENT:
        return publish(cluster)[0]
    if row is None:
        raise NotFound("There is no old authority: its key is not being replaced")
    return row
