"""The alerts API: what a script sends and gets, who may, what is refused where."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controlplane.accounts.services import create_token
from controlplane.alerts import selectors
from controlplane.alerts.models import (
    Alert,
    DeliveryAttempt,
    Notification,
    Receiver,
    RouteTree,
    Rule,
    Silence,
)
from controlplane.audit.models import Operation
from controlplane.core.access import Role
from controlplane.core.errors import Invalid
from controlplane.metrics import query
from controlplane.metrics.names import Sample
from controlplane.metrics.selectors import store
from tests.alerts.scene import Scene, Sink, cluster, receiver, rule
from tests.conftest import Api, make_user

ApiOf = Callable[[Role], Api]
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
RULE = {
    "name": "Lag",
    "expr": "lag > 5",
    "for": "5m",
    "keep_firing_for": "1m30s",
    "labels": {"severity": "warning"},
    "annotations": {"summary": "{{ $labels.broker }} is {{ $value | humanize }} behind"},
}


@pytest.fixture(autouse=True)
def _promql(monkeypatch: pytest.MonkeyPatch) -> None:
    """The parser is somebody else's: here an expression with `!!` is none."""

    def check(text: str) -> None:
        if "!!" in text:
            raise Invalid(fields={"expr": [f"unexpected ! (at character {text.index('!!') + 1})"]})

    monkeypatch.setattr(query, "check", check)


@pytest.fixture
def on_main_only(scene: Scene) -> Callable[[Role], Api]:
    """Somebody with a role on the cluster `main` and on no other."""

    def make(role: Role) -> Api:
        user = make_user(f"mia-{role.value}", role, "main")
        return Api(create_token(user=user, name="t")[1])

    return make


def digest(answer: Any) -> str:
    return str(answer.headers["ETag"])


# --- Rules ------------------------------------------------------------------------------------------------------------
def test_a_rule_is_created_read_changed_and_deleted(scene: Scene, api: ApiOf) -> None:
    otto = api(Role.OPERATOR)
    made = otto("POST", "alerts/rules/", RULE)
    assert made.status_code == 201
    found = made.json()
    assert {name: found[name] for name in RULE} == RULE
    assert (found["group"], found["cluster"], found["enabled"], found["owner"], found["health"]) == (
        "default", "", True, "otto/operator", "unknown",
    )  # fmt: skip
    path = f"alerts/rules/{found['id']}/"
    assert otto("PATCH", path, {"enabled": False}).status_code == 428
    assert otto("PATCH", path, {"enabled": False}, If_Match='"old"').status_code == 412
    changed = otto("PATCH", path, {"for": "10m"}, If_Match=digest(made))
    assert (changed.status_code, changed.json()["for"], changed.json()["edited"]) == (200, "10m", True)
    replaced = otto("PUT", path, {"name": "Lag", "expr": "lag"}, If_Match=digest(changed))
    assert (replaced.json()["for"], replaced.json()["labels"]) == ("0s", {})
    assert otto("DELETE", path, If_Match=digest(replaced)).status_code == 204
    assert otto("GET", path).status_code == 404
    titles = [
        row.plan["title"]
        for row in Operation.objects.filter(action="alert.edit_rules", outcome="succeeded")
        if row.plan
    ]
    assert sorted(titles) == ["Change alert rule Lag"] * 2 + [
        "Create alert rule Lag",
        "Delete alert rule Lag",
    ]


@pytest.mark.parametrize(
    ("change", "field", "says"),
    [
        ({"expr": "a !! b"}, "expr", "character 3"),
        ({"for": "5 minutes"}, "for", ""),
        ({"for": "1m1h"}, "for", "is no duration"),
        ({"labels": {"a-b": "x"}}, "labels", "is no label name"),
        ({"labels": {"alertname": "x"}}, "labels", "the rule's name"),
        ({"labels": {"__x": "x"}}, "labels", "is no label name"),
        ({"annotations": {"summary": "{{ $label.x }}"}}, "annotations", "(at character 4)"),
        ({"cluster": "nowhere"}, "cluster", "no cluster"),
        ({"name": "two\nlines"}, "name", ""),
    ],
)
def test_what_is_wrong_with_a_rule_is_said_at_its_field(
    scene: Scene, api: ApiOf, change: dict[str, Any], field: str, says: str
) -> None:
    answer = api(Role.OPERATOR)("POST", "alerts/rules/", {**RULE, **change})
    assert answer.status_code == 422
    assert says in " ".join(answer.json()["errors"][field])
    assert not Rule.objects.exists()


