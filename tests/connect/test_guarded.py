"""What a Connect worker keeps is nobody else's: its topics by the pages of topics and records, files of its machine by connectors."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from broker.connect_spec import ConnectSpec
from controlplane.clusters.models import Cluster
from controlplane.core.access import Role
from tests.conftest import Api
from tests.web.people import signed_in

pytestmark = pytest.mark.django_db(transaction=True)
TOPICS = "clusters/main/topics/"
CONNECTORS = "clusters/main/connect/bundled/connectors/"


def test_topics_of_a_worker_are_neither_written_nor_read_nor_deleted(
    cluster: Cluster, connect_worker: ConnectSpec, api: Callable[[Role], Api]
) -> None:
    """Whoever wrote there would make connectors past every check."""
    anna = api(Role.ADMIN)
    configs, offsets, _ = connect_worker.topics
    for topic in (configs, offsets):
        refused = anna("POST", f"{TOPICS}{topic}/records/", {"records": [{"value": "x"}]})
        assert refused.status_code == 422
        assert [each["code"] for each in refused.json()["refusals"]] == ["internal"]
        gone = anna("DELETE", f"{TOPICS}{topic}/?dry_run=true").json()
        assert [each["code"] for each in gone["refusals"]] == ["internal"]
    read = anna("GET", f"{TOPICS}{configs}/records/")
    assert (read.status_code, "is not shown" in read.content.decode()) == (422, True)
    assert (
        "is not shown"
        in signed_in(Role.VIEWER).get(f"/clusters/main/topics/{configs}/messages/").content.decode()
    )
    assert anna("GET", f"{TOPICS}{offsets}/records/").status_code == 200
    for name in (configs, "kastellan-connect-0a1b2c3d-configs"):
        asked = anna(
            "POST", f"{TOPICS}?dry_run=true", {"name": name, "partitions": 1, "replication_factor": 1}
        )
        assert "name_of_worker" in {each["code"] for each in asked.json()["refusals"]}


def test_an_operators_connector_names_no_files_of_the_machine(
    cluster: Cluster, connect_worker: ConnectSpec, api: Callable[[Role], Api], prefix: str
) -> None:
    """With a broker's own key a connector would be a super user."""
    mirror = {
        "connector.class": "org.apache.kafka.connect.mirror.MirrorHeartbeatConnector",
        "source.cluster.alias": "a",
        "target.cluster.alias": "b",
        "target.cluster.bootstrap.servers": "127.0.0.1:9092",
        "target.cluster.security.protocol": "SSL",
        "target.cluster.ssl.keystore.location": "/srv/nodes/1/tls/keystore.pem",
    }
    path, body = f"{CONNECTORS}{prefix}/", {"config": mirror, "initial_state": "STOPPED"}
    operator = api(Role.OPERATOR)("PUT", path, body)
    assert operator.status_code == 403, operator.content
    # It also writes as the worker, whose own topics say what every connector does; settings that look like a sink's change nothing.
    writes = {key: value for key, value in mirror.items() if "ssl" not in key}
    for config in (writes, {**writes, "topics": "orders"}):
        assert api(Role.OPERATOR)("PUT", path, {**body, "config": config}).status_code == 403
    assert prefix not in str(api(Role.ADMIN)("GET", CONNECTORS).json())
