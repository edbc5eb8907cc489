"""Templates, numbers as people read them, the webhook's body and signature, mute times: against Go's own answers.

The expected texts were printed by Go 1.26 (`fmt`, `text/template`) and are Prometheus' own template tests.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.alerts.logic import humanize, mute_times, webhook
from controlplane.alerts.logic.dedup import NotifyReason
from controlplane.alerts.logic.labels import fingerprint
from controlplane.alerts.logic.mute_times import BadInterval
from controlplane.alerts.logic.templates import TemplateError, expand, parse

LABELS = {"broker": "1", "topic": "orders.x", "instance": "kafka-1:9092"}


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("plain", "plain"),
        ("{{ $labels.broker }}/{{ .Labels.topic }}", "1/orders.x"),
        ("{{ $labels.nothing }}", ""),
        ("{{ $labels }}", "map[broker:1 instance:kafka-1:9092 topic:orders.x]"),
        ("{{ if $labels }}some{{ end }}", "some"),
        ("{{$value}}", "123456"),
        ("{{ .Value | humanize }}", "123.5k"),
        ("{{ $value | humanize1024 }}B", "120.6kiB"),
        ("{{ humanizeDuration $value }}", "1d 10h 17m 36s"),
        ("{{ $value | humanizePercentage }}", "1.235e+07%"),
        ("{{ $value | humanizeTimestamp }}", "1970-01-02 10:17:36 +0000 UTC"),
        ('{{ printf "%.2f" $value }} %', "123456.00 %"),
        ('{{ $value | printf "%8.1f|%s" }}', None),
        ('{{ printf "%5s|%-3s|%q|%%" "a" "b" "c" }}', '    a|b  |"c"|%'),
        ("{{ $labels.topic | toUpper | toLower | title }}", "Orders.X"),
        ("{{ $labels.topic | title }}", "Orders.X"),
        ('{{ reReplaceAll "(.*)\\\\.x" "$1-${1}$$" $labels.topic }}', "orders-orders$"),
        ("{{ if gt $value 5.0 }}much{{ else }}little{{ end }}", "much"),
        ('{{ if eq $labels.broker "2" }}two{{ else }}other{{ end }}', "other"),
        ("{{ if $labels.nothing }}a{{ end }}b", "b"),
        ('{{ if and (eq $labels.broker "1") (not (lt $value 1.0)) }}x{{ end }}', "x"),
        ("a {{- /* a comment */ -}} b", "ab"),
        ("a {{- $value -}} b", "a123456b"),
        ('{{ index $labels "broker" }}', "1"),
        ("{{ $labels.instance | stripPort }}", "kafka-1"),
        ('{{ (printf "%s" $labels.broker) | humanize }}', "1"),
        ("{{ `raw \\n` }}", "raw \\n"),
        ('{{ if match "^or" $labels.topic }}y{{ end }}', "y"),
    ],
)
def test_what_a_template_becomes(text: str, expanded: str | None) -> None:
    if expanded is None:
        with pytest.raises(TemplateError):
            parse(text)
    else:
        assert expand(text, LABELS, 123456.0) == expanded


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("{{ range .X }}", 9),
        ('a {{ query "up" }}', 5),
        ("{{ ($labels) }}", 3),
        ("{{ toUpper ($labels) }}", 11),
        ("x {{ foo", 2),
        ("{{ $x := 1 }}", 6),
        ('{{ printf "%d" }}', 3),
        ('{{ printf "%y" 1 }}', 3),
        ("{{ printf $labels.x }}", 3),
        ("{{ $value.x }}", 3),
        ("{{ .Labels.a.b }}", 3),
        ("{{ .labels.a }}", 3),
        ("{{ humanize }}", 3),
        ("{{ humanize 1 2 }}", 3),
        ("{{}}", 2),
        ("{{ if }}x{{ end }}", 3),
        ("{{ if true }}x", 3),
        ("{{ end }}", 3),
        ("{{ else }}", 3),
        ("{{ with $value }}{{ end }}", 3),
        ('{{ reReplaceAll "(" "" $labels.x }}', 3),
        ("{{ ($value }}", 2),
        ("{{ $value $value }}", 3),
        ("{{ $value | }}", 2),
        ('{{ "\\z" }}', 4),
        ("{{ index $labels }}", 3),
        ("{{ humanize $labels }}", 3),
    ],
)
def test_what_it_cannot_do_is_refused_with_the_position(text: str, position: int) -> None:
    with pytest.raises(TemplateError) as error:
        parse(text)
    assert error.value.position == position


def test_one_that_fails_later_says_so_in_its_place() -> None:
    assert expand("{{ $labels.topic | humanize }}", LABELS, 1.0) == (
        "<error expanding template: 'orders.x' is no number>"
    )


@given(st.text(alphabet='{}$.|"\\()- aLbelsvu%dif', max_size=60))
def test_no_text_breaks_the_parser(text: str) -> None:
    assert isinstance(expand(text, LABELS, 1.0), str)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"), (1.0, "1"), (0.95, "0.95"), (1e6, "1e+06"), (123456789.0, "1.23456789e+08"),
        (123456.789, "123456.789"), (1e21, "1e+21"), (0.0001, "0.0001"), (0.00001, "1e-05"), (1 / 3, "0.3333333333333333"),
        (1234567890123456789.0, "1.2345678901234568e+18"), (float("inf"), "+Inf"), (float("nan"), "NaN"), (-0.0, "-0"),
    ],
)  # fmt: skip
def test_floats_are_printed_as_go_prints_them(value: float, text: str) -> None:
    assert humanize.go_text(value) == text


@pytest.mark.parametrize(
    ("function", "values", "texts"),
    [
        # template/template_test.go of Prometheus.
        ("humanize", (0.0, 1.0, 1234567.0, 0.12), ("0", "1", "1.235M", "120m")),
        ("humanize1024", (0.0, 1.0, 1048576.0, 0.12), ("0", "1", "1Mi", "0.12")),
        (
            "humanize_duration",
            (0, 1, 60, 3600, 86400, 86400 + 3600, -(86400 * 2 + 3600 * 3 + 60 * 4 + 5), 899.99, 0.1, 0.0001, 0.12345,
             60.1, 1234567, 12345.67),
            ("0s", "1s", "1m 0s", "1h 0m 0s", "1d 0h 0m 0s", "1d 1h 0m 0s", "-2d 3h 4m 5s", "14m 59s", "100ms",
             "100us", "123.5ms", "1m 0s", "14d 6h 56m 7s", "3h 25m 45s"),
        ),
        ("humanize_percentage", (-0.22222, 0.0, 0.1234567, 1.23456), ("-22.22%", "0%", "12.35%", "123.5%")),
        ("humanize_timestamp", (0.0, 1435065584.128), ("1970-01-01 00:00:00 +0000 UTC",
         "2015-06-23 13:19:44.128 +0000 UTC")),
    ],
)  # fmt: skip
def test_numbers_as_people_read_them(
    function: str, values: tuple[float, ...], texts: tuple[str, ...]
) -> None:
    assert tuple(getattr(humanize, function)(value) for value in values) == texts


# --- The webhook ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("labels", "print_"),
    [
        ({"severity": "warning", "job": "foo"}, "9266ef3da838ad95"),
        ({"severity": "critical", "job": "foo"}, "3b15fd163d36582e"),
        ({"severity": "critical", "job": "bar"}, "c7e68cb08e3e67f9"),
        ({}, "cbf29ce484222325"),
    ],
)
def test_fingerprints_are_alertmanagers(labels: dict[str, str], print_: str) -> None:
    assert fingerprint(labels) == print_


def item(severity: str, description: str, ended: bool = False, job: str = "foo") -> webhook.Item:
    return webhook.Item(
        {"severity": severity, "job": job},
        {"description": description, "runbook": "foo"},
        datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC),
        datetime(2026, 1, 2, 4, tzinfo=UTC) if ended else None,
        "http://k/rules/1/",
    )


def envelope(max_alerts: int = 0) -> webhook.Envelope:
    return webhook.Envelope("team.a", "{}:{}", {"job": "foo"}, NotifyReason.FIRST, "http://k", max_alerts)


def test_the_body_is_alertmanagers_version_4() -> None:
    body = webhook.body(envelope(), [item("warning", "a"), item("critical", "b", ended=True)])
    assert {name: body[name] for name in body if name != "alerts"} == {
        "receiver": "team\\.a",
        "status": "firing",
        "notification_reason": "first notification",
        "groupLabels": {"job": "foo"},
        "commonLabels": {"job": "foo"},
        "commonAnnotations": {"runbook": "foo"},
        "routeLabels": {},
        "externalURL": "http://k",
        "version": "4",
        "groupKey": "{}:{}",
        "truncatedAlerts": 0,
    }
    resolved, firing = body["alerts"]
    assert firing == {
        "status": "firing",
        "labels": {"severity": "warning", "job": "foo"},
        "annotations": {"description": "a", "runbook": "foo"},
        "startsAt": "2026-01-02T03:04:05.678Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://k/rules/1/",
        "fingerprint": "9266ef3da838ad95",
    }
    assert (resolved["status"], resolved["endsAt"]) == ("resolved", "2026-01-02T04:00:00Z")


def test_only_resolved_ones_are_a_resolved_message_and_a_limit_says_how_many_it_cut() -> None:
    assert webhook.body(envelope(), [item("warning", "a", ended=True)])["status"] == "resolved"
    cut = webhook.body(envelope(1), [item("a", "a"), item("b", "b"), item("c", "c")])
    assert (len(cut["alerts"]), cut["truncatedAlerts"]) == (1, 2)


def test_it_is_signed_as_the_test_vector_of_standard_webhooks() -> None:
    headers = webhook.headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        datetime.fromtimestamp(1614265330, UTC),
        b'{"test": 2432232314}',
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    )
    assert headers == {
        "Content-Type": "application/json",
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_without_a_secret_there_is_an_id_and_no_signature() -> None:
    assert "webhook-signature" not in webhook.headers("1", datetime.fromtimestamp(1, UTC), b"", [])


@pytest.mark.parametrize(
    "secret", ["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_", "whsec_AAAA", "whsec_%%", "whsec_ä"]
)
def test_what_is_no_secret(secret: str) -> None:
    with pytest.raises(webhook.BadSecret):
        webhook.secret_key(secret)


def test_the_payload_is_json_of_one_line() -> None:
    body = webhook.body(envelope(), [item("warning", "ä\n")])
    assert json.loads(webhook.encoded(body)) == body
    assert b"\n" not in webhook.encoded(body)


# --- Mute times: timeinterval_test.go ---------------------------------------------------------------------------------
def moment(text: str) -> datetime:
    return datetime.strptime(text, "%d %b %y %H:%M").replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("document", "inside", "outside"),
    [
        ({}, ["02 Jan 06 15:04", "31 Dec 99 23:59"], []),
        (
            {"times": [{"start_time": "09:00", "end_time": "17:00"}], "weekdays": ["monday:friday"]},
            ["05 Jan 26 09:00", "09 Jan 26 16:59"],
            ["05 Jan 26 08:59", "05 Jan 26 17:00", "10 Jan 26 12:00"],
        ),
        ({"times": [{"start_time": "22:00", "end_time": "24:00"}]}, ["05 Jan 26 23:59"], ["06 Jan 26 00:00"]),
        ({"weekdays": ["sunday"]}, ["04 Jan 26 12:00"], ["05 Jan 26 12:00"]),
        (
            {"days_of_month": ["-3:-1"]},
            ["31 Jan 26 12:00", "26 Feb 26 12:00"],
            ["28 Jan 26 12:00", "01 Jan 26 12:00"],
        ),
        ({"days_of_month": ["30:31"]}, ["30 Apr 26 12:00"], ["28 Feb 26 12:00"]),
        ({"months": ["january:march", "12"]}, ["01 Feb 26 12:00", "01 Dec 26 12:00"], ["01 Apr 26 12:00"]),
        ({"years": ["2020:2022", "2026"]}, ["01 Jan 26 12:00", "31 Dec 21 12:00"], ["01 Jan 23 12:00"]),
        (
            {"times": [{"start_time": "09:00", "end_time": "10:00"}], "location": "Australia/Sydney"},
            ["05 Jan 26 22:30"],
            ["05 Jan 26 09:30"],
        ),
        ({"times": []}, [], ["05 Jan 26 22:30"]),
    ],
)
def test_which_moments_an_interval_holds(document: Any, inside: list[str], outside: list[str]) -> None:
    interval = mute_times.parse(document)
    assert [text for text in inside if not interval.contains(moment(text))] == []
    assert [text for text in outside if interval.contains(moment(text))] == []


@pytest.mark.parametrize(
    "document",
    [
        "nights", {"hours": []}, {"times": [{"start_time": "17:00", "end_time": "09:00"}]},
        {"times": [{"start_time": "9:00", "end_time": "10:00"}]}, {"times": [{"start_time": "09:00"}]},
        {"weekdays": ["friday:monday"]}, {"weekdays": ["fun"]}, {"weekdays": ["1"]}, {"days_of_month": ["0"]},
        {"days_of_month": ["-1:5"]}, {"days_of_month": ["5:1"]}, {"days_of_month": ["-1:-5"]}, {"months": ["13"]},
        {"months": ["march:january"]}, {"years": ["2022:2020"]}, {"location": "Nowhere/Land"}, {"times": "x"},
        {"location": "../etc/passwd"},
    ],
)  # fmt: skip
def test_a_wrong_interval_is_refused(document: Any) -> None:
    with pytest.raises(BadInterval):
        mute_times.parse(document)


def test_muted_by_a_mute_time_or_outside_of_the_active_ones() -> None:
    known = {
        "nights": (mute_times.parse({"times": [{"start_time": "00:00", "end_time": "06:00"}]}),),
        "office": (mute_times.parse({"weekdays": ["monday:friday"]}),),
    }
    night, saturday, day = moment("05 Jan 26 03:00"), moment("10 Jan 26 12:00"), moment("05 Jan 26 12:00")
    assert mute_times.is_muted(["nights"], [], known, night) == "nights"
    assert mute_times.is_muted(["nights"], ["office"], known, day) is None
    assert mute_times.is_muted([], ["office"], known, saturday) == "outside of office"
    assert mute_times.is_muted(["gone"], [], known, night) is None


def test_a_text_does_not_grow_without_end() -> None:
    """Each step makes it ten times as long."""
    text = '"xxxxxxxxxx"'
    pipe = 'reReplaceAll "(.+)" "$1$1$1$1$1$1$1$1$1$1"'
    for _ in range(9):
        text = f"{pipe} ({text})" if text.startswith("re") else f"{pipe} {text}"
    assert "65,536 characters" in expand("{{ " + text + " }}", {}, 0.0)
