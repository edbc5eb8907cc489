"""ACLs through the API on real brokers: create, list, bundle, explain, import, export, delete; conditions; roles."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from controlplane.acls.logic.bindings import exactly, from_json
from controlplane.acls.logic.transfer import FileFormat, write
from controlplane.audit.models import Operation
from controlplane.clusters.models import Cluster
from controlplane.core.access import Role
from controlplane.gateways.kafka.gateway import KafkaGateway
from tests.acls.conftest import known_to_all
from tests.conftest import Api
from tests.waiting import eventually
from tests.web.people import signed_in

pytestmark = pytest.mark.django_db(transaction=True)
MakeApi = Callable[[Role], Api]
ACLS = "clusters/main/acls/"


def binding(prefix: str, operation: str = "READ", **more: str) -> dict[str, str]:
    return {
        "principal": f"User:{prefix}-ann",
        "host": "*",
        "operation": operation,
        "permission": "ALLOW",
        "resource_type": "TOPIC",
        "resource_name": f"{prefix}-orders",
        "pattern_type": "LITERAL",
        **more,
    }


def test_a_binding_lives_through_create_list_and_delete(
    gateway: KafkaGateway, api: MakeApi, clean_acls: str
) -> None:
    call, body = api(Role.ADMIN), binding(clean_acls)
    made = call("POST", ACLS, body)
    assert made.status_code == 201, made.content
    assert made.json() == {"created": [body], "deleted": []}
    assert from_json(body) in gateway.describe_acls()

    again = call("POST", ACLS, body)
    assert (again.status_code, again.json()["created"]) == (200, [])
    mine = f"{ACLS}?principal=User:{clean_acls}-ann"
    listed = call("GET", mine)
    assert listed.json()["results"] == [body]
    gone = call("DELETE", mine, If_Match=listed["ETag"])
    assert gone.status_code == 200, gone.content
    assert gone.json()["deleted"] == [body]
    assert from_json(body) not in gateway.describe_acls()
    rows = Operation.objects.filter(action="acl.edit", target=f"User:{clean_acls}-ann").order_by("pk")
    assert [(row.outcome, row.before) for row in rows] == [
        ("succeeded", {"created": [body], "deleted": []}),
        ("succeeded", {"created": [], "deleted": [body]}),
    ]


def test_a_dry_run_changes_nothing_and_its_digest_is_the_tag_to_apply_with(
    gateway: KafkaGateway, api: MakeApi, clean_acls: str
) -> None:
    call, body = api(Role.ADMIN), binding(clean_acls)
    plan = call("POST", f"{ACLS}?dry_run=true", body)
    assert plan.status_code == 200
    assert plan.json()["allowed"]
    assert "kafka-acls.sh" in plan.json()["commands"][0]
    assert from_json(body) not in gateway.describe_acls()
    call("POST", ACLS, body)
    mine = f"{ACLS}?principal=User:{clean_acls}-ann"
    dry = call("DELETE", f"{mine}&dry_run=true")
    assert dry.json()["risk"] == "disruptive"
    assert from_json(body) in gateway.describe_acls()
    assert call("DELETE", mine, If_Match=dry["ETag"]).status_code == 200


def test_a_delete_without_if_match_is_428_and_a_stale_one_412_also_after_a_change_from_outside(
    gateway: KafkaGateway, api: MakeApi, clean_acls: str
) -> None:
    call, body = api(Role.ADMIN), binding(clean_acls)
    call("POST", ACLS, body)
    mine = f"{ACLS}?principal=User:{clean_acls}-ann"
    tag = call("GET", mine)["ETag"]
    assert call("DELETE", mine).status_code == 428
    known_to_all(gateway, [from_json(binding(clean_acls, "WRITE"))])
    stale = call("DELETE", mine, If_Match=tag)
    assert stale.status_code == 412
    assert stale.json()["code"] == "state_changed"
    assert from_json(body) in gateway.describe_acls()


def test_changes_to_other_bindings_do_not_make_a_tag_stale(
    gateway: KafkaGateway, api: MakeApi, clean_acls: str
) -> None:
    call = api(Role.ADMIN)
    call("POST", ACLS, binding(clean_acls))
    mine = f"{ACLS}?principal=User:{clean_acls}-ann"
    tag = call("GET", mine)["ETag"]
    known_to_all(gateway, [from_json(binding(clean_acls, principal=f"User:{clean_acls}-bob"))])
    assert call("DELETE", mine, If_Match=tag).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        {"principal": "ann"},
        {"principal": "User:"},
        {"host": "host.example"},
        {"host": "10.0.0.0/8"},
        {"host": "::1"},
        {"operation": "IDEMPOTENT_WRITE"},
        {"operation": "FLY"},
        {"resource_type": "CLUSTER", "operation": "DESCRIBE"},
        {"resource_type": "USER", "operation": "CREATE_TOKENS", "resource_name": "ann"},
        {"resource_name": "*", "pattern_type": "PREFIXED"},
        {"resource_name": ""},
        {"surprise": "1"},
    ],
)
def test_nonsense_is_refused_with_what_to_do(
    cluster: Cluster, api: MakeApi, prefix: str, change: dict[str, str]
) -> None:
    answer = api(Role.ADMIN)("POST", ACLS, binding(prefix) | change)
    assert answer.status_code == 422, answer.content
    assert answer.json()["title"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"acls": []},
        {"acls": [{"principal": "User:x"}]},
        {"principal": "User:x"},
        {"bundle": {"name": "consumer", "principal": "User:x"}},
        {"bundle": {"name": "wizard", "principal": "User:x"}},
        {"bundle": {"name": "admin", "principal": "User:x"}, "principal": "User:x"},
    ],
)
def test_a_body_that_names_no_bindings_is_422(cluster: Cluster, api: MakeApi, body: dict[str, Any]) -> None:
    assert api(Role.ADMIN)("POST", ACLS, body).status_code == 422


def test_without_a_filter_nothing_is_deleted(cluster: Cluster, api: MakeApi) -> None:
    assert api(Role.ADMIN)("DELETE", ACLS, If_Match="*").status_code == 422


def test_a_bundle_is_created_whole_and_explained(api: MakeApi, cluster: Cluster, clean_acls: str) -> None:
    call, principal = api(Role.ADMIN), f"User:{clean_acls}-app"
    asked = (
        f"principal={principal}&task=consume&resource_name={clean_acls}-orders&second={clean_acls}-readers"
    )
    before = call("GET", f"{ACLS}explain/?{asked}").json()
    assert not before["allowed"]
    assert {acl["operation"] for acl in before["would_allow"]} == {"READ"}
    body = {
        "bundle": {
            "name": "consumer",
            "principal": principal,
            "topics": [f"{clean_acls}-*"],
            "group": f"{clean_acls}-readers",
        }
    }
    made = call("POST", ACLS, body)
    assert made.status_code == 201, made.content
    assert len(made.json()["created"]) == 2
    after = call("GET", f"{ACLS}explain/?{asked}").json()
    assert after["allowed"], after
    assert after["decided_by"]["resource_type"] == "GROUP"


def test_explain_names_the_rule_that_decides(api: MakeApi, cluster: Cluster, clean_acls: str) -> None:
    call, body = api(Role.ADMIN), binding(clean_acls)
    asked = (
        f"principal=User:{clean_acls}-ann&host=10.1.2.3&operation=DESCRIBE&resource_type=TOPIC"
        f"&resource_name={clean_acls}-orders"
    )
    call("POST", ACLS, body)
    yes = call("GET", f"{ACLS}explain/?{asked}").json()
    assert (yes["allowed"], yes["decided_by"], yes["would_allow"]) == (True, body, [])
    assert "implies DESCRIBE" in yes["reason"]
    deny = binding(clean_acls, "ALL", permission="DENY")
    call("POST", ACLS, deny)
    no = call("GET", f"{ACLS}explain/?{asked}").json()
    assert (no["allowed"], no["decided_by"], no["remove_first"], no["would_allow"]) == (
        False,
        deny,
        [deny],
        [],
    )
    assert call("GET", f"{ACLS}explain/?principal=User:admin&operation=READ&resource_type=TOPIC&resource_name=x").json()["allowed"]  # fmt: skip
    assert call("GET", f"{ACLS}explain/?principal=User:x").status_code == 422
    bare = call("GET", f"{ACLS}explain/?principal=admin&operation=READ&resource_type=TOPIC&resource_name=x")
    assert (bare.status_code, list(bare.json()["errors"])) == (422, ["principal"])
    task = call("GET", f"{ACLS}explain/?principal=admin&task=produce&resource_name=x")
    assert (task.status_code, list(task.json()["errors"])) == (422, ["principal"])
    assert call("GET", f"{ACLS}explain/?principal=User:x&operation=ALL&resource_type=TOPIC&resource_name=x").status_code == 422  # fmt: skip


@pytest.mark.parametrize("file_format", ["csv", "yaml"])
def test_what_is_exported_can_be_imported_again(
    api: MakeApi, gateway: KafkaGateway, clean_acls: str, file_format: str
) -> None:
    call = api(Role.ADMIN)
    call("POST", ACLS, {"acls": [binding(clean_acls), binding(clean_acls, "WRITE", permission="DENY")]})
    query = f"search={clean_acls}&file_format={file_format}"
    exported = call("GET", f"{ACLS}export/?{query}").json()
    assert clean_acls in exported["text"]
    tag = call("GET", f"{ACLS}?principal=User:{clean_acls}-ann")["ETag"]
    call("DELETE", f"{ACLS}?principal=User:{clean_acls}-ann", If_Match=tag)
    dry = call("POST", f"{ACLS}import/?dry_run=true", exported)
    assert dry.status_code == 200, dry.content
    assert call("POST", f"{ACLS}import/", exported).status_code == 428
    back = call("POST", f"{ACLS}import/", exported, If_Match="*")
    assert back.status_code == 200, back.content
    assert len(back.json()["created"]) == 2
    assert back.json()["deleted"] == []


def test_a_file_with_a_mistake_changes_nothing_and_says_where(
    api: MakeApi, cluster: Cluster, prefix: str
) -> None:
    text = "Principal,ResourceType,PatternType,ResourceName,Operation,PermissionType,Host\nUser:x,TOPIC,LITERAL,,READ,ALLOW,*\n"
    answer = api(Role.ADMIN)("POST", f"{ACLS}import/", {"format": "csv", "text": text}, If_Match="*")
    assert answer.status_code == 422
    assert "Line 2" in answer.json()["detail"]


def test_the_list_filters_sorts_and_pages(api: MakeApi, gateway: KafkaGateway, clean_acls: str) -> None:
    known_to_all(gateway, [from_json(binding(clean_acls, op)) for op in ("READ", "WRITE", "DELETE")])
    call = api(Role.VIEWER)
    found = call("GET", f"{ACLS}?search={clean_acls}&sort=-operation&page_size=2").json()
    assert (found["count"], [row["operation"] for row in found["results"]]) == (3, ["WRITE", "READ"])
    assert found["next"]
    only = call("GET", f"{ACLS}?search={clean_acls}&operation=DELETE&matching={clean_acls}-orders").json()
    assert only["count"] == 1
    assert call("GET", f"{ACLS}?operation=FLY").status_code == 422
    assert call("GET", f"{ACLS}?sort=surprise").status_code == 422


def test_a_viewer_and_an_operator_read_and_change_nothing(
    api: MakeApi, gateway: KafkaGateway, clean_acls: str
) -> None:
    for role in (Role.VIEWER, Role.OPERATOR):
        call, body = api(role), binding(clean_acls)
        assert call("GET", ACLS).status_code == 200
        assert call("GET", f"{ACLS}findings/").status_code == 200
        assert call("POST", ACLS, body).status_code == 403
        assert call("DELETE", f"{ACLS}?principal=User:{clean_acls}-ann", If_Match="*").status_code == 403
        assert call("POST", f"{ACLS}import/", {"format": "csv", "text": "x"}, If_Match="*").status_code == 403
        assert call("POST", f"{ACLS}watch/", {"minutes": 1}).status_code == 403
        assert from_json(body) not in gateway.describe_acls()


def test_another_cluster_is_404(api: MakeApi, cluster: Cluster) -> None:
    assert api(Role.ADMIN)("GET", "clusters/elsewhere/acls/").status_code == 404


def test_the_same_idempotency_key_creates_once(api: MakeApi, cluster: Cluster, clean_acls: str) -> None:
    call, body = api(Role.ADMIN), binding(clean_acls)
    first = call("POST", ACLS, body, Idempotency_Key="k1")
    again = call("POST", ACLS, body, Idempotency_Key="k1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert Operation.objects.filter(target=f"User:{clean_acls}-ann").count() == 1


def test_findings_and_denials_are_told(api: MakeApi, gateway: KafkaGateway, clean_acls: str) -> None:
    shadowed = [binding(clean_acls), binding(clean_acls, "ALL", permission="DENY")]
    known_to_all(gateway, [from_json(each) for each in shadowed])
    body = api(Role.VIEWER)("GET", f"{ACLS}findings/").json()
    mine = {
        finding["kind"]
        for finding in body["findings"]
        if any(acl["principal"].startswith(f"User:{clean_acls}") for acl in finding["acls"])
    }
    assert {"shadowed", "no_credentials"} <= mine
    assert isinstance(body["denials"], list)


def change_of(prefix: str) -> Operation:
    found = Operation.objects.filter(action="acl.edit", target=f"User:{prefix}-ann").order_by("-pk").first()
    assert found is not None
    return found


def test_a_deletion_is_reverted_to_exactly_what_was_there(
    api: MakeApi, gateway: KafkaGateway, clean_acls: str
) -> None:
    call, mine = api(Role.ADMIN), f"{ACLS}?principal=User:{clean_acls}-ann"
    bodies = [binding(clean_acls), binding(clean_acls, "WRITE", permission="DENY", host="10.1.2.3")]
    call("POST", ACLS, {"acls": bodies})
    assert call("DELETE", mine, If_Match="*").status_code == 200
    path = f"{ACLS}revert/{change_of(clean_acls).uid}/"
    assert call("POST", path).status_code == 428
    assert api(Role.OPERATOR)("POST", path, If_Match="*").status_code == 403
    dry = call("POST", f"{path}?dry_run=true")
    assert dry.json()["allowed"]
    assert call("GET", mine).json()["count"] == 0
    back = call("POST", path, If_Match=dry["ETag"])
    assert back.status_code == 200, back.content
    assert {from_json(each) for each in back.json()["created"]} == {from_json(each) for each in bodies}
    assert {from_json(each) for each in bodies} <= set(gateway.describe_acls())
    assert call("POST", path, If_Match="*").status_code == 422  # all is as it was before


def test_a_revert_leaves_what_others_changed_since(
    api: MakeApi, gateway: KafkaGateway, clean_acls: str
) -> None:
    call = api(Role.ADMIN)
    read, write, later = (binding(clean_acls, each) for each in ("READ", "WRITE", "DELETE"))
    call("POST", ACLS, {"acls": [read, write]})
    made = change_of(clean_acls)
    known_to_all(gateway, [from_json(later)])
    gateway.delete_acls([exactly(from_json(write))])
    eventually(lambda: all(from_json(write) not in gateway.describe_acls(broker=each.id) for each in gateway.describe_cluster().brokers))  # fmt: skip
    back = call("POST", f"{ACLS}revert/{made.uid}/", If_Match="*")
    assert back.json() == {"created": [], "deleted": [read]}
    assert from_json(later) in gateway.describe_acls()


def test_only_a_change_of_acls_of_this_cluster_is_reverted(
    api: MakeApi, cluster: Cluster, clean_acls: str
) -> None:
    call = api(Role.ADMIN)
    call("POST", ACLS, binding(clean_acls))
    made = change_of(clean_acls)
    Operation.objects.filter(pk=made.pk).update(cluster="elsewhere")
    assert call("POST", f"{ACLS}revert/{made.uid}/", If_Match="*").status_code == 404
    assert call("POST", f"{ACLS}revert/{uuid.uuid4()}/", If_Match="*").status_code == 404


def test_a_certificate_of_ours_is_a_credential(api: MakeApi, gateway: KafkaGateway, clean_acls: str) -> None:
    call, names = api(Role.ADMIN), (f"{clean_acls}-ann", f"{clean_acls}-bob")
    known_to_all(gateway, [from_json(binding(clean_acls, principal=f"User:{name}")) for name in names])
    issued = call("POST", "clusters/main/certificates/", {"common_name": names[0]})
    assert issued.status_code == 201, issued.content
    told = [
        finding["acls"][0]["principal"]
        for finding in call("GET", f"{ACLS}findings/").json()["findings"]
        if finding["kind"] == "no_credentials"
    ]
    assert f"User:{names[1]}" in told
    assert f"User:{names[0]}" not in told


@pytest.mark.parametrize(("remove_others", "status"), [(False, 200), (True, 412)])
def test_an_import_that_only_adds_does_not_mind_what_others_do(
    api: MakeApi, gateway: KafkaGateway, clean_acls: str, remove_others: bool, status: int
) -> None:
    call = api(Role.ADMIN)
    text = write([from_json(binding(clean_acls))], FileFormat.YAML)
    body = {"format": "yaml", "text": text, "remove_others": remove_others}
    tag = call("POST", f"{ACLS}import/?dry_run=true", body)["ETag"]
    known_to_all(gateway, [from_json(binding(clean_acls, principal=f"User:{clean_acls}-bob"))])
    assert call("POST", f"{ACLS}import/", body, If_Match=tag).status_code == status


def test_the_list_is_filtered_by_host_in_its_form_too(
    api: MakeApi, gateway: KafkaGateway, clean_acls: str
) -> None:
    here, anywhere = binding(clean_acls, host="192.0.2.7"), binding(clean_acls, "WRITE")
    known_to_all(gateway, [from_json(each) for each in (here, anywhere)])
    listed = api(Role.VIEWER)("GET", f"{ACLS}?search={clean_acls}&host=192.0.2.7").json()
    assert listed["results"] == [here]
    page = signed_in(Role.VIEWER).get(f"/clusters/main/acls/?search={clean_acls}&host=192.0.2.7")
    text = page.content.decode()
    assert re.search(r'<input type="search" name="host" value="192.0.2.7"', text)
    assert "<b>1</b> of" in text


@pytest.mark.parametrize("raw", [b"\x89PNG\r\n\x1a\n\x00\x00", "Principal,Host".encode("utf-16"), b"a\x00b"])
def test_a_file_that_is_no_text_is_told_at_the_file_and_poured_nowhere(cluster: Cluster, raw: bytes) -> None:
    upload = SimpleUploadedFile("acls.csv", raw)
    answer = signed_in(Role.ADMIN).post("/clusters/main/acls/import/", {"file": upload, "format": "csv"})
    assert answer.status_code == 422
    text = answer.content.decode()
    at = text.partition('id="id_file_error"')[2].partition("</div>")[0]
    assert "This is not a text file" in at
    assert "Paste the bindings" not in text
    assert not re.search(r"<textarea[^>]*>\s*[^\s<]", text)
