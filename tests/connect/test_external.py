"""Connect clusters that run elsewhere: what may be registered by table; the bundled worker, by its address and password, as one."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from django.core.management import call_command
from django.utils import timezone

from broker import pki
from broker.connect_spec import ConnectSpec
from controlplane.audit.models import Operation
from controlplane.clusters.models import Cluster
from controlplane.connect.external import api_of, secret_context
from controlplane.connect.logic.external import (
    ExternalRequest,
    Found,
    Registered,
    plan_add,
    plan_alter,
    plan_remove,
    problems,
)
from controlplane.connect.models import ConnectCluster
from controlplane.core import secrets
from controlplane.core.access import Role
from controlplane.core.management.commands import rotate_key
from controlplane.core.plans import Refusal
from controlplane.gateways import workers
from controlplane.gateways.addresses import Allowed
from controlplane.gateways.connect import ConnectApi, Login
from controlplane.gateways.errors import AuthenticationFailed
from tests.conftest import Api
from tests.web.people import signed_in

HERE = "clusters/main/connect/"
PAGES = "/clusters/main/connect/"
URL = "https://connect.example.org:8083"


# --- What may be asked for --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({}, None),
        ({"name": "Not A Slug"}, "name"),
        ({"url": "connect.example.org:8083"}, "url"),
        ({"url": "ftp://connect.example.org"}, "url"),
        ({"url": "https://kim:secret@connect.example.org"}, "url"),
        ({"url": "https://0x7f.1:8083"}, "url"),
        ({"url": f"{URL}?a=b"}, "url"),
        ({"username": "kim"}, "password"),
        ({"password": "given"}, "password"),
        ({"username": "kim", "password": "two\nlines"}, "password"),
        ({"username": "a:b", "password": "x"}, "username"),
        ({"ca_pem": "no certificate"}, "ca_pem"),
        ({"url": "http://connect.example.org", "ca_pem": "no certificate"}, "ca_pem"),
    ],
)
def test_what_may_be_registered(asked: dict[str, Any], field: str | None) -> None:
    found = problems(ExternalRequest(**{"name": "eu-1", "url": URL, **asked}), timezone.now())
    assert list(found) == ([field] if field else [])


NOW = Registered(ExternalRequest("eu-1", URL, "kim"), password=True, version=3)


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        (ExternalRequest("eu-1", URL, "kim"), None),
        (ExternalRequest("eu-1", URL, "kim", "new"), None),
        (ExternalRequest("eu-1", URL), None),
        (ExternalRequest("eu-1", "https://evil.example.org", "kim"), "password"),
        (ExternalRequest("eu-1", URL, "lee"), "password"),
        (ExternalRequest("eu-1", URL, "kim", ""), "password"),
    ],
)
def test_a_kept_password_goes_where_it_was_given_for(asked: ExternalRequest, field: str | None) -> None:
    assert list(problems(asked, timezone.now(), NOW)) == ([field] if field else [])


def test_a_plan_says_who_answers_and_hides_the_password() -> None:
    asked = ExternalRequest("eu-1", URL, "kim", "let-me-in")
    plan = plan_add(asked, Found("4.3.1", "else", 7), cluster="main", cluster_id="abc", taken=())
    assert plan.allowed
    assert "let-me-in" not in json.dumps(plan.to_json())
    changes = {change.field: change.after for change in plan.steps[0].changes}
    assert (changes["Kafka Connect"], changes["connectors"], changes["password"]) == ("4.3.1", "7", "sealed")
    assert any("another Kafka cluster" in warning for warning in plan.warnings)
    taken = plan_add(asked, Found("4.3.1"), cluster="main", cluster_id="", taken=("eu-1",))
    assert [each.code for each in taken.refusals] == ["name"]
    down = Found(refusal=Refusal("url", "Nothing answers"))
    assert not plan_alter(NOW, asked, down, cluster="main", cluster_id="").allowed
    replaced = plan_alter(NOW, asked, Found("4.3.1"), cluster="main", cluster_id="")
    assert [(c.field, c.after) for c in replaced.steps[0].changes] == [("password", "replaced")]
    gone = plan_remove(NOW, cluster="main", policies=2)
    assert ("automatic restarts", "2 policies") in [(c.field, c.before) for c in gone.steps[0].changes]


# --- On a real worker -------------------------------------------------------------------------------------------------
@pytest.fixture
def anna(api: Callable[[Role], Api], cluster: Cluster, connect_worker: ConnectSpec) -> Api:
    return api(Role.ADMIN)


@pytest.fixture
def body(connect_worker: ConnectSpec) -> dict[str, Any]:
    endpoint = workers.rest_endpoint(connect_worker)
    password = endpoint.password_file.read_text().strip()
    return {
        "name": "elsewhere",
        "url": endpoint.url,
        "username": endpoint.username,
        "password": password,
        "allow_private": True,
    }


@pytest.mark.django_db(transaction=True)
def test_it_is_added_used_changed_tried_and_removed(
    anna: Api, api: Callable[[Role], Api], body: dict[str, Any], prefix: str, caplog: Any
) -> None:
    assert api(Role.OPERATOR)("POST", HERE, body).status_code == 403
    without = {name: value for name, value in body.items() if name != "allow_private"}
    refused = anna("POST", f"{HERE}?dry_run=true", without).json()
    assert [each["code"] for each in refused["refusals"]] == ["allow_private"]
    wrong = anna("POST", HERE, {**body, "password": "not-this-one"})
    assert (wrong.status_code, wrong.json()["refusals"][0]["code"]) == (422, "password")
    made = anna("POST", HERE, body)
    assert made.status_code == 201, made.content
    assert (made.json()["has_password"], made.json()["bundled"]) == (True, False)
    row = ConnectCluster.objects.get()
    assert body["password"] not in row.password

    names = [each["name"] for each in anna("GET", HERE).json()["results"]]
    assert names == ["bundled", "elsewhere"]
    connector = f"{HERE}elsewhere/connectors/{prefix}-x/"
    config = {"connector.class": "FileStreamSource", "file": "in.txt", "topic": prefix}
    put = anna("PUT", connector, {"config": config, "initial_state": "STOPPED"})
    assert put.status_code == 200, put.content
    assert prefix in anna("GET", f"{HERE}bundled/connectors/").content.decode()
    # By its address it is the same worker on this machine, and as confined.
    outside = anna("PUT", f"{connector}?dry_run=true", {"config": {**config, "file": "/etc/passwd"}}).json()
    assert "file" in [each["code"] for each in outside["refusals"]]
    tag = anna("DELETE", f"{connector}?dry_run=true")["ETag"]
    assert anna("DELETE", connector, If_Match=tag).status_code == 204

    tried = anna("POST", f"{HERE}elsewhere/test/").json()
    assert (tried["ok"], tried["version"]) == (True, "4.3.1")
    one = f"{HERE}elsewhere/"
    moved = anna("PATCH", f"{one}?dry_run=true", {"url": "http://127.0.0.1:1"})
    assert "password" in moved.json()["errors"]
    tag = anna("GET", one)["ETag"]
    renamed = anna("PATCH", one, {"allow_private": False}, If_Match=tag)
    assert renamed.status_code == 422
    same = anna("PATCH", one, {"password": body["password"]}, If_Match=tag)
    assert same.status_code == 200, same.content
    assert anna("PATCH", one, {"password": body["password"]}, If_Match=tag).status_code == 412
    tag = anna("DELETE", f"{one}?dry_run=true")["ETag"]
    assert anna("DELETE", one, If_Match=tag).status_code == 204
    assert anna("GET", one).status_code == 404
    kept = json.dumps([[o.plan, o.before, o.details] for o in Operation.objects.all()])
    assert body["password"] not in kept + caplog.text


@pytest.mark.django_db(transaction=True)
def test_in_the_browser_the_password_is_typed_once(anna: Api, body: dict[str, Any], cluster: Cluster) -> None:
    browser = signed_in(Role.ADMIN)
    assert browser.get(PAGES).headers["Location"] == f"{PAGES}bundled/"
    assert "Connect cluster: " not in browser.get(f"{PAGES}bundled/").content.decode()
    form = {**body, "allow_private": "on"}
    bad = browser.post(f"{PAGES}+add/", {**form, "password": "not-this-one"})
    assert bad.status_code == 422
    assert "does not accept" in bad.content.decode()
    review = browser.post(f"{PAGES}+add/", form)
    page = review.content.decode()
    assert review.status_code == 200
    assert body["password"] not in page
    fields = dict(review.context["fields"])
    digest = review.context["plan"].digest
    done = browser.post(f"{PAGES}+add/", {**fields, "digest": digest})
    assert done.headers["Location"] == f"{PAGES}elsewhere/", done.content
    assert "Connect cluster: " in browser.get(f"{PAGES}bundled/").content.decode()
    for path in (
        "elsewhere/",
        "elsewhere/+plugins/",
        "elsewhere/+connection/",
        "elsewhere/+connection/edit/",
    ):
        found = browser.get(f"{PAGES}{path}")
        assert found.status_code == 200, path
        assert body["password"] not in found.content.decode()
    tried = browser.post(f"{PAGES}elsewhere/+connection/test/").content.decode()
    assert "The connection works" in tried
    assert browser.get(f"{PAGES}bundled/+connection/").status_code == 404
    review = browser.post(f"{PAGES}elsewhere/+connection/remove/")
    digest = review.context["plan"].digest
    assert browser.post(f"{PAGES}elsewhere/+connection/remove/", {"digest": digest}).status_code == 303
    assert not ConnectCluster.objects.exists()


@pytest.mark.django_db
def test_the_password_outlives_a_rotation_of_the_key(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.FIELD_KEYS_FILE = tmp_path / "field-key"
    monkeypatch.setattr(rotate_key, "SETTLE_S", 0)
    # Authorities are files of the session's cluster, sealed under the session's own key.
    own = [each for each in secrets.RESEALERS if "authority" not in each.__module__]
    monkeypatch.setattr(secrets, "RESEALERS", own)
    cluster = Cluster.objects.create(name="outside", title="Outside")
    row = ConnectCluster.objects.create(cluster=cluster, name="eu-1", url=URL, username="kim")
    before = secrets.encrypt("let-me-in", context=secret_context(row))
    ConnectCluster.objects.update(password=before)
    call_command("rotate_key")
    row.refresh_from_db()
    assert row.password != before
    login = api_of(row).login
    assert login is not None
    assert login.password == "let-me-in"


@contextmanager
def tls_in_front(port: int, tmp_path: Path) -> Iterator[tuple[int, str]]:
    """A port that speaks TLS and hands on to the real worker; and the authority that signed its certificate."""
    now = datetime.now(UTC)
    made = pki.create_hierarchy(pki.Purpose.BROKERS, "test", ["127.0.0.1"], now)
    leaf = pki.issue(made, "connect", ["127.0.0.1"], now)
    pem = serialization.Encoding.PEM
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    chain.write_bytes(leaf.certificate.public_bytes(pem) + made.issuing.certificate.public_bytes(pem))
    key.write_text(pki.key_pem(leaf.key))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=_handed_on, args=(plain, context, port), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1], made.root.certificate.public_bytes(pem).decode()
    finally:
        listener.close()


def _handed_on(plain: socket.socket, context: ssl.SSLContext, port: int) -> None:
    """One request, which says itself that its connection closes, and its answer."""
    with (
        plain,
        suppress(OSError),
        context.wrap_socket(plain, server_side=True) as safe,
        socket.create_connection(("127.0.0.1", port)) as worker,
    ):
        worker.sendall(safe.recv(65_536))
        while part := worker.recv(65_536):
            safe.sendall(part)


def test_its_certificate_is_checked_by_the_authority_that_was_given(
    connect_worker: ConnectSpec, tmp_path: Path
) -> None:
    endpoint = workers.rest_endpoint(connect_worker)
    login = Login(endpoint.username, password_file=endpoint.password_file)
    loopback = Allowed.of(["127.0.0.1"])
    with tls_in_front(connect_worker.port, tmp_path) as (port, ca_pem):
        url = f"https://127.0.0.1:{port}"
        assert ConnectApi(url, login, loopback, ca_pem).worker().version == "4.3.1"
        with pytest.raises(AuthenticationFailed, match="certificate"):
            ConnectApi(url, login, loopback).worker()
