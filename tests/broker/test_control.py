"""The control socket: private, bounded, and never brought down by what a peer sends."""

from __future__ import annotations

import json
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broker.control import ControlClient, ControlError, NoSupervisor, NotReached
from broker.control_server import MAX_MESSAGE
from broker.paths import DataPaths
from tests.broker.supervised import Rig


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    rig = Rig(tmp_path_factory.mktemp("control"))
    rig.supervise()
    yield rig
    rig.close()


def exchange(rig: Rig, *messages: bytes, read: int = 1) -> list[Any]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(10)
        connection.connect(str(rig.paths.control_socket))
        for message in messages:
            connection.sendall(message)
        with connection.makefile("rb") as file:
            return [json.loads(line) for line in (file.readline() for _ in range(read)) if line]


def test_the_socket_belongs_to_its_user_alone(rig: Rig) -> None:
    mode = stat.S_IMODE(rig.paths.control_socket.stat().st_mode)
    assert mode == 0o600
    assert stat.S_IMODE(rig.paths.control_socket.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "message",
    [
        b"\n",
        b"hello\n",
        b"[]\n",
        b'"ping"\n',
        b"{}\n",
        b'{"op": 1}\n',
        b'{"op": ["ping"]}\n',
        b'{"op": "eval"}\n',
        b'{"op": "start"}\n',
        b'{"op": "apply", "specs": 7, "remove": []}\n',
        b'{"op": "apply", "specs": [{"name": "x"}], "remove": []}\n',
        b'{"op": "apply", "specs": [null], "remove": []}\n',
        b"\xff\xfe\n",
        b"[" * 5000 + b"\n",
    ],
)
def test_a_malformed_message_is_answered_with_an_error(rig: Rig, message: bytes) -> None:
    (answer,) = exchange(rig, message)
    assert answer["ok"] is False
    assert answer["error"]["code"] == "bad_request"
    assert answer["error"]["what"]
    assert rig.answers()


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=300))
def test_no_bytes_bring_it_down(rig: Rig, data: bytes) -> None:
    messages = data.count(b"\n") + 1
    answers = exchange(rig, data + b"\n", read=messages)
    assert len(answers) == messages
    assert rig.answers()


def test_a_message_without_end_is_refused(rig: Rig) -> None:
    (answer,) = exchange(rig, b"x" * (MAX_MESSAGE + 70000))
    assert answer["error"]["code"] == "too_large"
    assert rig.answers()


def test_several_messages_on_one_connection_are_answered_in_order(rig: Rig) -> None:
    first, second = exchange(rig, b'{"op": "ping"}\n{"op": "status"}\n', read=2)
    assert first["result"]["closing"] is False
    assert second["result"] == []


def test_a_peer_that_says_nothing_and_leaves_disturbs_nobody(rig: Rig) -> None:
    for _ in range(5):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.connect(str(rig.paths.control_socket))
    assert rig.answers()


def test_waiting_for_what_does_not_exist_ends_in_time_and_names_it(rig: Rig) -> None:
    with pytest.raises(NotReached, match="nobody"):
        rig.client.wait_ready(["nobody"], 0.3)


def test_without_a_supervisor_the_client_says_so(tmp_path: Path) -> None:
    with pytest.raises(NoSupervisor, match="No supervisor is running") as caught:
        ControlClient(DataPaths(tmp_path)).status()
    assert isinstance(caught.value, ControlError)
    assert "./run up" in caught.value.hint


def test_a_data_directory_with_a_long_path_works_all_the_same(tmp_path: Path) -> None:
    rig = Rig(tmp_path / ("x" * 100))
    try:
        rig.supervise()
        assert len(os.fsencode(rig.paths.control_socket)) < 108
    finally:
        rig.close()
