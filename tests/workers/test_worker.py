"""A Connect worker on a real cluster: started with its rights, used, restarted with new certificates, removed with all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import httpx
import pytest
from django.utils import timezone

from broker.connect_spec import ConnectSpec
from broker.control import ControlClient
from broker.paths import DataPaths
from broker.spec import ClusterSpec
from broker.states import ProcessState
from controlplane.acls.logic.bindings import exactly
from controlplane.audit.models import Operation
from controlplane.certificates import renewal, selectors
from controlplane.clusters.models import Cluster
from controlplane.core.access import Role
from controlplane.gateways import broker as bundled
from controlplane.gateways import workers
from controlplane.gateways.connect import State
from controlplane.gateways.kafka.gateway import KafkaGateway
from controlplane.gateways.kafka.types import OffsetSpec, TopicPartition
from controlplane.jobs import services as jobs
from controlplane.workers import selectors as worker_selectors
from tests.conftest import Api
from tests.connecting import lines_into
from tests.waiting import eventually
from tests.web.people import signed_in

pytestmark = pytest.mark.django_db(transaction=True)
WORKER = "clusters/main/connect-worker/"
PAGE = "/clusters/main/connect-worker/"
CANARY = "c4n4ry-log-7f3a"
OURS = (workers.PRINCIPAL, workers.OWN_PRINCIPAL)


@pytest.fixture
def anna(api: Callable[[Role], Api], cluster: Cluster) -> Api:
    return api(Role.ADMIN)


@pytest.fixture
def nobody_there(data_paths: DataPaths, control: ControlClient, gateway: KafkaGateway) -> Iterator[None]:
    """No worker, no right of one, before and after."""

    def clear() -> None:
        name = "main-connect"
        if any(status.name == name for status in control.status()):
            control.stop(name)
            control.wait_for([name], frozenset({ProcessState.STOPPED, ProcessState.FATAL}), 60)
            control.apply([], [name])
        workers.forget_worker("main")
        own = [acl for acl in gateway.describe_acls() if acl.principal in OURS]
        if own:
            gateway.delete_acls([exactly(acl) for acl in own])

    clear()
    yield
    clear()


def act(call: Api, name: str, **body: object) -> Any:
    """The act as a job, to its end."""
    headers = {}
    if name == "remove":
        headers["If_Match"] = call("POST", f"{WORKER}?dry_run=true", {"act": name})["ETag"]
    answer = call("POST", WORKER, {"act": name, **body}, **headers)
    assert answer.status_code == 202, answer.content
    done = jobs.run(answer.json()["job"])
    assert done is not None
    done.refresh_from_db()
    assert (done.state, done.error) == ("succeeded", ""), (done.error, done.hint, done.steps)
    return done


def rest() -> httpx.Client:
    worker = workers.worker_of("main")
    assert worker is not None
    endpoint = workers.rest_endpoint(worker)
    auth = (endpoint.username, endpoint.password_file.read_text().strip())
    return httpx.Client(base_url=endpoint.url, auth=auth, timeout=30, trust_env=False)


@pytest.mark.usefixtures("nobody_there")
def test_a_worker_from_its_first_start_to_its_removal(
    anna: Api, users: Any, gateway: KafkaGateway, make_topic: Callable[..., str], prefix: str
) -> None:
    browser = signed_in(Role.ADMIN)
    assert "has no Connect worker" in browser.get(PAGE).content.decode()

    plan = anna("POST", f"{WORKER}?dry_run=true", {"act": "start"}).json()
    assert plan["allowed"]
    assert {step["object_type"] for step in plan["steps"]} >= {"connect worker"}
    act(anna, "start", exactly_once=True)
    found = anna("GET", WORKER).json()
    assert found["process"]["state"] == "RUNNING"
    assert found["exactly_once"] is True
    # Connectors of other tests live in the worker's topics: it finds them again.
    for name in found["connectors"]:
        assert (
            anna("DELETE", f"clusters/main/connect/bundled/connectors/{name}/", If_Match="*").status_code
            == 204
        )
    assert httpx.get(found["url"], trust_env=False).status_code == 401
    own = {acl.resource_name for acl in gateway.describe_acls() if acl.principal == workers.OWN_PRINCIPAL}
    assert own == {
        "kastellan-connect",
        "connect-cluster-kastellan-connect",
        *(f"kastellan-connect-{name}" for name in ("configs", "offsets", "status")),
    }

    topic = make_topic(f"{prefix}-lines", 1)
    copy_a_file(topic, prefix)
    anna("POST", "clusters/main/acls/", right_to_write(topic))
    with rest() as client:
        client.post(f"/connectors/{prefix}/restart?includeTasks=true")
    # Three lines, and the markers of the transactions that they were written in.
    eventually(lambda: end_of(gateway, topic) > 3, timeout=60)

    refused = anna("POST", f"{WORKER}?dry_run=true", {"act": "remove"}).json()
    assert [each["code"] for each in refused["refusals"]] == ["connectors"]
    stop = anna("POST", f"{WORKER}?dry_run=true", {"act": "stop"}).json()
    assert [each["name"] for each in stop["affected"]] == [prefix]
    page = browser.get(PAGE).content.decode()
    assert "running" in page
    assert "Restart…" in page

    starts_with_its_connectors_stopped(anna, prefix)
    act(anna, "restart")
    with rest() as client:
        assert client.get("/connectors").json() == [prefix]
        assert client.delete(f"/connectors/{prefix}").status_code == 204
    act(anna, "stop")
    worker = workers.worker_of("main")
    assert worker is not None
    assert worker.stopped
    assert anna("GET", WORKER).json()["process"]["state"] == "STOPPED"
    act(anna, "remove")
    assert workers.worker_of("main") is None
    assert not [acl for acl in gateway.describe_acls() if acl.principal in OURS]
    assert all(status.name != "main-connect" for status in bundled.processes())
    recorded = Operation.objects.filter(action="connect_worker.operate", outcome="succeeded")
    assert [row.details["act"] for row in recorded.order_by("pk")] == [
        "start", "stop", "start", "restart", "stop", "remove",
    ]  # fmt: skip


def starts_with_its_connectors_stopped(anna: Api, name: str) -> None:
    """As where one of them ends it at each start, so that nobody gets to delete it."""
    refused = anna("POST", f"{WORKER}?dry_run=true", {"act": "restart", "connectors_stopped": True}).json()
    assert [each["code"] for each in refused["refusals"]] == ["connectors_stopped"]
    act(anna, "stop")
    plan = anna("POST", f"{WORKER}?dry_run=true", {"act": "start", "connectors_stopped": True}).json()
    assert [each["name"] for each in plan["affected"]] == [name]
    act(anna, "start", connectors_stopped=True)
    with rest() as client:

        def found() -> tuple[str, list[str]]:
            told = client.get(f"/connectors/{name}/status").json()
            return told["connector"]["state"], [task["state"] for task in told["tasks"]]

        eventually(lambda: found()[0] == "STOPPED", timeout=30)
        assert set(found()[1]) <= {"UNASSIGNED"}, "of before; none is at work"
        assert client.put(f"/connectors/{name}/resume").status_code == 202
        eventually(lambda: found() == ("RUNNING", ["RUNNING"]), timeout=60)


def copy_a_file(topic: str, name: str) -> None:
    directory = workers.files_directory("main")
    (directory / f"{name}.txt").write_text("one\ntwo\nthree\n")
    config = {
        "connector.class": "FileStreamSource",
        "file": f"{name}.txt",
        "topic": topic,
        "tasks.max": "1",
        "value.converter": "org.apache.kafka.connect.storage.StringConverter",
    }
    with rest() as client:
        assert client.put(f"/connectors/{name}/config", json=config).status_code == 201


def right_to_write(topic: str) -> dict[str, str]:
    return {
        "principal": workers.PRINCIPAL,
        "host": "*",
        "operation": "WRITE",
        "permission": "ALLOW",
        "resource_type": "TOPIC",
        "resource_name": topic,
        "pattern_type": "LITERAL",
    }


def end_of(gateway: KafkaGateway, topic: str) -> int:
    partition = TopicPartition(topic, 0)
    return gateway.list_offsets(OffsetSpec.LATEST, [partition])[partition]


def test_a_new_certificate_is_used_after_a_restart(
    connect_worker: ConnectSpec, cluster: Cluster, cluster_spec: ClusterSpec, control: ControlClient
) -> None:
    """Kafka's clients read their files when they are made, so a worker that is older than its files starts anew."""

    def pid() -> int | None:
        return next(s.pid for s in control.status() if s.name == connect_worker.process_name)

    before = pid()
    assert not workers.restart_if_stale(cluster_spec)
    keystore = bundled.data_paths().cluster("main").connect.tls / "keystore.pem"
    os.utime(keystore)
    assert workers.restart_if_stale(cluster_spec)
    control.wait_ready([connect_worker.process_name], 120)
    assert pid() != before
    assert not workers.restart_if_stale(cluster_spec)


