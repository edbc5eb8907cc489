"""Principals, hosts and clean ACLs for the tests of this domain."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import pytest

from broker.paths import DataPaths
from broker.spec import ClusterSpec
from controlplane.acls.logic.bindings import text
from controlplane.clusters.models import Cluster
from controlplane.gateways.errors import GatewayError
from controlplane.gateways.kafka.access_types import Acl, AclFilter, CredentialMechanism
from controlplane.gateways.kafka.gateway import KafkaGateway
from controlplane.gateways.kafka.security import KafkaConnection, ScramMechanism, ScramTls, Tls
from tests.waiting import eventually

Connect = Callable[[str], KafkaGateway]


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


@pytest.fixture
def as_user(
    cluster_spec: ClusterSpec, data_paths: DataPaths, gateway: KafkaGateway, clean_acls: str
) -> Iterator[Connect]:
    """A gateway of a new SCRAM user of that name."""
    ca = data_paths.cluster(cluster_spec.name).clients / "admin" / "ca.pem"
    opened: list[tuple[str, KafkaGateway]] = []

    def connect(user: str) -> KafkaGateway:
        gateway.upsert_user_scram_credential(user, CredentialMechanism.SCRAM_SHA_256, "long-enough", 4096)
        tls = Tls(cafile=str(ca))
        security = ScramTls(user, "long-enough", ScramMechanism.SCRAM_SHA_256, tls)
        bootstrap = ",".join(node.listener("SASL_SSL").address for node in cluster_spec.nodes)
        found = KafkaGateway(KafkaConnection(bootstrap, security))
        opened.append((user, found))
        return found

    yield connect
    for user, each in opened:
        each.close()
        gateway.delete_user_scram_credential(user, CredentialMechanism.SCRAM_SHA_256)


def described(gateway: KafkaGateway) -> bool:
    try:
        gateway.describe_acls()
    except GatewayError:
        return False
    return True