def test_a_name_is_there_once_per_group(scene: Scene, api: ApiOf) -> None:
    otto = api(Role.OPERATOR)
    otto("POST", "alerts/rules/", RULE)
    again = otto("POST", "alerts/rules/", RULE)
    assert (again.status_code, again.json()["refusals"][0]["code"]) == (422, "exists")
    assert otto("POST", "alerts/rules/", {**RULE, "group": "other"}).status_code == 201


def test_a_dry_run_changes_nothing_and_says_what_would_be(scene: Scene, api: ApiOf) -> None:
    plan = api(Role.OPERATOR)("POST", "alerts/rules/?dry_run=true", RULE).json()
    assert (plan["title"], plan["allowed"]) == ("Create alert rule Lag", True)
    assert not Rule.objects.exists()


def test_a_shipped_rule_can_be_changed_and_switched_off_not_deleted_or_renamed(
    scene: Scene, api: ApiOf
) -> None:
    one = rule(shipped=True)
    scene.answers = {"x": [{"broker": "1"}]}
    scene.cycle()
    path, otto = f"alerts/rules/{one.pk}/", api(Role.OPERATOR)
    tag = digest(otto("GET", path))
    assert otto("DELETE", path, If_Match=tag).json()["refusals"][0]["code"] == "shipped"
    assert otto("PATCH", path, {"name": "Y"}, If_Match=tag).status_code == 422
    assert otto("PATCH", path, {"enabled": False}, If_Match=tag).json()["edited"] is True
    assert Alert.objects.get().state == "resolved"


def test_who_may_change_rules(scene: Scene, api: ApiOf, on_main_only: ApiOf) -> None:
    """One of a cluster by its operators, one of every cluster by operators of every cluster."""
    cluster("dr")
    assert api(Role.VIEWER)("POST", "alerts/rules/", RULE).status_code == 403
    mia = on_main_only(Role.OPERATOR)
    assert mia("POST", "alerts/rules/", RULE).status_code == 403
    assert mia("POST", "alerts/rules/", {**RULE, "cluster": "dr"}).status_code == 403
    made = mia("POST", "alerts/rules/", {**RULE, "cluster": "main"})
    assert made.status_code == 201
    moved = mia("PATCH", f"alerts/rules/{made.json()['id']}/", {"cluster": ""}, If_Match=digest(made))
    assert moved.status_code == 403
    api(Role.OPERATOR)("POST", "alerts/rules/", {**RULE, "name": "Of dr", "cluster": "dr"})
    assert [each["name"] for each in mia("GET", "alerts/rules/").json()["results"]] == ["Lag"]


# --- Alerts -----------------------------------------------------------------------------------------------------------
def test_alerts_are_listed_with_what_keeps_them_quiet(scene: Scene, api: ApiOf) -> None:
    rule(annotations={"summary": "Broker {{ $labels.broker }} is gone"})
    scene.answers = {"x": [{"broker": "1"}, {"broker": "2"}]}
    scene.cycle()
    quiet = Silence.objects.create(
        matchers=['broker="2"'], starts_at=datetime(2026, 1, 1, tzinfo=UTC),
        ends_at=datetime(2100, 1, 1, tzinfo=UTC), created_by="otto", created_at=scene.now, comment="disks",
    )  # fmt: skip
    vera = api(Role.VIEWER)
    found = vera("GET", "alerts/?sort=fired_at&search=gone&state=firing&severity=critical").json()
    assert found["count"] == 2
    by_broker = {each["labels"]["broker"]: each for each in found["results"]}
    assert by_broker["1"]["silenced_by"] == []
    assert by_broker["2"]["silenced_by"] == [str(quiet.pk)]
    assert by_broker["1"]["acknowledged_by"] is None
    assert vera("GET", "alerts/?search=nothing").json()["count"] == 0
    assert vera("GET", "alerts/?state=resolved").json()["count"] == 0
    assert vera("GET", "alerts/?state=broken").status_code == 422
    one = by_broker["1"]
    assert (
        vera("GET", f"alerts/{one['id']}/").json()
        == vera("GET", f"alerts/{one['fingerprint']}/").json()
        == one
    )
    assert vera("GET", "alerts/unknown/").status_code == 404