def test_its_certificate_is_in_the_inventory_and_its_name_is_nobody_elses(
    connect_worker: ConnectSpec, cluster: Cluster, anna: Api
) -> None:
    names = {row.name for row in selectors.own(cluster)}
    for name in ("kastellan-connect", "kastellan-connect-worker"):
        assert name in names
        answer = anna("POST", "clusters/main/users/", {"name": name, "mechanism": "SCRAM-SHA-512"})
        assert answer.status_code == 422
        assert name in answer.content.decode()
        answer = anna("POST", "clusters/main/certificates/", {"common_name": name})
        assert answer.status_code == 422


def test_the_periodic_renewal_looks_after_it(connect_worker: ConnectSpec, cluster: Cluster) -> None:
    place = bundled.data_paths().cluster("main").connect
    for directory in (place.tls, place.own_tls):
        (directory / "certificate.pem").unlink()
    done = renewal.renew(cluster, timezone.now())
    assert {"kastellan-connect", "kastellan-connect-worker"} <= set(done.issued)


def test_connectors_get_to_nothing_of_the_worker_itself(
    connect_worker: ConnectSpec, make_topic: Callable[..., str], prefix: str
) -> None:
    """Whatever a pattern says to Java, whose class intersections no check of ours understands."""
    configs, _, _ = connect_worker.topics
    topic, out = make_topic(f"{prefix}-lines", 1), workers.files_directory("main") / f"{prefix}.out"
    lines_into(connect_worker, topic, prefix)
    sink = {
        "connector.class": "FileStreamSink",
        "file": out.name,
        "topics.regex": f"{topic}|[k&&[k]]{configs[1:]}",
        "value.converter": "org.apache.kafka.connect.storage.StringConverter",
        "key.converter": "org.apache.kafka.connect.storage.StringConverter",
        "consumer.override.auto.offset.reset": "earliest",
    }
    api, name = workers.rest_api(connect_worker), f"{prefix}-sink"
    try:
        api.put_config(name, sink)
        eventually(lambda: out.is_file() and out.read_text() == "one\ntwo\nthree\n", timeout=60)
        by_name = {key: value for key, value in sink.items() if key != "topics.regex"} | {"topics": configs}
        api.put_config(name, by_name)
        eventually(lambda: "TopicAuthorizationException" in str(api.status(name).traces), timeout=60)
        assert out.read_text() == "one\ntwo\nthree\n"
    finally:
        for each in (prefix, name):
            api.delete(each)


