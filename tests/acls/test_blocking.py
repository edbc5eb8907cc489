"""An emergency block on real brokers: who it shuts out, what says so, and that nothing but lifting it takes it away."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from controlplane.acls.logic.bindings import from_json, to_json
from controlplane.audit.models import Operation
from controlplane.clusters.logic import blocks
from controlplane.clusters.models import Cluster
from controlplane.core.access import Role
from controlplane.gateways.kafka.access_types import Acl, AclOperation, AclPermission, AclResourceType
from controlplane.gateways.kafka.gateway import KafkaGateway
from tests.acls.conftest import known_to_all
from tests.conftest import Api
from tests.web.people import signed_in

pytestmark = pytest.mark.django_db(transaction=True)
MakeApi = Callable[[Role], Api]
ACLS = "clusters/main/acls/"


def test_a_scram_user_is_blocked_explained_and_let_in_again(
    cluster: Cluster, gateway: KafkaGateway, api: MakeApi, clean_acls: str
) -> None:
    call, who = api(Role.ADMIN), f"User:{clean_acls}-ann"
    allowed = Acl(who, "*", AclOperation.WRITE, AclPermission.ALLOW, AclResourceType.TOPIC, f"{clean_acls}-t")
    known_to_all(gateway, [allowed])
    block = f"{ACLS}block/?principal={who}"
    state = call("GET", block)
    assert (state.json()["blocked"], state.json()["denials"]) == (False, [])
    dry = call("POST", f"{block}&dry_run=true")
    assert len(dry.json()["steps"]) == len(blocks.RESOURCES)
    assert call("POST", block).status_code == 428
    done = call("POST", block, If_Match=dry["ETag"])
    assert done.status_code == 200, done.content
    assert done.json()["blocked"] is True

    asked = f"operation=WRITE&resource_type=TOPIC&resource_name={clean_acls}-t"
    said = call("GET", f"{ACLS}explain/?principal={who}&{asked}").json()
    assert (said["allowed"], said["blocked"]) == (False, who)
    assert said["reason"].startswith(f"{who} is blocked in an emergency")
    may = call("GET", f"{ACLS}who/?{asked}").json()
    assert who not in {each["principal"] for each in may["allowed"]}
    assert {each["principal"]: each["blocked"] for each in may["denied"]}[who] is True
    told = [each for each in call("GET", f"{ACLS}findings/").json()["findings"] if each["blocked"] == who]
    assert [each["kind"] for each in told] == ["blocked"]

    # Whatever tidies up leaves it: by filter, by name, or with the file of another day.
    for path, body in (
        (f"{ACLS}?principal={who}", None),
        (ACLS, {"acls": [to_json(blocks.denials(who)[0])]}),
    ):
        refused = call("DELETE", path, body, If_Match="*")
        assert refused.status_code == 422, refused.content
        assert refused.json()["refusals"][0]["code"] == "blocked"
    assert set(blocks.denials(who)) <= set(gateway.describe_acls())

    assert call("DELETE", block, If_Match=call("GET", block)["ETag"]).json()["blocked"] is False
    assert call("GET", f"{ACLS}explain/?principal={who}&{asked}").json()["allowed"] is True
    titles = [row.title for row in Operation.objects.filter(target=who, outcome="succeeded").order_by("pk")]
    assert titles == [f"Block {who}", f"Lift the block of {who}"]
    # Named bindings alone are deleted by a body, as the review's curl line has it.
    gone = call("DELETE", ACLS, {"acls": [to_json(allowed)]}, If_Match="*")
    assert gone.json()["deleted"] == [to_json(allowed)]
    assert from_json(to_json(allowed)) not in gateway.describe_acls()


@pytest.mark.parametrize(
    "path",
    [
        "block/",
        "block/?principal=ann",
        "explain/?principal=User:a&operation=READ&resource_type=TOPIC&resource_name=x&host=10.0.0.*",
    ],
)
def test_what_cannot_be_asked_says_why(cluster: Cluster, api: MakeApi, path: str) -> None:
    assert api(Role.ADMIN)("GET", f"{ACLS}{path}").status_code in (400, 422)


def test_pages_name_the_block_and_offer_to_lift_it(
    cluster: Cluster, gateway: KafkaGateway, clean_acls: str
) -> None:
    who, topic = f"User:{clean_acls}-ann", f"{clean_acls}-t"
    allowed = Acl(who, "*", AclOperation.WRITE, AclPermission.ALLOW, AclResourceType.TOPIC, topic)
    known_to_all(gateway, [allowed, *blocks.denials(who)])
    client = signed_in(Role.ADMIN)
    asked = f"operation=WRITE&resource_type=TOPIC&resource_name={topic}"
    pages = {
        f"/clusters/main/acls/explain/?principal={who}&{asked}": "Lift the block of",
        f"/clusters/main/acls/?principal={who}": "Lift the block…",
        "/clusters/main/acls/findings/?kind=blocked": "Lift the block…",
        f"/clusters/main/acls/of-topic/{topic}/": "(blocked)",
        f"/clusters/main/acls/who/?{asked}": "its emergency block",
    }
    for url, words in pages.items():
        answer = client.get(url)
        assert answer.status_code == 200
        assert words in answer.content.decode(), url
    explained = client.get(f"/clusters/main/acls/explain/?principal={who}&{asked}").content.decode()
    assert "Delete these bindings" not in explained
    found = client.get(f"/clusters/main/acls/?resource_type=TOPIC&matching={topic}").content.decode()
    assert "every one" in found  # a wildcard binding applies to the name
    review = client.post("/clusters/main/acls/unblock/", {"principal": who})
    assert f"Lift the block of {who}" in review.content.decode()
