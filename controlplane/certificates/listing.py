"""The list of issued certificates: search, filters that return exactly one state, and how each of them stands."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from controlplane.certificates.logic.expiry import SOON, UNTRUSTED, Span
from controlplane.certificates.logic.standing import Facts
from controlplane.certificates.models import Certificate, Download
from controlplane.certificates.selectors import bare_hex
from controlplane.certificates.trust import Trust, trust_of
from controlplane.clusters.blocking import blocked_principals
from controlplane.clusters.models import Cluster
from controlplane.gateways.errors import GatewayError


def certificates(
    cluster: Cluster,
    *,
    search: str = "",
    state: str = "",
    authority: str = "",
    trust: Trust | None = None,
    blocked: Collection[str] = (),
) -> QuerySet[Certificate]:
    """With the newest download of each. Fingerprints and serials may be pasted with colons and in any case."""
    rows = Certificate.objects.filter(cluster=cluster)
    if search:
        wanted = Q(common_name__icontains=search) | Q(principal__icontains=search)
        if bare := bare_hex(search):
            wanted |= Q(serial__icontains=bare) | Q(fingerprint__icontains=bare)
        rows = rows.filter(wanted)
    newest = Download.objects.filter(certificate=OuterRef("pk")).order_by("-at", "-pk")
    if state or authority:
        trust = trust or trust_of(cluster)
    if state in STATES and trust:
        rows = _in_state(rows, state, timezone.now(), trust, blocked)
    if authority == OLD and trust:
        rows = rows.filter(issuer__in=trust.old)
    return rows.annotate(
        downloaded_by=Subquery(newest.values("actor")[:1]), downloaded_at=Subquery(newest.values("at")[:1])
    )


#: The standings, and two parts of them: `ending` of the valid ones, `still_accepted` of the revoked ones.
STATES = ("valid", "ending", "expired", "revoked", "still_accepted", "replaced", UNTRUSTED)
OLD = "old"


def _in_state(
    rows: QuerySet[Certificate], state: str, now: datetime, trust: Trust, blocked: Collection[str]
) -> QuerySet[Certificate]:
    """As `Standing` has it: each certificate is in exactly one of them."""
    over, refused = Q(not_after__lt=now), Q(issuer__in=trust.refused, not_after__gte=now)
    revoked = rows.exclude(revoked_at=None)
    kept = rows.filter(revoked_at=None)
    current = kept.exclude(refused)
    match state:
        case "revoked":
            return revoked
        case "still_accepted":
            return revoked.exclude(over).exclude(refused).exclude(principal__in=blocked)
        case "untrusted":
            return kept.filter(refused)
        case "replaced":
            return current.exclude(replaced_by="")
        case "expired":
            return current.filter(over, replaced_by="")
    valid = current.filter(replaced_by="").exclude(over)
    return valid.filter(not_after__lte=now + SOON) if state == "ending" else valid


def facts_of(certificate: Certificate, span: Span, trust: Trust, blocked: frozenset[str] | None) -> Facts:
    return Facts(
        revoked=certificate.revoked_at is not None,
        replaced=bool(certificate.replaced_by),
        span=span,
        trusted=trust.of(certificate),
        blocked=None if blocked is None else certificate.principal in blocked,
        old_authority=trust.of_old(certificate),
    )


def blocked(cluster: Cluster) -> frozenset[str] | None:
    """None where the cluster does not answer."""
    try:
        return blocked_principals(cluster)
    except GatewayError:
        return None
