"""Every list of the API has one shape, sorts and pages; every name that Kafka takes can be asked for."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

import pytest

from controlplane.accounts.models import User
from controlplane.accounts.services import create_token
from controlplane.clusters.models import Cluster, TopicSnapshot
from controlplane.clusters.selectors import facts
from controlplane.clusters.services import connection_for
from controlplane.config.api_views import schema_document
from controlplane.core.access import Action, Role
from controlplane.gateways.kafka.gateway import KafkaGateway
from tests.conftest import Api
from tests.offsets import commit

ApiOf = Callable[[Role], Api]
SHAPE = {"count", "next", "previous", "as_of", "results"}


def test_no_answer_is_a_bare_array() -> None:
    for path, methods in schema_document()["paths"].items():
        for method, operation in methods.items():
            for status, answer in operation["responses"].items():
                content = answer.get("content", {}).get("application/json", {})
                assert content.get("schema", {}).get("type") != "array", (method, path, status)


def test_partitions(api: ApiOf, cluster: Cluster, make_topic: Callable[..., str], prefix: str) -> None:
    path = f"clusters/main/topics/{make_topic(prefix, 3)}/partitions/"
    call = api(Role.VIEWER)
    first = call("GET", f"{path}?sort=-partition&page_size=2")
    assert first.json().keys() == SHAPE
    assert [row["partition"] for row in first.json()["results"]] == [2, 1]
    assert first.json()["next"].endswith("page=2")
    assert first["ETag"] == call("GET", f"clusters/main/topics/{prefix}/")["ETag"]
    assert call("GET", f"{path}?out_of_sync=true").json()["count"] == 0
    assert call("GET", f"{path}?sort=colour").status_code == 422


def test_settings_of_a_topic_and_of_a_broker_with_kafkas_default(
    api: ApiOf, cluster: Cluster, gateway: KafkaGateway, prefix: str
) -> None:
    gateway.create_topic(prefix, 1, 3, {"retention.ms": "3600000"})
    call = api(Role.VIEWER)
    found = call("GET", f"clusters/main/topics/{prefix}/configs/?search=retention.ms").json()
    assert found.keys() == SHAPE
    (row,) = [each for each in found["results"] if each["name"] == "retention.ms"]
    assert (row["value"], row["default"]) == ("3600000", False)
    broker = "clusters/main/brokers/1/configs/"
    whole = call("GET", f"{broker}?page_size=1000").json()
    rows = {each["name"]: each for each in whole["results"]}
    assert whole["count"] == len(rows) > 100
    assert (rows["num.io.threads"]["default_value"], rows["log.dirs"]["default_value"]) == ("8", None)
    assert rows["node.id"]["value"] == "1"
    overridden = [each for each in rows.values() if not each["default"] and each["default_value"] is not None]
    assert overridden, "the bundled brokers differ from Kafka's defaults somewhere"
    assert all(each["value"] == each["default_value"] for each in rows.values() if each["default"])


def test_charts(api: ApiOf, cluster: Cluster) -> None:
    found = api(Role.VIEWER)("GET", "clusters/main/metrics/charts/?search=processor+idle&sort=-id").json()
    assert [row["id"] for row in found["results"]] == ["network-idle"]


@pytest.mark.parametrize("name", ["{}/with/slashes", "{} and spaces", "{}?query=1&x", "{}%2F", "{}+é"])
def test_a_group_of_any_name(
    api: ApiOf, cluster: Cluster, make_topic: Callable[..., str], prefix: str, name: str
) -> None:
    topic, group = make_topic(f"{prefix}-read", 2), name.format(prefix)
    commit(connection_for(cluster), group, {(topic, 0): 0, (topic, 1): 0})
    call, path = api(Role.VIEWER), f"clusters/main/groups/{quote(group, safe='')}/"
    assert call("GET", path).json()["group"] == group
    offsets = call("GET", f"{path}offsets/?sort=-partition").json()
    assert offsets.keys() == SHAPE
    assert [row["partition"] for row in offsets["results"]] == [1, 0]
    assert call("GET", f"{path}offsets/?search=nothing-like-it").json()["count"] == 0


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("from=5&to=1", "to"),
        ("from=5&to=5", "to"),
        ("from=5", "to"),
        ("to=5", "from"),
        ("from=0&to=99999999", "from"),
    ],
)
def test_a_period_that_is_none_is_refused(api: ApiOf, cluster: Cluster, query: str, field: str) -> None:
    answer = api(Role.VIEWER)("GET", f"clusters/main/metrics/charts/heap/?{query}")
    assert (answer.status_code, list(answer.json()["errors"])) == (422, [field])


def test_one_setting_is_not_set_and_reset_at_once(
    api: ApiOf, cluster: Cluster, make_topic: Callable[..., str], prefix: str
) -> None:
    path = f"clusters/main/topics/{make_topic(prefix)}/configs/?dry_run=true"
    plan = api(Role.OPERATOR)("PATCH", path, {"set": {"retention.ms": "1"}, "reset": ["retention.ms"]}).json()
    assert (plan["allowed"], plan["refusals"][0]["code"]) == (False, "set_and_reset")


def test_a_token_with_the_scopes_of_the_manual_works(
    users: dict[Role, User], cluster: Cluster, prefix: str
) -> None:
    scopes = [Action.TOPIC_VIEW, Action.TOPIC_CREATE]
    call = Api(create_token(user=users[Role.OPERATOR], name="deploy", scopes=scopes)[1])
    body = {"name": prefix, "partitions": 1, "replication_factor": 3}
    assert call("POST", "clusters/main/topics/", body).status_code == 201
    assert call("GET", f"clusters/main/topics/{prefix}/").status_code == 200
    assert call("DELETE", f"clusters/main/topics/{prefix}/", If_Match="*").status_code == 403
    assert call("GET", "clusters/main/").status_code == 403
    assert call("GET", "clusters/other/topics/").status_code == 404


def test_a_token_about_no_cluster_learns_nothing_of_any(users: dict[Role, User], cluster: Cluster) -> None:
    call = Api(create_token(user=users[Role.ADMIN], name="people", scopes=[Action.USER_MANAGE])[1])
    assert call("GET", "clusters/main/").status_code == 404
    assert call("GET", "users/").status_code == 200


def test_the_menu_counts_what_the_list_shows(
    api: ApiOf, cluster: Cluster, make_topic: Callable[..., str], prefix: str
) -> None:
    make_topic(prefix)
    sums = facts(cluster)
    listed = api(Role.VIEWER)("GET", "clusters/main/topics/").json()["count"]
    assert sums.internal_topics == TopicSnapshot.objects.filter(internal=True).count() > 0
    assert sums.topics - sums.internal_topics == listed
