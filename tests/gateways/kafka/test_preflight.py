"""Each way a connection can fail is named, quickly. Real brokers where a broker is needed, bare sockets elsewhere."""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from broker.render import bootstrap
from broker.spec import ClusterSpec
from controlplane.gateways.addresses import Allowed
from controlplane.gateways.errors import (
    AuthenticationFailed,
    BadAnswer,
    DeadlineExceeded,
    GatewayError,
    InvalidRequest,
    TargetRefused,
    Unreachable,
)
from controlplane.gateways.kafka._listeners import guard_of
from controlplane.gateways.kafka.gateway import KafkaGateway
from controlplane.gateways.kafka.preflight import EXPLANATIONS, classify, preflight, raise_diagnosis
from controlplane.gateways.kafka.security import KafkaConnection, Plaintext, PlainTls, ScramTls, Tls
from controlplane.gateways.kafka.types import Cause, Diagnosis
from tests.gateways.kafka.test_security import certificate_and_key

QUICK_MS = 1500  # librdkafka itself names the cause in < 0.4 s; the rest is a loaded machine


@pytest.fixture
def server() -> Iterator[Callable[[Callable[[socket.socket], None]], int]]:
    """A listening port whose connections are handled as told."""
    listeners: list[socket.socket] = []

    def make(handle: Callable[[socket.socket], None]) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection, contextlib.suppress(OSError):
                        handle(connection)

        threading.Thread(target=serve, daemon=True).start()
        return int(listener.getsockname()[1])

    yield make
    for listener in listeners:
        listener.close()


def hold(connection: socket.socket) -> None:
    """Says nothing, until the other side gives up."""
    while connection.recv(1024):
        pass


MakeServer = Callable[[Callable[[socket.socket], None]], int]


def diagnose(connection: KafkaConnection, timeout_s: float = 5.0) -> Diagnosis:
    diagnosis = preflight(connection, timeout_s)
    assert diagnosis.what
    assert diagnosis.ok or diagnosis.hint
    return diagnosis


def test_a_good_connection_tells_who_is_there(connection: KafkaConnection, cluster_spec: ClusterSpec) -> None:
    diagnosis = diagnose(connection)
    assert diagnosis.ok
    assert diagnosis.cluster_id == cluster_spec.cluster_id
    assert {node.id for node in diagnosis.brokers} == {1, 2, 3}


def test_a_wrong_password_is_named(admin_connection: KafkaConnection) -> None:
    assert isinstance(admin_connection.security, ScramTls)
    wrong = dataclasses.replace(admin_connection.security, password="wrong")
    diagnosis = diagnose(dataclasses.replace(admin_connection, security=wrong))
    assert diagnosis.cause == Cause.BAD_CREDENTIALS
    assert diagnosis.elapsed_ms < QUICK_MS


def test_a_mechanism_that_is_not_offered_is_named(admin_connection: KafkaConnection) -> None:
    assert isinstance(admin_connection.security, ScramTls)
    plain = PlainTls("admin", "x", tls=admin_connection.security.tls)
    assert (
        diagnose(dataclasses.replace(admin_connection, security=plain)).cause == Cause.MECHANISM_NOT_OFFERED
    )


def test_an_unknown_ca_is_named(cluster_spec: ClusterSpec) -> None:
    other, _ = certificate_and_key()
    connection = KafkaConnection(
        bootstrap(cluster_spec, "SASL_SSL"), ScramTls("admin", "x", tls=Tls(ca_pem=other))
    )
    diagnosis = diagnose(connection)
    assert diagnosis.cause == Cause.UNTRUSTED_CERTIFICATE
    assert diagnosis.elapsed_ms < QUICK_MS


def test_a_missing_and_an_unknown_client_certificate_are_named(connection: KafkaConnection) -> None:
    assert isinstance(connection.security, Tls)
    certificate, key = certificate_and_key()
    trust = Tls(cafile=connection.security.cafile)
    for security in (trust, dataclasses.replace(trust, cert_pem=certificate, key_pem=key)):
        diagnosis = diagnose(dataclasses.replace(connection, security=security))
        assert diagnosis.cause == Cause.CLIENT_CERTIFICATE_REFUSED, diagnosis


def test_plaintext_to_a_tls_port_is_named(connection: KafkaConnection) -> None:
    diagnosis = diagnose(dataclasses.replace(connection, security=Plaintext()))
    assert diagnosis.cause == Cause.PLAINTEXT_TO_TLS
    assert diagnosis.elapsed_ms < QUICK_MS


def test_tls_to_a_port_that_hangs_up_on_it_is_named(server: MakeServer) -> None:
    port = server(lambda connection: None)  # a plaintext broker drops what it cannot read
    assert diagnose(KafkaConnection(f"127.0.0.1:{port}", Tls())).cause == Cause.TLS_TO_PLAINTEXT


