"""Receivers beyond webhooks: what each kind takes, what people read, mail to a real server, services at a loopback."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from email.message import Message as Mail
from pathlib import Path
from typing import Any, cast

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from apprise.plugins import pagerduty
from apprise.plugins.slack import NotifySlack
from apprise.plugins.telegram import NotifyTelegram
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from controlplane.accounts.models import User
from controlplane.alerts.checks import alertmanagers_authority
from controlplane.alerts.logic import messages, payloads, receivers, webhook
from controlplane.alerts.models import DeliveryAttempt, Notification, Receiver
from controlplane.alerts.services import sending
from controlplane.alerts.services.forwarding import Forwarder
from controlplane.core.access import Role
from controlplane.core.secrets import encrypt
from controlplane.gateways import chat
from controlplane.gateways import mail as mail_gateway
from controlplane.gateways.errors import NotAuthorized, Unreachable
from tests.alerts import real
from tests.alerts.scene import Scene, Sink, receiver, rule
from tests.alerts.test_pages import walk
from tests.conftest import Api, make_user
from tests.own_authority import CA_PEM, LEAF_PEM, OTHER_CA_PEM

ApiOf = Callable[[Role], Api]
SLACK = "https://hooks.slack.com/services/T0000000A/B0000000B/abcdefghijklmnopqrstuvwx"
TEAMS = (
    "https://prod-01.westeurope.logic.azure.com:443/workflows/0123456789abcdef/triggers/manual/paths/invoke"
    "?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=S1gn-ature_x"
)
KEY = "0123456789abcdef0123456789abcdef"
WHSEC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TOKEN = "123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw8"
MAIL = {"host": "mail.example.org", "from": "kafka@example.org", "to": ["on-call@example.org"]}


@pytest.mark.parametrize(
    ("kind", "options", "secret", "wrong"),
    [
        ("webhook", {}, None, set()),
        ("webhook", {}, "short", {"secret"}),
        ("webhook", {"host": "a"}, None, {"options"}),
        ("email", MAIL, None, set()),
        ("email", MAIL, "p4ss", set()),
        ("email", {**MAIL, "to": []}, None, {"options"}),
        ("email", {**MAIL, "to": ["a@b\r\nBcc: x@y"]}, None, {"options"}),
        ("email", {**MAIL, "from": "Kafka <a@b>"}, None, {"options"}),
        ("email", {**MAIL, "port": 0}, None, {"options"}),
        ("email", {**MAIL, "port": "25"}, None, {"options"}),
        ("email", {**MAIL, "security": "maybe"}, None, {"options"}),
        ("email", {**MAIL, "host": "http://x"}, None, {"options"}),
        ("slack", {}, SLACK, set()),
        ("slack", {}, None, {"secret"}),
        ("slack", {}, SLACK.replace("hooks.slack.com", "hooks.slack.com.evil.example"), {"secret"}),
        ("slack", {}, f"{SLACK}?x=1", {"secret"}),
        ("teams", {}, TEAMS, set()),
        ("teams", {}, TEAMS.replace("logic.azure.com", "logic.azure.com.evil.example"), {"secret"}),
        ("teams", {}, TEAMS.replace("https", "http", 1), {"secret"}),
        ("teams", {}, TEAMS.replace("https://", "https://a@", 1), {"secret"}),
        ("teams", {}, TEAMS.replace(":443", ":8443"), {"secret"}),
        ("teams", {}, TEAMS.replace("sig=", "gis="), {"secret"}),
        ("pagerduty", {}, KEY, set()),
        ("pagerduty", {"region": "eu"}, KEY, set()),
        ("pagerduty", {"region": "moon"}, KEY, {"options"}),
        ("pagerduty", {}, f"{KEY}@evil.example/", {"secret"}),
        ("telegram", {"chats": ["-1001234567890", "@kafka_alerts"]}, TOKEN, set()),
        ("telegram", {"chats": ["../getUpdates"]}, TOKEN, {"options"}),
        ("telegram", {}, TOKEN, {"options"}),
        ("telegram", {"chats": ["1"]}, "123:abc/def", {"secret"}),
        ("apprise", {}, "json://evil.example", {"kind"}),
    ],
)  # fmt: skip
def test_a_kind_takes_what_its_service_needs_and_nothing_else(
    kind: str, options: dict[str, Any], secret: str | None, wrong: set[str]
) -> None:
    assert set(receivers.problems(kind, options, secret)) == wrong


def body(*alerts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "alerts": list(alerts), "groupKey": "{}:{}", "commonLabels": {"cluster": "main"},
        "externalURL": "https://kafka.example.org", "truncatedAlerts": 0, **more,
    }  # fmt: skip


def alert(name: str = "BrokerDown", status: str = "firing", severity: str = "critical", **labels: str) -> Any:
    return {
        "status": status,
        "labels": {"alertname": name, "severity": severity, "cluster": "main", **labels},
        "annotations": {
            "summary": f"{name} of {labels.get('broker', '-')}",
            "runbook_url": "https://kafka.example.org/manual/",
        },
        "startsAt": "2026-01-01T00:00:00Z",
        "endsAt": "2026-01-01T00:05:00Z",
    }


@pytest.mark.parametrize(
    ("alerts", "title", "severity", "resolved"),
    [
        ([alert(broker="2")], "[FIRING 1] BrokerDown (main): BrokerDown of 2", "critical", False),
        ([alert(broker="1"), alert(broker="2")], "[FIRING 2] BrokerDown (main)", "critical", False),
        ([alert("A", severity="warning"), alert("B", severity="info")], "[FIRING 2] 2 kinds of alerts (main)", "warning", False),
        ([alert(broker="1"), alert(status="resolved", broker="2")], "[FIRING 1] BrokerDown (main): BrokerDown of 1", "critical", False),
        ([alert(status="resolved", broker="2")], "[RESOLVED 1] BrokerDown (main): BrokerDown of 2", "", True),
    ],
)  # fmt: skip
def test_a_group_is_one_message(alerts: list[Any], title: str, severity: str, resolved: bool) -> None:
    found = messages.message_of(body(*alerts))
    assert (found.title, found.severity, found.resolved) == (title, severity, resolved)
    for each in alerts:
        assert each["annotations"]["summary"] in found.text


def test_the_worst_comes_first_and_a_storm_is_cut() -> None:
    storm = [alert(f"Info{n:02}", severity="info") for n in range(40)]
    found = messages.message_of(body(*storm, alert("Worst"), truncatedAlerts=5))
    assert found.text.index("Worst") < found.text.index("Info00")
    assert "… and 26 more." in found.text or found.text.endswith("…")
    assert len(found.text) <= messages.LONGEST_TEXT


# --- A webhook's own body ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("template", "said"),
    [
        ('{"text": "{{ title }}"}', ""),
        ('[{"a": ["{{commonLabels.topic}} and {{ text }}"]}, 1, null]', ""),
        ('{"text": "plain"}', ""),
        ("{", "line 1"),
        ('"{{ title }}"', "object or a list"),
        ('{"text": "{{ titel }}"}', "no titel"),
        ('{"text": "{{ title"}', "one name"),
        ('{"text": "{{ range .Alerts }}"}', "one name"),
        ("[" * 5000, "deeply"),
        ("[" * 30 + "]" * 30, "deeply"),
        (f'{{"text": "{"{{ text }}" * 51}"}}', "50 names"),
        (f'{{"text": "{"x" * 10_001}"}}', "10,000"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_body_is_said(template: str, said: str) -> None:
    found = payloads.problem(template)
    assert said in found if said else not found
    wrong = {"options"} if said else set()
    assert set(receivers.problems("webhook", {"template": template}, None)) == wrong


@given(st.text(max_size=40), st.text(max_size=40))
def test_alerts_do_not_break_out_of_the_body(summary: str, topic: str) -> None:
    one = alert(topic=topic)
    one["annotations"]["summary"] = summary
    sent = body(one, commonLabels={"topic": topic})
    template = '{"t": "{{ title }}", "x": "of {{ commonLabels.topic }}!", "all": "{{ alerts }}", "no": "{{ status.x }}"}'
    found = json.loads(payloads.render(template, sent, messages.message_of(sent)))
    assert found == {"t": messages.message_of(sent).title, "x": f"of {topic}!", "all": [one], "no": ""}


def test_a_body_does_not_grow_without_end() -> None:
    sent = body(*(alert(broker=str(n), long="x" * 1000) for n in range(200)))
    template = json.dumps({"all": ["{{ alerts }}"] * 50})
    with pytest.raises(payloads.BadPayload, match="longer"):
        payloads.render(template, sent, messages.message_of(sent))


def test_a_webhook_gets_the_body_it_wants_signed(scene: Scene, sink: Sink) -> None:
    row = receiver(sink.url, options={"template": '{"content": "{{ title }}", "n": "{{ truncatedAlerts }}"}'})
    row.secret = encrypt(WHSEC, context=sending.secret_context(row))
    row.save()
    rule()
    scene.answers["x"] = [{"broker": "1"}]
    scene.cycle()
    assert scene.delivers() == 1
    (got,) = sink.received
    assert got.json == {"content": "[FIRING 1] X (main): X of 1 is 1", "n": 0}
    at = got.headers["webhook-timestamp"]
    assert got.headers["webhook-signature"] == webhook.signature(WHSEC, got.id, at, got.body)


# --- Mail -------------------------------------------------------------------------------------------------------------
class Mailbox:
    def __init__(self) -> None:
        self.letters: list[tuple[str, list[str], Mail]] = []
        self.refuse = ""

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.refuse:
            return self.refuse
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        import email

        content = cast("bytes", envelope.content)
        self.letters.append((envelope.mail_from or "", envelope.rcpt_tos, email.message_from_bytes(content)))
        return "250 taken"


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, int]]:
    box, port = Mailbox(), real.free_port()
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield box, port
    controller.stop()


def mail_to(port: int, **options: Any) -> Receiver:
    found = {**MAIL, "host": "127.0.0.1", "port": port, "security": "none", **options}
    return Receiver.objects.create(
        name="mail", kind="email", options=found, allow_private=True, created_at="2026-01-01T00:00:00Z"
    )


def test_mail_arrives_once_firing_and_once_resolved(scene: Scene, mailbox: tuple[Mailbox, int]) -> None:
    box, port = mailbox
    mail_to(port, to=["a@example.org", "b@example.org"])
    rule()
    scene.answers["x"] = [{"broker": "1"}, {"broker": "2"}]
    scene.cycle()
    assert scene.delivers() == 1
    scene.answers["x"] = []
    scene.passes(120)
    assert scene.delivers() == 1
    (sender, to, firing), (_, _, over) = box.letters
    assert (sender, to) == ("kafka@example.org", ["a@example.org", "b@example.org"])
    assert firing["Subject"] == "[FIRING 2] X (main)"
    assert over["Subject"] == "[RESOLVED 2] X (main)"
    assert "X of 1 is 1" in firing.get_payload()
    assert firing["References"] == over["References"]
    assert Notification.objects.get(status="firing").webhook_id in firing["Message-ID"]


@pytest.mark.parametrize(("answer", "state"), [("450 later", "waiting"), ("550 nobody here", "refused")])
def test_a_mail_that_is_put_off_is_tried_again_and_one_that_is_refused_is_not(
    answer: str, state: str, scene: Scene, mailbox: tuple[Mailbox, int]
) -> None:
    box, port = mailbox
    box.refuse = answer
    mail_to(port)
    rule()
    scene.answers["x"] = [{"broker": "1"}]
    scene.cycle()
    scene.delivers()
    assert Notification.objects.get().state == state
    assert answer[:3] in DeliveryAttempt.objects.get().error


def test_a_password_is_never_sent_in_the_clear(
    scene: Scene, mailbox: tuple[Mailbox, int], api: ApiOf
) -> None:
    _, port = mailbox
    row = mail_to(port, user="kafka")
    row.secret = encrypt("p4ss", context=sending.secret_context(row))
    row.save()
    answer = api(Role.ADMIN)("POST", f"alerts/receivers/{row.pk}/test/").json()
    assert (answer["verdict"], "not encrypted" in answer["error"]) == ("refused", True)


def test_a_mail_server_inside_our_network_needs_to_be_allowed(scene: Scene, api: ApiOf) -> None:
    wanted = {"name": "m", "kind": "email", "options": {**MAIL, "host": "127.0.0.1"}}
    answer = api(Role.ADMIN)("POST", "alerts/receivers/", wanted)
    assert answer.status_code in (400, 422)
    assert "loopback" in json.dumps(answer.json()["errors"])
    assert api(Role.ADMIN)("POST", "alerts/receivers/", {**wanted, "allow_private": True}).status_code == 201


def test_a_password_is_not_taken_to_another_server(
    scene: Scene, mailbox: tuple[Mailbox, int], api: ApiOf
) -> None:
    _, port = mailbox
    row = mail_to(port, user="kafka", security="tls")
    row.secret = encrypt("p4ss", context=sending.secret_context(row))
    row.save()
    ada, path = api(Role.ADMIN), f"alerts/receivers/{row.pk}/"
    elsewhere = {"options": {**row.options, "host": "127.0.0.2"}}
    tag = ada("GET", path).headers["ETag"]
    assert ada("PATCH", path, elsewhere, **{"If-Match": tag}).status_code in (400, 422)
    changed = ada("PATCH", path, {**elsewhere, "secret": "other"}, **{"If-Match": tag})
    assert changed.status_code == 200, changed.content
    assert sending.secret_of(Receiver.objects.get()) == "other"
    tag = ada("GET", path).headers["ETag"]
    more = {"options": {**elsewhere["options"], "to": ["c@example.org"]}}
    assert ada("PATCH", path, more, **{"If-Match": tag}).status_code == 200
    assert sending.secret_of(Receiver.objects.get()) == "other", "the same server: it stays"


def test_a_mail_server_that_answers_byte_by_byte_is_left(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail_gateway, "TOTAL_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=drip, args=(server,), daemon=True).start()
        row = mail_to(server.getsockname()[1])
        rule()
        scene.answers["x"] = [{"broker": "1"}]
        scene.cycle()
        started = time.monotonic()
        scene.delivers()
        assert time.monotonic() - started < 4
    assert row.name in DeliveryAttempt.objects.get().notification.receiver_name


def drip(server: socket.socket) -> None:
    taken, _ = server.accept()
    with taken, suppress(OSError):
        while True:
            taken.sendall(b"2")
            time.sleep(0.05)


def test_what_a_library_raises_is_an_attempt_and_not_the_end(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise UnicodeEncodeError("ascii", "ü", 0, 1, "no")

    monkeypatch.setattr(mail_gateway, "send", broken)
    mail_to(25)
    rule()
    scene.answers["x"] = [{"broker": "1"}]
    scene.cycle()
    scene.delivers()
    assert Notification.objects.get().state == "refused"
    assert "UnicodeEncodeError" in DeliveryAttempt.objects.get().error


# --- Services ---------------------------------------------------------------------------------------------------------
FIRING = chat.ChatMessage("[FIRING 1] X", "X of <1> & 2", False, "critical", "{}:group")
OVER = chat.ChatMessage("[RESOLVED 1] X", "over", True, "", "{}:group")


@pytest.fixture
def services(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> Sink:
    base = sink.url.removesuffix("/hook")
    monkeypatch.setattr(NotifySlack, "webhook_url", f"{base}/services")
    monkeypatch.setattr(NotifyTelegram, "notify_url", f"{base}/bot")
    lookup = {pagerduty.PagerDutyRegion.US: f"{base}/enqueue", pagerduty.PagerDutyRegion.EU: f"{base}/eu"}
    monkeypatch.setattr(pagerduty, "PAGERDUTY_API_LOOKUP", lookup)
    return sink


def send(kind: str, secret: str, message: chat.ChatMessage, **options: Any) -> None:
    chat.send(kind, sending.parts_of(kind, options, secret), message)


def test_slack_is_told_at_its_webhook(services: Sink) -> None:
    services.reply = b"ok"
    send("slack", SLACK, FIRING)
    (asked,) = services.received
    assert asked.path == "/services/T0000000A/B0000000B/abcdefghijklmnopqrstuvwx"
    (attachment,) = asked.json["attachments"]
    assert "[FIRING 1] X" in json.dumps(attachment)


def test_telegram_is_told_in_every_chat(services: Sink) -> None:
    services.answer = lambda request: 200
    send("telegram", TOKEN, FIRING, chats=["-100123456", "@kafka_alerts"])
    assert [each.path for each in services.received] == [f"/bot{TOKEN}/sendMessage"] * 2
    assert {str(each.json["chat_id"]) for each in services.received} == {"-100123456", "@kafka_alerts"}
    assert "&lt;1&gt;" in services.received[0].json["text"] or "<1>" in services.received[0].json["text"]


def test_pagerduty_resolves_what_it_triggered(services: Sink) -> None:
    send("pagerduty", KEY, FIRING)
    send("pagerduty", KEY, OVER, region="eu")
    opened, closed = services.received
    assert (opened.path, closed.path) == ("/enqueue", "/eu")
    assert (opened.json["event_action"], closed.json["event_action"]) == ("trigger", "resolve")
    assert opened.json["dedup_key"] == closed.json["dedup_key"]
    assert opened.json["payload"]["severity"] == "critical"
    assert opened.json["routing_key"] == KEY


def test_teams_is_told_at_its_workflow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only https: the request is taken where it leaves."""
    seen: list[tuple[str, dict[str, Any]]] = []

    class Answer:
        status_code = 202
        content = b""

    def post(url: str, **more: Any) -> Answer:
        seen.append((url, more))
        return Answer()

    monkeypatch.setattr("apprise.plugins.workflows.requests.post", post)
    send("teams", TEAMS, FIRING)
    ((url, more),) = seen
    assert url.startswith("https://prod-01.westeurope.logic.azure.com/workflows/0123456789abcdef/triggers/")
    assert (more["params"]["sig"], more["allow_redirects"]) == ("S1gn-ature_x", False)
    assert "[FIRING 1] X" in more["data"]


