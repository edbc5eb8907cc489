"""A service account on real brokers: made in one plan, used by a client that has only the download, and removed."""

from __future__ import annotations

import base64
import io
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from controlplane.audit.models import Operation
from controlplane.certificates.models import Certificate
from controlplane.clusters.logic import blocks
from controlplane.clusters.models import Cluster
from controlplane.core.access import Role
from controlplane.gateways.kafka.access_types import AclFilter, CredentialMechanism
from controlplane.gateways.kafka.gateway import KafkaGateway
from tests.conftest import Api
from tests.web.people import signed_in

pytestmark = pytest.mark.django_db(transaction=True)
MakeApi = Callable[[Role], Api]
PATH = "clusters/main/service-accounts/"


@pytest.fixture
def name(gateway: KafkaGateway, prefix: str) -> Iterator[str]:
    account = f"{prefix}-svc"
    yield account
    gateway.delete_acls([AclFilter(principal=f"User:{account}")])
    for credential in gateway.describe_user_scram_credentials([account]):
        gateway.delete_user_scram_credential(account, credential.mechanism)
    for quota in gateway.describe_client_quotas():
        if dict(quota.entity).get("user") == account:
            gateway.alter_client_quotas(quota.entity, dict.fromkeys(quota.values))


def body(name: str, topic: str, **more: Any) -> dict[str, Any]:
    rights = {"bundle": "producer", "topics": [topic]}
    return {"name": name, "rights": rights, "quotas": {"producer_byte_rate": 1_000_000}, **more}


def unpacked(answer: Any, directory: Path) -> Path:
    """The directory with `client.properties` in it: all that a client gets."""
    raw = base64.b64decode(answer.json()["bundle"])
    zipfile.ZipFile(io.BytesIO(raw)).extractall(directory)
    return next(directory.rglob("confluent_kafka_client.py")).parent


def produce(files: Path, topic: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(files / "confluent_kafka_client.py"), topic, "hello"]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("credential", ["SCRAM-SHA-512", "certificate"])
def test_an_account_is_made_used_throttled_by_its_quota_and_removed(
    cluster: Cluster,
    gateway: KafkaGateway,
    api: MakeApi,
    make_topic: Callable[..., str],
    name: str,
    prefix: str,
    tmp_path: Path,
    credential: str,
) -> None:
    call, own, foreign = api(Role.ADMIN), make_topic(f"{prefix}-own"), make_topic(f"{prefix}-foreign")
    made = call("POST", PATH, body(name, own, credential=credential))
    assert made.status_code == 201, made.content
    assert (made.json()["acls"], made.json()["quotas"]) == (1, 1)
    files = unpacked(made, tmp_path)
    done = produce(files, own)
    assert done.returncode == 0, done.stderr
    refused = produce(files, foreign)
    assert refused.returncode != 0
    assert "TOPIC_AUTHORIZATION_FAILED" in refused.stderr or "authorization" in refused.stderr.lower()
    (operation,) = Operation.objects.filter(target=name)
    assert (operation.action, operation.outcome) == ("service_account.edit", "succeeded")

    tag = call("GET", f"{PATH}{name}/")["ETag"]
    assert call("DELETE", f"{PATH}{name}/").status_code == 428
    told = " ".join(call("DELETE", f"{PATH}{name}/?dry_run=true").json()["warnings"])
    assert ("can no longer connect" in told) == (credential != "certificate"), told
    gone = call("DELETE", f"{PATH}{name}/", If_Match=tag)
    assert gone.status_code == 204, gone.content
    assert gateway.describe_acls(AclFilter(principal=f"User:{name}")) == ()
    assert gateway.describe_user_scram_credentials([name]) == ()
    assert not Certificate.objects.filter(common_name=name, revoked_at=None).exists()
    assert call("GET", f"{PATH}{name}/").status_code == 404
    assert produce(files, own).returncode != 0
    # A revoked certificate is accepted until it ends: whoever takes the name next is told.
    again = call("POST", f"{PATH}?dry_run=true", body(name, own, credential="SCRAM-SHA-512")).json()
    assert any("revoked certificate of this name" in each for each in again["warnings"]) == (
        credential == "certificate"
    )