def test_a_certificate_for_another_name_is_named(server: MakeServer, tmp_path: Path) -> None:
    certificate, key = certificate_and_key()  # for localhost, not for 127.0.0.1
    (tmp_path / "c.pem").write_text(certificate + key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "c.pem")

    def handshake(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            secured.recv(1)

    port = server(handshake)
    diagnosis = diagnose(KafkaConnection(f"127.0.0.1:{port}", Tls(ca_pem=certificate)))
    assert diagnosis.cause == Cause.HOSTNAME_MISMATCH, diagnosis


def test_nobody_there_is_named() -> None:
    diagnosis = diagnose(KafkaConnection("127.0.0.1:1"))
    assert diagnosis.cause == Cause.REFUSED
    assert diagnosis.elapsed_ms < QUICK_MS


def test_an_unknown_name_is_named() -> None:
    assert diagnose(KafkaConnection("no-such-host.invalid:9092")).cause == Cause.NAME_UNKNOWN


def test_silence_is_named_when_the_time_is_over(server: MakeServer) -> None:
    port = server(hold)
    diagnosis = diagnose(KafkaConnection(f"127.0.0.1:{port}"), timeout_s=1.0)
    assert diagnosis.cause == Cause.TIMED_OUT
    assert 900 < diagnosis.elapsed_ms < 2500


def test_a_web_server_is_not_kafka(server: MakeServer) -> None:
    port = server(lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
    assert diagnose(KafkaConnection(f"127.0.0.1:{port}")).cause == Cause.NOT_KAFKA


def test_one_good_bootstrap_address_is_enough(connection: KafkaConnection) -> None:
    assert diagnose(dataclasses.replace(connection, bootstrap=f"127.0.0.1:1,{connection.bootstrap}")).ok


@pytest.mark.parametrize("security", [Tls(cafile="/no/such/ca.pem"), Tls(ca_pem="nonsense")])
def test_settings_that_cannot_be_used_are_told(security: Tls) -> None:
    assert diagnose(KafkaConnection("127.0.0.1:1", security)).cause == Cause.BAD_SETTINGS
    assert diagnose(KafkaConnection("nonsense", security)).cause == Cause.BAD_SETTINGS


# --- advertised listeners --------------------------------------------------------------------------


def test_a_cluster_that_must_be_public_may_not_be_here(connection: KafkaConnection) -> None:
    outside = dataclasses.replace(connection, allow_private=False)
    diagnosis = preflight(outside, guard=guard_of(outside))
    assert diagnosis.cause == Cause.TARGET_REFUSED
    with pytest.raises(TargetRefused):
        KafkaGateway(outside).describe_cluster()


def test_brokers_that_send_us_to_other_hosts_than_allowed_are_refused(connection: KafkaConnection) -> None:
    """The bootstrap is allowed by name; the brokers advertise 127.0.0.1, which nobody allowed."""
    steering = dataclasses.replace(
        connection, bootstrap=connection.bootstrap.replace("127.0.0.1", "localhost"), allow_private=False
    )
    gateway = KafkaGateway(steering, allowed=Allowed.of(["localhost"]))
    for ask in (
        gateway.describe_cluster,
        gateway.list_topics,
        lambda: gateway.newest("x"),
        lambda: gateway.produce("x"),
    ):
        with pytest.raises(TargetRefused, match=r"127\.0\.0\.1"):
            ask()
    gateway.close()


def test_every_allowed_address_is_connected_to_by_number(connection: KafkaConnection) -> None:
    allowed = dataclasses.replace(
        connection, bootstrap=connection.bootstrap.replace("127.0.0.1", "localhost"), allow_private=False
    )
    assert (
        preflight(allowed, guard=guard_of(allowed, Allowed.of(["localhost"]))).cause == Cause.TARGET_REFUSED
    )
    with pytest.raises(TargetRefused):
        KafkaGateway(allowed, allowed=Allowed.of(["localhost"])).describe_cluster()


# --- the words -------------------------------------------------------------------------------------


def test_every_cause_but_ok_is_explained_and_raises_one_of_ours() -> None:
    assert set(EXPLANATIONS) == set(Cause) - {Cause.OK}
    expected: dict[Cause, type[GatewayError]] = {
        Cause.TIMED_OUT: DeadlineExceeded,
        Cause.REFUSED: Unreachable,
        Cause.BAD_CREDENTIALS: AuthenticationFailed,
        Cause.BAD_SETTINGS: InvalidRequest,
        Cause.NOT_KAFKA: BadAnswer,
        Cause.TARGET_REFUSED: TargetRefused,
    }
    for cause, kind in expected.items():
        with pytest.raises(kind):
            raise_diagnosis(Diagnosis(cause, "what", "hint"))
    raise_diagnosis(Diagnosis(Cause.OK, "Connected"))


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("_AUTHENTICATION: SASL authentication error: Authentication failed during authentication due to invalid credentials "
         "with SASL mechanism SCRAM-SHA-512", Cause.BAD_CREDENTIALS),
        ("_SSL: SSL handshake failed: error:0A000086:SSL routines::certificate verify failed: broker certificate could not be "
         "verified, verify that ssl.ca.location is correctly configured", Cause.UNTRUSTED_CERTIFICATE),
        ("_SSL: SSL handshake failed: error:0A000086: certificate verify failed: certificate has expired", Cause.CERTIFICATE_EXPIRED),
        ("_SSL: SSL handshake failed: ...:certificate verify failed: IP address mismatch", Cause.HOSTNAME_MISMATCH),
        ("_SSL: ssl/tls alert certificate required: SSL alert number 116: client authentication might be required",
         Cause.CLIENT_CERTIFICATE_REFUSED),
        ("_TRANSPORT: Connect to ipv4#127.0.0.1:1 failed: Connection refused", Cause.REFUSED),
        ("_TRANSPORT: Connection setup timed out in state CONNECT (after 5000ms)", Cause.TIMED_OUT),
        ("something new under the sun", Cause.UNKNOWN),
    ],
)  # fmt: skip
def test_librdkafkas_lines_are_classified(line: str, cause: Cause) -> None:
    assert classify([line]) == cause


def test_the_more_telling_line_wins() -> None:
    assert (
        classify(["_ALL_BROKERS_DOWN: 3/3 brokers are down", "_RESOLVE: Failed to resolve 'x'"])
        == Cause.NAME_UNKNOWN
    )
