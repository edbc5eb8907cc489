"""The Operations page and its API: filters stand in the URL, and nobody sees other clusters' operations."""

from __future__ import annotations

import pytest
from django.test import Client

from controlplane.audit import services
from controlplane.audit.models import Operation
from controlplane.core.access import SYSTEM, Action, Role
from tests.audit.test_operation import PLAN
from tests.web.people import api, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _operations() -> None:
    for cluster, target in (("main", "orders"), ("dr", "payments")):
        with services.operation(SYSTEM, Action.TOPIC_CREATE, cluster=cluster, target=target, plan=PLAN):
            pass
    services.record_denied(SYSTEM, Action.TOPIC_DELETE, cluster="main", target="orders", reason="no")


@pytest.mark.parametrize(
    ("query", "targets"),
    [
        ("action=topic.create", {"orders", "payments"}),
        ("cluster=dr", {"payments"}),
        ("target=orders", {"orders"}),
        ("outcome=refused", {"orders"}),
        ("search=pay", {"payments"}),
        ("since=2999-01-01T00:00:00Z", set()),
        ("until=2999-01-01T00:00:00Z", {"orders", "payments"}),
    ],
)
def test_filters_are_the_url(query: str, targets: set[str]) -> None:
    answer = api(Role.VIEWER).get(f"/api/v1/operations/?{query}")
    assert {row["target"] for row in answer.json()["results"]} == targets


@pytest.mark.parametrize(
    "query", ["outcome=nonsense", "since=yesterday", "sort=nothing", "page=0", "page_size=x", "page=-1"]
)
def test_a_wrong_parameter_is_told(query: str) -> None:
    answer = api(Role.VIEWER).get(f"/api/v1/operations/?{query}")
    assert answer.status_code == 422
    assert query.split("=")[0] in answer.json()["errors"]


def test_a_list_pages() -> None:
    client = api(Role.VIEWER)
    first = client.get("/api/v1/operations/?page_size=2&sort=seq").json()
    second = client.get(first["next"]).json()
    assert [row["seq"] for row in first["results"] + second["results"]] == [1, 2, 3]
    assert (first["count"], first["previous"], second["next"]) == (3, None, None)
    assert client.get(second["previous"]).json()["results"] == first["results"]


def test_a_detail_has_the_plan() -> None:
    row = Operation.objects.get(seq=1)
    found = api(Role.VIEWER).get(f"/api/v1/operations/{row.uid}/").json()
    assert found["plan"]["title"] == PLAN.title
    page = signed_in(Role.VIEWER).get(f"/operations/{row.uid}/").content.decode()
    assert PLAN.title in page


def test_one_sees_the_operations_of_ones_clusters() -> None:
    client = api(Role.VIEWER, cluster="dr")
    assert {row["target"] for row in client.get("/api/v1/operations/").json()["results"]} == {"payments"}
    hidden = Operation.objects.get(seq=1)
    assert client.get(f"/api/v1/operations/{hidden.uid}/").status_code == 404


def test_htmx_gets_the_table_alone() -> None:
    client: Client = signed_in(Role.VIEWER)
    headers = {"HX-Request": "true", "HX-Target": "div#operation-table"}
    answer = client.get("/operations/?search=pay", headers=headers)
    text = answer.content.decode()
    assert text.strip().startswith('<div id="operation-table"')
    assert "payments" in text
    assert "HX-Request" in answer.headers["Vary"]
