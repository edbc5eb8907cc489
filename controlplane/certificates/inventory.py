"""Everything whose end this control plane knows, in one list: what it issued, what the cluster itself uses, its
authorities, and what addresses presented. The expiry view, the metrics and the metric history all read it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.utils import timezone

from controlplane.certificates import selectors
from controlplane.certificates.logic.expiry import Span
from controlplane.certificates.models import Certificate, Sighting, WatchedEndpoint
from controlplane.certificates.selectors import ExpiryRow
from controlplane.certificates.trust import trust_of
from controlplane.clusters.models import Cluster
from controlplane.gateways import broker as bundled
from controlplane.gateways.errors import GatewayError
from controlplane.metrics.names import Sample

METRIC, LIFE = "kastellan_certificate_expiry_seconds", "kastellan_certificate_life_seconds"
LIFE_HELP = (
    "Seconds from its beginning to its end of the certificate whose expiry is told under the same labels."
)
HELP = "Seconds until the certificate ends, negative once it has; kind: client, own, authority, listener, watched, used."
KINDS = {
    "client": "Client",
    "own": "Own",
    "authority": "Authority",
    "listener": "On the wire",
    "watched": "Watched",
    "used": "Used by Kastellan",
}


def inventory(cluster: Cluster, now: datetime | None = None) -> tuple[ExpiryRow, ...]:
    """Client certificates that are revoked, or whose authority was dropped, are left out: nobody has to do anything
    about their end. A renewed one is listed while brokers still accept it: its application may not have changed yet.
    """
    now = now or timezone.now()
    return (*_clients(cluster, now), *_own(cluster), *_authorities(cluster), *_seen(cluster, now))


def _clients(cluster: Cluster, now: datetime) -> Iterator[ExpiryRow]:
    rows = Certificate.objects.filter(cluster=cluster, revoked_at=None)
    for row in rows.exclude(issuer__in=trust_of(cluster).refused):
        if row.replaced_by and row.not_after < now:
            continue
        yield ExpiryRow(
            "client",
            row.common_name,
            row.principal,
            row.not_after,
            row.span(now),
            row.serial,
            note="renewed, accepted until then" if row.replaced_by else "issued here",
            replaced=bool(row.replaced_by),
        )


def _own(cluster: Cluster) -> Iterator[ExpiryRow]:
    try:
        found = selectors.own(cluster)
    except GatewayError:
        return
    for row in found:
        note = "renewed at the next `up --tls`" if row.name == bundled.WEB_NAME else "renewed automatically"
        yield ExpiryRow("own", row.name, row.subject, row.span.not_after, row.span, note=note)


def _authorities(cluster: Cluster) -> Iterator[ExpiryRow]:
    try:
        views = selectors.authorities(cluster)
    except GatewayError:
        return
    for view in views:
        for row in view.rows:
            generation = "" if row.generation == "present" else f", {row.generation}"
            name = f"{row.purpose} {row.role}{generation}"
            yield ExpiryRow("authority", name, row.subject, row.span.not_after, row.span, note=row.renewal)


def _seen(cluster: Cluster, now: datetime) -> Iterator[ExpiryRow]:
    watched = {(row.host, row.port): row for row in WatchedEndpoint.objects.filter(cluster=cluster)}
    sightings = {(row.host, row.port): row for row in Sighting.objects.filter(cluster=cluster)}
    for address, row in sightings.items():
        yield _sighting(row, watched.get(address), now)
    for address, endpoint in watched.items():
        if address not in sightings:
            name = endpoint.label or _address(endpoint.host, endpoint.port)
            yield ExpiryRow("watched", name, "", None, None, error="Not asked yet", watched=endpoint)


def _sighting(row: Sighting, watched: WatchedEndpoint | None, now: datetime) -> ExpiryRow:
    span = Span(row.not_before, row.not_after, now) if row.not_before and row.not_after else None
    return ExpiryRow(
        row.kind,
        row.name,
        row.subject,
        row.not_after,
        span,
        seen_at=row.seen_at,
        error=row.error,
        note=_address(row.host, row.port) + (f", issued by {row.issuer}" if row.issuer else ""),
        watched=watched,
    )


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def samples(cluster: Cluster, now: datetime) -> list[Sample]:
    """One per name and kind, the soonest end: several certificates of one name are one thing to worry about. One that
    was renewed is none: an alert on it would call for what has been done. Beside it how long that one lives in all."""
    soonest: dict[tuple[str, str], Span] = {}
    for row in inventory(cluster, now):
        if row.span is not None and not row.replaced:
            key = (row.kind, row.name)
            known = soonest.get(key)
            if known is None or row.span.not_after < known.not_after:
                soonest[key] = row.span
    return [
        Sample(metric, (("kind", kind), ("name", name)), value)
        for (kind, name), span in sorted(soonest.items(), key=lambda item: item[0])
        for metric, value in ((METRIC, span.seconds_left), (LIFE, span.seconds))
    ]
