"""AP-3: `?dry_run=true` answers with the plan of every operation that changes something, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from controlplane.accounts.models import ApiToken, LoginLink, User
from controlplane.audit.models import Operation
from controlplane.clusters.models import Cluster
from controlplane.config.api_views import schema_document
from controlplane.core.access import Action, Role
from controlplane.gateways.kafka.gateway import KafkaGateway
from controlplane.gateways.kafka.types import OffsetSpec, TopicPartition
from tests.conftest import Api
from tests.web.matrix import routes
from tests.web.people import api as api_of
from tests.web.people import person

pytestmark = pytest.mark.django_db
ApiOf = Callable[[Role], Api]


#: Prometheus' protocol: a POST there reads, and its clients send more than any document names.
PROMETHEUS = "/prometheus/"
#: Questions with a body that is too long for an address: they change nothing anyway.
ASKING = frozenset(
    {
        "/api/v1/alerts/rules/preview/",
        "/api/v1/alerts/rules/test/",
        "/api/v1/alerts/routes/test/",
        "/api/v1/alerts/routes/mute-times/words/",
        "/api/v1/clusters/{cluster}/certificates/watched/{endpoint}/ask/",
        "/api/v1/connection-test/",
        "/api/v1/clusters/{cluster}/test/",
        "/api/v1/clusters/{cluster}/metrics/source/test/",
        "/api/v1/clusters/{cluster}/connect/{connect}/test/",
        # They bring what the plan of an installation then shows.
        "/api/v1/clusters/{cluster}/connect-worker/plugins/",
        "/api/v1/clusters/{cluster}/connect-worker/plugins/uploads/{filename}/",
    }
)


def operations() -> Iterator[tuple[str, str, set[str]]]:
    for path, methods in schema_document()["paths"].items():
        for method, operation in methods.items():
            query = {p["name"] for p in operation.get("parameters", ()) if p["in"] == "query"}
            yield method, path, query


def test_every_operation_that_changes_something_has_a_dry_run() -> None:
    without = [
        (m, path)
        for m, path, query in operations()
        if m != "get" and "dry_run" not in query and PROMETHEUS not in path and path not in ASKING
    ]
    assert without == []


@pytest.mark.parametrize(
    "path", [r.path for r in routes() if r.is_api and r.name != "api:docs" and PROMETHEUS not in r.path]
)
def test_a_parameter_that_nobody_knows_is_refused(path: str, cluster: Cluster) -> None:
    """A misspelt `dry_run` would otherwise be a real change, a misspelt filter a list of everything."""
    client = api_of(Role.ADMIN)
    for method in ("get", "post", "put", "patch", "delete"):
        answer = getattr(client, method)(f"{path}?bogus=1", {} if method == "get" else None)
        if answer.status_code != 405:
            assert answer.status_code == 422, (method, path, answer.content)
            assert list(answer.json()["errors"]) == ["bogus"]


def test_known_parameters_are_named_in_the_refusal() -> None:
    found = api_of(Role.ADMIN).get("/api/v1/tokens/?pages=2").json()
    assert found["errors"]["pages"] == [
        "There is no such parameter here. It takes page, page_size, search, sort."
    ]


def test_producing(
    api: ApiOf, cluster: Cluster, gateway: KafkaGateway, make_topic: Callable[..., str], prefix: str
) -> None:
    topic = make_topic(f"{prefix}-dry")
    body = {"records": [{"key": "1", "value": "secret words"}, {"key": "2", "value": None}]}
    answer = api(Role.OPERATOR)("POST", f"clusters/main/topics/{topic}/records/?dry_run=true", body)
    plan = answer.json()
    assert answer.status_code == 200
    assert (plan["allowed"], plan["title"]) == (True, f"Produce 2 records to {topic}")
    assert "secret words" not in answer.content.decode()
    assert gateway.list_offsets(OffsetSpec.LATEST, [TopicPartition(topic, 0)]) == {
        TopicPartition(topic, 0): 0
    }
    assert not Operation.objects.filter(target=topic).exists()
    sent = api(Role.OPERATOR)("POST", f"clusters/main/topics/{topic}/records/", body)
    assert len(sent.json()["records"]) == 2
    recorded = Operation.objects.get(target=topic).plan
    assert recorded is not None
    assert recorded["title"] == f"Produce 2 records to {topic}"


def test_producing_to_a_partition_that_is_not_there_is_refused_in_the_plan(
    api: ApiOf, cluster: Cluster, make_topic: Callable[..., str], prefix: str
) -> None:
    path = f"clusters/main/topics/{make_topic(f'{prefix}-narrow', 2)}/records/"
    body = {"records": [{"value": "x", "partition": 2}]}
    plan = api(Role.OPERATOR)("POST", f"{path}?dry_run=true", body).json()
    assert (plan["allowed"], plan["refusals"][0]["code"]) == (False, "partition")
    assert api(Role.OPERATOR)("POST", path, body).status_code == 422


@pytest.mark.parametrize(
    ("method", "path", "body", "title"),
    [
        ("post", "tokens/", {"name": "ci", "scopes": ["topic.view"]}, "Create API token ci"),
        ("delete", "tokens/{prefix}/", None, "Revoke API token kept"),
        ("post", "users/", {"username": "kim", "roles": {"main": "viewer"}}, "Invite kim"),
        ("patch", "users/vera/", {"active": False, "roles": {"*": "operator"}}, "Change user vera"),
        ("post", "users/vera/login-link/", None, "Make a one-time login link for vera"),
    ],
)
def test_users_and_tokens(method: str, path: str, body: object, title: str) -> None:
    client, _ = api_of(Role.ADMIN), person(Role.VIEWER)
    ApiToken.objects.update(name="kept")
    before = _everything()
    full = f"/api/v1/{path.format(prefix=ApiToken.objects.get().prefix)}?dry_run=true"
    answer = getattr(client, method)(full, body, format="json")
    assert (answer.status_code, answer.json()["title"]) == (200, title)
    assert "kst_" not in answer.content.decode()
    assert "http" not in answer.content.decode()
    assert _everything() == before


def test_it_is_refused_where_the_change_would_be() -> None:
    client = api_of(Role.ADMIN)
    before = _everything()
    last = client.patch("/api/v1/users/ada/?dry_run=true", {"active": False}, format="json")
    assert (last.status_code, last.json()["refusals"][0]["code"]) == (422, "last_admin")
    twice = client.post("/api/v1/users/?dry_run=true", {"username": "ada"}, format="json")
    assert twice.status_code == 409
    beyond = client.post("/api/v1/tokens/?dry_run=true", {"name": "x", "days": 366}, format="json")
    assert beyond.status_code == 422
    assert _everything() == before


def _everything() -> object:
    return (
        list(User.objects.order_by("pk").values_list("username", "is_active", "grants__role")),
        list(ApiToken.objects.values_list("name", "revoked_at")),
        LoginLink.objects.count(),
        list(Operation.objects.exclude(action=Action.JOB_VIEW).values_list("uid", "outcome")),
    )
