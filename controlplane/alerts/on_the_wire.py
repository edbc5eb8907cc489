"""Addresses that alerting reaches over TLS, for the expiry view: a webhook whose certificate ends tells nobody any more."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from controlplane.alerts.models import Receiver, ReceiverKind
from controlplane.certificates.models import SightingKind
from controlplane.certificates.services.watching import Target
from controlplane.clusters.models import Cluster
from controlplane.gateways import addresses
from controlplane.gateways.errors import TargetRefused

NAME = 120


def receivers(cluster: Cluster) -> Iterator[Target]:
    """Receivers belong to the installation: every cluster's alerts go there. Services with fixed hosts look after theirs."""
    for row in Receiver.objects.filter(kind=ReceiverKind.WEBHOOK, url__startswith="https://"):
        parts = urlsplit(row.url)
        try:
            host = addresses.normal_host(parts.hostname or "")
        except TargetRefused:
            continue
        name = f"receiver {row.name}"[:NAME]
        yield Target(SightingKind.USED, name, host, parts.port or 443, allowed=row.allow_private)