def test_a_dry_run_shows_every_step_and_changes_nothing(
    cluster: Cluster,
    gateway: KafkaGateway,
    api: MakeApi,
    make_topic: Callable[..., str],
    name: str,
    prefix: str,
) -> None:
    plan = api(Role.ADMIN)("POST", f"{PATH}?dry_run=true", body(name, f"{prefix}-own")).json()
    assert plan["allowed"] is True, plan["refusals"]
    kinds = [step["object_type"] for step in plan["steps"]]
    assert kinds[-1] == "SCRAM user"  # whoever can log in has the rights already
    assert len(plan["steps"]) == 3
    assert gateway.describe_user_scram_credentials([name]) == ()
    assert gateway.describe_acls(AclFilter(principal=f"User:{name}")) == ()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"name": "admin"}, "reserved"),
        ({"rights": {"bundle": "consumer", "topics": ["x"]}}, "bundle"),
        ({"quotas": {"producer_byte_rate": -1}}, ""),
        ({"quotas": {"no_such": 1}}, ""),
    ],
)
def test_a_part_that_is_refused_refuses_all(
    cluster: Cluster, gateway: KafkaGateway, api: MakeApi, name: str, change: dict[str, Any], code: str
) -> None:
    answer = api(Role.ADMIN)("POST", PATH, {**body(name, "x"), **change})
    assert answer.status_code == 422, answer.content
    assert code in answer.content.decode()
    assert gateway.describe_user_scram_credentials([name]) == ()
    assert gateway.describe_acls(AclFilter(principal=f"User:{name}")) == ()


def test_only_an_admin_makes_accounts_and_a_viewer_sees_them(
    cluster: Cluster, gateway: KafkaGateway, api: MakeApi, name: str
) -> None:
    for role in (Role.VIEWER, Role.OPERATOR):
        assert api(role)("POST", PATH, body(name, "x")).status_code == 403
    gateway.upsert_user_scram_credential(name, CredentialMechanism.SCRAM_SHA_512, "long-enough-pass", 4096)
    rows = api(Role.VIEWER)("GET", f"{PATH}?search={name}").json()["results"]
    assert [row["name"] for row in rows] == [name]


def test_the_pages_make_one_show_the_password_once_and_remove_it(
    cluster: Cluster, gateway: KafkaGateway, name: str
) -> None:
    client, base = signed_in(Role.ADMIN), "/clusters/main/service-accounts/"
    form = {
        "name": name,
        "credential": "SCRAM-SHA-256",
        "bundle": "producer",
        "topics": "orders-*",
        "host": "*",
    }
    review = client.post(f"{base}+new/", form)
    assert review.status_code == 200, review.content
    digest = _digest(review.content.decode())
    made = client.post(f"{base}+new/", {**form, "digest": digest})
    assert made.status_code == 200, made.content
    assert "no-store" in made["Cache-Control"]
    assert "It is shown only now" in made.content.decode()
    assert name in client.get(f"{base}?search={name}").content.decode()
    assert client.get(f"{base}{name}/").status_code == 200
    plan = client.post(f"{base}{name}/+delete/")
    done = client.post(f"{base}{name}/+delete/", {"digest": _digest(plan.content.decode()), "confirm": name})
    assert done.status_code == 303, done.content
    assert gateway.describe_user_scram_credentials([name]) == ()


def test_a_mistake_in_the_form_is_told_beside_the_field(cluster: Cluster) -> None:
    form = {"name": "x", "credential": "certificate", "bundle": "consumer", "topics": "a", "host": "*"}
    answer = signed_in(Role.ADMIN).post(
        "/clusters/main/service-accounts/+new/", {**form, "producer_byte_rate": "fast"}
    )
    assert answer.status_code == 422
    text = answer.content.decode()
    assert "This bundle needs it" in text
    assert "is not understood" in text


def _digest(page: str) -> str:
    return page.partition('name="digest" value="')[2].partition('"')[0]


