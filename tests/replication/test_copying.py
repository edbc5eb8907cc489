"""Users and quotas of the source that the flow's plan makes in the target: a login with the shown password, the same limits."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import confluent_kafka
import pytest

from controlplane.audit.models import Operation
from controlplane.clusters.models import Cluster
from controlplane.clusters.services import gateway_for, refresh
from controlplane.core.access import SYSTEM, Role
from controlplane.gateways.kafka.access_types import CredentialMechanism
from controlplane.replication import copying, services
from controlplane.replication.models import Flow
from tests.conftest import Api

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def missing(cluster: Cluster, prefix: str) -> Iterator[tuple[str, tuple[tuple[str, str], ...]]]:
    """A user and a quota that only the source has."""
    gateway, user = gateway_for(cluster), f"{prefix}-ann"
    entity = (("user", user),)
    gateway.upsert_user_scram_credential(user, CredentialMechanism("SCRAM-SHA-512"), "pw-of-the-source", 4096)
    gateway.alter_client_quotas(entity, {"producer_byte_rate": 12345.0})
    yield user, entity
    gateway.alter_client_quotas(entity, {"producer_byte_rate": None})
    gateway.delete_user_scram_credential(user, CredentialMechanism("SCRAM-SHA-512"))


def test_users_and_quotas_come_with_the_flow_when_asked(
    missing: tuple[str, tuple[tuple[str, str], ...]],
    dr: Cluster,
    cluster: Cluster,
    api: Callable[[Role], Api],
    prefix: str,
) -> None:
    user, entity = missing
    refresh(cluster)
    body = {"source": "main", "topics": [f"{prefix}*"], "groups": [f"{prefix}*"], "tasks_max": 1}
    call = api(Role.ADMIN)
    said = str(call("POST", "clusters/dr/flows/?dry_run=true", body).json())
    assert "lacks" in said
    assert user in said
    asked = {**body, "copy_users": True, "copy_quotas": True}
    planned = call("POST", "clusters/dr/flows/?dry_run=true", asked).json()
    names = [step["name"] for step in planned["steps"]]
    assert f"{user} on dr" in names
    assert f"user {user} on dr" in names
    made = call("POST", "clusters/dr/flows/", asked)
    assert made.status_code == 201, made.content.decode()[:1500]
    password = made.json()["passwords"][user]
    try:
        assert user not in copying.lacking(cluster, dr).user_names
        quotas = {quota.entity: quota.values for quota in gateway_for(dr).describe_client_quotas()}
        assert quotas[entity] == {"producer_byte_rate": 12345.0}
        assert _logs_in(dr, user, password)
        assert not _logs_in(dr, user, "pw-of-the-source")
        assert "passwords" not in call("GET", "clusters/dr/flows/main/").json()
        assert not Operation.objects.filter(details__icontains=password).exists()
    finally:
        flow = Flow.objects.get()
        services.apply_delete(SYSTEM, flow, services.plan_delete(flow))
    assert user not in copying.lacking(cluster, dr).user_names, "users that were made stay when the flow goes"


def _logs_in(cluster: Cluster, user: str, password: str) -> bool:
    from controlplane.clusters.services import client_endpoint

    endpoint = client_endpoint(cluster, "SASL_SSL")
    client = confluent_kafka.admin.AdminClient(
        {
            "bootstrap.servers": endpoint.bootstrap,
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": user,
            "sasl.password": password,
            "ssl.ca.pem": endpoint.ca_pem,
            "log_level": 0,
        }
    )
    try:
        client.list_topics(timeout=8)
    except confluent_kafka.KafkaException:
        return False
    return True
