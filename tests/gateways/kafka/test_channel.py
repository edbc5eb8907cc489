"""Deadlines, the breaker, forks and broken connections: what a page may count on when a cluster does not answer."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from controlplane.gateways.errors import (
    AuthenticationFailed,
    CircuitOpen,
    DeadlineExceeded,
    GatewayError,
    InvalidRequest,
    NotFound,
    Unreachable,
)
from controlplane.gateways.kafka._channel import UNKNOWN_OUTCOME, Channel
from controlplane.gateways.kafka.gateway import KafkaGateway
from controlplane.gateways.kafka.security import KafkaConnection, Tls
from controlplane.gateways.kafka.types import OffsetSpec, TopicPartition


@pytest.fixture
def silent() -> Iterator[str]:
    """An address that accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def failure(gateway: KafkaGateway) -> tuple[GatewayError, float]:
    started = time.monotonic()
    with pytest.raises(GatewayError) as caught:
        gateway.describe_cluster()
    return caught.value, time.monotonic() - started


def test_a_silent_cluster_costs_its_deadline_three_times_and_then_nothing(silent: str) -> None:
    gateway = KafkaGateway(KafkaConnection(silent), timeout_s=0.5)
    for _ in range(3):
        error, seconds = failure(gateway)
        assert isinstance(error, DeadlineExceeded)
        assert seconds < 1.5
    error, seconds = failure(gateway)
    assert isinstance(error, CircuitOpen)
    assert seconds < 0.05
    assert "15 s" in error.hint


def test_after_the_pause_it_is_asked_again() -> None:
    now = [0.0]
    channel = Channel(KafkaConnection("127.0.0.1:1"), 2.0, clock=lambda: now[0])
    for kind in (Unreachable, Unreachable, Unreachable, CircuitOpen):
        with pytest.raises(kind), channel.call():
            pass
    now[0] = 15.0
    with pytest.raises(Unreachable) as caught, channel.call():
        pass
    assert not isinstance(caught.value, CircuitOpen)
    with pytest.raises(CircuitOpen), channel.call():
        pass


def test_the_cause_is_told_and_not_only_that_it_failed(connection: KafkaConnection) -> None:
    assert isinstance(connection.security, Tls)
    anonymous = KafkaConnection(connection.bootstrap, Tls(cafile=connection.security.cafile))
    error, seconds = failure(KafkaGateway(anonymous))
    assert isinstance(error, AuthenticationFailed)
    assert "client certificate" in error.what
    assert seconds < 2


def test_bad_settings_do_not_open_the_breaker() -> None:
    gateway = KafkaGateway(KafkaConnection("127.0.0.1:1", Tls(cafile="/no/such/ca.pem")))
    for _ in range(5):
        assert isinstance(failure(gateway)[0], InvalidRequest)


def test_many_threads_wait_for_one_connection_and_no_longer_than_their_deadline(silent: str) -> None:
    gateway = KafkaGateway(KafkaConnection(silent), timeout_s=0.5)
    outcomes: list[tuple[GatewayError, float]] = []
    threads = [threading.Thread(target=lambda: outcomes.append(failure(gateway))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(outcomes) == 8
    assert all(seconds < 2.5 for _, seconds in outcomes)


def test_a_missing_broker_or_topic_does_not_count_against_the_cluster(gateway: KafkaGateway) -> None:
    for _ in range(5):
        with pytest.raises(NotFound):
            gateway.describe_topics(["x"], broker=77)
        with pytest.raises(NotFound):
            gateway.list_offsets(OffsetSpec.LATEST, [TopicPartition("no-such-topic", 0)])
    assert gateway.describe_cluster().brokers


def test_a_connection_that_broke_behind_our_back_is_made_anew(connection: KafkaConnection) -> None:
    gateway = KafkaGateway(connection)
    gateway.describe_cluster()
    transport = gateway._channel._transport
    assert transport is not None
    transport.close()
    with pytest.raises(Unreachable):
        gateway.describe_cluster()
    assert gateway.describe_cluster().brokers
    gateway.close()


def test_a_change_whose_answer_is_lost_says_that_the_outcome_is_unknown(connection: KafkaConnection) -> None:
    gateway = KafkaGateway(connection)
    gateway.describe_cluster()
    transport = gateway._channel._transport
    assert transport is not None
    transport.close()
    with pytest.raises(Unreachable) as caught:
        gateway.create_topic("never", 1, 1)
    assert caught.value.hint == UNKNOWN_OUTCOME
    gateway.close()


def test_a_forked_process_makes_a_connection_of_its_own(connection: KafkaConnection) -> None:
    gateway = KafkaGateway(connection)
    gateway.describe_cluster()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if len(gateway.describe_cluster().brokers) == 3 else 2
            gateway.close()
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert len(gateway.describe_cluster().brokers) == 3
    gateway.close()


def test_closing_ends_every_thread(connection: KafkaConnection) -> None:
    before = set(threading.enumerate())
    gateway = KafkaGateway(connection)
    gateway.describe_cluster()
    gateway.close()
    assert set(threading.enumerate()) <= before
