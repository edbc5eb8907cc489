"""Kafka Connect's REST API on a real worker; what is secret is masked by table."""

from __future__ import annotations

import pytest

from broker.connect_spec import ConnectSpec
from controlplane.gateways import workers
from controlplane.gateways.addresses import NOTHING, Allowed
from controlplane.gateways.connect import MASK, ConnectApi, ConnectorStatus, Login, Offset, State
from controlplane.gateways.errors import (
    AlreadyExists,
    AuthenticationFailed,
    Conflict,
    InvalidRequest,
    NotFound,
    TargetRefused,
    Unreachable,
)
from tests.waiting import eventually

FILES = "org.apache.kafka.connect.file.FileStreamSourceConnector"


@pytest.fixture
def connect(connect_worker: ConnectSpec, db: None) -> ConnectApi:
    endpoint = workers.rest_endpoint(connect_worker)
    login = Login(endpoint.username, password_file=endpoint.password_file)
    return ConnectApi(endpoint.url, login, Allowed.of([connect_worker.host]))


def test_a_worker_that_is_not_there_is_named() -> None:
    nobody = ConnectApi("http://127.0.0.1:9", None, Allowed.of(["127.0.0.1"]))
    with pytest.raises(Unreachable, match=r"worker at http://127\.0\.0\.1:9 does not answer") as caught:
        nobody.names()
    assert "worker runs" in caught.value.hint


def _seen(connect: ConnectApi, name: str) -> ConnectorStatus | None:
    """A connector that was just made has no state yet: the worker answers 404."""
    try:
        return connect.status(name)
    except NotFound:
        return None


def test_a_connector_from_its_making_to_its_end(connect: ConnectApi, prefix: str) -> None:
    name = f"{prefix}->a b.source"
    config = {"connector.class": FILES, "file": f"{prefix}.txt", "topic": prefix, "tasks.max": "1"}
    connect.put_config(name, config)
    eventually(lambda: bool((s := _seen(connect, name)) and s.tasks), timeout=60)
    running = connect.status(name)
    assert (running.state, running.kind) == (State.RUNNING, "source")
    assert name in connect.names()
    assert connect.statuses()[name].tasks
    assert connect.config(name)["topic"] == prefix
    assert connect.offsets(name) == ()
    connect.pause(name)
    eventually(lambda: connect.status(name).state is State.PAUSED, timeout=30)
    connect.resume(name)
    eventually(lambda: connect.status(name).state is State.RUNNING, timeout=30)
    connect.restart(name, only_failed=True)
    connect.stop(name)
    eventually(lambda: (s := connect.status(name)).state is State.STOPPED and not s.tasks, timeout=30)
    connect.delete(name)
    # Its state is in another topic than its configuration, and goes a moment later.
    eventually(lambda: _seen(connect, name) is None, timeout=30)
    with pytest.raises(NotFound):
        connect.config(name)


def test_what_the_worker_refuses_comes_in_its_own_words(connect: ConnectApi, prefix: str) -> None:
    with pytest.raises(InvalidRequest, match="topic"):
        connect.put_config(prefix, {"connector.class": FILES, "tasks.max": "1"})
    errors = connect.validate("FileStreamSource", {"connector.class": FILES, "name": prefix})
    assert "topic" in errors
    assert prefix not in connect.names()
    with pytest.raises(InvalidRequest):
        connect.put_config(prefix, {"connector.class": "no.such.Class"})


def test_without_the_password_nothing_is_told(connect: ConnectApi) -> None:
    for login in (None, Login("kastellan", "wrong")):
        with pytest.raises(AuthenticationFailed):
            ConnectApi(connect.url, login, connect.allowed).names()
    with pytest.raises(TargetRefused):
        ConnectApi(connect.url, connect.login, NOTHING).names()
    assert "wrong" not in repr(Login("kastellan", "wrong"))


def test_it_is_made_stopped_and_its_offsets_are_altered_and_reset(connect: ConnectApi, prefix: str) -> None:
    config = {"connector.class": FILES, "file": f"{prefix}.txt", "topic": prefix, "tasks.max": "1"}
    connect.create(prefix, config, State.STOPPED)
    eventually(lambda: bool((s := _seen(connect, prefix)) and s.state is State.STOPPED), timeout=60)
    with pytest.raises(AlreadyExists):
        connect.create(prefix, config)
    file = {"filename": f"{prefix}.txt"}
    connect.alter_offsets(prefix, [Offset(file, {"position": 7})])
    assert connect.offsets(prefix) == (Offset(file, {"position": 7}),)
    with pytest.raises(InvalidRequest):
        connect.alter_offsets(prefix, [Offset(file, {"position": "seven"})])
    connect.reset_offsets(prefix)
    assert connect.offsets(prefix) == ()
    connect.resume(prefix)
    eventually(lambda: connect.status(prefix).state is State.RUNNING, timeout=30)
    with pytest.raises(Conflict, match="STOPPED"):
        connect.reset_offsets(prefix)
    connect.delete(prefix)


def test_a_trace_is_told_without_the_secrets_of_the_configuration(connect: ConnectApi, prefix: str) -> None:
    config = {
        "connector.class": FILES.replace("Source", "Sink"),
        "file": f"/no/such/canary-5f1d/{prefix}",
        "topics": prefix,
        "tasks.max": "1",
        "db.password": "canary-5f1d",
    }
    connect.create(prefix, config)
    eventually(lambda: bool((s := _seen(connect, prefix)) and s.failed), timeout=60)
    failed = connect.status(prefix)
    (task,) = failed.tasks
    assert (task.state, MASK in task.trace) == (State.FAILED, True)
    listed = connect.connectors()[prefix]
    assert listed.config["db.password"] == "canary-5f1d"
    assert "canary" not in str((failed, listed, connect.statuses()))
    connect.restart_task(prefix, 0)
    connect.delete(prefix)


def test_plugins_their_settings_and_log_levels(connect: ConnectApi, prefix: str) -> None:
    assert connect.worker().version.startswith("4.")
    assert (FILES, "source") in {(each.name, each.kind) for each in connect.plugins()}
    found = connect.validation(FILES, {"connector.class": FILES, "name": prefix, "tasks.max": "many"})
    by_name = {each.name: each for each in found.settings}
    assert by_name["topic"].required
    assert by_name["topic"].errors
    assert by_name["tasks.max"].errors
    assert by_name["topic"].documentation
    name = "org.apache.kafka.connect.file"
    connect.set_log_level(name, "DEBUG")
    assert eventually(lambda: {each.name: each.level for each in connect.loggers()}.get(name) == "DEBUG")
    with pytest.raises(NotFound):
        connect.set_log_level(name, "LOUD")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a%b", "../connector-plugins", "a\\b"])
def test_a_name_that_leads_elsewhere_is_not_sent(name: str) -> None:
    api = ConnectApi("http://192.0.2.1")
    for call in (api.status, api.delete, api.offsets, lambda name: api.create(name, {})):
        with pytest.raises(InvalidRequest, match="cannot reach"):
            call(name)


@pytest.mark.parametrize("name", ["a;b", "a?b#c", "a&b=c", "ä->b", 'a"b<c>', "..a"])
def test_other_odd_names_reach_the_worker(connect: ConnectApi, name: str) -> None:
    with pytest.raises(NotFound):
        connect.status(name)
