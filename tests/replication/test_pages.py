"""The pages and the API of flows on two real clusters, by people with and without the right."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Any

import pytest

from broker.connect import credentials_file
from controlplane.clusters.models import Cluster
from controlplane.clusters.services import gateway_for, refresh
from controlplane.core.access import SYSTEM, Role
from controlplane.gateways.broker import data_paths
from controlplane.replication import services
from controlplane.replication.logic.flows import FlowRequest
from controlplane.replication.models import Flow
from tests.conftest import Api
from tests.web.canaries import EXPORTS, found_in, seen, stored
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


def test_what_only_the_worker_may_read_of_a_flow_is_found_nowhere(
    dr: Cluster,
    cluster: Cluster,
    api: Callable[[Role], Api],
    make_topic: Callable[..., str],
    prefix: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    make_topic(f"{prefix}-kept", 1)
    refresh(cluster)
    caplog.set_level(logging.DEBUG)
    anna = api(Role.ADMIN)
    made = anna("POST", FLOWS, {"source": "main", "topics": [f"{prefix}*"]})
    assert made.status_code == 201, made.content
    kept = credentials_file(data_paths(), "dr", services.owner_of(Flow.objects.get().asked))
    assert kept.stat().st_mode & 0o777 == 0o600
    values = [line.partition("=")[2].strip() for line in kept.read_text().splitlines()]
    password = re.search(r'password="?([^"; ]{12,})', " ".join(values))
    assert password, "it logs in by a password"
    secrets = {
        "the password": password[1],
        **{f"value {at}": each for at, each in enumerate(values) if len(each) > 11},
    }
    flow, connectors = f"{LIST}main/", [f"main->dr.{part}" for part in ("source", "checkpoint", "heartbeat")]
    own = ["", "groups/", "metrics/", "settings/", "failover/", "+objective/"]
    paths = [
        LIST,
        *(f"{flow}{part}" for part in own),
        *(f"/api/v1/{FLOWS}{part}" for part in ("", "main/", "main/progress/", "main/groups/")),
        *(f"/clusters/dr/connect/bundled/{name}/{tab}" for name in connectors for tab in ("", "settings/", "offsets/", "+edit/", "+edit/?as=json")),
        *(f"/api/v1/clusters/dr/connect/bundled/connectors/{name}/" for name in connectors),
        *(f"/clusters/dr/{path}" for path in ("connect/bundled/", "connect-worker/", "users/", "topics/")),
        *(f"{path}{export}" for path in ("/operations/", "/clusters/dr/connect/bundled/") for export in EXPORTS),
    ]  # fmt: skip
    places = {**stored(caplog.text, ()), **seen(api, paths), "the answer": made.content.decode()}
    # What Connect itself writes down is in topics that people may read.
    for topic in gateway_for(dr).list_topics(internal=True):
        if topic.name.startswith("kastellan-connect"):
            records = gateway_for(dr).oldest(topic.name, limit=10_000, deadline_s=10).records
            places[topic.name] = "\n".join(str((record.key, record.value)) for record in records)
    assert any(
        "main->dr.source" in text for name, text in places.items() if name.startswith("kastellan-connect")
    )
    assert found_in(secrets, places) == []
    flow_row = Flow.objects.get()
    services.apply_delete(SYSTEM, flow_row, services.plan_delete(flow_row))
    assert not kept.exists()


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
