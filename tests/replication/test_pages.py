"""The pages and the API of flows on two real clusters, by people with and without the right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from controlplane.clusters.models import Cluster
from controlplane.clusters.services import refresh
from controlplane.core.access import SYSTEM, Role
from controlplane.replication import services
from controlplane.replication.logic.flows import FlowRequest
from controlplane.replication.models import Flow
from tests.conftest import Api
from tests.web.people import signed_in

pytestmark = pytest.mark.django_db(transaction=True)
LIST = "/clusters/dr/replication/"
FLOWS = "clusters/dr/flows/"


def test_a_flow_is_made_in_the_browser_and_deleted_by_the_api(
    dr: Cluster, cluster: Cluster, api: Callable[[Role], Api], make_topic: Callable[..., str], prefix: str
) -> None:
    topic = make_topic(f"{prefix}-seen", 1)
    refresh(cluster)
    browser = signed_in(Role.ADMIN)
    assert "Nothing is replicated" in browser.get(LIST).content.decode()
    assert "Replicate into" in browser.get("/clusters/main/replication/").content.decode()
    form: dict[str, Any] = {
        "source": "main",
        "topics": f"{prefix}*",
        "groups": "*",
        "policy": "prefix",
        "tasks_max": "1",
        "sync_offsets": "on",
    }
    wrong = browser.post(f"{LIST}+new/", {**form, "topics": "a b(c"})
    assert wrong.status_code == 422
    assert "not the name of a topic" in wrong.content.decode()
    review = browser.post(f"{LIST}+new/", form)
    text = review.content.decode()
    assert review.status_code == 200
    assert "mm2-main-dr" in text
    assert "sasl.jaas.config" in text
    digest = services.plan_create(
        FlowRequest("main", "dr", topics=(f"{prefix}*",), tasks_max=1, sync_configs=False)
    ).digest
    made = browser.post(f"{LIST}+new/", {**form, "digest": digest})
    assert made.status_code == 303, made.content.decode()[:2000]
    for path in (
        LIST,
        f"{LIST}main/",
        f"{LIST}main/groups/",
        f"{LIST}main/settings/",
        "/clusters/main/replication/",
    ):
        answer = browser.get(path)
        assert answer.status_code == 200
        assert "main → dr" in answer.content.decode()
    assert topic in browser.get(f"{LIST}main/").content.decode()

    anna = api(Role.ADMIN)
    (listed,) = anna("GET", FLOWS).json()["results"]
    assert (listed["state"], listed["user"]) == ("running", "mm2-main-dr")
    assert anna("GET", f"{FLOWS}main/progress/").json()["partitions"][0]["topic"] == topic
    assert anna("GET", f"{FLOWS}main/groups/").json()["error"] == ""
    paused = anna("POST", f"{FLOWS}main/act/", {"act": "pause"})
    assert paused.json()["state"] == "paused"
    tag = anna("DELETE", f"{FLOWS}main/?dry_run=true")["ETag"]
    assert anna("DELETE", f"{FLOWS}main/").status_code == 428
    assert anna("DELETE", f"{FLOWS}main/", If_Match=tag).status_code == 204
    assert not Flow.objects.exists()


def test_who_does_not_see_one_end_sees_no_flow(
    dr: Cluster, cluster: Cluster, api: Callable[[Role], Api]
) -> None:
    Flow.objects.create(
        source="main",
        target="dr",
        request={},
        complete=True,
        created_at=dr.created_at,
        created_by=SYSTEM.name,
    )
    only_dr = signed_in(Role.ADMIN, cluster="dr")
    assert "main → dr" not in only_dr.get(LIST).content.decode()
    assert only_dr.get(f"{LIST}main/").status_code == 404
    assert only_dr.post(f"{LIST}main/+delete/").status_code == 404
    answer = signed_in(Role.VIEWER).get(f"{LIST}main/")
    assert answer.status_code == 200
    assert "incomplete" in answer.content.decode()
    assert api(Role.OPERATOR)("POST", FLOWS, {"source": "main"}).status_code == 403
