"""ACLs, SCRAM users and quotas on the real cluster; each test leaves none behind."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest

from broker.render import bootstrap
from broker.spec import ClusterSpec
from controlplane.gateways.errors import AuthenticationFailed, InvalidRequest, NotAuthorized, NotFound
from controlplane.gateways.kafka.access_types import (
    Acl,
    AclFilter,
    AclOperation,
    AclPermission,
    AclResourceType,
    CredentialMechanism,
    PatternType,
)
from controlplane.gateways.kafka.admin import _acls
from controlplane.gateways.kafka.gateway import KafkaGateway
from controlplane.gateways.kafka.preflight import preflight
from controlplane.gateways.kafka.security import KafkaConnection, ScramTls
from tests.waiting import eventually


@pytest.fixture
def user(
    gateway: KafkaGateway, admin_connection: KafkaConnection, cluster_spec: ClusterSpec, prefix: str
) -> Iterator[KafkaConnection]:
    """A SCRAM user of the test, ready to connect."""
    gateway.upsert_user_scram_credential(prefix, CredentialMechanism.SCRAM_SHA_512, "a pass wörd")
    assert isinstance(admin_connection.security, ScramTls)
    security = dataclasses.replace(admin_connection.security, username=prefix, password="a pass wörd")
    connection = KafkaConnection(bootstrap(cluster_spec, "SASL_SSL"), security)
    eventually(lambda: preflight(connection).ok, timeout=20)
    yield connection
    gateway.delete_user_scram_credential(prefix, CredentialMechanism.SCRAM_SHA_512)


def acl(user: str, name: str, operation: AclOperation = AclOperation.READ) -> Acl:
    return Acl(
        f"User:{user}", "*", operation, AclPermission.ALLOW, AclResourceType.TOPIC, name, PatternType.PREFIXED
    )


def test_a_user_can_log_in_and_is_listed_without_secrets(
    gateway: KafkaGateway, user: KafkaConnection, prefix: str
) -> None:
    (credential,) = gateway.describe_user_scram_credentials([prefix])
    assert (credential.mechanism, credential.iterations) == (CredentialMechanism.SCRAM_SHA_512, 8192)
    assert prefix in {each.user for each in gateway.describe_user_scram_credentials()}
    assert gateway.describe_user_scram_credentials(["no-such-user"]) == ()
    assert isinstance(user.security, ScramTls)
    wrong = dataclasses.replace(user.security, password="no")
    other = KafkaGateway(dataclasses.replace(user, security=wrong))
    with pytest.raises(AuthenticationFailed):
        other.describe_cluster()


def test_a_missing_credential_cannot_be_deleted_and_an_empty_password_not_set(gateway: KafkaGateway) -> None:
    with pytest.raises(NotFound):
        gateway.delete_user_scram_credential("no-such-user", CredentialMechanism.SCRAM_SHA_256)
    with pytest.raises(InvalidRequest):
        gateway.upsert_user_scram_credential("x", CredentialMechanism.SCRAM_SHA_256, "")


def test_an_acl_opens_and_its_deletion_closes(
    gateway: KafkaGateway, user: KafkaConnection, prefix: str
) -> None:
    theirs = KafkaGateway(user)
    with pytest.raises(NotAuthorized):
        theirs.create_topic(f"{prefix}-a", 1, 1)
    granted = [acl(prefix, prefix, AclOperation.CREATE), acl(prefix, prefix, AclOperation.TWO_PHASE_COMMIT)]
    gateway.create_acls(granted[:1])
    eventually(lambda: gateway.describe_acls(AclFilter(principal=f"User:{prefix}")) == (granted[0],))
    theirs.create_topic(f"{prefix}-a", 1, 1)
    theirs.close()
    gateway.delete_topics([f"{prefix}-a"])
    assert gateway.delete_acls([AclFilter(principal=f"User:{prefix}")]) == (granted[0],)
    eventually(lambda: gateway.describe_acls(AclFilter(principal=f"User:{prefix}")) == ())


def test_every_operation_survives_even_the_newest(gateway: KafkaGateway, prefix: str) -> None:
    """Operation 15 makes kafka-python's own describe_acls fail for the whole cluster."""
    newest = Acl(
        f"User:{prefix}", "*", AclOperation.TWO_PHASE_COMMIT, AclPermission.ALLOW, AclResourceType.TRANSACTIONAL_ID, prefix
    )  # fmt: skip
    gateway.create_acls([newest])
    eventually(lambda: newest in gateway.describe_acls())
    assert gateway.delete_acls([AclFilter(principal=f"User:{prefix}")]) == (newest,)


def test_an_operation_from_the_future_is_kept() -> None:
    from kafka.protocol.admin import DescribeAclsResponse

    kind = DescribeAclsResponse
    resource = kind.DescribeAclsResource
    raw = resource.AclDescription(principal="User:a", host="*", operation=99, permission_type=88)
    answer = kind(
        error_code=0, resources=[resource(resource_type=77, resource_name="x", pattern_type=66, acls=[raw])]
    )
    (found,) = _acls.parse_acls(answer)
    shown = (found.operation, found.permission, found.resource_type, found.pattern_type)
    assert [str(each) for each in shown] == ["UNKNOWN(99)", "UNKNOWN(88)", "UNKNOWN(77)", "UNKNOWN(66)"]


def test_quotas_of_a_user_and_of_a_default_are_set_and_removed(gateway: KafkaGateway, prefix: str) -> None:
    for entity in ((("user", prefix),), (("client-id", None), ("user", prefix))):
        gateway.alter_client_quotas(entity, {"producer_byte_rate": 1024.0, "consumer_byte_rate": 2048})
        (quota,) = eventually(lambda entity=entity: gateway.describe_client_quotas(entity))  # type: ignore[misc]
        assert quota.entity == entity
        assert dict(quota.values) == {"producer_byte_rate": 1024.0, "consumer_byte_rate": 2048.0}
        gateway.alter_client_quotas(entity, {"producer_byte_rate": None, "consumer_byte_rate": None})
        eventually(lambda entity=entity: gateway.describe_client_quotas(entity) == ())  # type: ignore[misc]


def test_a_quota_that_does_not_exist_is_refused(gateway: KafkaGateway, prefix: str) -> None:
    with pytest.raises(InvalidRequest):
        gateway.alter_client_quotas((("user", prefix),), {"no_such_quota": 1.0}, validate_only=True)
