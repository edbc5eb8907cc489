"""WS-10: twenty secrets go in, or are made, at every door that takes one; none is found anywhere but in its one answer.

Looked at are the database, the log at its finest, what the audit shows, every list of the API, every page that needs no
object, and what is handed to the worker.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from celery.app.task import Task
from django.test import Client

from broker import pki
from broker.connect_spec import ConnectSpec
from controlplane.clusters.models import Cluster
from controlplane.core.access import Role
from controlplane.gateways import workers
from tests.conftest import Api
from tests.web.canaries import EXPORTS, everywhere, found_in, seen, stored
from tests.web.people import person, signed_in

pytestmark = pytest.mark.django_db(transaction=True)
NOBODY = "/clusters/main/"
SLACK = "https://hooks.slack.com/services/T0000000A/B0000000B/"
TEAMS = (
    "https://prod-01.westeurope.logic.azure.com/workflows/0123456789abcdef/triggers/manual/paths/invoke?sig="
)


class Planted:
    """`send` uses a door; what it has to hide is noted, with the door's name."""

    def __init__(self, api: Api, browser: Client, prefix: str) -> None:
        self.api, self.browser, self.prefix = api, browser, prefix
        self.secrets: dict[str, str] = {}

    def hide(self, door: str, secret: str) -> str:
        assert len(secret) >= 12, door
        self.secrets[door] = secret
        return secret

    def post(self, path: str, body: dict[str, Any], *statuses: int) -> Any:
        answer = self.api("POST", path, body, Idempotency_Key=uuid.uuid4().hex)
        assert answer.status_code in (statuses or (200, 201)), (path, answer.status_code, answer.content)
        return answer.json()

    def receiver(self, kind: str, secret: str, **more: Any) -> None:
        self.post(
            "alerts/receivers/", {"name": f"{self.prefix}-{kind}", "kind": kind, "secret": secret, **more}
        )


def plant(into: Planted) -> None:
    prefix, hide = into.prefix, into.hide
    # Receivers: one secret each, and the address of a webhook.
    into.receiver(
        "webhook", hide("signing secret", "whsec_Q2FuYXJ5Q2FuYXJ5Q2FuYXJ5Q2FuYXJ5"), url="https://h.example/x"
    )
    path = hide("path of a webhook", "canary-path-5f1e")
    into.post("alerts/receivers/", {"name": f"{prefix}-path", "url": f"https://h.example/{path}"})
    mail = {"host": "mail.example.org", "from": "a@b.example", "to": ["c@d.example"], "user": "k"}
    into.receiver("email", hide("password of a mail server", "canary-mail-7a2b"), options=mail)
    into.receiver("slack", SLACK + hide("address of Slack", "canarySlack9c3dcanary111"))
    into.receiver("teams", TEAMS + hide("signature of Teams", "canaryTeams1e4f"))
    into.receiver("pagerduty", hide("key of PagerDuty", "canary00pagerduty00000000000abcd"))
    telegram = hide("token of Telegram", "AAHcanaryTelegram0000000000000000abc")
    into.receiver("telegram", f"123456789:{telegram}", options={"chats": ["1"]})
    form = {"name": f"{prefix}-form", "url": "https://h.example/f", "secret": hide("secret in a form", "whsec_Rm9ybUNhbmFyeUZvcm1DYW5hcnlGb3Jt")}  # fmt: skip
    assert into.browser.post(f"{NOBODY}alerts/receivers/+new/", form).status_code == 200
    # SCRAM users and service accounts.
    users = "clusters/main/users/"
    into.post(users, {"name": f"{prefix}.given", "password": hide("password of a user", "canary-scram-3b5c")})
    made = into.post(users, {"name": f"{prefix}.made"})
    hide("password made for a user", made["password"])
    rotated = into.api("POST", f"{users}{prefix}.given/rotate/", {"password": hide("rotated password", "canary-turn-8d6e")}, If_Match="*")  # fmt: skip
    assert rotated.status_code == 200, rotated.content
    account = into.post("clusters/main/service-accounts/", {"name": f"{prefix}.svc"})
    hide("password of a service account", account["password"])
    into.post(
        users, {"name": "admin", "password": hide("password of a refused user", "canary-refused-2f7a")}, 422
    )
    # Certificates: keys made here, and keys of an authority of one's own.
    issued = into.post("clusters/main/certificates/", {"common_name": f"{prefix}.key"})
    hide("key of a client", _middle(issued["private_key_pem"]))
    second = into.post(
        "clusters/main/service-accounts/", {"name": f"{prefix}.tls", "credential": "certificate"}
    )
    hide("key of a service account", _middle(second["private_key_pem"]))
    own = pki.create_hierarchy(pki.Purpose.CLIENTS, "canary", (), datetime.now(UTC))
    chain = own.issuing.certificate_pem + own.root.certificate_pem
    key, password = own.issuing.key_pem, hide("password of an authority's key", "canary-authority-6c8b")
    step = {"step": "begin", "chain": chain, "key": key, "password": password}
    into.post("clusters/main/certificates/authorities/clients/rotation/?dry_run=true", step, 200, 422)
    hide("key of one's own authority", _middle(key))
    # People and tokens.
    token = into.post("tokens/", {"name": f"{prefix}-canary", "role": "viewer"})
    hide("API token", token["token"])
    into.browser.post(
        "/login/", {"login": "ada", "password": hide("wrong password at login", "canary-login-4e9c")}
    )
    change = {"oldpassword": "x", "password1": (again := hide("new password of a person", "canary-change-1a0d")), "password2": again}  # fmt: skip
    into.browser.post("/settings/security/password/change/", change)


