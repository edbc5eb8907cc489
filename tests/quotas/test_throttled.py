"""A real client, really throttled: its own throttle time, the broker's sensors, the explanation, the pages agree."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator

import confluent_kafka
import pytest

from broker.spec import ClusterSpec
from controlplane.clusters.models import Cluster
from controlplane.clusters.services import client_endpoint
from controlplane.core.access import Role
from controlplane.gateways.kafka.access_types import (
    Acl,
    AclFilter,
    AclOperation,
    AclPermission,
    AclResourceType,
    CredentialMechanism,
    PatternType,
)
from controlplane.gateways.kafka.gateway import KafkaGateway
from controlplane.gateways.kafka.preflight import preflight
from controlplane.gateways.kafka.security import KafkaConnection, ScramTls, Tls, librdkafka_settings
from controlplane.metrics import clients, polling
from controlplane.quotas import selectors
from controlplane.users import selectors as users
from tests.conftest import Api
from tests.waiting import eventually
from tests.web.people import signed_in

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("clean")]
LIMIT = 100_000.0
PASSWORD = "throttled-but-happy"


@pytest.fixture
def connection(cluster: Cluster, gateway: KafkaGateway, prefix: str) -> KafkaConnection:
    """A user with a blank and a '~' in its name, which Kafka encodes in its sensors; it may write to the prefix."""
    name = f"{prefix} app~1"
    gateway.upsert_user_scram_credential(name, CredentialMechanism.SCRAM_SHA_512, PASSWORD, 4096)
    acl = Acl(
        f"User:{name}", "*", AclOperation.WRITE, AclPermission.ALLOW, AclResourceType.TOPIC, prefix, PatternType.PREFIXED
    )  # fmt: skip
    gateway.create_acls([acl])
    eventually(lambda: gateway.describe_acls(AclFilter(principal=f"User:{name}")))
    endpoint = client_endpoint(cluster, "SASL_SSL")
    made = KafkaConnection(endpoint.bootstrap, ScramTls(name, PASSWORD, tls=Tls(ca_pem=endpoint.ca_pem)))
    eventually(lambda: preflight(made).ok, timeout=20)
    return made


@pytest.fixture
def own_topic(
    gateway: KafkaGateway, make_topic: Callable[..., str], prefix: str
) -> Iterator[Callable[[str], str]]:
    made: list[str] = []

    def make(name: str) -> str:
        made.append(make_topic(f"{prefix}-{name}"))
        return made[-1]

    yield make
    gateway.delete_topics(made)


def produce(connection: KafkaConnection, topic: str, client_id: str) -> int:
    """Some 1.2 MB (a quota is an average over ten seconds); the longest time in ms that a broker told this client to wait."""
    longest = 0

    def heard(text: str) -> None:
        nonlocal longest
        longest = max(
            [longest, *(broker["throttle"]["max"] for broker in json.loads(text)["brokers"].values())]
        )

    settings = librdkafka_settings(connection) | {
        "client.id": client_id,
        "statistics.interval.ms": 100,
        "stats_cb": heard,
    }
    producer = confluent_kafka.Producer(settings)
    for _ in range(24):
        producer.produce(topic, b"x" * 50_000)
        producer.flush(30)
    producer.poll(0.2)
    return longest


def test_a_throttled_client_is_measured_and_explained(
    cluster: Cluster,
    cluster_spec: ClusterSpec,
    gateway: KafkaGateway,
    api: Callable[[Role], Api],
    own_topic: Callable[[str], str],
    connection: KafkaConnection,
    prefix: str,
) -> None:
    topic, name, client_id = own_topic("slow"), f"{prefix} app~1", f"{prefix}-client"
    call = api(Role.OPERATOR)
    quota = {"entity": {"user": name, "client-id": client_id}, "quotas": {"producer_byte_rate": LIMIT}}
    assert call("POST", "clusters/main/quotas/", quota).status_code == 201
    assert produce(connection, topic, client_id) > 0

    for node in cluster_spec.nodes:
        assert polling.poll("main", node.id) is None
    now = time.time_ns() // 1_000_000
    (seen,) = [each for each in clients.usage("main", now) if each.user == name]
    assert seen.client_id == client_id
    use = seen.by_key["producer_byte_rate"]
    assert use.highest > 0
    assert use.throttle_ms > 0

    url = f"clusters/main/quotas/effective/?user={name.replace('~', '%7E').replace(' ', '%20')}&client_id={client_id}"
    produce_limit = call("GET", url).json()["quotas"][0]
    assert (produce_limit["value"], produce_limit["decided_by"]) == (LIMIT, quota["entity"])
    assert produce_limit["observed"]["throttle_ms"] == use.throttle_ms
    (row,) = [each for each in selectors.client_rows(cluster, selectors.quotas(cluster)) if each.user == name]
    assert row.by_key["producer_byte_rate"].limit == LIMIT
    (listed,) = call("GET", f"clusters/main/quotas/clients/?search={prefix}&sort=-throttle").json()["results"]
    assert listed["limits"]["producer_byte_rate"] == LIMIT

    assert users.user_state(cluster, name).seen_ms is not None
    page = signed_in(Role.VIEWER).get(
        "/clusters/main/quotas/effective/", {"user": name, "client_id": client_id}
    )
    assert "100 kB/s" in page.content.decode()
    assert "throttled" in page.content.decode()
    listing = (
        signed_in(Role.VIEWER).get("/clusters/main/quotas/clients/", {"search": prefix}).content.decode()
    )
    assert "of 100 kB/s" in listing
    chart = f"clusters/main/metrics/charts/client-produce/?user={name.replace('~', '%7E').replace(' ', '%20')}&client_id={client_id}"
    # The points of a chart stand at whole steps: the next one sees the sample.
    eventually(
        lambda: any(
            value for line in call("GET", chart).json()["series"] for _, value in line["points"] if value
        ),
        timeout=30,
    )


def test_without_the_quota_the_same_client_is_not_throttled(
    gateway: KafkaGateway, own_topic: Callable[[str], str], connection: KafkaConnection, prefix: str
) -> None:
    assert produce(connection, own_topic("free"), f"{prefix}-client") == 0


def test_observing_counts_clients_without_a_quota_and_stopping_leaves_no_trace(
    cluster_spec: ClusterSpec,
    gateway: KafkaGateway,
    api: Callable[[Role], Api],
    own_topic: Callable[[str], str],
    connection: KafkaConnection,
    prefix: str,
) -> None:
    call, before = api(Role.OPERATOR), gateway.describe_client_quotas()
    assert call("POST", "clusters/main/quotas/observe/").status_code == 204
    try:
        again = call("POST", "clusters/main/quotas/observe/")
        assert (again.status_code, again.json()["code"]) == (422, "refused")
        assert produce(connection, own_topic("seen"), f"{prefix}-client") == 0
        for node in cluster_spec.nodes:
            assert polling.poll("main", node.id) is None
        (seen,) = call("GET", f"clusters/main/quotas/clients/?search={prefix}").json()["results"]
        assert (seen["user"], seen["client_id"]) == (f"{prefix} app~1", f"{prefix}-client")
        assert seen["use"]["producer_byte_rate"]["throttle_ms"] == 0
    finally:
        stopped = call("DELETE", "clusters/main/quotas/observe/", If_Match="*")
    assert stopped.status_code == 204
    assert gateway.describe_client_quotas() == before
