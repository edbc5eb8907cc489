"""Sources of external clusters: exporters' text by their real servers, and a real Prometheus that evaluates in our place."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from django.core.management import call_command
from django.test import Client

from controlplane.accounts.models import User
from controlplane.alerts.selectors import sight
from controlplane.clusters.connections import connection_row, external_connection
from controlplane.clusters.connections import store as store_connection
from controlplane.clusters.logic.connections import ConnectionRequest
from controlplane.clusters.models import BrokerSnapshot, Cluster, Kind
from controlplane.core import secrets
from controlplane.core.access import Role
from controlplane.core.management.commands import rotate_key
from controlplane.gateways.errors import AuthenticationFailed, GatewayError, TargetRefused
from controlplane.gateways.kafka.security import PlainTls
from controlplane.metrics import clients, elsewhere, polling, probe, query, sources, tasks
from controlplane.metrics.forecast import forecast
from controlplane.metrics.logic.sources import Broker, SourceRequest, problems, url_of
from controlplane.metrics.models import MetricSource
from controlplane.metrics.query import QueryError
from controlplane.metrics.selectors import store
from tests.alerts.real import free_port, needs, started
from tests.conftest import Api
from tests.own_authority import CA_PEM, LEAF_PEM, NOW, OTHER_CA_PEM, secured
from tests.waiting import eventually

pytestmark = pytest.mark.django_db
ApiOf = Callable[[Role], Api]
NAME = "outside"
TOKEN = "let-me-in"
TEXT = """# TYPE kafka_server_BrokerTopicMetrics_Count untyped
kafka_server_BrokerTopicMetrics_Count{name="BytesInPerSec",topic="orders"} 100
kafka_server_ReplicaManager_Value{name="UnderReplicatedPartitions",} 2
"""


@pytest.fixture(autouse=True)
def _own_store(tmp_path: Path, settings: Any) -> None:
    settings.METRICS_DATABASE = str(tmp_path / "metrics.sqlite3")


@pytest.fixture
def outside(db: None) -> Cluster:
    """Registered without being asked: nothing here speaks Kafka."""
    cluster = Cluster.objects.create(name=NAME, title="Outside", kind=Kind.EXTERNAL, cluster_id="x")
    store_connection(cluster, ConnectionRequest("kafka.example.org:9092", "plaintext"))
    for broker in (1, 2):
        BrokerSnapshot.objects.create(
            cluster=cluster, broker_id=broker, host="127.0.0.1", port=9092, taken_at="2026-01-01T00:00:00Z"
        )
    return cluster


@contextmanager
def exporter(text: str, token: str = "", secured_in: Path | None = None) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            denied = token and self.headers["Authorization"] != f"Bearer {token}"
            body = b"no" if denied else text.encode()
            self.send_response(401 if denied else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with serving(Handler, secured_in) as url:
        yield url


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler], secured_in: Path | None = None) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    if secured_in is not None:
        secured(server, secured_in)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http{'s' if secured_in else ''}://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def given(cluster: Cluster, kind: str, *urls: str, **more: Any) -> MetricSource:
    return MetricSource.objects.create(cluster=cluster, kind=kind, urls="\n".join(urls), **more)


def now() -> int:
    return time.time_ns() // 1_000_000


# --- Text of exporters ------------------------------------------------------------------------------------------------


def test_each_broker_is_asked_at_its_own_address() -> None:
    urls = ("2=https://two.example.org/m", "http://{host}:9404/{broker}/metrics")
    assert url_of(urls, Broker(1, "a")) == "http://a:9404/1/metrics"
    assert url_of(urls, Broker(2, "b")) == "https://two.example.org/m"
    assert url_of(urls[:1], Broker(1, "a")) is None


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (SourceRequest("scrape"), "urls"),
        (SourceRequest("scrape", ("http://one-for-all/metrics",)), "urls"),
        (SourceRequest("scrape", ("1=ftp://x/",)), "urls"),
        (SourceRequest("scrape", ("1=http://user:pass@x/",)), "urls"),
        (SourceRequest("scrape", ("http://{host.x}/",)), "urls"),
        (SourceRequest("scrape", ("1=http://0x7f.1/metrics",)), "urls"),
        (SourceRequest("scrape", ("http://{host}/",), secret="t"), "urls"),
        (SourceRequest("scrape", ("1=http://x/",), {"a": "b"}), "matchers"),
        (SourceRequest("server", ("http://x/", "http://y/")), "urls"),
        (SourceRequest("server", ("http://x/?a=b",)), "urls"),
        (SourceRequest("server", ("http://x/",), {"a b": "c"}), "matchers"),
        (SourceRequest("server", ("http://x/",), username="u"), "secret"),
        (SourceRequest("jmx", ("http://x/",)), "kind"),
    ],
)
def test_what_is_wrong_is_told_at_its_field(request_: SourceRequest, field: str) -> None:
    assert list(problems(request_, NOW)) == [field]


def test_a_secret_goes_only_where_it_was_given_for() -> None:
    before = SourceRequest("server", ("http://x/",), username="u")
    assert problems(before, NOW, before, held=True) == {}
    moved = SourceRequest("server", ("http://y/",), username="u")
    assert list(problems(moved, NOW, before, held=True)) == ["secret"]
    secure = replace(before, urls=("https://x/",))
    trusting = replace(secure, ca_pem=CA_PEM)
    assert list(problems(trusting, NOW, secure, held=True)) == ["secret"]


def test_an_exporter_behind_an_authority_of_ones_own(api: ApiOf, outside: Cluster, tmp_path: Path) -> None:
    ada, path = api(Role.ADMIN), f"clusters/{NAME}/metrics/source/"
    with exporter(TEXT, secured_in=tmp_path) as url:
        wanted = {"kind": "scrape", "urls": [f"1={url}/metrics"], "allow_private": True}
        for trust, said in ((LEAF_PEM, "CA:TRUE"), ("x", "in PEM")):
            refused = ada("PUT", path, {**wanted, "ca_pem": trust}, HTTP_IF_MATCH="*").json()
            assert said in refused["errors"]["ca_pem"][0]
        for trust in ("", OTHER_CA_PEM):
            tried = ada("POST", f"{path}test/", {**wanted, "ca_pem": trust}).json()
            assert "The certificate of 127.0.0.1 is not accepted" in tried["brokers"][0]["error"]
        tried = ada("POST", f"{path}test/", {**wanted, "ca_pem": CA_PEM}).json()
        assert tried["brokers"][0]["samples"] > 0
        row = given(outside, "scrape", f"1={url}/metrics", allow_private=True, ca_pem=CA_PEM)
        assert polling.poll(NAME, 1) is None
        assert ada("GET", path).json()["ca_pem"] == CA_PEM
        MetricSource.objects.filter(pk=row.pk).update(ca_pem="")
        assert isinstance(polling.poll(NAME, 1), AuthenticationFailed)


def test_a_server_behind_an_authority_of_ones_own(outside: Cluster, tmp_path: Path) -> None:
    """It has no API, which is noticed after its certificate."""
    with exporter(TEXT, secured_in=tmp_path) as url:
        row = given(outside, "server", url, allow_private=True, ca_pem=OTHER_CA_PEM)
        with pytest.raises(QueryError, match="is not accepted"):
            query.instant(NAME, "up", now())
        MetricSource.objects.filter(pk=row.pk).update(ca_pem=CA_PEM)
        with pytest.raises(QueryError, match="501"):
            query.instant(NAME, "up", now())


def test_a_poll_of_an_exporter_is_stored_under_our_names(outside: Cluster) -> None:
    with exporter(TEXT) as url:
        given(outside, "scrape", f"1={url}/metrics", "2=http://127.0.0.1:1/metrics", allow_private=True)
        assert polling.targets(NAME) == (1, 2)
        assert polling.poll(NAME, 1) is None
        assert isinstance(polling.poll(NAME, 2), GatewayError)
    (found,) = store().select(NAME, "kafka_server_brokertopicmetrics_bytesin_total", {}, 0, now())
    assert (dict(found.labels)["topic"], dict(found.labels)["broker"], found.values[-1]) == (
        "orders",
        "1",
        100,
    )
    up = {each.labels["broker"]: each.values[-1] for each in store().select(NAME, "up", {}, 0, now())}
    assert up == {"1": 1.0, "2": 0.0}
    assert sight(NAME, now()).silent_brokers == {"2"}
    assert (
        query.instant(NAME, "sum(kafka_server_replicamanager_underreplicatedpartitions)", now())[0].value == 2
    )


def test_private_addresses_are_refused_unless_allowed(outside: Cluster) -> None:
    with exporter(TEXT) as url:
        row = given(outside, "scrape", f"1={url}/metrics")
        assert isinstance(polling.poll(NAME, 1), TargetRefused)
        MetricSource.objects.filter(pk=row.pk).update(urls=url.replace("127.0.0.1", "{host}") + "/metrics")
        assert isinstance(polling.poll(NAME, 1), TargetRefused)
        MetricSource.objects.filter(pk=row.pk).update(allow_private=True)
        assert polling.poll(NAME, 1) is None
        BrokerSnapshot.objects.filter(broker_id=1).update(host="169.254.169.254")
        assert isinstance(polling.poll(NAME, 1), TargetRefused)


def test_with_a_token_and_without(api: ApiOf, outside: Cluster) -> None:
    call, path = api(Role.ADMIN), f"clusters/{NAME}/metrics/source/"
    with exporter(TEXT, TOKEN) as url:
        body = {"kind": "scrape", "urls": [f"1={url}/metrics"], "allow_private": True}
        assert call("GET", path).status_code == 404
        tag = call("PUT", f"{path}?dry_run=true", body)["ETag"]
        assert call("PUT", path, body).status_code == 428
        made = call("PUT", path, body, If_Match=tag)
        assert (made.status_code, made.json()["has_secret"]) == (200, False)
        assert isinstance(polling.poll(NAME, 1), AuthenticationFailed)
        tried = call("POST", f"{path}test/", {**body, "secret": TOKEN}).json()
        assert (tried["ok"], tried["brokers"]) == (True, [{"broker": 1, "samples": 2, "error": ""}])
        assert "kafka_server_replicamanager_underreplicatedpartitions" in tried["known"]
        assert "UnderReplicatedPartitions" not in tried["empty_rules"]
        assert any("Heap" in each for each in tried["empty_charts"])
        changed = call("PUT", path, {**body, "secret": TOKEN}, If_Match=made["ETag"])
        assert (changed.status_code, changed.json()["has_secret"]) == (200, True)
        assert TOKEN not in changed.content.decode() + MetricSource.objects.get().secret
        assert polling.poll(NAME, 1) is None
        elsewhere = call("PUT", f"{path}?dry_run=true", {**body, "urls": ["1=http://127.0.0.1:1/"]})
        assert list(elsewhere.json()["errors"]) == ["secret"]
        assert call("DELETE", path, If_Match=changed["ETag"]).status_code == 204
    assert polling.targets(NAME) == ()


def test_a_bundled_cluster_has_a_source_already(api: ApiOf, db: None) -> None:
    Cluster.objects.create(name="main", title="Main")
    body = {"kind": "server", "urls": ["http://x/"]}
    plan = api(Role.ADMIN)("PUT", "clusters/main/metrics/source/?dry_run=true", body).json()
    assert (plan["allowed"], plan["refusals"][0]["code"]) == (False, "bundled")


def test_the_form_tries_reviews_and_sets(users: dict[Role, User], outside: Cluster) -> None:
    client = Client()
    client.force_login(users[Role.ADMIN])
    path = f"/clusters/{NAME}/metrics/source/edit/"
    with exporter(TEXT, TOKEN) as url:
        typed = {"kind": "scrape", "urls": f"1={url}/metrics", "allow_private": "on", "secret": TOKEN}
        tried = client.post(path, {**typed, "test": "1"}).content.decode()
        assert "Metrics were found" in tried
        assert TOKEN not in tried
        review = client.post(path, typed)
        assert TOKEN not in review.content.decode()
        carried = {**dict(review.context["fields"]), "digest": review.context["plan"].digest}
        assert client.post(path, carried).status_code == 303
        assert polling.poll(NAME, 1) is None
    section = client.get(f"/clusters/{NAME}/metrics/source/").content.decode()
    assert "token sealed" in section
    removed = client.post(f"/clusters/{NAME}/metrics/source/remove/")
    assert (
        client.post(
            f"/clusters/{NAME}/metrics/source/remove/", {"digest": removed.context["plan"].digest}
        ).status_code
        == 303
    )
    assert not MetricSource.objects.exists()


def test_the_probe_is_off_for_a_cluster_of_somebody_else(outside: Cluster) -> None:
    assert not probe.is_wanted(outside)
    outside.connection.probe = True
    outside.connection.save()
    assert probe.is_wanted(outside)


def test_secrets_outlive_a_rotation_of_the_key(
    outside: Cluster, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.FIELD_KEYS_FILE = tmp_path / "field-key"
    monkeypatch.setattr(rotate_key, "SETTLE_S", 0)
    # Authorities are files of the session's cluster, sealed under the session's own key.
    own = [each for each in secrets.RESEALERS if "authority" not in each.__module__]
    monkeypatch.setattr(secrets, "RESEALERS", own)
    asked = ConnectionRequest("kafka.example.org:9092", "plain", username="u", password="hush")
    store_connection(outside, asked, connection_row(outside))
    row = given(outside, "server", "http://x/")
    MetricSource.objects.filter(pk=row.pk).update(
        secret=secrets.encrypt(TOKEN, context=sources.secret_context(row))
    )
    call_command("rotate_key")
    assert len((tmp_path / "field-key").read_text().split()) == 1
    opened = external_connection(Cluster.objects.get(name=NAME)).security
    assert isinstance(opened, PlainTls)
    assert opened.password == "hush"
    assert sources.secret_of(MetricSource.objects.get()) == TOKEN


# --- A Prometheus server ----------------------------------------------------------------------------------------------


@pytest.fixture
def server(outside: Cluster, tmp_path: Path) -> Iterator[str]:
    """Prometheus, scraping two exporters: one of this cluster, one of another that must not be seen."""
    mine = """kafka_server_brokertopicmetrics_bytesin_total 7
