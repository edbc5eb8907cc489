"""Connectors of flows by the doors of Connect: what the flow's own pages demand on both clusters is demanded there too."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from controlplane.accounts.models import RoleGrant
from controlplane.accounts.services import create_token
from controlplane.audit.models import Operation
from controlplane.clusters.models import Cluster
from controlplane.connect import restarting, selectors, services, urls
from controlplane.connect.logic.plans import ConnectorAct
from controlplane.connect.logic.restarts import DEFAULT
from controlplane.connect.services import PutConnector
from controlplane.core.access import SYSTEM, Action, Actor, Role
from controlplane.core.errors import Forbidden
from controlplane.gateways import workers
from controlplane.gateways.connect import ConnectApi, State
from controlplane.replication.logic.connectors import Part, connector_name, source_of
from controlplane.replication.logic.flows import FlowRequest
from tests.conftest import Api, make_user
from tests.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True)
NAME = "main->dr.source"
CONNECTORS = "clusters/dr/connect/bundled/connectors/"
ONE = f"{CONNECTORS}{NAME}/"
PAGE = f"/clusters/dr/connect/bundled/{NAME}/"
#: A real connector on the real worker: whose it is, its name says.
CONFIG = {"connector.class": "FileStreamSource", "file": "guarded.txt", "topic": "guarded", "tasks.max": "1"}
#: One that takes no right beside those of connectors and of flows.
AWAY = {
    "connector.class": "org.apache.kafka.connect.mirror.MirrorHeartbeatConnector",
    "source.cluster.alias": "a",
    "target.cluster.alias": "b",
    "target.cluster.bootstrap.servers": "198.41.0.4:9092",
}


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("main->dr.source", "main"),
        (" main->dr.checkpoint\t", "main"),
        ("main->dr.heartbeat", "main"),
        ("main->other.source", ""),
        ("main->dr.copies", ""),
        ("main->dr", ""),
        ("->dr.source", ""),
        ("a->b->dr.source", ""),
        ("orders", ""),
    ],
)
def test_a_name_tells_whose_it_is(name: str, source: str) -> None:
    assert source_of(name, "dr") == source
    assert all(source_of(connector_name(FlowRequest("main", "dr"), part), "dr") == "main" for part in Part)


@pytest.fixture
def worker(dr: Cluster) -> Iterator[ConnectApi]:
    found = workers.rest_api(workers.worker_of("dr"))  # type: ignore[arg-type]  # the fixture has started one
    (workers.files_directory("dr") / "guarded.txt").write_text("one\n")
    for name in (NAME, "plain"):
        found.put_config(name, CONFIG)
    # A connector runs before its tasks are shared out.
    eventually(lambda: [each.running_tasks for each in found.statuses().values()] == [1, 1], timeout=60)
    yield found
    for name in found.names():
        found.delete(name)


class Person:
    """By pages and by the API, with these roles."""

    def __init__(self, name: str, **roles: Role) -> None:
        (first, role), *others = roles.items()
        user = make_user(name, role, first)
        for cluster, other in others:
            RoleGrant.objects.create(user=user, cluster=cluster, role=other.value)
        self.actor = Actor(name, "user", roles)
        self.api = Api(create_token(user=user, name="t")[1])
        self.browser = Client()
        self.browser.force_login(user)

    def changes(self) -> dict[str, int]:
        """What a dry run of each change answers."""
        dry = "?dry_run=true"
        put = {"config": AWAY}
        offsets = {"offsets": [{"partition": {"filename": "x"}, "offset": {"position": 0}}]}
        asked: dict[str, tuple[str, str, Any]] = {
            **{act.value: ("POST", f"{ONE}act/", {"act": act.value}) for act in ConnectorAct},
            "policy": ("PUT", f"{ONE}auto-restart/", {"most": 3}),
            "no policy": ("DELETE", f"{ONE}auto-restart/", None),
            "put": ("PUT", ONE, put),
            "delete": ("DELETE", ONE, None),
            "alter": ("PATCH", f"{ONE}offsets/", offsets),
            "reset": ("DELETE", f"{ONE}offsets/", None),
        }
        return {
            what: self.api(method, f"{path}{dry}", body).status_code
            for what, (method, path, body) in asked.items()
        }


OPERATES = {"pause", "resume", "stop", "restart", "restart-failed", "policy", "no policy"}
EDITS = {"put", "delete", "alter", "reset"}


def pages() -> list[str]:
    """Of each address that names a connector."""
    found = []
    for pattern in urls.urlpatterns:
        names = set(pattern.pattern.converters)
        if "connector" in names:
            more = {"act": "pause", "tab": "settings"}
            wanted = {name: more[name] for name in names & set(more)}
            found.append(
                reverse(
                    f"connect:{pattern.name}",
                    kwargs={"cluster": "dr", "connect": "bundled", "connector": NAME, **wanted},
                )
            )
    assert len(found) > 8
    return found


@pytest.mark.parametrize("role", Role)
def test_who_does_not_see_the_source_finds_no_connector(worker: ConnectApi, role: Role) -> None:
    half = Person("half", dr=role)
    listed = half.api("GET", CONNECTORS).json()
    assert ([each["name"] for each in listed["results"]], listed["count"]) == (["plain"], 1)
    assert half.api("GET", f"{CONNECTORS}?search=main").json()["count"] == 0
    assert half.api("GET", "clusters/dr/connect-worker/").json()["connectors"] == ["plain"]
    page = half.browser.get("/clusters/dr/connect-worker/").content.decode()
    assert ("main-&gt;dr" in page, "Not shown" in page) == (False, True)
    shown = half.browser.get("/clusters/dr/connect/bundled/").content.decode()
    assert ("plain" in shown, "main-&gt;dr" in shown) == (True, False)
    absent = f"{CONNECTORS}main->dr.nothing/".replace("nothing", "checkpoint")
    for path in ("", "offsets/", "auto-restart/"):
        answer, none = half.api("GET", f"{ONE}{path}"), half.api("GET", f"{absent}{path}")
        assert (answer.status_code, none.status_code) == (404, 404)
        assert answer.json()["detail"].replace("source", "checkpoint") == none.json()["detail"]
    # A viewer may change no connector, whatever it is called; to all others this one is not there.
    found = half.changes()
    expected = {**dict.fromkeys(OPERATES | EDITS, 404), "put": 403}
    assert found == (dict.fromkeys(found, 403) if role is Role.VIEWER else expected)
    for path in pages():
        for ask in (half.browser.get, half.browser.post):
            assert ask(path).status_code in ((403, 404, 405) if role is Role.VIEWER else (404, 405)), path
    assert half.browser.get(f"/clusters/dr/connect/bundled/+new/?clone={NAME}").status_code in (403, 404)
    _untouched(worker)


def _untouched(worker: ConnectApi) -> None:
    assert worker.status(NAME).state is State.RUNNING
    assert worker.config(NAME)["topic"] == "guarded"


@pytest.mark.parametrize(
    ("roles", "allowed"),
    [
        ({"dr": Role.OPERATOR, "main": Role.VIEWER}, set()),
        ({"dr": Role.ADMIN, "main": Role.VIEWER}, set()),
        ({"dr": Role.OPERATOR, "main": Role.OPERATOR}, OPERATES),
        ({"dr": Role.ADMIN, "main": Role.OPERATOR}, OPERATES),
        ({"dr": Role.ADMIN, "main": Role.ADMIN}, OPERATES | EDITS),
        ({"dr": Role.VIEWER, "main": Role.ADMIN}, set()),
    ],
)
def test_what_is_allowed_on_both_is_allowed(
    worker: ConnectApi, roles: dict[str, Role], allowed: set[str]
) -> None:
    person = Person("someone", **roles)
    assert NAME in [each["name"] for each in person.api("GET", CONNECTORS).json()["results"]]
    # A worker that shares its work out anew answers later.
    eventually(lambda: person.api("GET", ONE).status_code == 200, timeout=30)
    assert person.api("GET", ONE).json()["config"]["topic"] == "guarded"
    found = person.changes()
    assert {what for what, code in found.items() if code == 200} == allowed, found
    assert {code for what, code in found.items() if what not in allowed} <= {403}
    assert "Not shown" not in person.browser.get("/clusters/dr/connect-worker/").content.decode()
    page = person.browser.get(PAGE).content.decode()
    assert ("Pause…" in page, "Delete connector…" in page) == ("pause" in allowed, "delete" in allowed)
    for path, what in (("+act/pause/", "pause"), ("+delete/", "delete"), ("+edit/", "put")):
        assert person.browser.get(f"{PAGE}{path}").status_code == (200 if what in allowed else 403)
    _untouched(worker)


def test_a_refused_attempt_is_recorded_for_those_who_see_both(worker: ConnectApi) -> None:
    half = Person("half", dr=Role.OPERATOR, main=Role.VIEWER)
    assert half.api("POST", f"{ONE}act/", {"act": "stop"}).status_code == 403
    assert half.browser.post(f"{PAGE}+delete/", {"digest": "x"}).status_code == 403
    rows = Operation.objects.filter(outcome="refused")
    assert set(rows.values_list("action", "cluster", "also")) == {
        ("flow.operate", "main", "dr"),
        ("flow.edit", "main", "dr"),
    }
    only = Person("only", dr=Role.ADMIN)
    assert only.api("GET", "operations/").json()["count"] == 0
    _untouched(worker)


def test_the_services_refuse_as_well(worker: ConnectApi, dr: Cluster) -> None:
    connect = selectors.connect_of(dr, "bundled")
    half = Actor("half", "user", {"dr": Role.ADMIN, "main": Role.VIEWER})
    put = PutConnector(NAME, AWAY)
    offsets = services.plan_reset_offsets(connect, NAME)
    for act in (
        lambda: services.apply_act(half, connect, NAME, ConnectorAct.STOP, services.plan_act(connect, NAME, ConnectorAct.STOP)),
        lambda: services.apply_delete(half, connect, NAME, services.plan_delete(connect, NAME)),
        lambda: services.apply_put(half, connect, put, services.plan_put(SYSTEM, connect, put)),
        lambda: services.apply_reset_offsets(half, connect, NAME, offsets),
        lambda: services.apply_alter_offsets(half, connect, NAME, [], offsets),
        lambda: restarting.apply_set(half, connect, NAME, DEFAULT, restarting.plan_set(connect, NAME, DEFAULT)),
    ):  # fmt: skip
        with pytest.raises(Forbidden, match="main"):
            act()
    assert set(Operation.objects.values_list("outcome", "cluster", "also")) == {("refused", "dr", "main")}
    _untouched(worker)


def test_who_may_on_both_operates_it_and_the_record_is_about_both(worker: ConnectApi) -> None:
    both = Person("both", dr=Role.ADMIN, main=Role.ADMIN)
    assert both.api("POST", f"{ONE}act/", {"act": "pause"}).status_code == 200
    assert worker.status(NAME).state is State.PAUSED
    tag = both.api("DELETE", f"{ONE}?dry_run=true")["ETag"]
    assert both.api("DELETE", ONE, If_Match=tag).status_code == 204
    rows = Operation.objects.exclude(cluster="")
    assert set(rows.values_list("outcome", "cluster", "also")) == {("succeeded", "dr", "main")}
    only = Person("only", dr=Role.ADMIN)
    assert only.api("GET", "operations/").json()["count"] == 0


def test_a_name_of_a_flow_is_made_by_who_may_make_the_flow(worker: ConnectApi) -> None:
    only = Person("only", dr=Role.ADMIN)
    for name in ("main->dr.checkpoint", "secret->dr.source", " main->dr.checkpoint"):
        path = f"{CONNECTORS}{name.replace(' ', '%20')}/?dry_run=true"
        assert only.api("PUT", path, {"config": AWAY}).status_code == 403, name
        form = {"name": name, "config": json.dumps(AWAY), "initial_state": "RUNNING", "shape": "json"}
        assert only.browser.post("/clusters/dr/connect/bundled/+new/?as=json", form).status_code == 403
    assert only.api("PUT", f"{CONNECTORS}mine/?dry_run=true", {"config": AWAY}).status_code == 200


def test_a_token_without_the_flows_scope_operates_none(
    worker: ConnectApi, api: Callable[[Role], Api]
) -> None:
    user = make_user("scoped", Role.ADMIN)
    scopes = [Action.CONNECTOR_VIEW, Action.CONNECTOR_OPERATE]
    scoped = Api(create_token(user=user, name="s", role=Role.ADMIN, scopes=scopes)[1])
    pause = {"act": "pause"}
    assert scoped("POST", f"{ONE}act/?dry_run=true", pause).status_code == 403
    assert scoped("POST", f"{CONNECTORS}plain/act/?dry_run=true", pause).status_code == 200
    assert api(Role.OPERATOR)("POST", f"{ONE}act/?dry_run=true", pause).status_code == 200


def test_an_automatic_restart_is_about_both(worker: ConnectApi, dr: Cluster) -> None:
    connect = selectors.connect_of(dr, "bundled")
    row = restarting.apply_set(SYSTEM, connect, NAME, DEFAULT, restarting.plan_set(connect, NAME, DEFAULT))
    found = worker.connectors()[NAME]
    eventually(lambda: restarting._restarted(connect, row, found, "for the test"), timeout=30)
    assert set(Operation.objects.values_list("cluster", "also")) == {("dr", "main")}
