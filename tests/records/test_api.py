"""Produce and browse through the API on real brokers."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable

import pytest

from controlplane.clusters.models import Cluster
from controlplane.core.access import Role
from controlplane.gateways.kafka.gateway import KafkaGateway
from tests.conftest import Api
from tests.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True)
MakeApi = Callable[[Role], Api]


@pytest.fixture
def topic(make_topic: Callable[..., str], prefix: str) -> str:
    return make_topic(f"{prefix}-records", 2)


def path(topic: str, query: str = "") -> str:
    return f"clusters/main/topics/{topic}/records/{query}"


def test_what_is_produced_is_read_back_byte_for_byte(api: MakeApi, topic: str) -> None:
    call = api(Role.OPERATOR)
    binary = base64.b64encode(b"\x00\xff\x01").decode()
    sent = call(
        "POST",
        path(topic),
        {
            "records": [
                {"key": "a", "value": "first", "headers": {"source": "shop"}, "partition": 0},
                {"key": "b", "value_base64": binary, "partition": 0},
                {"key": "c", "value": None, "partition": 0},
            ]
        },
    )
    assert sent.status_code == 201, sent.content
    assert [row["offset"] for row in sent.json()["records"]] == [0, 1, 2]
    found = call("GET", path(topic, "?seek=oldest&partition=0")).json()
    assert found["complete"] is True
    assert [(r["key"], r["value"], r.get("value_base64")) for r in found["records"]] == [
        ("a", "first", None),
        ("b", None, binary),
        ("c", None, None),
    ]
    assert found["records"][0]["headers"] == [{"name": "source", "value": "shop"}]


def test_newest_comes_first_and_an_offset_starts_there(api: MakeApi, topic: str) -> None:
    call = api(Role.OPERATOR)
    records = [{"value": f"v{number}", "partition": 1} for number in range(10)]
    call("POST", path(topic), {"records": records})
    newest = call("GET", path(topic, "?seek=newest&limit=3")).json()["records"]
    assert [record["value"] for record in newest] == ["v9", "v8", "v7"]
    later = call("GET", path(topic, "?seek=offset&offset=8&partition=1")).json()["records"]
    assert [record["offset"] for record in later] == [8, 9]


def test_an_empty_topic_answers_at_once(api: MakeApi, topic: str) -> None:
    call = api(Role.VIEWER)
    started = time.monotonic()
    answer = call("GET", path(topic))
    assert answer.json()["records"] == []
    assert time.monotonic() - started < 5  # the read must not wait for its deadline of 8 s


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"records": []}, "records"),
        ({"records": [{"value": "x", "value_base64": "eA=="}]}, "value"),
        ({"records": [{"value_base64": "!"}]}, "value_base64"),
        ({}, "records"),
    ],
)
def test_bad_records_are_refused_before_anything_is_sent(
    api: MakeApi, topic: str, body: dict[str, object], field: str
) -> None:
    call = api(Role.OPERATOR)
    answer = call("POST", path(topic), body)
    assert answer.status_code == 422
    assert field in answer.content.decode()
    assert call("GET", path(topic)).json()["records"] == []


def test_producing_never_creates_a_topic(cluster: Cluster, api: MakeApi, prefix: str) -> None:
    answer = api(Role.OPERATOR)("POST", path(f"{prefix}-nowhere"), {"records": [{"value": "x"}]})
    assert answer.status_code == 404


def test_nobody_produces_to_an_internal_topic(
    cluster: Cluster, gateway: KafkaGateway, api: MakeApi, prefix: str
) -> None:
    gateway.list_group_offsets(
        [f"{prefix}-nobody"]
    )  # asks for a coordinator: the brokers make __consumer_offsets
    eventually(lambda: any(topic.internal for topic in gateway.list_topics(internal=True)), timeout=30)
    answer = api(Role.ADMIN)("POST", path("__consumer_offsets"), {"records": [{"value": "x"}]})
    assert answer.status_code == 422
    assert "internal" in answer.content.decode()


def test_a_viewer_reads_but_does_not_produce(api: MakeApi, topic: str) -> None:
    call = api(Role.VIEWER)
    assert call("GET", path(topic)).status_code == 200
    assert call("POST", path(topic), {"records": [{"value": "x"}]}).status_code == 403


@pytest.mark.parametrize(
    "query", ["?seek=offset", "?seek=time", "?limit=0", "?seek=sideways", "?partition=-1"]
)
def test_an_unclear_start_is_refused(api: MakeApi, topic: str, query: str) -> None:
    assert api(Role.VIEWER)("GET", path(topic, query)).status_code == 422
