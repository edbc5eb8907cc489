"""The whole life of a certificate through the API on real brokers: issue, read, renew, revoke, block; conditions; roles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from cryptography import x509

from controlplane.audit.models import Operation
from controlplane.certificates.models import Certificate, Download
from controlplane.clusters.models import Cluster
from controlplane.core.access import Role
from controlplane.gateways.kafka.access_types import AclFilter, AclOperation, AclPermission
from controlplane.gateways.kafka.gateway import KafkaGateway
from tests.certificates.conftest import CERTIFICATES, Issue
from tests.conftest import Api
from tests.web.people import signed_in

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_certificate_lives_through_issue_renew_and_revoke(
    cluster: Cluster, admin_api: Api, issue: Issue, prefix: str
) -> None:
    first = issue(f"{prefix}.svc", days=30)
    assert first.principal == f"User:{prefix}.svc"
    certificate = x509.load_pem_x509_certificate(first.answer["certificate_pem"].encode())
    assert certificate.subject.rfc4514_string() == f"CN={prefix}.svc"
    assert f"{certificate.serial_number:x}" == first.serial

    read = admin_api("GET", f"{CERTIFICATES}{first.serial}/")
    assert read.status_code == 200
    assert "private_key_pem" not in read.json()

    again = admin_api("POST", f"{CERTIFICATES}{first.serial}/renew/", {"days": 60})
    assert again.status_code == 201, again.content
    assert again.json()["replaces"] == first.serial
    assert again.json()["private_key_pem"]
    old = admin_api("GET", f"{CERTIFICATES}{first.serial}/")
    assert old.json()["replaced_by"] == again.json()["serial"]
    assert admin_api("POST", f"{CERTIFICATES}{first.serial}/renew/", {}).status_code == 422

    revoked = admin_api(
        "POST", f"{CERTIFICATES}{first.serial}/revoke/", {"reason": "superseded"}, If_Match=old["ETag"]
    )
    assert revoked.status_code == 200, revoked.content
    assert revoked.json()["revoked_by"] == "anna/admin"
    outcomes = Operation.objects.filter(cluster="main").values_list("action", "outcome").order_by("pk")
    assert list(outcomes) == [
        ("certificate.issue", "succeeded"),
        ("certificate.issue", "succeeded"),
        ("certificate.issue", "refused"),
        ("certificate.revoke", "succeeded"),
    ]


def test_a_dry_run_issues_nothing(cluster: Cluster, admin_api: Api, prefix: str) -> None:
    plan = admin_api("POST", f"{CERTIFICATES}?dry_run=true", {"common_name": f"{prefix}.dry"})
    assert plan.status_code == 200, plan.content
    assert plan.json()["allowed"] is True
    fields = {c["field"]: c["after"] for c in plan.json()["steps"][0]["changes"]}
    assert fields["principal"] == f"User:{prefix}.dry"
    assert not Certificate.objects.exists()


def test_a_revocation_needs_the_state_that_it_was_decided_on(
    cluster: Cluster, admin_api: Api, issue: Issue, prefix: str
) -> None:
    made = issue(f"{prefix}.tag")
    path = f"{CERTIFICATES}{made.serial}/revoke/"
    tag = admin_api("GET", f"{CERTIFICATES}{made.serial}/")["ETag"]
    assert admin_api("POST", path, {}).status_code == 428
    assert admin_api("POST", f"{path}?dry_run=true", {})["ETag"] == tag
    admin_api("POST", f"{CERTIFICATES}{made.serial}/renew/", {})
    assert admin_api("POST", path, {}, If_Match=tag).status_code == 412
    fresh = admin_api("GET", f"{CERTIFICATES}{made.serial}/")["ETag"]
    assert admin_api("POST", path, {}, If_Match=fresh).status_code == 200
    assert admin_api("POST", path, {}, If_Match="*").status_code == 422


def test_a_principal_is_blocked_on_every_kind_of_resource_and_unblocked(
    cluster: Cluster,
    gateway: KafkaGateway,
    admin_api: Api,
    issue: Issue,
    unblocked: Callable[[str], str],
    prefix: str,
) -> None:
    made = issue(f"{prefix}.block")
    unblocked(made.principal)
    path = f"{CERTIFICATES}{made.serial}/block/"
    state = admin_api("GET", path)
    assert state.json() == {
        "principal": made.principal,
        "blocked": False,
        "super_user": False,
        "denials": [],
    }
    dry = admin_api("POST", f"{path}?dry_run=true")
    assert dry.json()["allowed"] is True
    assert not gateway.describe_acls(AclFilter(principal=made.principal))
    assert admin_api("POST", path).status_code == 428
    blocked = admin_api("POST", path, If_Match=state["ETag"])
    assert blocked.status_code == 200, blocked.content
    assert blocked.json()["blocked"] is True
    for node in gateway.describe_cluster().brokers:
        assert len(gateway.describe_acls(AclFilter(principal=made.principal), broker=node.id)) == 6
    found = gateway.describe_acls(AclFilter(principal=made.principal))
    assert {acl.permission for acl in found} == {AclPermission.DENY}
    assert admin_api("POST", path, If_Match="*").status_code == 422
    assert admin_api("DELETE", path, If_Match=state["ETag"]).status_code == 412
    lifted = admin_api("DELETE", path, If_Match=blocked["ETag"])
    assert lifted.json()["blocked"] is False
    assert not gateway.describe_acls(AclFilter(principal=made.principal))
    assert Operation.objects.filter(target=made.principal, outcome="succeeded").count() == 2


def test_other_denials_of_the_principal_survive_a_block_that_is_lifted(
    cluster: Cluster,
    gateway: KafkaGateway,
    admin_api: Api,
    issue: Issue,
    allow: Callable[..., None],
    prefix: str,
) -> None:
    made = issue(f"{prefix}.other")
    allow(made.principal, AclOperation.READ, f"{prefix}-t")
    path = f"{CERTIFICATES}{made.serial}/block/"
    assert admin_api("POST", path, If_Match="*").status_code == 200
    assert admin_api("DELETE", path, If_Match="*").status_code == 200
    (left,) = gateway.describe_acls(AclFilter(principal=made.principal))
    assert left.operation is AclOperation.READ


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"common_name": ""}, 422),
        ({"common_name": "a b"}, 422),
        ({"common_name": "x,CN=admin"}, 422),
        ({"common_name": "x\nCN=admin"}, 422),
        ({"common_name": "é"}, 422),
        ({"common_name": "a" * 65}, 422),
        ({"common_name": "admin"}, 422),
        ({"common_name": "Admin"}, 422),
        ({"common_name": "broker-1"}, 422),
        ({"common_name": "kastellan-control"}, 422),
        ({"common_name": "ANONYMOUS"}, 422),
        ({"common_name": "x", "days": 0}, 422),
        ({"common_name": "x", "days": 366}, 422),
        ({"common_name": "x", "days": "90"}, 422),
        ({"common_name": "x", "csr": "nonsense"}, 422),
        ({"common_name": "x", "csr": ""}, 422),
        ({"common_name": "x", "surprise": 1}, 422),
    ],
)
def test_bad_input_is_a_problem_and_issues_nothing(
    cluster: Cluster, admin_api: Api, body: dict[str, Any], status: int
) -> None:
    answer = admin_api("POST", CERTIFICATES, body)
    assert answer.status_code == status, answer.content
    assert answer.json()["title"]
    assert not Certificate.objects.exists()


def test_the_same_idempotency_key_issues_once_and_shows_no_secret_twice(
    cluster: Cluster, admin_api: Api, prefix: str
) -> None:
    body = {"common_name": f"{prefix}.once"}
    first = admin_api("POST", CERTIFICATES, body, Idempotency_Key="c1")
    again = admin_api("POST", CERTIFICATES, body, Idempotency_Key="c1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json()["serial"] == first.json()["serial"]
    for secret in ("private_key_pem", "bundle", "keystore_password"):
        assert first.json()[secret]
        assert again.json()[secret] is None
    assert Certificate.objects.count() == 1


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
def test_others_than_admins_read_and_change_nothing(
    cluster: Cluster, gateway: KafkaGateway, api: Callable[[Role], Api], issue: Issue, prefix: str, role: Role
) -> None:
    made, call = issue(f"{prefix}.read"), api(role)
    for path in (
        "",
        f"{made.serial}/",
        f"{made.serial}/block/",
        "own/",
        "authorities/",
        "expiry/",
        "watched/",
    ):
        assert call("GET", f"{CERTIFICATES}{path}").status_code == 200, path
    assert call("GET", f"{CERTIFICATES}{made.serial}/chain.pem").status_code == 200
    for method, path, body in (
        ("POST", "", {"common_name": f"{prefix}.mine"}),
        ("POST", f"{made.serial}/renew/", {}),
        ("POST", f"{made.serial}/revoke/", {}),
        ("POST", f"{made.serial}/block/", None),
        ("DELETE", f"{made.serial}/block/", None),
        ("POST", "watched/", {"host": "example.com", "port": 443}),
    ):
        assert call(method, f"{CERTIFICATES}{path}", body, If_Match="*").status_code == 403, path
    assert Certificate.objects.count() == 1
    assert not gateway.describe_acls(AclFilter(principal=made.principal))


def test_an_unknown_serial_and_an_unknown_cluster_are_404(cluster: Cluster, admin_api: Api) -> None:
    for path in ("abc/", "abc/block/", "abc/chain.pem", "truststores/x/", "watched/9/"):
        assert admin_api("GET", f"{CERTIFICATES}{path}").status_code == 404, path
    assert admin_api("POST", f"{CERTIFICATES}abc/renew/", {}).status_code == 404
    assert admin_api("GET", "clusters/elsewhere/certificates/").status_code == 404


def test_the_list_finds_by_name_serial_and_pasted_fingerprint_filters_sorts_and_pages(
    cluster: Cluster, admin_api: Api, issue: Issue, prefix: str
) -> None:
    made = [issue(f"{prefix}.{letter}", days=days) for letter, days in (("a", 10), ("b", 200), ("c", 20))]
    page = admin_api("GET", f"{CERTIFICATES}?search={prefix}&sort=-not_after&page_size=2").json()
    assert page["count"] == 3
    assert [row["common_name"] for row in page["results"]] == [f"{prefix}.b", f"{prefix}.c"]
    pasted = ":".join(made[1].answer["fingerprint"].upper()[i : i + 2] for i in range(0, 64, 2))
    for search in (made[1].serial, pasted, f"User:{prefix}.b"):
        (row,) = admin_api("GET", f"{CERTIFICATES}?search={search}").json()["results"]
        assert row["serial"] == made[1].serial
    ending = admin_api("GET", f"{CERTIFICATES}?state=ending").json()
    assert {row["common_name"] for row in ending["results"]} == {f"{prefix}.a", f"{prefix}.c"}
    assert admin_api("GET", f"{CERTIFICATES}?sort=surprise").status_code == 422
    assert admin_api("GET", f"{CERTIFICATES}?state=surprise").status_code == 422
    padded = f"0{made[1].serial.upper()}"
    assert admin_api("GET", f"{CERTIFICATES}{padded}/").json()["serial"] == made[1].serial


def test_who_took_what_away_is_kept(cluster: Cluster, admin_api: Api, issue: Issue, prefix: str) -> None:
    made = issue(f"{prefix}.down")
    admin_api("GET", f"{CERTIFICATES}{made.serial}/chain.pem")
    admin_api("GET", f"{CERTIFICATES}truststores/truststore.jks/")
    rows = [(row.what, row.actor, row.certificate_id) for row in Download.objects.order_by("pk")]
    pk = Certificate.objects.get().pk
    assert rows == [
        ("ZIP with the private key", "anna/admin", pk),
        ("chain.pem", "anna/admin", pk),
        ("truststore.jks", "anna/admin", None),
    ]


def test_what_the_cluster_itself_uses_and_its_authorities_are_listed_without_any_key(
    cluster: Cluster, admin_api: Api
) -> None:
    own = admin_api("GET", f"{CERTIFICATES}own/")
    assert {"broker-1", "broker-2", "broker-3", "kastellan-control", "admin"} <= {
        row["name"] for row in own.json()["results"]
    }
    authorities = admin_api("GET", f"{CERTIFICATES}authorities/")
    assert [each["purpose"] for each in authorities.json()["results"]] == ["brokers", "clients"]
    for answer in (own, authorities):
        assert b"PRIVATE KEY" not in answer.content
    for each in authorities.json()["results"]:
        chain = x509.load_pem_x509_certificates(each["chain_pem"].encode())
        assert [c.fingerprint(c.signature_hash_algorithm).hex() for c in chain if c.signature_hash_algorithm]
        assert {row["role"] for row in each["certificates"]} == {"root", "issuing"}


def test_a_new_certificate_of_a_name_that_has_one_says_so_and_so_does_one_without_rights(
    cluster: Cluster, admin_api: Api, issue: Issue, prefix: str
) -> None:
    name = f"{prefix}.twice"
    first = admin_api("POST", f"{CERTIFICATES}?dry_run=true", {"common_name": name}).json()
    assert any("No ACL names this principal" in warning for warning in first["warnings"])
    issue(name)
    second = admin_api("POST", f"{CERTIFICATES}?dry_run=true", {"common_name": name}).json()
    assert any("valid already" in warning for warning in second["warnings"])
    assert second["digest"] != first["digest"]


def test_a_revoked_page_offers_the_block_that_is_left_to_do(
    cluster: Cluster, admin_api: Api, issue: Issue, unblocked: Callable[[str], str], prefix: str
) -> None:
    made = issue(f"{prefix}.out")
    unblocked(made.principal)
    client, page = signed_in(Role.ADMIN), f"/clusters/main/certificates/{made.serial}/"
    button = f"Block {made.principal}…</button>"
    assert button not in client.get(page).content.decode()
    assert admin_api("POST", f"{CERTIFICATES}{made.serial}/revoke/", {}, If_Match="*").status_code == 200
    assert button in client.get(page).content.decode()
    assert admin_api("POST", f"{CERTIFICATES}{made.serial}/block/", If_Match="*").status_code == 200
    assert button not in client.get(page).content.decode()
