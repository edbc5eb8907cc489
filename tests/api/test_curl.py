"""Copy as curl: the request that a plan names is the one that makes it, tag included."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import Any

import pytest
from django.shortcuts import resolve_url
from django.test import Client

from controlplane.accounts.models import User
from controlplane.clusters.models import Cluster
from controlplane.core.access import Role
from controlplane.core.plans import ApiCall, api_path
from tests.conftest import Api

ApiOf = Callable[[Role], Api]


def repeated(call: Api, plan: dict[str, Any], *, dry: bool = False) -> Any:
    named = plan["api"]
    join = "&" if "?" in named["path"] else "?"
    path = f"{named['path']}{join}dry_run=true" if dry else named["path"]
    return call(named["method"], path, named["body"], If_Match=f'"{plan["digest"]}"')


def test_a_topic_is_made_changed_grown_and_deleted_as_its_plans_say(
    api: ApiOf, cluster: Cluster, prefix: str
) -> None:
    call, topic = api(Role.OPERATOR), f"clusters/main/topics/{prefix}/"
    for method, path, body in (
        ("POST", "clusters/main/topics/", {"name": prefix, "partitions": 1, "replication_factor": 3}),
        ("PATCH", f"{topic}configs/", {"set": {"retention.ms": "3600000"}}),
        ("PATCH", f"{topic}configs/", {"reset": ["retention.ms"]}),
        ("PATCH", f"{topic}partitions/", {"partitions": 2}),
        ("DELETE", topic, None),
    ):
        plan = call(method, f"{path}?dry_run=true", body).json()
        assert repeated(call, plan).status_code in (200, 201, 204), plan


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "brokers/1/", {"act": "restart"}),
        ("POST", "brokers/roll/", None),
        ("POST", "brokers/", None),
        ("POST", "users/", {"name": "{}/a b"}),
        ("POST", "acls/", {"principal": "User:{}", "operation": "READ", "resource_type": "TOPIC",
                           "resource_name": "{}", "pattern_type": "LITERAL", "permission": "ALLOW", "host": "*"}),
        ("POST", "quotas/", {"entity": {"user": "{}"}, "quotas": {"producer_byte_rate": 1000000}}),
        ("POST", "certificates/", {"common_name": "{}.svc"}),
        ("POST", "certificates/watched/", {"host": "127.0.0.1", "port": 9, "label": "{}"}),
        ("POST", "certificates/authorities/clients/rotation/", {"step": "begin"}),
        ("POST", "acls/watch/", {"minutes": 1}),
        ("POST", "service-accounts/", {"name": "{}.svc", "rights": {"bundle": "consumer", "topics": ["{}*"], "group": "{}"},
                                       "quotas": {"consumer_byte_rate": 1000000}}),
        ("POST", "service-accounts/", {"name": "{}.svc", "credential": "certificate", "days": 7}),
    ],
)  # fmt: skip
def test_a_plan_names_the_request_that_gives_the_same_plan(
    api: ApiOf, cluster: Cluster, prefix: str, method: str, path: str, body: dict[str, Any] | None
) -> None:
    call = api(Role.ADMIN)
    first = call(method, f"clusters/main/{path}?dry_run=true", _filled(body, prefix)).json()
    again = repeated(call, first, dry=True)
    assert again.status_code == 200, again.content
    assert {**again.json(), "affected": [], "api": None} == {**first, "affected": [], "api": None}


def test_the_review_offers_it(users: dict[Role, User], cluster: Cluster, prefix: str) -> None:
    client = Client()
    client.force_login(users[Role.OPERATOR])
    data = {"name": prefix, "partitions": 1, "replication_factor": 3}
    page = client.post(resolve_url("topics:create", "main"), data).content.decode()
    assert "curl -X POST &quot;$URL/api/v1/clusters/main/topics/&quot;" in page


def test_a_shell_reads_back_what_was_meant() -> None:
    call = ApiCall("PATCH", api_path("main", "users", "a b/c'd"), {"name": "it's $HOME"})
    words = shlex.split(call.curl("abc"))
    assert words[3] == "$URL/api/v1/clusters/main/users/a%20b%2Fc%27d/"
    assert words[words.index("-d") + 1] == '{"name": "it\'s $HOME"}'
    assert 'If-Match: "abc"' in words


def _filled(value: Any, prefix: str) -> Any:
    if isinstance(value, dict):
        return {key: _filled(item, prefix) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, prefix) for item in value]
    return value.format(prefix) if isinstance(value, str) else value
