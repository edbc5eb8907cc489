"""Quotas through the API on real brokers: every entity, conditions, roles, explained; defaults only as dry runs,
since other tests share the brokers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.urls import reverse

from controlplane.audit.models import Operation
from controlplane.clusters.models import Cluster
from controlplane.core.access import Role
from controlplane.gateways.kafka.access_types import QuotaEntity
from controlplane.gateways.kafka.gateway import KafkaGateway
from controlplane.quotas import services
from tests.conftest import Api
from tests.waiting import eventually
from tests.web.people import signed_in

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("clean")]
MakeApi = Callable[[Role], Api]
QUOTAS = "clusters/main/quotas/"


def values_of(gateway: KafkaGateway, **parts: str | None) -> dict[str, float]:
    entity: QuotaEntity = tuple(sorted((kind.replace("_", "-"), name) for kind, name in parts.items()))
    return {
        key: value for quota in gateway.describe_client_quotas(entity) for key, value in quota.values.items()
    }


def test_a_quota_lives_through_set_change_and_removal(
    cluster: Cluster, gateway: KafkaGateway, api: MakeApi, prefix: str
) -> None:
    call, entity = api(Role.OPERATOR), {"user": prefix, "client-id": None}
    made = call(
        "POST",
        QUOTAS,
        {"entity": entity, "quotas": {"producer_byte_rate": 10_000_000, "request_percentage": 50}},
    )
    assert made.status_code == 201, made.content
    assert made.json() == {
        "entity": entity,
        "quotas": {"producer_byte_rate": 10e6, "request_percentage": 50.0},
        "etag": made["ETag"].strip('"'),
    }
    assert values_of(gateway, user=prefix, client_id=None) == made.json()["quotas"]

    change = {"entity": entity, "quotas": {"request_percentage": None, "controller_mutation_rate": 2.5}}
    changed = call("PUT", QUOTAS, change, If_Match=made["ETag"])
    assert changed.status_code == 200, changed.content
    assert changed.json()["quotas"] == {"controller_mutation_rate": 2.5, "producer_byte_rate": 10e6}

    (row,) = call("GET", f"{QUOTAS}?search={prefix}").json()["results"]
    assert row == changed.json()
    gone = call("DELETE", f"{QUOTAS}?user={prefix}&client_id=", If_Match=row["etag"])
    assert gone.status_code == 204, gone.content
    assert values_of(gateway, user=prefix, client_id=None) == {}
    operations = Operation.objects.filter(target=f"user {prefix}, default client-id").order_by("pk")
    assert [each.outcome for each in operations] == ["succeeded"] * 3
    assert operations[2].before == {
        "entity": entity,
        "quotas": {"controller_mutation_rate": 2.5, "producer_byte_rate": 10e6},
    }


@pytest.mark.parametrize(
    ("kinds", "key"),
    [
        (("user",), "producer_byte_rate"),
        (("client-id",), "consumer_byte_rate"),
        (("client-id", "user"), "request_percentage"),
        (("user",), "controller_mutation_rate"),
    ],
)
def test_every_kind_of_client_entity_takes_its_keys(
    cluster: Cluster, gateway: KafkaGateway, api: MakeApi, prefix: str, kinds: tuple[str, ...], key: str
) -> None:
    call, entity = api(Role.OPERATOR), dict.fromkeys(kinds, prefix)
    made = call("POST", QUOTAS, {"entity": entity, "quotas": {key: 5}})
    assert made.status_code == 201, made.content
    removed = call("PUT", QUOTAS, {"entity": entity, "quotas": {key: None}}, If_Match=made["ETag"])
    assert removed.status_code == 200, removed.content
    assert removed.json()["quotas"] == {}


def test_an_address_takes_connections(cluster: Cluster, gateway: KafkaGateway, api: MakeApi) -> None:
    call, entity = api(Role.OPERATOR), {"ip": "192.0.2.77"}
    made = call("POST", QUOTAS, {"entity": entity, "quotas": {"connection_creation_rate": 100}})
    try:
        assert made.status_code == 201, made.content
        (found,) = call("GET", f"{QUOTAS}effective/?ip=192.0.2.77").json()["quotas"]
        assert (found["value"], found["decided_by"]) == (100.0, entity)
    finally:
        assert call("DELETE", f"{QUOTAS}?ip=192.0.2.77", If_Match="*").status_code == 204


@pytest.mark.parametrize(
    "entity",
    [
        {"user": None},
        {"client-id": None},
        {"user": None, "client-id": None},
        {"user": None, "client-id": "app"},
        {"user": "ann", "client-id": None},
        {"ip": None},
    ],
)
def test_the_broker_would_take_every_default_and_a_dry_run_changes_nothing(
    cluster: Cluster, gateway: KafkaGateway, api: MakeApi, entity: dict[str, str | None]
) -> None:
    key = "connection_creation_rate" if "ip" in entity else "consumer_byte_rate"
    before = gateway.describe_client_quotas()
    plan = api(Role.OPERATOR)(
        "POST", f"{QUOTAS}?dry_run=true", {"entity": entity, "quotas": {key: 123_456_789}}
    )
    assert plan.status_code == 200, plan.content
    assert plan.json()["allowed"] is True
    assert "--entity-default" in plan.json()["commands"][0]
    assert gateway.describe_client_quotas() == before


def test_a_change_without_if_match_is_428_and_a_stale_one_412_also_after_a_change_from_outside(
    cluster: Cluster, gateway: KafkaGateway, api: MakeApi, prefix: str
) -> None:
    call, body = api(Role.OPERATOR), {"entity": {"user": prefix}, "quotas": {"producer_byte_rate": 1_000_000}}
    tag = call("POST", QUOTAS, body)["ETag"]
    change = {**body, "quotas": {"producer_byte_rate": 2_000_000}}
    assert call("PUT", QUOTAS, change).status_code == 428
    assert call("DELETE", f"{QUOTAS}?user={prefix}").status_code == 428
    gateway.alter_client_quotas((("user", prefix),), {"consumer_byte_rate": 5.0})
    eventually(lambda: len(values_of(gateway, user=prefix)) == 2)
    assert call("PUT", QUOTAS, change, If_Match=tag).status_code == 412
    assert call("DELETE", f"{QUOTAS}?user={prefix}", If_Match=tag).status_code == 412
    assert call("DELETE", QUOTAS, {"entity": {"user": prefix}}, If_Match="*").status_code == 204


def test_the_same_idempotency_key_sets_once(
    cluster: Cluster, gateway: KafkaGateway, api: MakeApi, prefix: str
) -> None:
    call, body = api(Role.OPERATOR), {"entity": {"user": prefix}, "quotas": {"producer_byte_rate": 1_000_000}}
    first = call("POST", QUOTAS, body, Idempotency_Key="q1")
    again = call("POST", QUOTAS, body, Idempotency_Key="q1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert Operation.objects.filter(target=f"user {prefix}").count() == 1


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"entity": {}, "quotas": {"producer_byte_rate": 1}},
        {"entity": {"group": "x"}, "quotas": {"producer_byte_rate": 1}},
        {"entity": {"user": "x", "ip": "192.0.2.1"}, "quotas": {"producer_byte_rate": 1}},
        {"entity": {"user": "x"}, "quotas": {}},
        {"entity": {"user": "x"}, "quotas": {"producer_byte_rate": 0}},
        {"entity": {"user": "x"}, "quotas": {"producer_byte_rate": "fast"}},
        {"entity": {"user": "x"}, "quotas": {"producer_byte_rate": 1.5}},
        {"entity": {"user": "x"}, "quotas": {"no_such_key": 1}},
        {"entity": {"user": "x"}, "quotas": {"connection_creation_rate": 1}},
        {"entity": {"user": "User:x"}, "quotas": {"producer_byte_rate": 1}},
        {"entity": {"ip": "not-an-address"}, "quotas": {"connection_creation_rate": 1}},
        {"entity": {"user": "x"}, "quotas": {"producer_byte_rate": 1}, "surprise": 1},
    ],
)
def test_bad_input_is_a_problem_that_says_what_to_do(
    cluster: Cluster, gateway: KafkaGateway, api: MakeApi, body: dict[str, Any]
) -> None:
    answer = api(Role.OPERATOR)("POST", QUOTAS, body)
    assert answer.status_code == 422, answer.content
    assert answer.json()["title"]


def test_a_viewer_reads_and_changes_nothing(
    cluster: Cluster, gateway: KafkaGateway, api: MakeApi, prefix: str
) -> None:
    call, body = api(Role.VIEWER), {"entity": {"user": prefix}, "quotas": {"producer_byte_rate": 1}}
    for path in ("", "clients/", f"effective/?user={prefix}"):
        assert call("GET", f"{QUOTAS}{path}").status_code == 200
    assert call("POST", QUOTAS, body).status_code == 403
    assert call("PUT", QUOTAS, body, If_Match="*").status_code == 403
    assert call("DELETE", f"{QUOTAS}?user={prefix}", If_Match="*").status_code == 403
    assert call("POST", f"{QUOTAS}observe/").status_code == 403
    assert call("DELETE", f"{QUOTAS}observe/", If_Match="*").status_code == 403
    assert values_of(gateway, user=prefix) == {}


def test_an_unknown_entity_and_an_unknown_cluster_are_404(
    cluster: Cluster, gateway: KafkaGateway, api: MakeApi, prefix: str
) -> None:
    call = api(Role.ADMIN)
    assert call("DELETE", f"{QUOTAS}?user={prefix}", If_Match="*").status_code == 404
    assert call("GET", "clusters/elsewhere/quotas/").status_code == 404
    assert call("GET", f"{QUOTAS}effective/").status_code == 422


def test_the_list_sorts_by_a_limit_and_pages(
    cluster: Cluster, gateway: KafkaGateway, api: MakeApi, prefix: str
) -> None:
    for number in range(3):
        gateway.alter_client_quotas(
            (("client-id", f"{prefix}-{number}"),), {"producer_byte_rate": 1000.0 + number}
        )
    call = api(Role.VIEWER)
    url = f"{QUOTAS}?search={prefix}&sort=-producer_byte_rate&page_size=2"
    page = eventually(lambda: found if (found := call("GET", url).json())["count"] == 3 else None)
    assert [row["quotas"]["producer_byte_rate"] for row in page["results"]] == [1002.0, 1001.0]
    assert call("GET", f"{QUOTAS}?sort=surprise").status_code == 422


def test_the_ladder_names_what_decides(
    cluster: Cluster, gateway: KafkaGateway, api: MakeApi, prefix: str
) -> None:
    gateway.alter_client_quotas(
        (("user", prefix),), {"producer_byte_rate": 2000.0, "consumer_byte_rate": 3000.0}
    )
    gateway.alter_client_quotas((("client-id", "app"), ("user", prefix)), {"producer_byte_rate": 1000.0})
    call = api(Role.VIEWER)
    url = f"{QUOTAS}effective/?user={prefix}&client_id=app"
    eventually(lambda: call("GET", url).json()["quotas"][0]["value"] == 1000.0)
    produce, consume, *_ = call("GET", url).json()["quotas"]
    assert produce["decided_by"] == {"client-id": "app", "user": prefix}
    assert [rung["level"] for rung in produce["ladder"] if rung["value"]] == [1, 3]
    assert (consume["value"], consume["decided_by"]) == (3000.0, {"user": prefix})


def test_a_change_is_reverted_through_a_plan(
    cluster: Cluster, gateway: KafkaGateway, api: MakeApi, prefix: str
) -> None:
    call, entity = api(Role.OPERATOR), {"user": prefix}
    call("POST", QUOTAS, {"entity": entity, "quotas": {"producer_byte_rate": 1_000_000}})
    more = {"entity": entity, "quotas": {"producer_byte_rate": 5_000_000, "consumer_byte_rate": 1}}
    call("PUT", QUOTAS, more, If_Match="*")
    newest = Operation.objects.filter(target=f"user {prefix}").latest("pk")
    url = reverse("quotas:revert", args=["main", newest.uid])
    client = signed_in(Role.OPERATOR)
    assert b"Nothing has happened yet" in client.post(url).content
    assert values_of(gateway, user=prefix)["producer_byte_rate"] == 5e6
    _, plan = services.plan_revert(cluster, str(newest.uid))
    assert client.post(url, {"digest": plan.digest}).status_code == 303
    assert values_of(gateway, user=prefix) == {"producer_byte_rate": 1e6}
    assert signed_in(Role.VIEWER).post(url).status_code == 403
    back = Operation.objects.filter(target=f"user {prefix}").latest("pk")
    path = f"{QUOTAS}revert/{back.uid}/"
    assert call("POST", f"{path}?dry_run=true").json()["allowed"] is True
    assert api(Role.VIEWER)("POST", path, If_Match="*").status_code == 403
    again = call("POST", path, If_Match="*")
    assert again.status_code == 200
    assert again.json()["quotas"] == {"producer_byte_rate": 5e6, "consumer_byte_rate": 1.0}


def test_observing_is_planned_for_what_is_there(
    cluster: Cluster, gateway: KafkaGateway, api: MakeApi
) -> None:
    plan = api(Role.OPERATOR)("POST", f"{QUOTAS}observe/?dry_run=true").json()
    assert any("nobody is throttled" in warning for warning in plan["warnings"])


def test_a_limit_that_is_too_low_for_everybody_is_told_at_its_field(cluster: Cluster) -> None:
    form = {"scope": "user-default", "producer_byte_rate": "10 B/s", "request_percentage": "0.5 %"}
    answer = signed_in(Role.OPERATOR).post("/clusters/main/quotas/set/", form)
    assert answer.status_code == 422
    text = answer.content.decode()
    assert "form-errors" not in text
    for name in ("producer_byte_rate", "request_percentage"):
        at = text.partition(f'id="id_{name}_error"')[2].partition("</div>")[0]
        assert "would hold for Kastellan itself" in at


def test_a_principal_is_taken_as_the_user_that_it_is(cluster: Cluster, prefix: str) -> None:
    form = {"scope": "user", "user": f"User:{prefix}", "producer_byte_rate": "1 MB/s"}
    review = signed_in(Role.OPERATOR).post("/clusters/main/quotas/set/", form)
    assert review.status_code == 200, review.content
    assert f"quota <strong>user {prefix}</strong>" in review.content.decode()