def test_files_of_the_installation_are_closed_to_the_worker(
    connect_worker: ConnectSpec, make_topic: Callable[..., str], gateway: KafkaGateway, prefix: str
) -> None:
    """By the kernel, whatever a setting was taken for: here it comes past every check of ours."""
    paths = bundled.data_paths()
    if "no Landlock" in workers.worker_log(connect_worker, 10_000_000):
        pytest.skip("this kernel has no Landlock")
    secret = paths.secret(f"canary-{prefix}")
    secret.write_text("canary\n")
    topic, api = make_topic(f"{prefix}-stolen", 1), workers.rest_api(connect_worker)
    reads = {"connector.class": "FileStreamSource", "file": str(secret), "topic": topic}
    writes = {"connector.class": "FileStreamSink", "file": str(paths.db / f"x-{prefix}"), "topics": topic}
    strings = dict.fromkeys(
        ("key.converter", "value.converter"), "org.apache.kafka.connect.storage.StringConverter"
    )

    def failed(name: str) -> bool:
        seen = api.statuses().get(name)
        return seen is not None and seen.failed

    try:
        for name, config in ((f"{prefix}-reads", reads), (f"{prefix}-writes", writes)):
            api.put_config(name, config | strings)
            eventually(partial(failed, name), timeout=60)
            assert "AccessDenied" in str(api.status(name).traces)
        assert end_of(gateway, topic) == 0
        assert not (paths.db / f"x-{prefix}").exists()
    finally:
        for name in (f"{prefix}-reads", f"{prefix}-writes"):
            api.delete(name)
        secret.unlink()


def test_its_log_is_shown_without_the_passwords_of_its_connectors(
    connect_worker: ConnectSpec, cluster: Cluster, prefix: str
) -> None:
    api = workers.rest_api(connect_worker)
    config = {
        "connector.class": "FileStreamSource", "file": "x", "topic": f"{prefix}-x",
        "acme.url": f"jdbc:postgresql://kim:{CANARY}@db.example.com/x",
    }  # fmt: skip
    api.create(f"{prefix}-logged", config, State.STOPPED)
    try:
        with bundled.data_paths().log(connect_worker.process_name).open("a") as log:
            log.write(f"JDBC URL invalid port number: {CANARY}@db.example.com\n")
        text = worker_selectors.log_of(cluster, 10_000)
        assert "invalid port number: [hidden]@db.example.com" in text
        assert CANARY not in text
    finally:
        api.delete(f"{prefix}-logged")


def test_what_was_typed_wrong_is_said(anna: Api) -> None:
    answer = anna("POST", WORKER, {"act": "explode"})
    assert answer.status_code == 422
    assert "act" in answer.json()["errors"]
