"""Who can log in by certificate, read from the domains that hand certificates out (`CREDENTIAL_SOURCES`).

A domain that gives rights to a name has no certificates of its own, and must not import those that have; it asks here.
"""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.utils.module_loading import import_string

from controlplane.clusters.logic.credentials import NOTHING, Accepted, ByPrincipal
from controlplane.clusters.models import Cluster

Source = Callable[[Cluster], ByPrincipal]


def accepted_certificates(cluster: Cluster) -> dict[str, Accepted]:
    """By principal; nobody issues certificates in two places, so that no name is merged."""
    sources: list[Source] = [import_string(path) for path in settings.CREDENTIAL_SOURCES]
    return {principal: found for source in sources for principal, found in source(cluster).items()}


def accepted_of(cluster: Cluster, principal: str) -> Accepted:
    return accepted_certificates(cluster).get(principal, NOTHING)