def test_an_account_with_a_certificate_and_rights_is_not_said_to_have_none_and_disturbs_nobody(
    cluster: Cluster, api: MakeApi, name: str, prefix: str
) -> None:
    plan = api(Role.ADMIN)(
        "POST", f"{PATH}?dry_run=true", body(name, f"{prefix}-t", credential="certificate")
    )
    assert plan.status_code == 200, plan.content
    assert not any("No ACL names this principal" in warning for warning in plan.json()["warnings"])
    assert plan.json()["risk"] == "reversible"
    form = {
        "name": name,
        "credential": "certificate",
        "days": "30",
        "bundle": "consumer",
        "topics": f"{prefix}-t",
    }
    client, url = signed_in(Role.ADMIN), "/clusters/main/service-accounts/+new/"
    form |= {"group": f"{prefix}-g", "host": "*"}
    review = client.post(url, form)
    assert review.status_code == 200, review.content
    digest = re.search(r'name="digest" value="([^"]*)"', review.content.decode())
    assert digest
    made = client.post(url, {**form, "digest": digest[1]})
    text = made.content.decode()
    assert f"Service account {name} is made" in text
    assert "with <b>2 ACLs</b>" in text
    assert "Give it what its application needs" not in text
    assert f'href="/clusters/main/service-accounts/{name}/"' in text
    assert "Without ACLs" not in text


def test_an_account_that_is_removed_with_a_block_is_shut_out_until_it_is_lifted(
    cluster: Cluster, gateway: KafkaGateway, api: MakeApi, make_topic: Callable[..., str], name: str, prefix: str,
    tmp_path: Path,
) -> None:  # fmt: skip
    """Its certificate is revoked and brokers accept it: what User:* may, it may not, nor what a later one of its name may."""
    call, own = api(Role.ADMIN), make_topic(f"{prefix}-own")
    made = call("POST", PATH, body(name, own, credential="certificate"))
    files, principal = unpacked(made, tmp_path), f"User:{name}"
    try:
        plain = call("DELETE", f"{PATH}{name}/?dry_run=true").json()
        assert any("block the principal in this plan" in said for said in plain["warnings"])
        page = signed_in(Role.ADMIN).get(f"/clusters/main/service-accounts/{name}/+delete/").content.decode()
        assert re.search(r'name="block"[^>]*checked', page)
        plan = call("DELETE", f"{PATH}{name}/?block=true&dry_run=true")
        said = " ".join(plan.json()["warnings"])
        assert f"{principal} is blocked by this plan" in said
        for wrong in ("valid certificate of this name stay", "in this plan.", "a plan of its own"):
            assert wrong not in said, said
        assert "a plan of its own" not in " ".join(plain["warnings"])
        assert "valid certificate of this name stay" not in " ".join(plain["warnings"])
        gone = call("DELETE", f"{PATH}{name}/?block=true", If_Match=plan["ETag"])
        assert gone.status_code == 204, gone.content
        assert set(gateway.describe_acls(AclFilter(principal=principal))) == set(blocks.denials(principal))
        # What is left is the block, and it is seen where it can be lifted.
        left = call("GET", f"{PATH}{name}/").json()
        assert (left["blocked"], left["acls"], left["certificates"], left["revoked"]) == (True, 0, 0, 1)
        assert name in [row["name"] for row in call("GET", f"{PATH}?search={name}").json()["results"]]
        client = signed_in(Role.ADMIN)
        page = client.get(f"/clusters/main/service-accounts/{name}/").content.decode()
        assert "Lift the block" in page
        assert "+delete" not in page
        assert (
            "blocked</span>" in client.get(f"/clusters/main/service-accounts/?search={name}").content.decode()
        )
        nothing = call("DELETE", f"{PATH}{name}/?dry_run=true").json()
        assert [refusal["code"] for refusal in nothing["refusals"]] == ["nothing"]
        lift = client.post("/clusters/main/acls/unblock/", {"principal": principal, "back": "account"})
        assert "Clients may notice it" in lift.content.decode()
        # The next one of the name is told of both, wherever it gets rights or credentials.
        asked = {
            f"{PATH}?dry_run=true": body(name, own, credential="SCRAM-SHA-512"),
            "clusters/main/users/?dry_run=true": {"name": name},
            "clusters/main/certificates/?dry_run=true": {"common_name": name},
            "clusters/main/acls/?dry_run=true": {
                "bundle": {"name": "producer", "principal": principal, "topics": [own]}
            },
        }
        for path, wanted in asked.items():
            said = " ".join(call("POST", path, wanted).json()["warnings"])
            assert "1 revoked certificate of this name is still accepted until" in said, path
            assert f"{principal} is blocked" in said, path
        assert produce(files, own).returncode != 0
    finally:
        gateway.delete_acls(blocks.filters(blocks.denials(principal)))