kafka_server_replicamanager_leadercount 3
kafka_network_socketserver_networkprocessoravgidle_percent 0.75
kafka_server_produce_byte_rate{user="a%20b",client_id="app"} 12
kafka_server_produce_throttle_time{user="a%20b",client_id="app"} 5
"""
    with exporter(mine) as own, exporter(mine.replace(" 7", " 1000")) as other:
        jobs = [
            {
                "targets": [url.removeprefix("http://")],
                "labels": {"kafka": name, "broker": "1"},
            }
            for url, name in ((own, "mine"), (other, "other"))
        ]
        config = {"scrape_configs": [{"job_name": "kafka", "scrape_interval": "1s", "static_configs": jobs}]}
        (tmp_path / "prometheus.yml").write_text(json.dumps(config))
        address = f"127.0.0.1:{free_port()}"
        given(outside, "server", f"http://{address}", matchers={"kafka": "mine"}, allow_private=True)
        with started(
            "prometheus", f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/tsdb",
            f"--web.listen-address={address}", "--log.level=error", ready=f"http://{address}/-/ready",
        ):  # fmt: skip
            eventually(lambda: len(query.instant(NAME, "up", now())) == 1, timeout=60)
            yield f"http://{address}"


def _answers(text: str, values: list[float]) -> bool:
    return [each.value for each in query.instant(NAME, text, now())] == values


@needs("prometheus")
def test_a_server_evaluates_and_nothing_is_stored_here(api: ApiOf, outside: Cluster, server: str) -> None:
    found = query.instant(NAME, "kafka_server_brokertopicmetrics_bytesin_total", now())
    assert [(each.labels["kafka"], each.value) for each in found] == [("mine", 7.0)]
    # However it is asked, the other cluster's series are not there.
    for text in (
        'sum({__name__=~".+bytesin_total"})', 'sum(kafka_server_brokertopicmetrics_bytesin_total{kafka=~".*"})',
        "max(max_over_time(kafka_server_brokertopicmetrics_bytesin_total[1m:1s]))",
        "sum(kafka_server_brokertopicmetrics_bytesin_total) + 0 * sum(up)",
    ):  # fmt: skip
        # A subquery's steps are at whole seconds, of which none may have passed since the first scrape.
        eventually(partial(_answers, text, [7.0]))
    assert query.instant(NAME, 'kafka_server_replicamanager_leadercount{kafka="other"}', now()) == []
    ranged = query.evaluate_range(NAME, query.parse("sum(up)"), now() - 2000, now(), 1000)
    assert [float(value) for value in ranged.series[0].values][-1] == 1
    call, base = api(Role.VIEWER), f"clusters/{NAME}/prometheus/api/v1"
    answer = call("GET", f"{base}/query?query=up").json()
    assert [each["metric"]["kafka"] for each in answer["data"]["result"]] == ["mine"]
    assert {each["kafka"] for each in call("GET", f"{base}/series?match[]=up").json()["data"]} == {"mine"}
    assert call("GET", f"{base}/label/kafka/values").json()["data"] == ["mine"]
    assert "kafka_server_replicamanager_leadercount" in call("GET", f"{base}/metadata").json()["data"]
    failed = call("GET", f"{base}/query?query=up%2Bon(nope)+group_left()+up")
    assert failed.status_code in (200, 422)
    tasks.poll_all()
    tasks.poll_protocol(NAME)
    assert store().metric_names(NAME) == ()
    assert sources.source_of(NAME) is None
    assert not sight(NAME, now()).cluster_silent


@needs("prometheus")
def test_tiles_clients_and_forecasts_are_asked_there(
    users: dict[Role, User], api: ApiOf, outside: Cluster, server: str
) -> None:
    eventually(lambda: elsewhere.health(NAME, now()).bytes_in.value == 0.0)
    found = elsewhere.health(NAME, now(), broker="1")
    assert (found.network_idle.value, found.brokers) == (0.75, ("1",))
    assert elsewhere.health(NAME, now(), broker="2").network_idle.value is None
    (client,) = clients.usage(NAME, now())
    assert (client.user, client.client_id) == ("a b", "app")
    assert client.by_key["producer_byte_rate"] == clients.Use({"1": 12.0}, 5.0)
    assert clients.last_seen(NAME, "a b", now() + 60_000) is not None
    assert clients.last_seen(NAME, "nobody", now()) is None
    browser = Client()
    browser.force_login(users[Role.VIEWER])
    page = browser.get(f"/clusters/{NAME}/metrics/health/").content.decode()
    for part in ("75 %", "From its", elsewhere.LACKS):
        assert part in page
    assert "every ten seconds" not in page
    assert api(Role.VIEWER)("GET", f"clusters/{NAME}/metrics/forecasts/").json()["window_s"] is None


def test_a_forecast_of_a_server_names_what_it_lacks(outside: Cluster) -> None:
    """A server that has the connections of two hours, and nothing else."""
    ends = now() / 1000

    def answer(path: str, query_: dict[str, list[str]]) -> dict[str, Any]:
        text = query_["query"][0]
        if path.endswith("query_range"):
            pairs = [[ends - ago, "1"] for ago in range(7200, -1, -900)]
            return {"resultType": "matrix", "result": [{"metric": {}, "values": pairs}]}
        value = "0.5" if "deriv" in text else "100"
        there = [{"metric": {}, "value": [ends, value]}] if "connection_count" in text else []
        return {"resultType": "vector", "result": there}

    with prometheus_of(answer) as url:
        given(outside, "server", url, allow_private=True)
        found = forecast(NAME, now())
    assert (found.window_s, found.disks, found.topics) == (7200, (), ())
    assert [(each.name, each.growth) for each in found.totals] == [("Connections", 0.5)]
    assert [what.partition(" (")[0] for what in found.unknown] == [
        "disks",
        "topics",
        "partitions with their replicas",
    ]


@contextmanager
def prometheus_of(answer: Callable[[str, dict[str, list[str]]], dict[str, Any]]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            body = json.dumps({"status": "success", "data": answer(self.path, asked)}).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with serving(Handler) as url:
        yield url


@needs("prometheus")
def test_a_try_of_a_server_says_what_is_there(api: ApiOf, outside: Cluster, server: str) -> None:
    body = {"kind": "server", "urls": [server], "matchers": {"kafka": "mine"}, "allow_private": True}
    found = api(Role.ADMIN)("POST", f"clusters/{NAME}/metrics/source/test/", body).json()
    assert found["ok"] is True
    assert "kafka_server_brokertopicmetrics_bytesin_total" in found["known"]
    assert any("lag" in each.lower() for each in found["empty_charts"])
    refused = api(Role.ADMIN)(
        "POST", f"clusters/{NAME}/metrics/source/test/", {**body, "allow_private": False}
    )
    assert "loopback" in refused.json()["error"]


def test_a_server_that_is_gone_fails_the_query_and_no_page(users: dict[Role, User], outside: Cluster) -> None:
    given(outside, "server", "http://127.0.0.1:1", allow_private=True)
    with pytest.raises(query.QueryError, match="could not be reached"):
        query.instant(NAME, "up", now())
    client = Client()
    client.force_login(users[Role.VIEWER])
    for path in ("", "health/", "explore/?q=up", "forecasts/"):
        assert client.get(f"/clusters/{NAME}/metrics/{path}").status_code == 200, path
    assert client.get(f"/clusters/{NAME}/metrics/charts/heap.json").status_code == 422
    api_answer = client.get(f"/api/v1/clusters/{NAME}/prometheus/api/v1/labels")
    assert api_answer.status_code == 422
