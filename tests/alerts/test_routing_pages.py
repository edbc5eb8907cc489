"""The routing in the browser and as Alertmanager's file: edits as tables, every change a plan, amtool content with the export."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from controlplane.accounts.models import User
from controlplane.alerts.logic import alertmanager, tree_edits
from controlplane.alerts.logic.tree_edits import NoSuchNode
from controlplane.alerts.models import InhibitionRule, MuteTime, Receiver, RouteTree
from controlplane.core.access import Role
from tests.alerts import real
from tests.alerts.scene import Scene, receiver
from tests.alerts.test_pages import walk
from tests.conftest import Api

ApiOf = Callable[[Role], Api]
BASE = "/clusters/main/alerts/routing/"
TREE: dict[str, Any] = {
    "receiver": "*",
    "routes": [{"receiver": "a", "routes": [{"receiver": "b"}]}, {"receiver": "c"}],
}


@pytest.mark.parametrize(
    ("edit", "found"),
    [
        (lambda: tree_edits.replaced(TREE, (0,), {"receiver": "x"}), "*(x(b) c)"),
        (lambda: tree_edits.replaced(TREE, (), {"receiver": "x"}), "x(a(b) c)"),
        (lambda: tree_edits.added(TREE, (1,), {"receiver": "x"}), "*(a(b) c(x))"),
        (lambda: tree_edits.added(TREE, (), {"receiver": "x"}), "*(a(b) c x)"),
        (lambda: tree_edits.removed(TREE, (0,)), "*(c)"),
        (lambda: tree_edits.removed(TREE, (0, 0)), "*(a c)"),
        (lambda: tree_edits.moved_up(TREE, (1,)), "*(c a(b))"),
    ],
)
def test_an_edit_changes_one_node(edit: Callable[[], dict[str, Any]], found: str) -> None:
    def drawn(node: dict[str, Any]) -> str:
        below = " ".join(map(drawn, node.get("routes") or []))
        return f"{node['receiver']}({below})" if below else node["receiver"]

    assert drawn(edit()) == found
    assert drawn(TREE) == "*(a(b) c)"


@pytest.mark.parametrize("text", ["9", "0-9", "x", "", "0-", "-1"])
def test_a_path_that_leads_nowhere_is_refused(text: str) -> None:
    with pytest.raises(NoSuchNode):
        tree_edits.at(TREE, tree_edits.path_of(text))
    with pytest.raises(NoSuchNode):
        tree_edits.removed(TREE, ())


def test_routes_are_edited_in_the_browser(scene: Scene, client: Client, users: dict[Role, User]) -> None:
    receiver("https://hooks.example.org/", "ops")
    client.force_login(users[Role.ADMIN])
    page = client.get(BASE).content.decode()
    assert "every receiver" in page
    walk(
        client,
        f"{BASE}mute-times/+new/",
        {"name": "nights", "rows": "1", "row0-start": "00:00", "row0-end": "06:00"},
    )
    walk(
        client, f"{BASE}routes/root/+add/",
        {"receiver": "ops", "matchers": 'team="orders"\nseverity=~"critical|warning"', "group_by": "alertname, topic",
         "group_wait": "10s", "group_interval": "", "repeat_interval": "1h", "goes_on": "on", "mute": ["nights"]},
    )  # fmt: skip
    (made,) = [each for each in RouteTree.objects.get().document["routes"] if each.get("receiver") == "ops"]
    assert made == {
        "receiver": "ops", "matchers": ['team="orders"', 'severity=~"critical|warning"'],
        "group_by": ["alertname", "topic"], "group_wait": "10s", "repeat_interval": "1h", "continue": True,
        "mute_time_intervals": ["nights"],
    }  # fmt: skip
    tried = client.get(f"{BASE}?labels=team%3D%22orders%22+severity%3D%22warning%22").content.decode()
    assert "It would be told to <b>ops</b>" in tried
    walk(client, f"{BASE}routes/2/+up/", {})
    assert RouteTree.objects.get().document["routes"][1]["receiver"] == "ops"
    walk(client, f"{BASE}routes/1/+delete/", {})
    assert len(RouteTree.objects.get().document["routes"]) == 2
    walk(
        client,
        f"{BASE}inhibitions/+new/",
        {"name": "x", "source": 'a="1"', "target": 'b="2"', "equal": "cluster"},
    )
    walk(
        client,
        f"{BASE}inhibitions/x/+edit/",
        {"name": "y", "source": 'a="1"', "target": 'b="3"', "equal": ""},
    )
    assert InhibitionRule.objects.get(name="y").target == ['b="3"']
    walk(client, f"{BASE}mute-times/nights/+delete/", {})
    assert not MuteTime.objects.exists()


def test_a_mute_time_is_a_form_of_rows(
    scene: Scene, client: Client, users: dict[Role, User], api: ApiOf
) -> None:
    client.force_login(users[Role.ADMIN])
    given = {
        "name": "off hours", "rows": "2", "row0-weekdays": ["6", "0"], "row0-location": "Europe/Vienna",
        "row1-weekdays": ["1", "2", "3", "4", "5"], "row1-start": "18:00", "row1-end": "08:00", "row1-location": "Europe/Vienna",
    }  # fmt: skip
    words = "Sat–Sun all day, Mon–Fri 18:00–08:00 Europe/Vienna"
    new = f"{BASE}mute-times/+new/"
    more = client.post(new, {**given, "edit": "add-row"}).content.decode()
    assert 'name="row2-start"' in more
    assert f"Muted {words}." in client.post(new, {**given, "edit": "in-words"}).content.decode()
    walk(client, new, given)
    (made,) = api(Role.VIEWER)("GET", "alerts/routes/mute-times/").json()["results"]
    assert (made["name"], made["words"]) == ("off hours", words)
    assert made["time_intervals"] == [
        {"weekdays": ["sunday", "saturday"], "location": "Europe/Vienna"},
        {
            "times": [{"start_time": "18:00", "end_time": "24:00"}, {"start_time": "00:00", "end_time": "08:00"}],
            "weekdays": ["monday:friday"], "location": "Europe/Vienna",
        },
    ]  # fmt: skip
    assert words in client.get(BASE).content.decode()
    edit = client.get(f"{BASE}mute-times/off%20hours/+edit/").content.decode()
    for part in (
        'name="row1-start" value="18:00"',
        'name="row1-end" value="08:00"',
        '"Europe/Vienna" selected',
    ):
        assert part in edit
    said = api(Role.VIEWER)(
        "POST", "alerts/routes/mute-times/words/", {"time_intervals": made["time_intervals"]}
    ).json()
    assert (said["words"], said["muted_now"], said["until"]) == (words, made["muted_now"], made["until"])
    refused = api(Role.VIEWER)(
        "POST", "alerts/routes/mute-times/words/", {"time_intervals": [{"weekdays": ["fun"]}]}
    )
    assert "time_intervals" in refused.json()["errors"]


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({}, "Say when"),
        ({"row0-location": "Europe/Vienna"}, "Say when"),
        ({"row0-start": "18:00"}, "belong together"),
        ({"row0-start": "18:00", "row0-end": "18:00"}, "belong together"),
        ({"row0-days": "32"}, "days are 1 to 31"),
        ({"row0-years": "soon"}, "is not one of 1 to 9999"),
        ({"row0-location": "Nowhere", "row0-weekdays": ["1"]}, "Select a valid choice"),
    ],
)  # fmt: skip
def test_a_row_that_is_wrong_says_where(
    part: dict[str, Any], said: str, scene: Scene, client: Client, users: dict[Role, User]
) -> None:
    client.force_login(users[Role.ADMIN])
    answer = client.post(f"{BASE}mute-times/+new/", {"name": "x", "rows": "1", **part})
    assert answer.status_code == 422
    assert said in answer.content.decode()


def test_what_is_wrong_comes_back_to_the_form(scene: Scene, client: Client, users: dict[Role, User]) -> None:
    client.force_login(users[Role.ADMIN])
    wrong = {"receiver": "*", "matchers": "nonsense", "group_by": "", "group_wait": "soon"}
    assert client.post(f"{BASE}routes/root/+add/", wrong).status_code in (400, 422)
    assert client.get(f"{BASE}routes/7/+edit/").status_code == 404
    client.force_login(users[Role.OPERATOR])
    assert client.get(f"{BASE}routes/root/+edit/").status_code == 403


# --- Alertmanager's file ----------------------------------------------------------------------------------------------
CONFIG = """
global: {resolve_timeout: 5m}
route:
  receiver: ops
  group_by: [alertname]
  routes:
    - {match: {severity: critical}, match_re: {topic: "orders.*"}, receiver: pager, continue: true}
    - {matchers: ['team="none"'], receiver: blackhole}
    - {matchers: [severity="info"], receiver: ops, mute_time_intervals: [nights]}
