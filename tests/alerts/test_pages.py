"""The alerting pages: what fires, who is on it, rules, silences, receivers and what was sent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from controlplane.accounts.models import User
from controlplane.alerts.models import Acknowledgement, Alert, Receiver, Rule, Silence
from controlplane.core.access import Role
from tests.alerts.scene import Scene, Sink

BASE = "/clusters/main/alerts/"


@pytest.fixture
def firing(scene: Scene) -> Alert:
    Rule.objects.create(
        name="BrokerDown",
        expr="up == 0",
        labels={"severity": "critical"},
        annotations={"summary": "Broker {{ $labels.broker }} is not reached"},
        owner="Kastellan",
        created_at=scene.now,
        updated_at=scene.now,
    )
    scene.answers["up == 0"] = [{"broker": "2"}]
    scene.cycle()
    return Alert.objects.get()


def as_(client: Client, users: dict[Role, User], role: Role) -> Client:
    client.force_login(users[role])
    return client


def walk(client: Client, path: str, data: Mapping[str, object]) -> str:
    """Form, review, apply; the address that it ends at."""
    review = client.post(path, data)
    assert review.status_code == 200, review.content.decode()[-2000:]
    found = re.search(r'name="digest" value="([^"]+)"', review.content.decode())
    assert found
    done = client.post(path, {**data, "digest": found[1]})
    assert done.status_code == 303, done.content.decode()[-2000:]
    return str(done["Location"])


def test_what_fires_is_listed_with_its_summary_and_found(
    client: Client, users: dict[Role, User], firing: Alert
) -> None:
    viewer = as_(client, users, Role.VIEWER)
    page = viewer.get(BASE).content.decode()
    assert "Broker 2 is not reached" in page
    assert "<b>1</b> firing" in page
    assert "Broker 2" not in viewer.get(f"{BASE}?search=disk").content.decode()
    assert "Broker 2" not in viewer.get(f"{BASE}?state=resolved").content.decode()
    detail = viewer.get(f"{BASE}{firing.pk}/").content.decode()
    assert "explore/?q=up+%3D%3D+0" in detail
    assert "Acknowledge…" not in detail, "a viewer cannot"
    assert viewer.post(f"{BASE}{firing.pk}/+acknowledge/").status_code == 403


def test_somebody_is_on_it(client: Client, users: dict[Role, User], firing: Alert) -> None:
    operator = as_(client, users, Role.OPERATOR)
    walk(operator, f"{BASE}{firing.pk}/+acknowledge/", {"comment": "restarting it"})
    assert Acknowledgement.objects.get().comment == "restarting it"
    assert "otto" in operator.get(BASE).content.decode()


def test_a_silence_shows_what_it_keeps_quiet_before_it_does(
    client: Client, users: dict[Role, User], firing: Alert
) -> None:
    operator = as_(client, users, Role.OPERATOR)
    wanted = {"matchers": 'alertname="BrokerDown"\nbroker="2"', "length": "1h", "comment": "moving it"}
    review = operator.post(f"{BASE}silences/+new/", wanted).content.decode()
    assert "It keeps 1 alerts quiet" in review or "It keeps 1 alert quiet" in review
    walk(operator, f"{BASE}silences/+new/", wanted)
    silence = Silence.objects.get()
    assert timedelta(minutes=59) < silence.ends_at - silence.starts_at <= timedelta(hours=1)
    assert "silenced" in operator.get(BASE).content.decode()
    walk(operator, f"{BASE}silences/{silence.pk}/+end/", {})
    assert "silenced" not in operator.get(BASE).content.decode()
    wrong = operator.post(f"{BASE}silences/+new/", {**wanted, "matchers": "broker=~["})
    assert wrong.status_code == 422
    assert "moving it" in wrong.content.decode(), "nothing typed is lost"


def test_a_rule_is_made_changed_and_deleted(client: Client, users: dict[Role, User], scene: Scene) -> None:
    operator = as_(client, users, Role.OPERATOR)
    wanted = {
        "name": "TooMuch", "expr": "sum(rate(bytes_total[5m])) > 5", "hold": "10m", "keep_firing": "0s",
        "severity": "warning", "summary": "{{ $value }} bytes", "enabled": "on",
    }  # fmt: skip
    wrong = operator.post(f"{BASE}rules/+new/", {**wanted, "expr": "sum(rate(bytes_total))"})
    assert wrong.status_code == 422
    assert "expected type range vector" in wrong.content.decode() or "got" in wrong.content.decode()
    address = walk(operator, f"{BASE}rules/+new/", wanted)
    rule = Rule.objects.get(name="TooMuch")
    assert (rule.cluster, rule.hold) == ("main", timedelta(minutes=10))
    assert "sum(rate(bytes_total[5m])) &gt; 5" in operator.get(address).content.decode()
    walk(operator, f"{BASE}rules/{rule.pk}/+edit/", {**wanted, "hold": "1h", "enabled": ""})
    rule.refresh_from_db()
    assert (rule.hold, rule.enabled) == (timedelta(hours=1), False)
    walk(operator, f"{BASE}rules/{rule.pk}/+delete/", {})
    assert not Rule.objects.filter(name="TooMuch").exists()


def test_a_receiver_is_added_tested_and_what_was_sent_is_shown(
    client: Client, users: dict[Role, User], firing: Alert, sink: Sink
) -> None:
    admin = as_(client, users, Role.ADMIN)
    wanted = {"name": "ops", "url": sink.url, "allow_private": "on", "send_resolved": "on"}
    walk(admin, f"{BASE}receivers/+new/", wanted)
    receiver = Receiver.objects.get()
    address = walk(admin, f"{BASE}receivers/{receiver.pk}/+test/", {})
    assert "The test arrived" in admin.get(address).content.decode()
    listed = admin.get(f"{BASE}notifications/").content.decode()
    found = re.search(rf'href="({BASE}notifications/\d+/)"', listed)
    assert found
    assert "KastellanTest" in admin.get(found[1]).content.decode()
    walk(admin, f"{found[1]}+replay/", {})
    assert len(sink.received) == 2
    walk(admin, f"{BASE}receivers/{receiver.pk}/+delete/", {})
    assert "Nobody is told yet" in admin.get(f"{BASE}receivers/").content.decode()


def test_the_dashboard_says_what_is_wrong_since_when_and_what_to_do(
    scene: Scene, firing: Alert, client: Client, users: dict[Role, User]
) -> None:
    viewer = as_(client, users, Role.VIEWER)
    annotations = {
        "summary": "Broker 2 is not reached",
        "description": "Its leaders move.",
        "runbook_url": "https://x.example/#b",
    }
    Alert.objects.update(annotations=annotations)
    text = viewer.get(f"{BASE}summary/").content.decode()
    for part in (
        "Broker 2 is not reached",
        "Its leaders move.",
        'href="https://x.example/#b"',
        "not being evaluated",
    ):
        assert part in text, "and the scene's clock is long ago"
    assert 'id="cluster-alerts"' in viewer.get("/clusters/main/").content.decode()
    Alert.objects.update(annotations={"summary": "x", "runbook_url": "javascript:alert(1)"})
    for page in (f"{BASE}summary/", f"{BASE}{firing.pk}/"):
        assert 'href="javascript' not in viewer.get(page).content.decode()


def test_a_silenced_alert_is_counted_on_the_dashboard_and_not_told(
    scene: Scene, firing: Alert, client: Client, users: dict[Role, User]
) -> None:
    now = timezone.now()
    Silence.objects.create(
        matchers=['alertname="BrokerDown"'],
        starts_at=now,
        ends_at=now + timedelta(hours=1),
        created_by="anna",
        created_at=now,
        comment="x",
    )
    text = as_(client, users, Role.VIEWER).get(f"{BASE}summary/").content.decode()
    assert "1 firing, but silenced or explained by another" in text
    assert "is not reached" not in text
    assert "None of 1 alert rules fires" in text
