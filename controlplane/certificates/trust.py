"""Which issued certificates the brokers still trust: those whose chain ends below a root that is trusted now.

Nothing about it is kept: what is trusted is read from the authorities' files, and a chain either leads there or does not.
One certificate speaks for all of its issuer, so that the answer costs a signature per issuer, not one per certificate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from django.db.models import Max, QuerySet
from django.utils import timezone

from controlplane.certificates.models import Certificate, DroppedAuthority
from controlplane.clusters.models import Cluster
from controlplane.gateways import authorities
from controlplane.gateways import broker as bundled
from controlplane.gateways.broker import Purpose
from controlplane.gateways.errors import GatewayError

Chain = tuple[x509.Certificate, ...]


@dataclass(frozen=True, slots=True)
class Trust:
    """`refused`: issuers that no trusted root stands above, and since when, where that is known. `known` is False where
    the authorities could not be read: then nothing is said of any certificate. `old`: issuers of the authority whose key is
    being replaced, from the switch on; what they signed has to be renewed before it is dropped. `dropping`: it is being
    dropped, and counts as trusted until every broker was seen to refuse it.
    """

    refused: Mapping[str, datetime | None] = field(default_factory=dict[str, datetime | None])
    known: bool = True
    old: frozenset[str] = frozenset()
    dropping: bool = False

    def of(self, certificate: Certificate) -> bool | None:
        return certificate.issuer not in self.refused if self.known else None

    def ended(self, certificate: Certificate) -> bool:
        return certificate.issuer in self.refused

    def of_old(self, certificate: Certificate) -> bool:
        return certificate.issuer in self.old

    def since(self, certificate: Certificate) -> datetime | None:
        return self.refused.get(certificate.issuer)


def trust_of(cluster: Cluster) -> Trust:
    try:
        found = bundled.authorities(bundled.bundled_cluster(cluster.name), Purpose.CLIENTS)
    except GatewayError:
        return Trust(known=False)
    gone = tuple(DroppedAuthority.objects.filter(cluster=cluster))
    refused = {
        issuer: _dropped_at(chain, gone)
        for issuer, chain in chains(cluster).items()
        if not any(leads_to(chain, root) for root in found.known_roots)
    }
    old = issuers_below(cluster, found.old.issuing.certificate) if found.old else frozenset[str]()
    return Trust(refused, old=old, dropping=found.phase is bundled.Phase.DROPPING)


def leads_to(chain: Chain, root: x509.Certificate) -> bool:
    return chain[-1] == root or authorities.signed_by(chain[-1], root)


def issuers_below(cluster: Cluster, issuing: x509.Certificate) -> frozenset[str]:
    """Of the certificates that this key has signed: a renewed issuing certificate keeps its key."""
    return frozenset(
        issuer for issuer, chain in chains(cluster).items() if authorities.signed_by(chain[0], issuing)
    )


def chains(cluster: Cluster) -> dict[str, Chain]:
    """One chain, leaf first, per issuer that has ever issued here."""
    newest = (
        Certificate.objects.filter(cluster=cluster)
        .exclude(issuer="")
        .order_by()
        .values("issuer")
        .annotate(newest=Max("pk"))
        .values("newest")
    )
    return {row.issuer: _chain(row) for row in Certificate.objects.filter(pk__in=newest)}


def _chain(row: Certificate) -> Chain:
    return tuple(x509.load_pem_x509_certificates(row.chain_pem.encode()))


def _dropped_at(chain: Chain, gone: tuple[DroppedAuthority, ...]) -> datetime | None:
    found = (each.dropped_at for each in gone if leads_to(chain, _root(each)))
    return next(found, None)


def _root(row: DroppedAuthority) -> x509.Certificate:
    return x509.load_pem_x509_certificate(row.root_pem.encode())


def remember_dropped(cluster: Cluster, hierarchy: bundled.Hierarchy) -> None:
    """For the date that pages tell; whether it is trusted is never answered from here."""
    root = hierarchy.root.certificate
    DroppedAuthority.objects.update_or_create(
        cluster=cluster,
        root_pem=root.public_bytes(serialization.Encoding.PEM).decode(),
        defaults={"dropped_at": timezone.now()},
    )


def accepted(cluster: Cluster, trust: Trust, now: datetime) -> QuerySet[Certificate]:
    """Every certificate that brokers take now, revoked or not: they do not ask for the list."""
    rows = Certificate.objects.filter(cluster=cluster, not_after__gte=now)
    return rows.exclude(issuer__in=trust.refused)