@pytest.mark.parametrize(("status", "retriable"), [(500, True), (429, True), (403, False), (404, False)])
def test_what_a_service_refuses_is_told_and_judged(services: Sink, status: int, retriable: bool) -> None:
    services.answer = lambda request: status
    with pytest.raises(Unreachable if retriable else NotAuthorized, match=str(status)):
        send("pagerduty", KEY, FIRING)


def test_two_at_once_hear_only_their_own_reasons(services: Sink) -> None:
    """Reasons come from a log that all share."""
    services.answer = lambda request: 403 if request.path == "/eu" else 202
    found: list[str] = []

    def refused() -> None:
        try:
            send("pagerduty", KEY, FIRING, region="eu")
        except NotAuthorized as error:
            found.append(str(error))

    threads = [threading.Thread(target=refused) for _ in range(3)]
    for each in threads:
        each.start()
    send("pagerduty", KEY, FIRING)
    for each in threads:
        each.join()
    assert len(found) == 3


def test_a_secret_goes_in_and_never_comes_out(scene: Scene, api: ApiOf) -> None:
    ada = api(Role.ADMIN)
    made = ada("POST", "alerts/receivers/", {"name": "s", "kind": "slack", "secret": SLACK})
    assert made.status_code == 201, made.content
    row = Receiver.objects.get()
    assert SLACK not in row.secret
    listed = ada("GET", "alerts/receivers/").content + ada("GET", "operations/").content
    assert b"hooks.slack.com" not in listed
    assert sending.secret_of(row) == SLACK
    tag = ada("GET", f"alerts/receivers/{row.pk}/").headers["ETag"]
    other = {"kind": "telegram", "options": {"chats": ["1"]}}
    assert ada("PATCH", f"alerts/receivers/{row.pk}/", other, **{"If-Match": tag}).status_code in (400, 422)


