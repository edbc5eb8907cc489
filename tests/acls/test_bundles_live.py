"""Real clients with nothing but a bundle: refused before it, at work with it, refused again without it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaException, Producer

from broker.paths import DataPaths
from broker.spec import ClusterSpec
from controlplane.acls import services
from controlplane.acls.logic.bundles import Bundle, BundleRequest, bindings_of
from controlplane.clusters.models import Cluster
from controlplane.core.access import SYSTEM
from controlplane.gateways.kafka.access_types import CredentialMechanism
from controlplane.gateways.kafka.gateway import KafkaGateway
from tests.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True)
PASSWORD = "long-enough-for-a-test"


@pytest.fixture
def settings_of(
    cluster_spec: ClusterSpec, data_paths: DataPaths, gateway: KafkaGateway, clean_acls: str
) -> Iterator[dict[str, Any]]:
    """librdkafka's settings of a new SCRAM user."""
    user = f"{clean_acls}-app"
    gateway.upsert_user_scram_credential(user, CredentialMechanism.SCRAM_SHA_256, PASSWORD, 4096)
    yield {
        "bootstrap.servers": ",".join(node.listener("SASL_SSL").address for node in cluster_spec.nodes),
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-256",
        "sasl.username": user,
        "sasl.password": PASSWORD,
        "ssl.ca.location": str(data_paths.cluster(cluster_spec.name).clients / "admin" / "ca.pem"),
        "log_level": 0,
    }
    gateway.delete_user_scram_credential(user, CredentialMechanism.SCRAM_SHA_256)


def grant(cluster: Cluster, request: BundleRequest) -> None:
    services.apply(SYSTEM, cluster, services.plan_create(cluster, bindings_of(request)))


def produced(settings: dict[str, Any], topic: str, transactional_id: str = "") -> str:
    """Empty when the record is in the topic, else the error's name."""
    outcome: list[str] = []
    extra: dict[str, Any] = (
        {"transactional.id": transactional_id} if transactional_id else {"enable.idempotence": True}
    )
    producer: Any = Producer({**settings, **extra, "message.timeout.ms": 8000})
    try:
        if transactional_id:
            producer.init_transactions(15)
            producer.begin_transaction()
        producer.produce(
            topic, b"v", on_delivery=lambda error, _: outcome.append(error.name() if error else "")
        )
        producer.flush(10)
        if transactional_id:
            producer.commit_transaction(15)
    except KafkaException as error:
        return str(error.args[0].name())
    return outcome[0] if outcome else "nothing"


def consumed(settings: dict[str, Any], topic: str, group: str) -> str:
    consumer: Any = Consumer({**settings, "group.id": group, "auto.offset.reset": "earliest"})
    try:
        consumer.subscribe([topic])
        for _ in range(40):
            record = consumer.poll(0.5)
            if record is None:
                continue
            if record.error():
                return str(record.error().name())
            consumer.commit(message=record, asynchronous=False)
            return ""
        return "nothing"
    except KafkaException as error:
        return str(error.args[0].name())
    finally:
        consumer.close()


def test_producer_consumer_and_transactions_work_with_their_bundle_and_not_without(
    cluster: Cluster, gateway: KafkaGateway, make_topic: Any, settings_of: dict[str, Any], clean_acls: str
) -> None:
    topic, foreign = make_topic(f"{clean_acls}-orders"), make_topic(f"{clean_acls}-secret")
    principal, group = f"User:{clean_acls}-app", f"{clean_acls}-readers"
    assert produced(settings_of, topic) == "TOPIC_AUTHORIZATION_FAILED"

    grant(cluster, BundleRequest(Bundle.PRODUCER, principal, topics=(topic,)))
    eventually(lambda: produced(settings_of, topic) == "", timeout=30)
    assert produced(settings_of, foreign) == "TOPIC_AUTHORIZATION_FAILED"
    assert "AUTHORIZATION_FAILED" in produced(settings_of, topic, f"{clean_acls}-tx")

    grant(
        cluster,
        BundleRequest(
            Bundle.TRANSACTIONAL_PRODUCER, principal, topics=(topic,), transactional_id=f"{clean_acls}-tx"
        ),
    )
    eventually(lambda: produced(settings_of, topic, f"{clean_acls}-tx") == "", timeout=60)

    assert "AUTHORIZATION_FAILED" in consumed(settings_of, topic, group)
    grant(cluster, BundleRequest(Bundle.CONSUMER, principal, topics=(topic,), group=group))
    eventually(lambda: consumed(settings_of, topic, group) == "", timeout=60)

    theirs = [acl for acl in gateway.describe_acls() if acl.principal == principal]
    services.apply(SYSTEM, cluster, services.plan_delete(cluster, theirs))
    assert produced(settings_of, topic) == "TOPIC_AUTHORIZATION_FAILED"
