"""SCRAM users through the API on real brokers: made, used, rotated, deleted; conditions, roles, secrets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from controlplane.audit.models import Operation
from controlplane.clusters.models import Cluster
from controlplane.clusters.services import client_endpoint
from controlplane.core.access import Role
from controlplane.gateways.kafka.access_types import (
    Acl,
    AclFilter,
    AclOperation,
    AclPermission,
    AclResourceType,
    CredentialMechanism,
)
from controlplane.gateways.kafka.gateway import KafkaGateway
from controlplane.gateways.kafka.security import ScramMechanism, ScramTls, Tls
from controlplane.users.services import logs_in
from tests.conftest import Api
from tests.waiting import eventually
from tests.web.people import signed_in

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("clean")]
MakeApi = Callable[[Role], Api]
USERS = "clusters/main/users/"


def can_log_in(cluster: Cluster, name: str, password: str, mechanism: str = "SCRAM-SHA-512") -> bool:
    endpoint = client_endpoint(cluster, "SASL_SSL")
    login = ScramTls(name, password, ScramMechanism(mechanism), Tls(ca_pem=endpoint.ca_pem))
    return logs_in(endpoint.bootstrap, login)


def bind(gateway: KafkaGateway, name: str) -> None:
    acl = Acl(f"User:{name}", "*", AclOperation.READ, AclPermission.ALLOW, AclResourceType.TOPIC, name)
    gateway.create_acls([acl])
    gateway.alter_client_quotas((("user", name),), {"producer_byte_rate": 5e6})
    eventually(lambda: gateway.describe_acls(AclFilter(principal=f"User:{name}")))
    eventually(lambda: gateway.describe_client_quotas((("user", name),)))


def test_a_user_lives_through_creation_overlapping_rotation_and_deletion_with_all_that_is_bound(
    cluster: Cluster, gateway: KafkaGateway, api: MakeApi, prefix: str
) -> None:
    call, name = api(Role.ADMIN), f"{prefix}-life"
    made = call("POST", USERS, {"name": name, "mechanism": "SCRAM-SHA-512"})
    assert made.status_code == 201, made.content
    body = made.json()
    assert body["confirmed"] is True
    assert len(body["password"]) >= 32
    assert body["credentials"] == [{"mechanism": "SCRAM-SHA-512", "iterations": 8192}]
    assert body["password"] in body["files"]["client.properties"]
    assert can_log_in(cluster, name, body["password"])

    other = {"mechanism": "SCRAM-SHA-256", "iterations": 4096, "password": "given-by-a-person"}
    rotated = call("POST", f"{USERS}{name}/rotate/", other, If_Match=made["ETag"])
    assert rotated.status_code == 200, rotated.content
    assert rotated.json()["password"] == "given-by-a-person"
    assert can_log_in(cluster, name, body["password"])
    assert can_log_in(cluster, name, "given-by-a-person", "SCRAM-SHA-256")

    dropped = call("DELETE", f"{USERS}{name}/?mechanism=SCRAM-SHA-512", If_Match=rotated["ETag"])
    assert dropped.status_code == 204, dropped.content
    assert not can_log_in(cluster, name, body["password"])

    bind(gateway, name)
    read = call("GET", f"{USERS}{name}/")
    assert (len(read.json()["acls"]), len(read.json()["quotas"])) == (1, 1)
    assert read.json()["seen_last_hour"] is None
    gone = call("DELETE", f"{USERS}{name}/?acls=true&quotas=true", If_Match=read["ETag"])
    assert gone.status_code == 204, gone.content
    assert gateway.describe_user_scram_credentials([name]) == ()
    assert gateway.describe_acls(AclFilter(principal=f"User:{name}")) == ()
    assert gateway.describe_client_quotas((("user", name),)) == ()
    assert call("GET", f"{USERS}{name}/").status_code == 404
    outcomes = Operation.objects.filter(target=name).values_list("action", "outcome")
    assert list(outcomes) == [("kafka_user.edit", "succeeded")] * 4


def test_deleting_only_the_user_leaves_what_is_bound_and_it_can_be_deleted_later(
    cluster: Cluster, gateway: KafkaGateway, api: MakeApi, prefix: str
) -> None:
    call, name = api(Role.ADMIN), f"{prefix}-left"
    call("POST", USERS, {"name": name})
    bind(gateway, name)
    assert call("DELETE", f"{USERS}{name}/", If_Match="*").status_code == 204
    left = call("GET", f"{USERS}{name}/").json()
    assert (left["credentials"], len(left["acls"]), len(left["quotas"])) == ([], 1, 1)
    assert call("DELETE", f"{USERS}{name}/?acls=1&quotas=1", If_Match="*").status_code == 204
    assert call("GET", f"{USERS}{name}/").status_code == 404


def test_both_mechanisms_take_one_password(
    cluster: Cluster, gateway: KafkaGateway, api: MakeApi, prefix: str
) -> None:
    made = api(Role.ADMIN)("POST", USERS, {"name": prefix, "mechanism": "both", "iterations": 4096}).json()
    assert [each["mechanism"] for each in made["credentials"]] == ["SCRAM-SHA-256", "SCRAM-SHA-512"]
    for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512"):
        assert can_log_in(cluster, prefix, made["password"], mechanism)


def test_a_dry_run_changes_nothing_and_its_digest_is_the_tag(
    cluster: Cluster, gateway: KafkaGateway, api: MakeApi, prefix: str
) -> None:
    call = api(Role.ADMIN)
    plan = call("POST", f"{USERS}?dry_run=true", {"name": prefix, "password": "dry-dry-dry-dry"})
    assert plan.status_code == 200
    assert plan.json()["allowed"] is True
    assert "dry-dry" not in plan.content.decode()
    assert gateway.describe_user_scram_credentials([prefix]) == ()
    call("POST", USERS, {"name": prefix})
    dry = call("DELETE", f"{USERS}{prefix}/?dry_run=true")
    assert dry.json()["confirm_name"] == prefix
    assert call("DELETE", f"{USERS}{prefix}/", If_Match=dry["ETag"]).status_code == 204


def test_a_change_without_if_match_is_428_and_a_stale_one_412_also_after_a_change_from_outside(
    cluster: Cluster, gateway: KafkaGateway, api: MakeApi, prefix: str
) -> None:
    call = api(Role.ADMIN)
    tag = call("POST", USERS, {"name": prefix})["ETag"]
    assert call("DELETE", f"{USERS}{prefix}/").status_code == 428
    assert call("POST", f"{USERS}{prefix}/rotate/", {}).status_code == 428
    gateway.upsert_user_scram_credential(prefix, CredentialMechanism.SCRAM_SHA_256, "from-the-outside")
    eventually(lambda: len(gateway.describe_user_scram_credentials([prefix])) == 2)
    assert call("POST", f"{USERS}{prefix}/rotate/", {}, If_Match=tag).status_code == 412
    assert call("DELETE", f"{USERS}{prefix}/", If_Match=tag).status_code == 412


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "admin"},
        {"name": "ADMIN"},
        {"name": " ADMIN "},
        {"name": "x y "},
        {"name": "a\nb"},
        {"name": "User:x"},
        {"name": "*"},
        {"name": "x", "mechanism": "PLAIN"},
        {"name": "x", "password": "short"},
        {"name": "x", "password": "with\na line end"},
        {"name": "x", "iterations": 1},
        {"name": "x", "surprise": 1},
    ],
)
def test_bad_input_is_a_problem_that_says_what_to_do(
    cluster: Cluster, api: MakeApi, body: dict[str, Any]
) -> None:
    answer = api(Role.ADMIN)("POST", USERS, body)
    assert answer.status_code == 422, answer.content
    assert "short" not in answer.json()["detail"]


def test_kastellans_own_user_cannot_be_touched(cluster: Cluster, api: MakeApi) -> None:
    call = api(Role.ADMIN)
    assert call("GET", f"{USERS}admin/").json()["reserved"] is True
    assert call("DELETE", f"{USERS}admin/", If_Match="*").status_code == 422
    assert call("POST", f"{USERS}admin/rotate/", {}, If_Match="*").status_code == 422


def test_the_same_idempotency_key_creates_once_and_shows_the_password_once(
    cluster: Cluster, gateway: KafkaGateway, api: MakeApi, prefix: str
) -> None:
    call = api(Role.ADMIN)
    first = call("POST", USERS, {"name": prefix}, Idempotency_Key="k1")
    again = call("POST", USERS, {"name": prefix}, Idempotency_Key="k1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["password"]
    assert (again.json()["password"], again.json()["files"]) == (None, None)
    assert Operation.objects.filter(target=prefix).count() == 1
    assert can_log_in(cluster, prefix, first.json()["password"])


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
def test_who_is_no_admin_reads_and_changes_nothing(
    cluster: Cluster, gateway: KafkaGateway, api: MakeApi, prefix: str, role: Role
) -> None:
    call = api(role)
    assert call("GET", USERS).status_code == 200
    assert call("GET", f"{USERS}admin/").status_code == 200
    assert call("POST", USERS, {"name": prefix}).status_code == 403
    assert call("DELETE", f"{USERS}admin/", If_Match="*").status_code == 403
    assert call("POST", f"{USERS}admin/rotate/", {}, If_Match="*").status_code == 403
    assert gateway.describe_user_scram_credentials([prefix]) == ()


def test_an_unknown_user_and_an_unknown_cluster_are_404(cluster: Cluster, api: MakeApi, prefix: str) -> None:
    call = api(Role.ADMIN)
    assert call("GET", f"{USERS}{prefix}/").status_code == 404
    assert call("POST", f"{USERS}{prefix}/rotate/", {}, If_Match="*").status_code == 404
    assert call("GET", "clusters/elsewhere/users/").status_code == 404


def test_the_list_filters_sorts_and_pages(
    cluster: Cluster, gateway: KafkaGateway, api: MakeApi, prefix: str
) -> None:
    for number, iterations in enumerate((4096, 8192, 16384)):
        gateway.upsert_user_scram_credential(
            f"{prefix}-{number}", CredentialMechanism.SCRAM_SHA_512, "long-enough-password", iterations
        )
    eventually(lambda: len(gateway.describe_user_scram_credentials([f"{prefix}-{n}" for n in range(3)])) == 3)
    call = api(Role.VIEWER)
    page = call("GET", f"{USERS}?search={prefix}&sort=-iterations&page_size=2").json()
    assert page["count"] == 3
    assert [row["credentials"][0]["iterations"] for row in page["results"]] == [16384, 8192]
    assert page["as_of"]
    assert call("GET", f"{USERS}?sort=password").status_code == 422


def test_the_form_of_a_rotation_has_chosen_what_cuts_nobody_off_and_the_page_names_quotas_as_their_own_does(
    cluster: Cluster, gateway: KafkaGateway, api: MakeApi, prefix: str
) -> None:
    call, client = api(Role.ADMIN), signed_in(Role.ADMIN)
    for mechanism, chosen in (
        ("SCRAM-SHA-512", "SCRAM-SHA-256"),
        ("SCRAM-SHA-256", "SCRAM-SHA-512"),
        ("both", "both"),
    ):
        name = f"{prefix}-{mechanism.lower()}"
        assert call("POST", USERS, {"name": name, "mechanism": mechanism}).status_code == 201
        form = client.get(f"/{USERS}{name}/rotate/").content.decode()
        assert f'<option value="{chosen}" selected>' in form
    bind(gateway, name)
    page = client.get(f"/{USERS}{name}/").content.decode()
    assert f"<td>user {name}</td><td>Produce 5 MB/s</td>" in page