# --- Pages ------------------------------------------------------------------------------------------------------------
def test_each_kind_has_its_form(scene: Scene, client: Client, users: dict[Role, User]) -> None:
    client.force_login(users[Role.ADMIN])
    forms: dict[str, dict[str, Any]] = {
        "webhook": {"url": "https://hooks.example.org/", "secret": WHSEC, "template": '{"text": "{{ title }}"}'},
        "email": {"host": "mail.example.org", "port": 25, "security": "starttls", "sender": "a@b.example", "to": "c@d.example\ne@f.example"},
        "slack": {"secret": SLACK},
        "teams": {"secret": TEAMS},
        "pagerduty": {"secret": KEY, "region": "eu"},
        "telegram": {"secret": TOKEN, "chats": "-100123"},
    }  # fmt: skip
    for kind, data in forms.items():
        path = f"/clusters/main/alerts/receivers/+new/?kind={kind}"
        assert client.get(path).status_code == 200
        walk(client, path, {"name": kind, "send_resolved": "on", **data})
    made = {row.kind: row for row in Receiver.objects.all()}
    assert set(made) == set(forms)
    assert made["webhook"].options == {"template": '{"text": "{{ title }}"}'}
    assert made["email"].options["to"] == ["c@d.example", "e@f.example"]
    assert sending.secret_of(made["telegram"]) == TOKEN
    edit = f"/clusters/main/alerts/receivers/{made['telegram'].pk}/+edit/"
    assert TOKEN not in client.get(edit).content.decode()
    walk(client, edit, {"name": "telegram", "secret": "", "chats": "-100999"})
    again = Receiver.objects.get(kind="telegram")
    assert (again.options, sending.secret_of(again), again.send_resolved) == (
        {"chats": ["-100999"]},
        TOKEN,
        False,
    )


