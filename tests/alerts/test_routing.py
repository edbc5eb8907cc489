"""The routing tree, matchers, deduplication, inhibition, silences: tables after Alertmanager's own tests."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.alerts.logic import matchers, routing, silences
from controlplane.alerts.logic.backoff import GIVE_UP_AFTER, Outcome, Verdict, delay, judge
from controlplane.alerts.logic.dedup import Entry, NotifyReason, needs_update
from controlplane.alerts.logic.inhibition import Inhibition, Inhibitor, InhibitRule
from controlplane.alerts.logic.matchers import BadMatcher, Op
from controlplane.alerts.logic.routing import BadRoute
from controlplane.alerts.logic.silences import SilenceRule, SilenceState
from controlplane.core.durations import BadDuration, text_of
from controlplane.core.durations import parse as duration
from tests.alerts.notation import MINUTE, at

#: dispatch/route_test.go, TestRouteMatch, in the words of matchers.
TREE: dict[str, Any] = {
    "receiver": "notify-def",
    "routes": [
        {
            "matchers": ['owner="team-A"'],
            "receiver": "notify-A",
            "routes": [
                {"matchers": ['env="testing"'], "receiver": "notify-testing", "group_by": ["..."]},
                {
                    "matchers": ['env="production"'],
                    "receiver": "notify-productionA",
                    "group_wait": "1m",
                    "continue": True,
                },
                {
                    "matchers": ['env=~"produ.*"', 'job=~".*"'],
                    "receiver": "notify-productionB",
                    "group_wait": "30s",
                    "group_interval": "5m",
                    "repeat_interval": "1h",
                    "group_by": ["job"],
                },
            ],
        },
        {
            "matchers": ['owner=~"team-(B|C)"'],
            "group_by": ["foo", "bar"],
            "group_wait": "2m",
            "receiver": "notify-BC",
        },
        {
            "matchers": ['group_by="role"'],
            "group_by": ["role"],
            "routes": [
                {
                    "matchers": ['env="testing"'],
                    "receiver": "notify-testing",
                    "routes": [{"matchers": ['wait="long"'], "group_wait": "2m"}],
                }
            ],
        },
    ],
}


@pytest.mark.parametrize(
    ("labels", "receivers", "keys"),
    [
        ({"owner": "team-A"}, ["notify-A"], ['{}/{owner="team-A"}']),
        ({"owner": "team-A", "env": "unset"}, ["notify-A"], ['{}/{owner="team-A"}']),
        ({"owner": "team-C"}, ["notify-BC"], ['{}/{owner=~"team-(B|C)"}']),
        ({"owner": "team-A", "env": "testing"}, ["notify-testing"], ['{}/{owner="team-A"}/{env="testing"}']),
        (
            {"owner": "team-A", "env": "production"},
            ["notify-productionA", "notify-productionB"],
            ['{}/{owner="team-A"}/{env="production"}', '{}/{owner="team-A"}/{env=~"produ.*",job=~".*"}'],
        ),
        ({"group_by": "role"}, ["notify-def"], ['{}/{group_by="role"}']),
        (
            {"env": "testing", "group_by": "role"},
            ["notify-testing"],
            ['{}/{group_by="role"}/{env="testing"}'],
        ),
        (
            {"env": "testing", "group_by": "role", "wait": "long"},
            ["notify-testing"],
            ['{}/{group_by="role"}/{env="testing"}/{wait="long"}'],
        ),
        ({"unknown": "x"}, ["notify-def"], ["{}"]),
    ],
)
def test_the_routes_of_an_alert(labels: dict[str, str], receivers: list[str], keys: list[str]) -> None:
    found = routing.match(routing.parse(TREE), labels)
    assert [each.receiver for each in found] == receivers
    assert [each.key for each in found] == keys


def test_children_inherit_what_they_do_not_say() -> None:
    root = routing.parse(TREE)
    (long,) = routing.match(root, {"env": "testing", "group_by": "role", "wait": "long"})
    assert (long.group_by, long.group_wait, long.receiver) == (("role",), 2 * MINUTE, "notify-testing")
    assert long.repeat_interval == timedelta(hours=4)
    (testing,) = routing.match(root, {"owner": "team-A", "env": "testing"})
    assert testing.group_labels({"a": "1", "b": "2"}) == {"a": "1", "b": "2"}


def test_the_shipped_tree_tells_everybody_critical_ones_at_once_and_nobody_of_the_watchdog() -> None:
    root = routing.parse(routing.SHIPPED)
    (critical,) = routing.match(root, {"severity": "critical", "alertname": "BrokerDown", "cluster": "main"})
    assert (critical.receiver, critical.group_wait) == (routing.EVERYBODY, timedelta())
    assert critical.group_key({"alertname": "BrokerDown", "cluster": "main", "broker": "1"}) == (
        '{}/{severity="critical"}:{alertname="BrokerDown", cluster="main"}'
    )
    (warning,) = routing.match(root, {"severity": "warning"})
    assert (warning.group_wait, warning.group_interval) == (timedelta(seconds=30), 5 * MINUTE)
    assert [each.receiver for each in routing.match(root, {"alertname": "Watchdog"})] == [routing.NOBODY]


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ([], "receiver"),
        ({"receivers": "x"}, "receivers"),
        ({"matchers": ["a=b"]}, "matchers"),
        ({"routes": [{"matchers": ["a="]}]}, "routes.0.matchers"),
        ({"routes": [{}, {"group_wait": "soon"}]}, "routes.1.group_wait"),
        ({"routes": [{"routes": [{"group_interval": "0s"}]}]}, "routes.0.routes.0.group_interval"),
        ({"group_by": ["a", "a"]}, "group_by"),
        ({"group_by": ["...", "a"]}, "group_by"),
        ({"routes": [{"continue": "yes"}]}, "routes.0.continue"),
        ({"mute_time_intervals": ["nights"]}, "mute_time_intervals"),
        ({"routes": {}}, ""),
    ],
)
def test_a_wrong_tree_is_refused_where_it_is_wrong(document: Any, path: str) -> None:
    if path == "":
        assert routing.parse(document).routes == ()  # an empty mapping is no routes
        return
    with pytest.raises(BadRoute) as error:
        routing.parse(document)
    assert error.value.path == path


# --- Matchers ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("", "{}"),
        ("{}", "{}"),
        ("foo=bar", '{foo="bar"}'),
        ("{foo=bar}", '{foo="bar"}'),
        ('{foo = "bar", dings != "bums", }', '{dings!="bums",foo="bar"}'),
        ("{foo=bar,bar=~[a-zA-Z]+,baz!~qux}", '{bar=~"[a-zA-Z]+",baz!~"qux",foo="bar"}'),
        ('{quote="She said: \\"Hi, ladies!\\""}', '{quote="She said: \\"Hi, ladies!\\""}'),
        ('"foo bar"="x"', '{"foo bar"="x"}'),
        ('{foo="line\\nbreak"}', '{foo="line\\nbreak"}'),
    ],
)
def test_matchers_are_read_and_printed(text: str, printed: str) -> None:
    found = matchers.parse(text)
    assert matchers.text_of(found) == printed
    assert set(matchers.parse(printed)) == set(found)


@pytest.mark.parametrize(
    "text",
    ["{", "foo=bar}", "{foo=bar", "foo", "foo=", "=bar", "foo==bar", "foo=bar baz=qux", ",", "{,}", "foo=bar,,",
     "foo!bar", "foo=~(", 'foo="bar', "foo=~(?=x)", "foo=~\"(a)\\\\1\"", "foo=~a++", "foo={}"],
)  # fmt: skip
def test_a_wrong_matcher_is_refused(text: str) -> None:
    with pytest.raises(BadMatcher):
        matchers.parse(text)


@pytest.mark.parametrize(
    ("text", "labels", "matches"),
    [
        ('a="1"', {"a": "1"}, True),
        ('a="1"', {}, False),
        ('a=""', {}, True),
        ('a!="1"', {}, True),
        ('a=~"1|2"', {"a": "12"}, False),
        ('a=~".*"', {}, True),
        ('a!~"1.*"', {"a": "12"}, False),
        ('a=~"x.y"', {"a": "x\ny"}, False),
    ],
)
def test_an_absent_label_is_an_empty_one_and_expressions_are_anchored(
    text: str, labels: dict[str, str], matches: bool
) -> None:
    assert matchers.matches_all(matchers.parse(text), labels) is matches


@given(
    st.lists(
        st.tuples(
            st.text(min_size=1, max_size=8), st.sampled_from([Op.EQUAL, Op.NOT_EQUAL]), st.text(max_size=12)
        ),
        max_size=4,
    )
)
def test_what_is_printed_is_read_back(parts: list[tuple[str, Op, str]]) -> None:
    made = tuple(matchers.matcher(*part) for part in parts)
    assert set(matchers.parse(matchers.text_of(made))) == set(made)


# --- Dedup: notify/notify_test.go, TestDedupStageNeedsUpdate ---------------------------------------------------------
def entry(firing: set[str], resolved: set[str] | None = None, minutes: float = 0) -> Entry:
    return Entry(frozenset(firing), frozenset(resolved or ()), at(minutes))


R = NotifyReason


@pytest.mark.parametrize(
    ("told", "firing", "resolved", "minutes", "send_resolved", "reason"),
    [
        (None, {"a"}, set(), 0, True, R.FIRST),
        (None, set(), {"a"}, 0, True, R.NONE),
        (entry({"a"}), {"a", "b"}, set(), 1, True, R.NEW_ALERTS),
        (entry(set(), {"a"}), {"a"}, set(), 1, True, R.FIRST),
        (entry({"a"}), {"a"}, set(), 5, True, R.NONE),
        (entry({"a"}), {"a"}, set(), 11, True, R.REPEAT),
        (entry({"a"}), {"a"}, set(), 10, True, R.NONE),
        (entry({"a", "b"}), {"a"}, {"b"}, 1, True, R.NEW_RESOLVED),
        (entry({"a", "b"}), {"a"}, {"b"}, 1, False, R.NONE),
        (entry({"a", "b"}), {"a"}, {"b"}, 11, False, R.REPEAT),
        (entry({"a"}), set(), {"a"}, 1, True, R.ALL_RESOLVED),
        (entry({"a"}), set(), {"a"}, 1, False, R.ALL_RESOLVED),
        (entry(set(), {"a"}), set(), {"b"}, 1, True, R.NONE),
        (entry({"a"}, {"b"}), {"a"}, {"b"}, 1, True, R.NONE),
    ],
)
def test_a_receiver_is_told_for_a_reason(
    told: Entry | None, firing: set[str], resolved: set[str], minutes: float, send_resolved: bool, reason: R
) -> None:
    found = needs_update(
        told,
        frozenset(firing),
        frozenset(resolved),
        repeat=10 * MINUTE,
        now=at(minutes),
        send_resolved=send_resolved,
    )
    assert found is reason


# --- Inhibition and silences ----------------------------------------------------------------------------------------
def inhibit(source: str, target: str, *equal: str) -> InhibitRule:
    return InhibitRule("r", matchers.parse(source), matchers.parse(target), equal)


@pytest.mark.parametrize(
    ("rule", "source", "target", "by"),
    [
        (inhibit("s=1", "t=1", "e"), {"s": "1", "e": "x"}, {"t": "1", "e": "x"}, "src"),
        (inhibit("s=1", "t=1", "e"), {"s": "1", "e": "x"}, {"t": "1", "e": "y"}, None),
        (inhibit("s=1", "t=1", "e"), {"s": "1"}, {"t": "1"}, "src"),  # both lack it
        (inhibit("s=1", "t=1", "e"), {"s": "1", "e": ""}, {"t": "1"}, "src"),
        (inhibit("s=1", "t=1"), {"s": "1", "t": "1"}, {"s": "1", "t": "1"}, None),  # two-sided
        (inhibit("s=1", "t=1"), {"s": "1"}, {"s": "1", "t": "1"}, "src"),
        (inhibit("s=1", "t=1"), {"s": "1", "t": "1"}, {"t": "1"}, "src"),
        (inhibit("s=1", "t=1"), {"s": "2"}, {"t": "1"}, None),
    ],
)
def test_what_explains_an_alert_keeps_it_quiet(
    rule: InhibitRule, source: dict[str, str], target: dict[str, str], by: str | None
) -> None:
    found = Inhibitor([rule], {"src": source}).by(target)
    assert found == (Inhibition("r", by) if by else None)


def test_an_alert_never_inhibits_itself() -> None:
    labels = {"s": "1", "t": "1"}
    assert Inhibitor([inhibit("s=1", "t=1")], {"self": labels}).by(labels) is None


def test_a_silence_counts_while_it_is_active_and_on_its_cluster() -> None:
    rule = SilenceRule("1", matchers.parse('a="1"'), at(10), at(20), "main")
    here, there = {"a": "1", "cluster": "main"}, {"a": "1", "cluster": "dr"}
    assert [silences.state(at(10), at(20), at(minute)) for minute in (9, 10, 19, 20)] == [
        SilenceState.PENDING, SilenceState.ACTIVE, SilenceState.ACTIVE, SilenceState.EXPIRED,
    ]  # fmt: skip
    assert silences.silenced_by([rule], here, at(15)) == ("1",)
    assert silences.silenced_by([rule], there, at(15)) == ()
    assert silences.silenced_by([rule], here, at(9)) == ()


@pytest.mark.parametrize(
    ("text", "wide"),
    [("", True), ('a=~".*"', True), ('a!="1"', True), ('a="1"', False), ('a=~".+",b!="2"', False)],
)
def test_a_silence_of_everything_is_too_wide(text: str, wide: bool) -> None:
    assert silences.is_too_wide(matchers.parse(text)) is wide


# --- Durations and back-off -------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "seconds", "printed"),
    [("0", 0, "0s"), ("0s", 0, "0s"), ("30s", 30, "30s"), ("90s", 90, "1m30s"), ("1h30m", 5400, "1h30m"),
     ("1d", 86400, "1d"), ("7d", 604800, "1w"), ("8d", 691200, "8d"), ("250ms", 0.25, "250ms"), ("1y", 31536000, "1y")],
)  # fmt: skip
def test_durations(text: str, seconds: float, printed: str) -> None:
    assert duration(text) == timedelta(seconds=seconds)
    assert text_of(duration(text)) == printed


@pytest.mark.parametrize("text", ["", "5", "m", "-5m", "1m1h", "5 m", "1.5h", "5min", "١m", "99999999999y"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(BadDuration):
        duration(text)


@given(st.integers(0, 10**11))
def test_a_duration_is_read_back(milliseconds: int) -> None:
    found = timedelta(milliseconds=milliseconds)
    assert duration(text_of(found)) == found


@pytest.mark.parametrize(
    ("outcome", "age", "verdict"),
    [
        (Outcome(200), timedelta(), Verdict.SENT),
        (Outcome(204), timedelta(), Verdict.SENT),
        (Outcome(500), timedelta(), Verdict.RETRY),
        (Outcome(503), GIVE_UP_AFTER + MINUTE, Verdict.EXPIRED),
        (Outcome(400), timedelta(), Verdict.REFUSED),
        (Outcome(404), timedelta(), Verdict.REFUSED),
        (Outcome(301), timedelta(), Verdict.REFUSED),
        (Outcome(429), timedelta(), Verdict.RETRY),
        (Outcome(None), timedelta(), Verdict.RETRY),
        (Outcome(None, retriable=False), timedelta(), Verdict.REFUSED),
    ],
)
def test_what_an_attempt_means(outcome: Outcome, age: timedelta, verdict: Verdict) -> None:
    assert judge(outcome, age) is verdict


@given(st.integers(1, 10**6), st.floats(0, 1, exclude_max=True))
def test_the_back_off_doubles_to_five_minutes_with_half_of_it_by_chance(attempts: int, chance: float) -> None:
    longest = min(2.0 * 2 ** (min(attempts, 30) - 1), 300.0)
    assert timedelta(seconds=longest / 2) <= delay(attempts, chance) <= timedelta(seconds=longest)