def test_an_alert_is_acknowledged_by_name(scene: Scene, api: ApiOf) -> None:
    rule()
    scene.answers = {"x": [{"broker": "1"}]}
    scene.cycle()
    path = f"alerts/{Alert.objects.get().fingerprint}/acknowledge/"
    assert api(Role.VIEWER)("POST", path, {}).status_code == 403
    found = api(Role.OPERATOR)("POST", path, {"comment": "on it"}).json()
    assert (found["acknowledged_by"]["by"], found["acknowledged_by"]["comment"]) == ("otto/operator", "on it")
    scene.answers = {}
    scene.passes(10)
    refused = api(Role.OPERATOR)("POST", path, {})
    assert (refused.status_code, refused.json()["refusals"][0]["code"]) == (422, "resolved")


def test_one_sees_the_alerts_of_ones_own_clusters(scene: Scene, api: ApiOf, on_main_only: ApiOf) -> None:
    cluster("dr")
    rule()
    scene.answers = {"x": [{"broker": "1"}]}
    scene.cycle()
    mia = on_main_only(Role.OPERATOR)
    assert api(Role.VIEWER)("GET", "alerts/").json()["count"] == 2
    assert [each["cluster"] for each in mia("GET", "alerts/").json()["results"]] == ["main"]
    foreign = Alert.objects.get(cluster="dr")
    assert mia("GET", f"alerts/{foreign.pk}/").status_code == 404
    assert mia("POST", f"alerts/{foreign.pk}/acknowledge/", {}).status_code == 404


# --- Silences ---------------------------------------------------------------------------------------------------------
def silence(**changes: Any) -> dict[str, Any]:
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    return {"matchers": ['broker=~"1|2"'], "ends_at": until, "comment": "disks", **changes}


def test_a_silence_is_previewed_created_and_ended(scene: Scene, api: ApiOf) -> None:
    rule()
    scene.answers = {"x": [{"broker": "1"}, {"broker": "3"}]}
    scene.cycle()
    otto = api(Role.OPERATOR)
    plan = otto("POST", "alerts/silences/?dry_run=true", silence()).json()
    assert [each["name"] for each in plan["affected"]] == ["X"]
    assert 'broker="1"' in plan["affected"][0]["note"]
    made = otto("POST", "alerts/silences/", silence())
    assert (made.status_code, made.json()["state"], made.json()["created_by"]) == (
        201,
        "active",
        "otto/operator",
    )
    path = f"alerts/silences/{made.json()['id']}/"
    assert otto("DELETE", path).status_code == 428
    assert otto("DELETE", path, If_Match=digest(made)).status_code == 204
    assert otto("GET", path).json()["state"] == "expired"
    assert otto("GET", "alerts/silences/?state=active").json()["count"] == 0
    assert otto("GET", "alerts/silences/?state=expired&search=disk").json()["count"] == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"matchers": ["broker="]}, "matchers"),
        ({"matchers": ['broker=~".*"']}, "matchers"),
        ({"matchers": []}, "matchers"),
        ({"ends_at": "2020-01-01T00:00:00Z"}, "ends_at"),
        ({"ends_at": "2200-01-01T00:00:00Z"}, "ends_at"),
        ({"starts_at": "2100-01-01T00:00:00Z"}, "ends_at"),
        ({"cluster": "nowhere"}, "cluster"),
        ({"comment": ""}, "comment"),
    ],
)
def test_a_wrong_silence_is_refused(scene: Scene, api: ApiOf, changes: dict[str, Any], field: str) -> None:
    answer = api(Role.OPERATOR)("POST", "alerts/silences/", silence(**changes))
    assert answer.status_code == 422
    assert field in answer.json()["errors"]