def test_what_is_wrong_stands_at_its_field(scene: Scene, client: Client, users: dict[Role, User]) -> None:
    client.force_login(users[Role.ADMIN])
    path = "/clusters/main/alerts/receivers/+new/?kind=email"
    page = client.post(
        path,
        {
            "name": "m",
            "host": "mail.example.org",
            "port": 25,
            "security": "tls",
            "sender": "no",
            "to": "x@y.example",
        },
    )
    assert page.status_code == 422
    assert "One address" in page.content.decode()


# --- Who sees what ----------------------------------------------------------------------------------------------------
def test_the_path_of_a_webhook_is_for_those_who_may_set_it(
    scene: Scene, api: ApiOf, client: Client, users: dict[Role, User]
) -> None:
    """Of many services it is the password."""
    url = "https://discord.example.org/api/webhooks/1/s3cr3t"
    ada, vera = api(Role.ADMIN), api(Role.VIEWER)
    made = ada("POST", "alerts/receivers/", {"name": "chat", "url": url}).json()
    assert made["url"] == url
    path = f"alerts/receivers/{made['id']}/"
    for seen in (vera("GET", path), vera("GET", "alerts/receivers/"), ada("GET", "operations/")):
        assert seen.status_code == 200
        assert b"s3cr3t" not in seen.content
    assert vera("GET", path).json()["url"].startswith("https://discord.example.org/… (")
    for role, shown in ((Role.VIEWER, False), (Role.ADMIN, True)):
        client.force_login(users[role])
        page = client.get("/clusters/main/alerts/receivers/").content.decode()
        assert ("s3cr3t" in page) is shown


