"""One connector does not end a worker, whatever answers where it connects to."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from broker.connect_spec import ConnectSpec
from broker.control import ControlClient
from controlplane.clusters.models import Cluster
from controlplane.gateways import workers
from controlplane.gateways.connect import State
from tests.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True)
#: Read as the length of an answer, "HTTP" is 1.2 GB (KAFKA-4090).
ANSWER = b"HTTP/1.1 400 Bad Request\r\n\r\n"


@pytest.fixture
def web_server() -> Iterator[tuple[int, list[float]]]:
    """Its port, and when somebody was answered."""
    answered: list[float] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client:
                client.recv(1000)
                client.sendall(ANSWER)
                answered.append(time.monotonic())
                time.sleep(0.2)

    threading.Thread(target=serve, daemon=True).start()
    yield listener.getsockname()[1], answered
    listener.close()


def test_a_connector_that_takes_a_web_server_for_a_broker_ends_alone(
    connect_worker: ConnectSpec,
    cluster: Cluster,
    control: ControlClient,
    prefix: str,
    web_server: tuple[int, list[float]],
) -> None:
    port, answered = web_server
    api = workers.rest_api(connect_worker)
    config = {
        "connector.class": "org.apache.kafka.connect.mirror.MirrorHeartbeatConnector",
        "source.cluster.alias": "a", "source.cluster.bootstrap.servers": f"127.0.0.1:{port}",
        "target.cluster.alias": "b", "target.cluster.bootstrap.servers": f"127.0.0.1:{port}",
        "tasks.max": "1",
    }  # fmt: skip

    def pid() -> int | None:
        (found,) = (each for each in control.status() if each.name == connect_worker.process_name)
        return found.pid

    before = pid()
    api.create(f"{prefix}-poison", config, State.RUNNING)
    try:
        eventually(lambda: len(answered) >= 1, timeout=60)
        eventually(lambda: "OutOfMemoryError" in workers.worker_log(connect_worker, 10_000_000), timeout=30)
        time.sleep(5)
        assert pid() == before
        assert f"{prefix}-poison" in api.names()
    finally:
        api.delete(f"{prefix}-poison")
