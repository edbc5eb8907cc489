"""Offsets set, failed tasks restarted automatically, log levels for a time: decisions by table, the rest on a real worker."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from broker.connect_spec import ConnectSpec
from controlplane.audit.models import Operation
from controlplane.clusters.models import Cluster
from controlplane.connect import levels, restarting
from controlplane.connect.logic.levels import effective, of_their_own, reached
from controlplane.connect.logic.offsets import offsets_of, sink_refusals
from controlplane.connect.logic.restarts import Policy, Record, Verdict, decide, problems
from controlplane.connect.models import RaisedLevel, RestartPolicy
from controlplane.connect.selectors import Connect, connect_of
from controlplane.core.access import Role
from controlplane.gateways.connect import Offset
from tests.conftest import Api
from tests.waiting import eventually
from tests.web.people import signed_in

HERE = "clusters/main/connect/bundled/"
PAGES = "/clusters/main/connect/bundled/"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
POLICY = Policy(most=4, first_s=60, longest_s=150)


# --- When a restart is due --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("attempts", "ago_s", "state", "failed", "verdict"),
    [
        (0, None, "RUNNING", False, Verdict.NOTHING),
        (0, None, "RUNNING", True, Verdict.RESTART),
        (0, None, "FAILED", True, Verdict.RESTART),
        (0, None, "PAUSED", True, Verdict.NOTHING),
        (0, None, "STOPPED", True, Verdict.NOTHING),
        (1, 59, "RUNNING", True, Verdict.WAIT),
        (1, 60, "RUNNING", True, Verdict.RESTART),
        (2, 119, "RUNNING", True, Verdict.WAIT),
        (2, 120, "RUNNING", True, Verdict.RESTART),
        (3, 149, "RUNNING", True, Verdict.WAIT),
        (3, 150, "RUNNING", True, Verdict.RESTART),
        (4, 10_000, "RUNNING", True, Verdict.GIVE_UP),
        (4, 1, "FAILED", True, Verdict.GIVE_UP),
        (3, 599, "RUNNING", False, Verdict.NOTHING),
        (3, 600, "RUNNING", False, Verdict.FORGET),
        (4, 600, "RUNNING", False, Verdict.FORGET),
        (1, None, "RUNNING", False, Verdict.FORGET),
    ],
)
def test_when_a_restart_is_due(
    attempts: int, ago_s: int | None, state: str, failed: bool, verdict: Verdict
) -> None:
    last = None if ago_s is None else NOON - timedelta(seconds=ago_s)
    found = decide(POLICY, Record(attempts, last), state=state, failed=failed, now=NOON)
    assert found.verdict is verdict, found
    assert (found.due is not None) is (verdict is Verdict.WAIT)


@pytest.mark.parametrize(
    ("policy", "field"),
    [
        (Policy(), None),
        (Policy(most=0), "most"),
        (Policy(most=21), "most"),
        (Policy(first_s=1), "first_s"),
        (Policy(first_s=60, longest_s=30), "longest_s"),
    ],
)
def test_what_a_policy_may_be(policy: Policy, field: str | None) -> None:
    assert list(problems(policy)) == ([field] if field else [])


def test_a_wait_never_grows_beyond_the_longest() -> None:
    assert Policy(most=20, longest_s=86_400).wait_after(10_000) == timedelta(days=1)


def test_a_level_comes_from_above_and_reaches_below() -> None:
    now = {"root": "WARN", "org.apache": "INFO", "org.apache.kafka.x": "DEBUG", "org.apachet": "ERROR"}
    assert effective(now, "org.apache.kafka") == "INFO"
    assert effective(now, "com.example") == "WARN"
    assert of_their_own({**now, "org.apache.y": "INFO"}) == now
    assert reached(now, "org.apache") == {"org.apache": "INFO", "org.apache.kafka.x": "DEBUG"}


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ('{"offsets": [{"partition": {"a": 1}, "offset": {"b": 2}}]}', ""),
        ('[{"partition": {"a": 1}, "offset": null}]', ""),
        ("{", "no JSON"),
        ("[]", "A list"),
        ('{"other": 1}', "A list"),
        ('[{"partition": {}, "offset": {}}]', "Entry 1"),
        ('[{"partition": {"a": 1}, "offset": 3}]', "Entry 1"),
        ('[{"partition": {"a": 1}}]', "Entry 1"),
    ],
)
def test_offsets_are_read_strictly(text: str, wrong: str) -> None:
    if not wrong:
        assert len(offsets_of(text)) == 1
        return
    with pytest.raises(ValueError, match=wrong):
        offsets_of(text)


def place(topic: object, index: object, offset: object) -> Offset:
    return Offset(
        {"kafka_topic": topic, "kafka_partition": index}, None if offset is None else {"kafka_offset": offset}
    )


@pytest.mark.parametrize(
    ("wanted", "codes"),
    [
        ([place("t", 0, 0), place("t", 0, 200)], []),
        ([place("t", "0", "7")], []),
        ([place("t", 0, None), place("gone", 3, None)], []),
        ([place("t", 0, 201)], ["offsets_end"]),
        ([place("t", 1, 0)], ["offsets_partition"]),
        ([place("gone", 0, 0)], ["offsets_partition"]),
        ([place("t", 0, -1)], ["offsets_form"]),
        ([place("t", 0, True)], ["offsets_form"]),
        ([place(None, 0, 1)], ["offsets_form"]),
        ([Offset({"filename": "x"}, {"position": 1})], ["offsets_form"]),
    ],
)
def test_a_sink_is_set_where_there_are_records(wanted: list[Offset], codes: list[str]) -> None:
    assert [each.code for each in sink_refusals(wanted, {("t", 0): 200})] == codes


# --- On a real worker -------------------------------------------------------------------------------------------------
@pytest.fixture
def anna(api: Callable[[Role], Api], cluster: Cluster, connect_worker: ConnectSpec) -> Api:
    return api(Role.ADMIN)


@pytest.fixture
def connect(cluster: Cluster, connect_worker: ConnectSpec) -> Connect:
    return connect_of(cluster, "bundled")


def posted(browser: Any, url: str, fields: dict[str, Any]) -> Any:
    """The form, its plan, and the plan applied."""
    review = browser.post(url, fields)
    assert review.status_code == 200, review.content
    done = browser.post(url, {**fields, "digest": review.context["plan"].digest})
    assert done.status_code == 303, done.content
    return review.context["plan"]


@pytest.mark.django_db(transaction=True)
def test_the_offsets_of_a_stopped_connector_are_set(anna: Api, connect: Connect, prefix: str) -> None:
    path = f"{HERE}connectors/{prefix}/"
    config = {"connector.class": "FileStreamSource", "file": f"{prefix}.txt", "topic": prefix}
    assert anna("PUT", path, {"config": config, "initial_state": "STOPPED"}).status_code == 200
    body = {"offsets": [{"partition": {"filename": f"{prefix}.txt"}, "offset": {"position": 7}}]}
    assert anna("PATCH", f"{path}offsets/", {"offsets": [{"partition": 1}]}).status_code == 422
    assert anna("PATCH", f"{path}offsets/", body).status_code == 428
    dry = anna("PATCH", f"{path}offsets/?dry_run=true", body)
    assert any("no offset of" in warning for warning in dry.json()["warnings"])
    done = anna("PATCH", f"{path}offsets/", body, If_Match=dry["ETag"])
    assert (done.status_code, done.json()) == (200, body)
    again = anna("PATCH", f"{path}offsets/?dry_run=true", body).json()
    assert [each["code"] for each in again["refusals"]] == ["offsets_nothing"]
    wrong = {"offsets": [{"partition": {"filename": f"{prefix}.txt"}, "offset": {"position": "x"}}]}
    tag = anna("PATCH", f"{path}offsets/?dry_run=true", wrong)["ETag"]
    assert anna("PATCH", f"{path}offsets/", wrong, If_Match=tag).status_code in (400, 422)

    browser = signed_in(Role.OPERATOR)
    url = f"{PAGES}{prefix}/+offsets/"
    assert "position" in browser.get(url).content.decode()
    assert browser.post(url, {"offsets": "{"}).status_code == 422
    text = f'[{{"partition": {{"filename": "{prefix}.txt"}}, "offset": {{"position": 3}}}}]'
    plan = posted(browser, url, {"offsets": text})
    assert [(c.before, c.after) for c in plan.steps[0].changes] == [("position 7", "position 3")]
    kept = (
        Operation.objects.filter(target=prefix, action="connector.edit", outcome="succeeded")
        .order_by("pk")
        .last()
    )
    assert kept is not None
    assert kept.before == body["offsets"]
    assert "3" in browser.get(f"{PAGES}{prefix}/offsets/").content.decode()

    anna("POST", f"{path}act/", {"act": "resume"})
    refused = anna("PATCH", f"{path}offsets/?dry_run=true", body).json()
    assert "not_stopped" in [each["code"] for each in refused["refusals"]]
    connect.api.delete(prefix)


@pytest.mark.django_db(transaction=True)
def test_what_fails_is_restarted_with_back_off_until_it_is_given_up(
    anna: Api, connect: Connect, prefix: str, make_topic: Callable[..., str]
) -> None:
    path = f"{HERE}connectors/{prefix}/"
    topic = make_topic(f"{prefix}-t", 1)
    # A directory that is not there: its task fails at once, and again each time.
    config = {"connector.class": "FileStreamSink", "file": f"no-such-{prefix}/out.txt", "topics": topic}
    assert anna("PUT", path, {"config": config}).status_code == 200
    auto = f"{path}auto-restart/"
    assert anna("GET", auto).status_code == 404
    assert anna("PUT", auto, {"most": 99}).status_code == 422
    made = anna("PUT", auto, {"most": 2, "first_s": 60})
    assert (made.status_code, made.json()["attempts"]) == (200, 0)

    def failed() -> bool:
        return connect.api.status(prefix).failed

    def failed_again() -> bool:
        """The failure of before is told until the restart has begun."""
        time.sleep(1.5)
        return failed()

    now = timezone.now()
    eventually(failed, timeout=60)
    assert restarting.sweep(now) == 1
    eventually(failed_again, timeout=60)
    assert restarting.sweep(now + timedelta(seconds=59)) == 0
    assert restarting.sweep(now + timedelta(seconds=61)) == 1
    eventually(failed_again, timeout=60)
    assert restarting.sweep(now + timedelta(days=1)) == 0
    row = RestartPolicy.objects.get(connector=prefix)
    assert (row.attempts, row.given_up_at is not None) == (2, True)
    browser = signed_in(Role.OPERATOR)
    assert "given up" in browser.get(f"{PAGES}{prefix}/").content.decode()
    own = Operation.objects.filter(target=prefix, actor="system", outcome="succeeded")
    assert [each.details["automatic"] for each in own.order_by("pk")] == ["Restart 1 of 2", "Restart 2 of 2"]

    assert anna("POST", f"{path}act/", {"act": "restart-failed"}).status_code == 200
    row.refresh_from_db()
    assert (row.attempts, row.given_up_at) == (0, None)
    plan = posted(browser, f"{PAGES}{prefix}/+auto-restart/", {"most": 3, "first_s": 60, "longest_s": 600})
    assert plan.apply_label == "Change"
    off = f"{PAGES}{prefix}/+auto-restart/off/"
    posted(browser, off, {})
    assert not RestartPolicy.objects.exists()
    assert anna("PUT", auto, {}).status_code == 200
    tag = anna("DELETE", f"{path}?dry_run=true")["ETag"]
    assert anna("DELETE", path, If_Match=tag).status_code == 204
    assert not RestartPolicy.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_log_level_is_set_for_a_time_and_goes_back(
    anna: Api, api: Callable[[Role], Api], connect: Connect
) -> None:
    loggers, name = f"{HERE}loggers/", "org.apache.kafka.connect.file"
    before = effective(levels.levels_of(connect), name)
    body = {"logger": name, "level": "TRACE", "minutes": 5}
    assert api(Role.OPERATOR)("PUT", loggers, body).status_code == 403
    done = anna("PUT", loggers, body)
    assert done.status_code == 200, done.content
    assert done.json()["until"]
    listed = {each["logger"]: each for each in anna("GET", f"{loggers}?search={name}").json()["results"]}
    assert (listed[name]["level"], bool(listed[name]["until"])) == ("TRACE", True)
    assert "TRACE" in signed_in(Role.VIEWER).get(f"{PAGES}+log-levels/").content.decode()
    assert levels.restore_overdue(timezone.now()) == 0
    assert levels.restore_overdue(timezone.now() + timedelta(minutes=6)) == 1
    assert not RaisedLevel.objects.exists()
    eventually(lambda: levels.levels_of(connect)[name] == before, timeout=20)
    browser = signed_in(Role.ADMIN)
    posted(browser, f"{PAGES}+log-levels/", {"logger": name, "level": "ERROR", "minutes": ""})
    assert not RaisedLevel.objects.exists()
    connect.api.set_log_level(name, before)
