"""What the tests of quotas leave behind is taken away: quotas and users of the test's prefix, and the samples."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controlplane.gateways.kafka.access_types import AclFilter
from controlplane.gateways.kafka.gateway import KafkaGateway


@pytest.fixture
def clean(gateway: KafkaGateway, prefix: str, tmp_path: Path, settings: Any) -> Iterator[None]:
    settings.METRICS_DATABASE = tmp_path / "metrics.sqlite3"
    yield
    for quota in gateway.describe_client_quotas():
        if any(name is not None and name.startswith(prefix) for _, name in quota.entity):
            gateway.alter_client_quotas(quota.entity, dict.fromkeys(quota.values))
    for credential in gateway.describe_user_scram_credentials():
        if credential.user.startswith(prefix):
            gateway.delete_user_scram_credential(credential.user, credential.mechanism)
            gateway.delete_acls([AclFilter(principal=f"User:{credential.user}")])
