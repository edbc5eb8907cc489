"""What the tests of SCRAM users leave behind is taken away: users, ACLs and quotas of the test's prefix."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from controlplane.gateways.kafka.access_types import AclFilter
from controlplane.gateways.kafka.gateway import KafkaGateway


@pytest.fixture
def clean(gateway: KafkaGateway, prefix: str) -> Iterator[None]:
    yield
    for credential in gateway.describe_user_scram_credentials():
        if credential.user.startswith(prefix):
            gateway.delete_user_scram_credential(credential.user, credential.mechanism)
    principals = {
        acl.principal for acl in gateway.describe_acls() if acl.principal.startswith(f"User:{prefix}")
    }
    if principals:
        gateway.delete_acls([AclFilter(principal=principal) for principal in principals])
    for quota in gateway.describe_client_quotas():
        if any(name is not None and name.startswith(prefix) for _, name in quota.entity):
            gateway.alter_client_quotas(quota.entity, dict.fromkeys(quota.values))