def _middle(pem: str) -> str:
    """A line of a key that no other key has."""
    return pem.splitlines()[2]


def test_twenty_canaries_are_found_nowhere(
    cluster: Cluster,
    api: Callable[[Role], Api],
    prefix: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    handed: list[str] = []
    monkeypatch.setattr(Task, "apply_async", lambda self, *args, **more: handed.append(repr((args, more))))
    caplog.set_level(logging.DEBUG)
    person(Role.ADMIN)
    browser = signed_in(Role.ADMIN)
    into = Planted(api(Role.ADMIN), browser, prefix)
    plant(into)
    assert len(into.secrets) >= 20
    places = {**stored(caplog.text, handed), **seen(api, everywhere())}
    assert len(places) > 60
    found = [
        f"{door} in {place}"
        for door, place in found_in(into.secrets, places)
        # Whoever may set the address of a webhook sees it; it is kept as it is, for the worker to use.
        if not (
            door == "path of a webhook"
            and (
                place == "the database"
                or place.endswith("an admin")
                or "/alerts/" in place
                or "/operations/" in place
            )
        )
    ]
    assert found == []


def test_the_password_of_an_external_connect_cluster_is_found_nowhere(
    cluster: Cluster,
    connect_worker: ConnectSpec,
    api: Callable[[Role], Api],
    prefix: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The bundled worker as one that runs elsewhere: a password that it refuses, one that it takes, one for later."""
    handed: list[str] = []
    monkeypatch.setattr(Task, "apply_async", lambda self, *args, **more: handed.append(repr((args, more))))
    caplog.set_level(logging.DEBUG)
    ada, browser = api(Role.ADMIN), signed_in(Role.ADMIN)
    endpoint = workers.rest_endpoint(connect_worker)
    secrets = {
        "its password": endpoint.password_file.read_text().strip(),
        "one that is refused": "canary-connect-0b3d",
        "one in a form": "canary-connect-form-77aa",
        "one in a change": "canary-connect-change-19ce",
    }
    own = {"name": prefix, "url": endpoint.url, "username": endpoint.username, "allow_private": True}
    clusters, page = "clusters/main/connect/", "/clusters/main/connect/"
    answers = [
        ada("POST", clusters, {**own, "password": secrets["one that is refused"]}),
        browser.post(f"{page}+add/", {**own, "password": secrets["one in a form"]}),
        browser.post(f"{page}+add/", {**own, "password": secrets["its password"]}),
        ada("POST", f"{clusters}?dry_run=true", {**own, "password": secrets["its password"]}),
        ada("POST", clusters, {**own, "password": secrets["its password"]}),
        ada("PATCH", f"{clusters}{prefix}/?dry_run=true", {"password": secrets["one in a change"]}),
        ada("POST", f"{clusters}{prefix}/test/"),
        browser.post(f"{page}{prefix}/+connection/test/"),
    ]
    assert [each.status_code for each in answers] == [422, 422, 200, 200, 201, 200, 200, 200]
    of_pages = (
        "",
        "+plugins/",
        "+log-levels/",
        "+connection/",
        "+connection/edit/",
        "+connection/remove/",
        *EXPORTS,
    )
    of_api = ("", "connectors/", "plugins/", "loggers/")
    paths = [
        *(f"{page}{prefix}/{part}" for part in of_pages),
        *(f"/api/v1/{clusters}{prefix}/{part}" for part in of_api),
    ]
    places = {**stored(caplog.text, handed), **seen(api, paths)}
    places |= {f"answer {at}": each.content.decode() for at, each in enumerate(answers)}
    assert f"/connect/{prefix}/" in places[f"{page}{prefix}/"]
    assert found_in(secrets, places) == []


def test_what_is_replayed_by_its_key_holds_no_secret(
    api: Callable[[Role], Api], cluster: Cluster, prefix: str
) -> None:
    ada, body = api(Role.ADMIN), {"name": f"{prefix}.again"}
    first = ada("POST", "clusters/main/users/", body, Idempotency_Key=prefix)
    again = ada("POST", "clusters/main/users/", body, Idempotency_Key=prefix)
    assert (first.status_code, again.status_code) == (201, 201)
    assert json.dumps(first.json()["password"]) not in again.content.decode()
