"""The whole pipeline through the API on real brokers: create, read, alter, grow, delete; conditions; roles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from controlplane.audit.models import Operation
from controlplane.clusters.models import Cluster, TopicSnapshot
from controlplane.core.access import Role
from controlplane.gateways.errors import NotFound
from controlplane.gateways.kafka.gateway import KafkaGateway
from controlplane.gateways.kafka.types import ResourceRef, ResourceType
from tests.conftest import Api

pytestmark = pytest.mark.django_db(transaction=True)
MakeApi = Callable[[Role], Api]
TOPICS = "clusters/main/topics/"


def create(call: Api, name: str, **more: Any) -> Any:
    body = {"name": name, "partitions": 2, "replication_factor": 3, **more}
    return call("POST", TOPICS, body)


def test_a_topic_lives_through_create_alter_grow_and_delete(
    cluster: Cluster, gateway: KafkaGateway, api: MakeApi, prefix: str
) -> None:
    call, name = api(Role.OPERATOR), f"{prefix}-life"
    made = create(call, name, configs={"retention.ms": "86400000"})
    assert made.status_code == 201, made.content
    assert made.json()["configs"] == {"retention.ms": "86400000"}
    assert TopicSnapshot.objects.filter(cluster=cluster, name=name).exists()

    altered = call(
        "PATCH",
        f"{TOPICS}{name}/configs/",
        {"set": {"cleanup.policy": "compact"}, "reset": ["retention.ms"]},
        If_Match=made["ETag"],
    )
    assert altered.status_code == 200, altered.content
    assert altered.json()["configs"] == {"cleanup.policy": "compact"}
    (entries,) = gateway.describe_configs([ResourceRef(ResourceType.TOPIC, name)]).values()
    assert {e.name: e.value for e in entries}["cleanup.policy"] == "compact"

    grown = call("PATCH", f"{TOPICS}{name}/partitions/", {"partitions": 4}, If_Match=altered["ETag"])
    assert grown.status_code == 200, grown.content
    (described,) = gateway.describe_topics([name])
    assert len(described.partitions) == 4

    gone = call("DELETE", f"{TOPICS}{name}/", If_Match=grown["ETag"])
    assert gone.status_code == 204, gone.content
    with pytest.raises(NotFound):
        gateway.describe_topics([name])
    assert not TopicSnapshot.objects.filter(cluster=cluster, name=name).exists()
    outcomes = list(Operation.objects.filter(target=name).values_list("action", "outcome").order_by("pk"))
    assert outcomes == [
        ("topic.create", "succeeded"),
        ("topic.edit", "succeeded"),
        ("topic.edit", "succeeded"),
        ("topic.delete", "succeeded"),
    ]


def test_a_dry_run_changes_nothing_and_its_digest_is_the_tag_to_apply_with(
    cluster: Cluster, gateway: KafkaGateway, api: MakeApi, prefix: str
) -> None:
    call, name = api(Role.OPERATOR), f"{prefix}-dry"
    body = {"name": name, "partitions": 1, "replication_factor": 3}
    plan = call("POST", f"{TOPICS}?dry_run=true", body)
    assert plan.status_code == 200
    assert plan.json()["allowed"] is True
    assert "kafka-topics.sh" in plan.json()["commands"][0]
    with pytest.raises(NotFound):
        gateway.describe_topics([name])
    create(call, name)
    dry = call("DELETE", f"{TOPICS}{name}/?dry_run=true")
    assert dry.json()["risk"] == "destructive"
    assert dry.json()["confirm_name"] == name
    assert call("DELETE", f"{TOPICS}{name}/", If_Match=dry["ETag"]).status_code == 204


def test_a_change_without_if_match_is_428_and_a_stale_one_412_also_after_a_change_from_outside(
    cluster: Cluster, gateway: KafkaGateway, api: MakeApi, prefix: str
) -> None:
    call, name = api(Role.OPERATOR), f"{prefix}-tag"
    tag = create(call, name)["ETag"]
    change = {"set": {"retention.ms": "3600000"}}
    assert call("PATCH", f"{TOPICS}{name}/configs/", change).status_code == 428
    gateway.create_partitions(name, 3)
    stale = call("PATCH", f"{TOPICS}{name}/configs/", change, If_Match=tag)
    assert stale.status_code == 412
    assert stale["Content-Type"].startswith("application/problem+json")
    assert call("DELETE", f"{TOPICS}{name}/", If_Match=tag).status_code == 412
    fresh = call("GET", f"{TOPICS}{name}/")["ETag"]
    assert call("DELETE", f"{TOPICS}{name}/", If_Match=fresh).status_code == 204


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": "", "partitions": 1, "replication_factor": 1}, 422),
        ({"name": "a/b", "partitions": 1, "replication_factor": 1}, 422),
        ({"name": "x", "partitions": 0, "replication_factor": 1}, 422),
        ({"name": "x", "partitions": 1, "replication_factor": 9}, 422),
        ({"name": "x", "partitions": 1, "replication_factor": 3, "configs": {"retention.ms": "soon"}}, 422),
        ({"name": "x", "partitions": 1, "replication_factor": 3, "configs": {"no.such": "1"}}, 422),
        ({"name": "x", "partitions": 1, "replication_factor": 3, "surprise": 1}, 422),
        ({"name": "x"}, 422),
    ],
)
def test_bad_input_is_a_problem_that_says_what_to_do(
    cluster: Cluster, api: MakeApi, body: dict[str, Any], status: int
) -> None:
    answer = api(Role.OPERATOR)("POST", TOPICS, body)
    assert answer.status_code == status, answer.content
    problem = answer.json()
    assert problem["title"]
    assert problem["status"] == status


def test_the_same_idempotency_key_creates_once(cluster: Cluster, api: MakeApi, prefix: str) -> None:
    call, name = api(Role.OPERATOR), f"{prefix}-once"
    body = {"name": name, "partitions": 1, "replication_factor": 3}
    first = call("POST", TOPICS, body, Idempotency_Key="k1")
    again = call("POST", TOPICS, body, Idempotency_Key="k1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    other = call("POST", TOPICS, {**body, "partitions": 2}, Idempotency_Key="k1")
    assert other.status_code == 422
    assert Operation.objects.filter(target=name).count() == 1


def test_a_viewer_reads_and_changes_nothing(
    gateway: KafkaGateway, api: MakeApi, make_topic: Callable[..., str], prefix: str
) -> None:
    call, name = api(Role.VIEWER), f"{prefix}-viewer"
    assert call("GET", TOPICS).status_code == 200
    assert create(call, name).status_code == 403
    make_topic(name)
    assert call("DELETE", f"{TOPICS}{name}/", If_Match="*").status_code == 403
    (still,) = gateway.describe_topics([name])
    assert still.name == name


def test_an_unknown_topic_and_an_unknown_cluster_are_404(cluster: Cluster, api: MakeApi, prefix: str) -> None:
    call = api(Role.ADMIN)
    assert call("GET", f"{TOPICS}{prefix}-none/").status_code == 404
    assert call("GET", "clusters/elsewhere/topics/").status_code == 404


def test_internal_topics_cannot_be_deleted(cluster: Cluster, api: MakeApi, gateway: KafkaGateway) -> None:
    gateway.list_group_offsets(
        ["nobody"]
    )  # makes the brokers create __consumer_offsets if it is not there yet
    answer = api(Role.ADMIN)("DELETE", f"{TOPICS}__consumer_offsets/", If_Match="*")
    assert answer.status_code in (404, 422)


def test_the_list_filters_sorts_and_pages(cluster: Cluster, api: MakeApi, prefix: str) -> None:
    call = api(Role.OPERATOR)
    for number in range(3):
        create(call, f"{prefix}-list{number}", partitions=number + 1)
    page = call("GET", f"{TOPICS}?search={prefix}-list&sort=-partitions&page_size=2").json()
    assert page["count"] == 3
    assert [row["partitions"] for row in page["results"]] == [3, 2]
    assert page["next"]
    assert call("GET", f"{TOPICS}?sort=surprise").status_code == 422