def test_an_operator_of_one_cluster_silences_nothing_elsewhere(scene: Scene, on_main_only: ApiOf) -> None:
    mia = on_main_only(Role.OPERATOR)
    assert mia("POST", "alerts/silences/", silence()).status_code == 403
    assert mia("POST", "alerts/silences/", silence(cluster="main")).status_code == 201


# --- Receivers, routes, notifications ----------------------------------------------------------------------------------
def test_a_receiver_is_created_tested_and_its_secret_never_shown(
    scene: Scene, sink: Sink, api: ApiOf
) -> None:
    anna = api(Role.ADMIN)
    body = {"name": "on-call", "kind": "webhook", "url": sink.url, "secret": SECRET, "allow_private": True}
    made = anna("POST", "alerts/receivers/", body)
    assert made.status_code == 201
    assert SECRET not in made.content.decode()
    assert made.json()["has_secret"] is True
    assert SECRET not in Receiver.objects.get().secret
    path = f"alerts/receivers/{made.json()['id']}/"
    tested = anna("POST", f"{path}test/")
    assert (tested.json()["status"], tested.json()["verdict"], tested.json()["excerpt"]) == (
        200,
        "sent",
        "thanks",
    )
    assert sink.received[0].headers["webhook-signature"].startswith("v1,")
    assert sink.received[0].json["alerts"][0]["labels"]["alertname"] == "KastellanTest"
    changed = anna("PATCH", path, {"secret": ""}, If_Match=digest(made))
    assert changed.json()["has_secret"] is False
    assert anna("PATCH", path, {"max_alerts": 5}, If_Match=digest(made)).status_code == 412
    assert SECRET not in json.dumps(list(Operation.objects.values("plan", "before", "details")))
    assert anna("DELETE", path, If_Match=digest(changed)).status_code == 204


def test_a_test_that_fails_says_how_and_is_not_repeated(scene: Scene, sink: Sink, api: ApiOf) -> None:
    hook = receiver(sink.url)
    sink.answer = lambda request: 503
    tested = api(Role.ADMIN)("POST", f"alerts/receivers/{hook.pk}/test/").json()
    assert (tested["status"], tested["verdict"], tested["error"]) == (503, "refused", "It answered 503")
    scene.now = datetime.now(UTC) + timedelta(hours=1)
    assert scene.delivers() == 0


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"url": "http://127.0.0.1:1/"}, "url"),
        ({"url": "http://169.254.169.254/latest"}, "url"),
        ({"url": "ftp://hooks.example.org/"}, "url"),
        ({"url": "https://user:pw@hooks.example.org/"}, "url"),
        ({"url": "https://hooks.example.org/ x"}, "url"),
        ({"secret": "short"}, "secret"),
        ({"name": "*"}, "name"),
        ({"kind": "pigeon"}, "kind"),
    ],
)
def test_a_wrong_receiver_is_refused(scene: Scene, api: ApiOf, changes: dict[str, Any], field: str) -> None:
    body = {"name": "on-call", "url": "https://hooks.example.org/", **changes}
    answer = api(Role.ADMIN)("POST", "alerts/receivers/", body)
    assert answer.status_code == 422
    assert field in answer.json()["errors"]


def test_only_an_administrator_of_everything_says_who_is_told(
    scene: Scene, api: ApiOf, on_main_only: ApiOf
) -> None:
    body = {"name": "on-call", "url": "https://hooks.example.org/"}
    for client in (api(Role.OPERATOR), on_main_only(Role.ADMIN)):
        assert client("POST", "alerts/receivers/", body).status_code == 403
        assert client("PUT", "alerts/routes/", {}, If_Match="*").status_code == 403
        assert client("GET", "alerts/receivers/").status_code == 200


