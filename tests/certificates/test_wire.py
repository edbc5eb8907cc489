"""Certificates that others present: seen through a real handshake, in TLS 1.2 and 1.3, with and without a demand for a
client certificate; through the address guard; with an error in words where there is none.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from broker import pki
from controlplane.alerts.models import Receiver
from controlplane.certificates import inventory, tasks
from controlplane.certificates.models import Certificate, Sighting, WatchedEndpoint
from controlplane.certificates.services import watching
from controlplane.clusters.connections import store as store_connection
from controlplane.clusters.logic.connections import ConnectionRequest
from controlplane.clusters.models import BrokerSnapshot, Cluster, ExternalConnection, Kind
from controlplane.core.access import Role
from controlplane.gateways import tls_probe
from controlplane.gateways.addresses import Allowed
from controlplane.gateways.errors import BadAnswer, DeadlineExceeded, TargetRefused, Unreachable
from controlplane.gateways.outbound import Outbound
from controlplane.metrics.selectors import store
from tests.certificates.conftest import CERTIFICATES, Issue
from tests.conftest import Api
from tests.web.people import signed_in

NOW = datetime.now(UTC)
LOOPBACK = Outbound(Allowed.of(["127.0.0.1"]))
HIERARCHY = pki.create_hierarchy(pki.Purpose.BROKERS, "wire", ("localhost",), NOW)
LEAF = pki.issue(HIERARCHY, "registry", ("localhost", "127.0.0.1"), NOW, life=timedelta(days=9))
Serve = Callable[..., int]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """A server on loopback; `context` None answers with `plain` bytes instead of TLS, or with nothing at all."""
    listeners: list[socket.socket] = []
    held: list[socket.socket] = []

    def start(context: ssl.SSLContext | None = None, plain: bytes = b"") -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def run() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                try:
                    if context is not None:
                        context.wrap_socket(connection, server_side=True).close()
                    elif plain:
                        connection.sendall(plain)
                        connection.close()
                    else:
                        held.append(connection)
                except OSError:
                    connection.close()

        threading.Thread(target=run, daemon=True).start()
        return int(listener.getsockname()[1])

    yield start
    # What was held is let go here: collected later, its warning would fail whichever test runs then.
    for each in (*listeners, *held):
        each.close()


@pytest.fixture
def context(tmp_path: Path) -> ssl.SSLContext:
    (tmp_path / "server.pem").write_text(LEAF.key_pem + HIERARCHY.chain_pem(LEAF.certificate))
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(tmp_path / "server.pem")
    return made


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("asks_for_one", [False, True])
def test_the_whole_chain_is_seen_though_nothing_is_trusted(
    serve: Serve, context: ssl.SSLContext, tmp_path: Path, version: ssl.TLSVersion, asks_for_one: bool
) -> None:
    context.minimum_version = context.maximum_version = version
    if asks_for_one:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=HIERARCHY.root.certificate_pem)
    found = tls_probe.probe("127.0.0.1", serve(context), LOOPBACK)
    assert list(found.chain) == [LEAF.certificate, HIERARCHY.issuing.certificate]


def test_what_is_no_tls_or_no_answer_is_said_in_words(serve: Serve) -> None:
    with pytest.raises(BadAnswer, match="does not speak TLS"):
        tls_probe.probe("127.0.0.1", serve(plain=b"HTTP/1.1 400 Bad Request\r\n\r\n"), LOOPBACK)
    started = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        tls_probe.probe("127.0.0.1", serve(), LOOPBACK, timeout_s=0.5)
    assert time.monotonic() - started < 3
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(Unreachable):
        tls_probe.probe("127.0.0.1", port, LOOPBACK)


@pytest.mark.parametrize("host", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "0x7f.1"])
def test_an_address_that_is_not_public_is_not_asked_unless_allowed(host: str) -> None:
    with pytest.raises(TargetRefused):
        tls_probe.probe(host, 443, Outbound())


pytestmark = pytest.mark.django_db(transaction=True)


def test_every_listener_of_the_cluster_is_seen(cluster: Cluster) -> None:
    targets = watching.targets(cluster)
    assert len(targets) == 12
    for target in targets:
        row = watching.check(cluster, target.host, target.port)
        assert row is not None
        assert row.error == ""
        assert row.subject == f"CN=broker-{target.name.split()[1]}"
        assert row.not_after is not None
        assert row.not_after > timezone.now()


def test_an_address_is_watched_asked_at_once_and_forgotten(
    cluster: Cluster, admin_api: Api, serve: Serve, context: ssl.SSLContext, settings: Any
) -> None:
    settings.ALLOWED_TARGETS = ["127.0.0.1"]
    body = {"host": "127.0.0.1", "port": serve(context), "label": "registry"}
    path = f"{CERTIFICATES}watched/"
    assert admin_api("POST", f"{path}?dry_run=true", body).json()["allowed"] is True
    assert not WatchedEndpoint.objects.exists()
    made = admin_api("POST", path, body)
    assert made.status_code == 201, made.content
    assert made.json()["subject"] == "CN=registry"
    assert made.json()["error"] == ""
    assert admin_api("POST", path, body).status_code == 422
    (row,) = admin_api("GET", f"{CERTIFICATES}expiry/?kind=watched").json()["results"]
    assert (row["name"], row["detail"]) == ("registry", "CN=registry")
    assert 8 * 86_400 < row["seconds_left"] <= 9 * 86_400
    one = f"{path}{made.json()['id']}/"
    assert admin_api("DELETE", one).status_code == 428
    assert admin_api("DELETE", one, If_Match=made["ETag"]).status_code == 204
    assert not WatchedEndpoint.objects.exists()
    assert not Sighting.objects.filter(kind="watched").exists()


def test_what_was_seen_stays_when_it_answers_no_more_with_the_reason(
    cluster: Cluster, serve: Serve, context: ssl.SSLContext, settings: Any
) -> None:
    settings.ALLOWED_TARGETS = ["127.0.0.1"]
    port = serve(context)
    WatchedEndpoint.objects.create(
        cluster=cluster, host="127.0.0.1", port=port, added_by="x", added_at=timezone.now()
    )
    first = watching.check(cluster, "127.0.0.1", port)
    settings.ALLOWED_TARGETS = []
    then = watching.check(cluster, "127.0.0.1", port)
    assert first is not None
    assert then is not None
    assert "not a public address" in then.error
    assert (then.not_after, then.seen_at) == (first.not_after, first.seen_at)
    assert then.checked_at > first.checked_at


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"host": "127.0.0.1", "port": 443}, "target_refused"),
        ({"host": "169.254.169.254", "port": 80}, "target_refused"),
        ({"host": "http://example.com", "port": 443}, "target_refused"),
        ({"host": "2130706433", "port": 443}, "target_refused"),
    ],
)
def test_an_address_that_may_not_be_asked_is_refused(
    cluster: Cluster, admin_api: Api, body: dict[str, object], code: str
) -> None:
    answer = admin_api("POST", f"{CERTIFICATES}watched/", body)
    assert answer.status_code == 422
    assert answer.json()["refusals"][0]["code"] == code


def test_the_hourly_task_spreads_and_forgets_what_is_gone(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[tuple[str, str, int], int]] = []
    monkeypatch.setattr(
        tasks.check, "apply_async", lambda args, countdown, expires: sent.append((args, countdown))
    )
    Sighting.objects.create(
        cluster=cluster, kind="listener", name="gone", host="127.0.0.1", port=9, checked_at=timezone.now()
    )
    tasks.check_all()
    assert not Sighting.objects.filter(port=9).exists()
    sent = [
        (args, delay) for args, delay in sent if args[0] == cluster.name
    ]  # other tests have clusters of their own
    assert len(sent) == 12
    delays = {delay for _, delay in sent}
    assert len(delays) > 6
    assert max(delays) < 3600
    for args, _ in sent[:2]:
        tasks.check(*args)
    assert Sighting.objects.count() == 2


def test_what_nobody_asked_yet_does_not_wait_for_the_hour(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[str, str, int]] = []
    monkeypatch.setattr(tasks.check, "apply_async", lambda args, expires: sent.append(args))
    tasks.check_new()
    ours = [args for args in sent if args[0] == cluster.name]
    assert len(ours) == 12
    tasks.check(*ours[0])
    sent.clear()
    tasks.check_new()
    assert {args for args in sent if args[0] == cluster.name} == set(ours[1:])


def test_the_inventory_has_everything_and_its_metric_is_on_metrics_and_in_the_history(
    cluster: Cluster, admin_api: Api, issue: Issue, api: Callable[[Role], Api], prefix: str
) -> None:
    issue(f"{prefix}.metric", days=10)
    for target in watching.targets(cluster)[:1]:
        watching.check(cluster, target.host, target.port)
    kinds = {row.kind for row in inventory.inventory(cluster)}
    assert kinds == {"client", "own", "authority", "listener"}
    text = api(Role.VIEWER).client.get("/metrics")
    assert text.status_code == 200
    line = f'kastellan_certificate_expiry_seconds{{cluster="main",kind="client",name="{prefix}.metric"}}'
    other = f'kastellan_certificate_expiry_seconds{{cluster="main",name="{prefix}.metric",kind="client"}}'
    body = text.content.decode()
    (found,) = [row for row in body.splitlines() if row.startswith((line, other))]
    assert 9.9 * 86_400 < float(found.rpartition(" ")[2]) <= 10 * 86_400

    tasks.sample()
    now = int(time.time() * 1000)
    (series,) = store().select("main", inventory.METRIC, {"name": f"{prefix}.metric"}, now - 60_000, now)
    assert 9.9 * 86_400 < series.values[-1] <= 10 * 86_400
    (life,) = store().select("main", inventory.LIFE, {"name": f"{prefix}.metric"}, now - 60_000, now)
    assert life.values[-1] == pytest.approx(10 * 86_400, rel=0.02)


def test_a_webhook_that_alerts_go_to_is_asked_without_being_named_again(
    cluster: Cluster, serve: Serve, context: ssl.SSLContext, admin_api: Api
) -> None:
    port = serve(context)
    wanted = {"name": "on-call", "url": f"https://127.0.0.1:{port}/x", "allow_private": True}
    assert admin_api("POST", "alerts/receivers/", wanted).status_code == 201
    assert (cluster.name, "127.0.0.1", port) in {
        (cluster.name, each.host, each.port) for each in watching.unseen(cluster)
    }
    tasks.check(cluster.name, "127.0.0.1", port)
    (row,) = (row for row in inventory.inventory(cluster) if row.kind == "used")
    assert (row.name, row.error) == ("receiver on-call", "")
    assert row.span is not None
    Receiver.objects.all().delete()
    watching.forget_gone(cluster)
    assert not Sighting.objects.filter(kind="used").exists()


def test_a_watched_address_is_asked_through_the_api(
    cluster: Cluster, serve: Serve, context: ssl.SSLContext, admin_api: Api, settings: Any
) -> None:
    settings.ALLOWED_TARGETS = ["127.0.0.1"]
    row = WatchedEndpoint.objects.create(
        cluster=cluster, host="127.0.0.1", port=serve(context), added_by="x", added_at=timezone.now()
    )
    answer = admin_api("POST", f"{CERTIFICATES}watched/{row.pk}/ask/")
    assert answer.status_code == 200
    assert answer.json()["not_after"]
    assert admin_api("POST", f"{CERTIFICATES}watched/{row.pk + 1}/ask/").status_code == 404


def test_revoked_and_replaced_certificates_are_no_reason_to_worry(
    cluster: Cluster, admin_api: Api, issue: Issue, prefix: str
) -> None:
    made = issue(f"{prefix}.old", days=3)
    admin_api("POST", f"{CERTIFICATES}{made.serial}/renew/", {"days": 90})
    rows = [row for row in inventory.inventory(cluster) if row.kind == "client"]
    new = Certificate.objects.get(replaced_by="")
    assert {row.serial: row.replaced for row in rows} == {made.serial: True, new.serial: False}
    (left,) = (
        each.value
        for each in inventory.samples(cluster, timezone.now())
        if each.name == inventory.METRIC and ("kind", "client") in each.labels
    )
    assert left > 80 * 86_400
    assert admin_api("POST", f"{CERTIFICATES}{made.serial}/revoke/", {}, If_Match="*").status_code == 200
    assert [row.serial for row in inventory.inventory(cluster) if row.kind == "client"] == [new.serial]


def test_the_refusal_of_a_private_address_names_the_setting_and_the_page_leads_to_it(
    cluster: Cluster,
) -> None:
    form = {"host": "10.1.2.3", "port": "443"}
    text = signed_in(Role.ADMIN).post("/clusters/main/certificates/expiry/+watch/", form).content.decode()
    at = text.partition('id="id_host_error"')[2].partition("</div>")[0]
    assert "KASTELLAN_ALLOWED_TARGETS" in at
    assert 'href="/manual/settings/"' in text


def test_the_listeners_of_an_external_cluster_are_looked_at_through_the_guard(
    db: None, serve: Serve, context: ssl.SSLContext, settings: Any
) -> None:
    port, gone = serve(context), 1
    cluster = Cluster.objects.create(name="outside", title="Outside", kind=Kind.EXTERNAL)
    asked = ConnectionRequest(f"127.0.0.1:{port},localhost:{gone}", "scram-sha-512", allow_private=True)
    store_connection(cluster, asked)
    for broker, host in ((1, "127.0.0.1"), (2, "169.254.169.254")):
        BrokerSnapshot.objects.create(cluster=cluster, broker_id=broker, host=host, port=port, taken_at=NOW)
    found = {(each.name, each.host): each for each in watching.targets(cluster)}
    assert set(found) == {
        ("broker 1 SASL_SSL", "127.0.0.1"), ("broker 2 SASL_SSL", "169.254.169.254"), (f"bootstrap localhost:{gone}", "localhost"),
    }  # fmt: skip
    for each in found.values():
        tasks.check(cluster.name, each.host, each.port)
    rows = {row.name: row for row in inventory.inventory(cluster)}
    assert (rows["broker 1 SASL_SSL"].error, rows["broker 1 SASL_SSL"].detail) == ("", "CN=registry")
    assert "not a public address" in rows["broker 2 SASL_SSL"].error
    assert "could not be reached" in rows[f"bootstrap localhost:{gone}"].error
    (left,) = (each for each in inventory.samples(cluster, timezone.now()) if each.name == inventory.METRIC)
    assert ("kind", "listener") in left.labels
    assert ("name", "broker 1 SASL_SSL") in left.labels
    assert 0 < left.value <= 9 * 86_400
    page = signed_in(Role.VIEWER).get("/clusters/outside/certificates/expiry/").content.decode()
    assert "broker 1 SASL_SSL" in page
    ExternalConnection.objects.update(allow_private=False)
    cluster = Cluster.objects.get(pk=cluster.pk)
    again = watching.check(cluster, "127.0.0.1", port)
    assert again is not None
    assert "not a public address" in again.error
    ExternalConnection.objects.update(security="plaintext")
    assert watching.targets(Cluster.objects.get(pk=cluster.pk)) == ()
