"""Principals, hosts and clean ACLs for the tests of this domain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

from controlplane.acls.logic.bindings import text
from controlplane.clusters.models import Cluster
from controlplane.gateways.kafka.access_types import Acl, AclFilter
from controlplane.gateways.kafka.gateway import KafkaGateway
from tests.waiting import eventually


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


def known_to_all(gateway: KafkaGateway, acls: Iterable[Acl]) -> None:
    """Creates them past the product, and waits until whichever broker is asked next has them."""
    wanted = set(acls)
    gateway.create_acls(sorted(wanted, key=text))
    brokers = [node.id for node in gateway.describe_cluster().brokers]
    eventually(lambda: all(wanted <= set(gateway.describe_acls(broker=each)) for each in brokers))