def test_what_a_form_carries_is_bound_to_the_person(
    scene: Scene, client: Client, users: dict[Role, User]
) -> None:
    client.force_login(users[Role.ADMIN])
    path = "/clusters/main/alerts/receivers/+new/?kind=slack"
    review = client.post(path, {"name": "chat", "secret": SLACK}).content.decode()
    carried = re.search(r'name="sealed" value="([^"]+)"', review)
    assert carried
    other = make_user("eve", Role.ADMIN)
    client.force_login(other)
    stolen = client.post(path, {"name": "chat", "sealed": carried[1]})
    assert "Type it again" in stolen.content.decode()


def test_a_webhook_behind_an_authority_of_ones_own(
    scene: Scene, sink: Sink, api: ApiOf, tmp_path: Path, settings: Any
) -> None:
    sink.secure(tmp_path)
    ada, wanted = api(Role.ADMIN), {"name": "own", "url": sink.url, "allow_private": True}
    refused = ada("POST", "alerts/receivers/", {**wanted, "options": {"ca_pem": LEAF_PEM}}).json()
    assert "CA:TRUE" in refused["errors"]["options"][0]
    made = ada("POST", "alerts/receivers/", {**wanted, "options": {"ca_pem": CA_PEM}}).json()
    assert made["options"] == {"ca_pem": CA_PEM}
    path = f"alerts/receivers/{made['id']}/"
    assert ada("POST", f"{path}test/").json()["status"] == 200
    Receiver.objects.update(options={"ca_pem": OTHER_CA_PEM})
    assert "is not accepted" in ada("POST", f"{path}test/").json()["error"]
    settings.ALERTMANAGERS = [sink.url.removesuffix("/hook")]
    settings.ALERTMANAGERS_CA = OTHER_CA_PEM
    assert alertmanagers_authority(None) == []
    rule("X")
    scene.answers["x"] = [{}]
    scene.cycle()
    assert Forwarder().forward(scene.now) == 0
    settings.ALERTMANAGERS_CA = CA_PEM
    assert Forwarder().forward(scene.now) == 1
    settings.ALERTMANAGERS_CA = LEAF_PEM
    assert "CA:TRUE" in alertmanagers_authority(None)[0].msg


def test_the_form_of_a_webhook_takes_an_authority(
    scene: Scene, client: Client, users: dict[Role, User]
) -> None:
    client.force_login(users[Role.ADMIN])
    path = "/clusters/main/alerts/receivers/+new/?kind=webhook"
    given = {"name": "own", "url": "https://hooks.example.org/", "send_resolved": "on"}
    wrong = client.post(path, {**given, "ca_pem": LEAF_PEM})
    assert (wrong.status_code, b"CA:TRUE" in wrong.content) == (422, True)
    walk(client, path, {**given, "ca_pem": CA_PEM})
    assert Receiver.objects.get().options == {"ca_pem": CA_PEM}
