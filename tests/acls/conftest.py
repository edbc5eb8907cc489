"""Principals, hosts and clean ACLs for the tests of this domain."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from controlplane.clusters.models import Cluster
from controlplane.gateways.kafka.access_types import AclFilter
from controlplane.gateways.kafka.gateway import KafkaGateway


@pytest.fixture
def clean_acls(cluster: Cluster, gateway: KafkaGateway, prefix: str) -> Iterator[str]:
    """The test's prefix; every binding whose principal or resource starts with it is gone afterwards."""
    yield prefix
    ours = [
        acl
        for acl in gateway.describe_acls()
        if acl.principal.startswith(f"User:{prefix}") or acl.resource_name.startswith(prefix)
    ]
    if ours:
        gateway.delete_acls(
            [
                AclFilter(
                    acl.principal, acl.host, acl.operation, acl.permission,
                    acl.resource_type, acl.resource_name, acl.pattern_type,
                )
                for acl in ours
            ]
        )  # fmt: skip