receivers:
  - {name: ops, webhook_configs: [{url: https://hooks.example.org/kafka, send_resolved: false}]}
  - {name: pager, pagerduty_configs: [{routing_key: 0123456789abcdef0123456789abcdef}]}
  - {name: blackhole}
inhibit_rules:
  - {source_match: {severity: critical}, target_match: {severity: warning}, equal: [cluster]}
mute_time_intervals:
  - {name: nights, time_intervals: [{times: [{start_time: 00:00, end_time: 06:00}], weekdays: [monday:friday]}]}
"""
KINDS: dict[str, tuple[dict[str, Any], str]] = {
    "slack": ({}, "s"), "pagerduty": ({"region": "us"}, "s"), "teams": ({}, "s"),
    "telegram": ({"chats": ["-100123", "@name"]}, "s"),
    "email": ({"host": "mail.example.org", "port": 25, "from": "a@b.c", "to": ["x@y.z", "v@w.z"], "user": "u"}, "s"),
}  # fmt: skip


@pytest.fixture
def pager(scene: Scene) -> Receiver:
    return Receiver.objects.create(name="pager", kind="pagerduty", secret="x", created_at=scene.now)


def test_a_configuration_is_imported_as_one_plan(pager: Receiver, api: ApiOf) -> None:
    ada = api(Role.ADMIN)
    plan = ada("POST", "alerts/routes/import/?dry_run=true", {"text": CONFIG}).json()
    assert [(each["kind"], each["object_type"]) for each in plan["steps"]] == [
        ("create", "receiver"),
        ("alter", "routing"),
    ]
    assert "global is not taken over" in plan["warnings"][-1] + plan["warnings"][0] + plan["warnings"][1]
    done = ada("POST", "alerts/routes/import/", {"text": CONFIG})
    assert done.status_code == 200, done.content
    tree = done.json()["route"]
    assert tree["routes"][0]["matchers"] == ['severity="critical"', 'topic=~"orders.*"']
    assert tree["routes"][1]["receiver"] == ""
    assert Receiver.objects.get(name="ops").send_resolved is False
    reached = ada(
        "POST", "alerts/routes/test/", {"labels": {"severity": "critical", "topic": "orders-1"}}
    ).json()
    assert [each["receiver"] for each in reached["routes"]] == ["pager"]


@pytest.mark.parametrize(
    "text",
    [
        "route: {receiver: gone}", "receivers: []", "{", "route: {receiver: a, wrong: 1}\nreceivers: [{name: a}]",
        "route: {receiver: a}\nreceivers: [{name: a, webhook_configs: [{url: 'http://127.0.0.1/'}]}]",
    ],
)  # fmt: skip
def test_what_cannot_be_imported_says_why(text: str, scene: Scene, api: ApiOf) -> None:
    answer = api(Role.ADMIN)("POST", "alerts/routes/import/", {"text": text})
    assert answer.status_code in (400, 422)
    assert "text" in answer.json()["errors"]


@real.needs("amtool")
def test_amtool_takes_the_export_and_routes_the_same(pager: Receiver, api: ApiOf, tmp_path: Path) -> None:
    ada = api(Role.ADMIN)
    for kind, (options, secret) in KINDS.items():
        Receiver.objects.create(
            name=kind, kind=kind, options=options, secret=secret, created_at="2026-01-01T00:00:00Z"
        )
    shipped = ada("GET", "alerts/routes/export/").content
    assert ada("POST", "alerts/routes/import/", {"text": CONFIG}).status_code == 200
    path = tmp_path / "alertmanager.yml"
    for text in (shipped, ada("GET", "alerts/routes/export/").content):
        path.write_bytes(text)
        content, said = real.run("amtool", "check-config", path)
        assert content, said
        assert alertmanager.PLACEHOLDER in text.decode()
    for labels in (
        {"severity": "critical", "topic": "orders-1"}, {"severity": "critical"}, {"team": "none"}, {"severity": "info"}, {}
    ):  # fmt: skip
        words = [f"{name}={value}" for name, value in labels.items()]
        _, theirs = real.run("amtool", "config", "routes", "test", f"--config.file={path}", *words)
        ours = ada("POST", "alerts/routes/test/", {"labels": labels}).json()["routes"]
        assert [each["receiver"] or "nobody" for each in ours] == theirs.splitlines()[0].split(","), labels


def test_a_receiver_that_the_file_only_names_is_the_one_that_is_here(pager: Receiver, api: ApiOf) -> None:
    """Or critical alerts would be told to nobody."""
    ada = api(Role.ADMIN)
    text = f"""
        route: {{receiver: {pager.name}, routes: [{{matchers: ['severity="info"'], receiver: silence}}]}}
        receivers: [{{name: {pager.name}}}, {{name: silence}}]
    """
    plan = ada("POST", "alerts/routes/import/?dry_run=true", {"text": text}).json()
    assert [each for each in plan["warnings"] if each.startswith("silence has no way to tell anybody")]
    assert ada("POST", "alerts/routes/import/", {"text": text}).status_code == 200
    route = ada("GET", "alerts/routes/").json()["route"]
    assert (route["receiver"], route["routes"][0]["receiver"]) == (pager.name, "")


def test_an_export_comes_back_the_same(pager: Receiver, api: ApiOf) -> None:
    ada = api(Role.ADMIN)
    before = ada("GET", "alerts/routes/").json()
    text = ada("GET", "alerts/routes/export/").content.decode()
    ada("POST", "alerts/routes/import/", {"text": text})
    assert ada("GET", "alerts/routes/").json() == before
