"""The palette finds acts by any of their names, with their object, and only those that the role allows."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from controlplane.accounts.services import create_token
from controlplane.clusters.models import Cluster, GroupSnapshot, TopicSnapshot
from controlplane.core.access import Role
from controlplane.jobs.models import Job
from tests.web.people import person, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(cluster: Cluster, topics: None) -> Client:
    return signed_in(Role.ADMIN)


@pytest.fixture
def topics(cluster: Cluster) -> None:
    # Of other tests, in the same data directory and on the same brokers.
    Cluster.objects.exclude(name="main").delete()
    TopicSnapshot.objects.all().delete()
    GroupSnapshot.objects.all().delete()
    row = TopicSnapshot(
        cluster=cluster, partitions=1, replication_factor=3, internal=False, taken_at=timezone.now()
    )
    for name in ("orders", "orders-eu", "orders-eu-archive", "payments"):
        row.pk, row.name = None, name
        row.save()


def found(client: Client, query: str) -> list[dict[str, Any]]:
    return list(client.get("/palette/", {"q": query}).json()["items"])


def labels(client: Client, query: str) -> list[str]:
    return [item["label"] for item in found(client, query)]


@pytest.mark.parametrize(
    ("typed", "label", "url"),
    [
        ("delete orders", "Delete topic orders", "/clusters/main/topics/orders/delete/"),
        ("orders delete", "Delete topic orders", "/clusters/main/topics/orders/delete/"),
        ("remove topic orders", "Delete topic orders", "/clusters/main/topics/orders/delete/"),
        ("produce payments", "Produce to topic payments", "/clusters/main/topics/payments/messages/produce/"),
        ("partitions payments", "Add partitions to topic payments", "/clusters/main/topics/payments/add-partitions/"),
        ("settings pay", "Change settings of topic payments", "/clusters/main/topics/payments/settings/"),
        ("delete orders eu", "Delete topic orders-eu", "/clusters/main/topics/orders-eu/delete/"),
        ("restart 2", "Restart broker 2", "/clusters/main/brokers/2/restart/"),
        ("stop broker 3", "Stop broker 3", "/clusters/main/brokers/3/stop/"),
        ("remove broker 3", "Remove broker 3", "/clusters/main/brokers/3/remove/"),
        ("rolling", "Rolling restart", "/clusters/main/brokers/roll/"),
        ("add broker", "Add broker", "/clusters/main/brokers/add/"),
        ("rotate client authority", "Replace the key of the client authority", "/clusters/main/certificates/authorities/clients/+begin/"),
        ("token", "API tokens", "/settings/tokens/"),
        ("create token", "Create API token", "/settings/tokens/#new-token"),
        ("password", "Change my password", "/settings/password/"),
        ("invite", "Invite user", "/settings/users/#invite"),
    ],
)  # fmt: skip
def test_an_act_is_found_with_its_object(ada: Client, typed: str, label: str, url: str) -> None:
    first = found(ada, typed)[0]
    assert (first["label"], first["url"]) == (label, url)


@pytest.mark.parametrize(
    ("typed", "label"),
    [
        ("rolling", "Rolling restart"),
        ("restart", "Restart broker 1"),
        ("delete", "Delete topic …"),
        ("alter", "Change settings of topic …"),
        ("partitions", "Add partitions to topic …"),
        ("produce", "Produce to topic …"),
        ("token", "Create API token"),
        ("revoke", "Revoke certificate …"),
        ("rotate", "Rotate the password of a SCRAM user"),
        ("password", "Rotate the password of a SCRAM user"),
        ("grant", "Create ACLs"),
        ("theme", "My account"),
    ],
)
def test_a_word_alone_finds_every_act_that_it_may_mean(ada: Client, typed: str, label: str) -> None:
    assert label in labels(ada, typed)


def test_an_act_that_needs_an_object_says_what_to_type_next(ada: Client) -> None:
    prompt = next(item for item in found(ada, "delete") if item["label"] == "Delete topic …")
    assert (prompt["url"], prompt["fill"]) == ("", "delete topic ")
    assert labels(ada, prompt["fill"] + "pay") == ["Delete topic payments"]


def test_each_address_that_it_offers_answers(ada: Client) -> None:
    for typed in (
        "delete orders",
        "produce orders",
        "partitions orders",
        "rolling",
        "restart 1",
        "token",
        "acls",
    ):
        for item in found(ada, typed):
            if item["url"] and "/topics/" not in item["url"]:
                assert ada.get(item["url"]).status_code == 200, item


@pytest.mark.parametrize(
    "typed", ["delete orders", "produce orders", "rolling", "restart 2", "invite", "rotate"]
)
def test_a_viewer_is_offered_nothing_that_is_refused(topics: None, typed: str) -> None:
    acts = [item for item in found(signed_in(Role.VIEWER), typed) if item["kind"] == "action"]
    assert all(item["label"] == "Change my password" for item in acts)


def test_an_operator_deletes_topics_and_restarts_nothing(topics: None) -> None:
    otto = signed_in(Role.OPERATOR)
    assert "Delete topic orders" in labels(otto, "delete orders")
    assert labels(otto, "rolling restart") == []


def test_ones_own_tokens_can_be_revoked_and_nobody_elses(ada: Client) -> None:
    token, _ = create_token(user=person(Role.ADMIN), name="ci")
    create_token(user=person(Role.VIEWER), name="other")
    acts = {item["label"]: item["url"] for item in found(ada, "revoke token")}
    assert acts == {"Revoke API token ci": f"/settings/tokens/#token-{token.prefix}"}


def test_work_that_is_open_can_be_cancelled(ada: Client, cluster: Cluster) -> None:
    job = Job.objects.create(
        kind="brokers.roll",
        title="Rolling restart of Main",
        cluster=cluster.name,
        actor={},
        created_at=timezone.now(),
    )
    acts = {item["label"]: item["url"] for item in found(ada, "cancel rolling")}
    assert acts == {"Cancel job Rolling restart of Main": f"/jobs/{job.pk}/"}


def test_a_plain_name_finds_the_object_and_no_act(ada: Client) -> None:
    seen = found(ada, "orders")
    assert {item["kind"] for item in seen} == {"topic"}
    assert seen[0]["label"] == "orders"


def test_of_two_clusters_each_act_says_on_which(ada: Client) -> None:
    Cluster.objects.create(name="dr", title="Second")
    session = ada.session
    session["cluster"] = "main"
    session.save()
    assert {"Create topic", "Create topic (Second)"} <= set(labels(ada, "create topic"))
    assert labels(ada, "delete").count("Delete topic …") == 1
    del session["cluster"]
    session.save()
    assert "Create topic (Main)" in labels(ada, "create topic")