def test_the_routing_is_read_set_and_refused_where_it_is_wrong(scene: Scene, api: ApiOf) -> None:
    anna = api(Role.ADMIN)
    hook = receiver("https://hooks.example.org/", "on-call")
    read = anna("GET", "alerts/routes/")
    assert read.json()["route"]["routes"][1]["group_wait"] == "0s"
    wanted = {
        "route": {
            "receiver": "on-call",
            "routes": [{"matchers": ["a=b"], "mute_time_intervals": ["nights"]}],
        },
        "time_intervals": [
            {"name": "nights", "time_intervals": [{"times": [{"start_time": "22:00", "end_time": "24:00"}]}]}
        ],
        "inhibit_rules": [
            {"name": "x", "source_matchers": ["a=b"], "target_matchers": ["c=d"], "equal": ["cluster"]}
        ],
    }
    assert anna("PUT", "alerts/routes/", wanted).status_code == 428
    done = anna("PUT", "alerts/routes/", wanted, If_Match=digest(read))
    assert (done.status_code, done.json()) == (200, wanted)
    assert RouteTree.objects.get().updated_by == "anna/admin"
    tag = digest(done)
    for wrong, field in (
        ({"route": {"receiver": "nobody-knows"}}, "route"),
        ({"route": {"routes": [{"matchers": ["="]}]}}, "route.routes.0.matchers"),
        ({"time_intervals": []}, "route"),
        ({"time_intervals": [{"name": "x", "time_intervals": [{"hours": 1}]}]}, "time_intervals.0"),
        ({"inhibit_rules": [{"name": "x", "source_matchers": ["="]}]}, "inhibit_rules.0"),
    ):
        answer = anna("PUT", "alerts/routes/", wrong, If_Match=tag)
        assert answer.status_code == 422
        assert field in answer.json()["errors"], wrong
    routed = anna("DELETE", f"alerts/receivers/{hook.pk}/", If_Match="*")
    assert routed.json()["refusals"][0]["code"] == "routed"


def test_what_was_sent_is_listed_with_its_attempts_and_sent_again(
    scene: Scene, sink: Sink, api: ApiOf, on_main_only: ApiOf
) -> None:
    cluster("dr")
    rule()
    receiver(sink.url)
    scene.answers = {"x": [{"broker": "1"}]}
    scene.cycle()
    anna = api(Role.ADMIN)
    waiting = Notification.objects.get(cluster="dr")
    refused = anna("POST", f"alerts/notifications/{waiting.pk}/replay/")
    assert refused.json()["refusals"][0]["code"] == "waiting"
    scene.delivers()
    listed = anna("GET", "alerts/notifications/?state=sent&kind=alert&search=hook").json()
    assert listed["count"] == 2
    mia = on_main_only(Role.VIEWER)
    (mine,) = mia("GET", "alerts/notifications/").json()["results"]
    assert mine["cluster"] == "main"
    assert mia("GET", f"alerts/notifications/{waiting.pk}/").status_code == 404
    found = anna("GET", f"alerts/notifications/{mine['id']}/").json()
    assert [each["verdict"] for each in found["deliveries"]] == ["sent"]
    assert json.loads(found["payload"])["version"] == "4"
    sink.answer = lambda request: 500
    again = anna("POST", f"alerts/notifications/{mine['id']}/replay/").json()
    assert (again["status"], again["verdict"]) == (500, "refused")
    row = Notification.objects.get(pk=mine["id"])
    assert (row.state, row.attempts, sink.received[-1].id) == ("sent", 2, row.webhook_id)
    assert DeliveryAttempt.objects.filter(notification=row).count() == 2


# --- Sight ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("samples", "silent", "whole"),
    [
        ([("1", 5, 1.0), ("2", 5, 1.0)], set(), False),
        ([("1", 5, 0.0), ("2", 5, 1.0)], {"1"}, False),
        ([("1", 61, 1.0), ("2", 5, 1.0)], {"1"}, False),
        ([("1", 901, 1.0), ("2", 5, 1.0)], set(), False),  # removed
        ([("1", 5, 0.0), ("2", 70, 1.0)], {"1", "2"}, True),
        ([], set(), True),
    ],
)
def test_which_brokers_cannot_be_seen(
    samples: list[tuple[str, int, float]], silent: set[str], whole: bool, prefix: str, db: None
) -> None:
    cluster(prefix)
    now = 10**12
    for broker, age, up in samples:
        store().append(prefix, broker, now - age * 1000, [Sample("up", (("broker", broker),), up)])
    found = selectors.sight(prefix, now)
    assert (found.silent_brokers, found.cluster_silent) == (frozenset(silent), whole)
