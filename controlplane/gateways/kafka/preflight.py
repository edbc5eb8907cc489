"""Names the cause when a connection does not come about: wrong password, untrusted CA, wrong port, nobody there.

librdkafka tells through its error callback what kafka-python hides behind one timeout. `classify` is pure.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Any

import confluent_kafka
from confluent_kafka.admin import AdminClient

from controlplane.gateways.errors import (
    AuthenticationFailed,
    BadAnswer,
    DeadlineExceeded,
    GatewayError,
    InvalidRequest,
    TargetRefused,
    Unreachable,
)
from controlplane.gateways.kafka._listeners import refuse_suspicious
from controlplane.gateways.kafka._probe import probe
from controlplane.gateways.kafka._transport import AddressGuard
from controlplane.gateways.kafka.faults import translate
from controlplane.gateways.kafka.security import KafkaConnection, Plaintext, librdkafka_settings
from controlplane.gateways.kafka.types import BrokerNode, Cause, Diagnosis

QUIET = logging.getLogger(f"{__name__}.librdkafka")
POLL_S = 0.02
# After the first failure others may still speak up (several bootstrap addresses, a more telling cause).
PATIENCE_S = 0.3


@dataclass(frozen=True, slots=True)
class Explanation:
    what: str
    hint: str
    kind: type[GatewayError]


EXPLANATIONS: dict[Cause, Explanation] = {
    Cause.NAME_UNKNOWN: Explanation(
        "The host name is unknown", "Check its spelling, and that this machine's DNS knows it", Unreachable
    ),
    Cause.REFUSED: Explanation(
        "Nothing listens at that address", "See whether the broker runs, and check host and port", Unreachable
    ),
    Cause.TIMED_OUT: Explanation(
        "The address did not answer in time",
        "A firewall may drop the packets, or the host is down",
        DeadlineExceeded,
    ),
    Cause.PLAINTEXT_TO_TLS: Explanation(
        "The port speaks TLS, but this connection is set to plaintext",
        "Choose TLS (or SCRAM over TLS), or the port of the plaintext listener",
        AuthenticationFailed,
    ),
    Cause.TLS_TO_PLAINTEXT: Explanation(
        "The port does not speak TLS, but this connection is set to TLS",
        "Choose the port of the TLS listener, or plaintext",
        AuthenticationFailed,
    ),
    Cause.UNTRUSTED_CERTIFICATE: Explanation(
        "The broker's certificate is not signed by a CA that this connection trusts",
        "Give the CA certificate (PEM) that signed the brokers' certificates",
        AuthenticationFailed,
    ),
    Cause.HOSTNAME_MISMATCH: Explanation(
        "The broker's certificate is for another host name",
        "Use a name that the certificate lists, or have it reissued with this name",
        AuthenticationFailed,
    ),
    Cause.CERTIFICATE_EXPIRED: Explanation(
        "The broker's certificate has expired or is not valid yet",
        "Renew it, and compare the clocks of both machines",
        AuthenticationFailed,
    ),
    Cause.CLIENT_CERTIFICATE_REFUSED: Explanation(
        "The broker refuses this connection's client certificate, or asks for one and got none",
        "Give a certificate and key signed by the CA that the listener trusts for clients",
        AuthenticationFailed,
    ),
    Cause.BAD_CREDENTIALS: Explanation(
        "Wrong user name or password",
        "Check both, and that the user exists for this SASL mechanism",
        AuthenticationFailed,
    ),
    Cause.MECHANISM_NOT_OFFERED: Explanation(
        "The listener does not offer this SASL mechanism", "Choose one that it offers", AuthenticationFailed
    ),
    Cause.BAD_SETTINGS: Explanation(
        "The connection settings cannot be used", "Check certificate, key and addresses", InvalidRequest
    ),
    Cause.NOT_KAFKA: Explanation(
        "The port answers, but not as a Kafka broker would",
        "Check the port; a controller's port does not serve clients",
        BadAnswer,
    ),
    Cause.TARGET_REFUSED: Explanation(
        "The address is not one that this cluster may be reached at",
        "An administrator can allow private addresses for this cluster",
        TargetRefused,
    ),
    Cause.UNKNOWN: Explanation(
        "The connection failed for a reason that is not recognised",
        "The client's own words say more",
        Unreachable,
    ),
}

# librdkafka's texts, most telling first. The first match of any line seen decides.
PATTERNS: tuple[tuple[re.Pattern[str], Cause], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), cause)
    for pattern, cause in (
        (r"unsupported sasl mechanism|mechanism not supported|enabled mechanisms", Cause.MECHANISM_NOT_OFFERED),
        (r"sasl .*(authentication|auth).*(fail|error)|authentication failed|invalid credentials", Cause.BAD_CREDENTIALS),
        (r"certificate has expired|certificate is not yet valid|expired certificate", Cause.CERTIFICATE_EXPIRED),
        (r"hostname mismatch|ip address mismatch|does not match.*(host|name)", Cause.HOSTNAME_MISMATCH),
        (r"alert (number )?(42|43|44|45|46|48|49|116)|certificate required|bad certificate|alert unknown ca|"
         r"tlsv1\S* alert|sslv3 alert|client authentication might be required|client certificate",
         Cause.CLIENT_CERTIFICATE_REFUSED),
        (r"certificate verify failed|self.signed|unable to get local issuer|broker certificate could not be verified",
         Cause.UNTRUSTED_CERTIFICATE),
        (r"connecting to a plaintext listener|plaintext broker|wrong version number|"
         r"packet length too long|record layer failure|unexpected message|http request", Cause.TLS_TO_PLAINTEXT),
        # The first four bytes of a TLS alert (0x1503....), read as a length; of anything else: not Kafka.
        (r"invalid response size (?!3525[18]\d{4}\b)", Cause.NOT_KAFKA),
        (r"invalid response size|ssl listener|requires ssl|apiversion.*(disconnected|failed)|"
         r"connected to an? (ssl|tls)|security\.protocol", Cause.PLAINTEXT_TO_TLS),
        # A broker that asks for a client certificate says so; one that just hangs up on a handshake has no TLS.
        (r"(closed|reset) by peer.*ssl_handshake", Cause.TLS_TO_PLAINTEXT),
        (r"failed to resolve|name or service not known|nodename nor servname|temporary failure in name|"
         r"no address associated", Cause.NAME_UNKNOWN),
        (r"connection refused|no route to host|network is unreachable", Cause.REFUSED),
        (r"timed out|timeout", Cause.TIMED_OUT),
        (r"protocol (parse|error)|bad message|unsupported version", Cause.NOT_KAFKA),
    )
)  # fmt: skip


@dataclass
class Heard:
    """What the callbacks said, in order, and when the first came."""

    lines: list[str] = field(default_factory=list[str])
    first_at: float | None = None

    def add(self, error: confluent_kafka.KafkaError) -> None:
        self.first_at = self.first_at if self.first_at is not None else time.monotonic()
        self.lines.append(f"{error.name()}: {error.str()}")

    @property
    def decisive(self) -> bool:
        """No other bootstrap address is left, or the cause will not go away by waiting."""
        all_down = any(line.startswith("_ALL_BROKERS_DOWN") for line in self.lines)
        return all_down or classify(self.lines) not in (Cause.UNKNOWN, Cause.TIMED_OUT, Cause.REFUSED)


def classify(lines: list[str]) -> Cause:
    for pattern, cause in PATTERNS:
        if any(pattern.search(line) for line in lines):
            return cause
    return Cause.UNKNOWN


def preflight(
    connection: KafkaConnection, timeout_s: float = 5.0, *, guard: AddressGuard | None = None
) -> Diagnosis:
    """Connects, asks who is there, and disconnects again."""
    started = time.monotonic()
    try:
        heard = Heard()
        settings: Any = _settings(connection, timeout_s, guard) | {"error_cb": heard.add}
        client: Any = AdminClient(settings, logger=QUIET)
        asked = _ask(client, timeout_s, guarded=guard is not None)
        until = started + timeout_s
        _wait(client, asked, heard, until)
        diagnosis = _diagnosis(connection, asked, heard, guard, until)
    except TargetRefused as error:
        diagnosis = Diagnosis(Cause.TARGET_REFUSED, error.what, error.hint)
    except GatewayError as error:
        diagnosis = Diagnosis(Cause.BAD_SETTINGS, error.what, error.hint)
    except confluent_kafka.KafkaException as error:
        diagnosis = _failure(Cause.BAD_SETTINGS, detail=str(error.args[0].str()))
    return _timed(diagnosis, started)


def raise_diagnosis(diagnosis: Diagnosis) -> None:
    if not diagnosis.ok:
        raise EXPLANATIONS[diagnosis.cause].kind(diagnosis.what, diagnosis.hint)


def _settings(connection: KafkaConnection, timeout_s: float, guard: AddressGuard | None) -> dict[str, Any]:
    if guard is not None:
        for host, port in connection.addresses:
            guard(host, port)
    timeout_ms = max(1000, int(timeout_s * 1000))
    return librdkafka_settings(connection) | {
        "socket.connection.setup.timeout.ms": timeout_ms,
        "socket.timeout.ms": max(1000, timeout_ms),
        "reconnect.backoff.ms": 100,
        "reconnect.backoff.max.ms": 500,
        "log_level": 0,
    }


def _ask(client: Any, timeout_s: float, *, guarded: bool) -> Future[Any]:
    """`describe_cluster` is cheap but goes to the controller, at the address it advertises. A cluster that may not
    send us anywhere is asked for its metadata at the bootstrap address instead.
    """
    if not guarded:
        described: Future[Any] = client.describe_cluster(request_timeout=timeout_s)
        return described
    asked: Future[Any] = Future()

    def list_topics() -> None:
        try:
            asked.set_result(client.list_topics(timeout=timeout_s))
        except confluent_kafka.KafkaException as error:
            asked.set_exception(error)

    threading.Thread(target=list_topics, daemon=True).start()
    return asked


def _nodes(answer: Any) -> tuple[BrokerNode, ...]:
    if hasattr(answer, "nodes"):
        return tuple(BrokerNode(node.id, node.host, node.port, node.rack) for node in answer.nodes)
    return tuple(BrokerNode(node.id, node.host, node.port) for node in answer.brokers.values())


def _wait(client: Any, asked: Future[Any], heard: Heard, until: float) -> None:
    """Until an answer, the end of the time, or a failure that stayed alone for a moment."""
    while not asked.done() and time.monotonic() < until:
        client.poll(POLL_S)
        if heard.first_at is not None and time.monotonic() > heard.first_at + PATIENCE_S and heard.decisive:
            return


def _diagnosis(
    connection: KafkaConnection, asked: Future[Any], heard: Heard, guard: AddressGuard | None, until: float
) -> Diagnosis:
    if asked.done() and asked.exception() is None:
        answer = asked.result()
        nodes = _nodes(answer)
        refuse_suspicious(connection, (node.host for node in nodes))
        return Diagnosis(Cause.OK, "Connected", cluster_id=answer.cluster_id, brokers=nodes)
    cause = _cause(connection, asked, heard.lines)
    if cause is Cause.UNKNOWN and time.monotonic() >= until:
        cause = Cause.TIMED_OUT
    elif cause in (Cause.UNKNOWN, Cause.UNTRUSTED_CERTIFICATE):
        cause = probe(connection, guard) or cause
    return _failure(cause, detail="; ".join(dict.fromkeys(heard.lines)))


def _cause(connection: KafkaConnection, asked: Future[Any], lines: list[str]) -> Cause:
    cause = classify(lines)
    if cause is Cause.UNKNOWN and not lines:
        return _silent(asked)
    if cause is Cause.PLAINTEXT_TO_TLS and not isinstance(connection.security, Plaintext):
        return (
            Cause.CLIENT_CERTIFICATE_REFUSED
        )  # TLS 1.3: a refused client certificate ends the first request
    return cause


def _silent(asked: Future[Any]) -> Cause:
    error = translate(asked.exception() or ValueError()) if asked.done() else None
    return Cause.UNKNOWN if error is not None and not isinstance(error, DeadlineExceeded) else Cause.TIMED_OUT


def _failure(cause: Cause, detail: str = "") -> Diagnosis:
    explanation = EXPLANATIONS[cause]
    return Diagnosis(cause, explanation.what, explanation.hint, detail=detail)


def _timed(diagnosis: Diagnosis, started: float) -> Diagnosis:
    return replace(diagnosis, elapsed_ms=round((time.monotonic() - started) * 1000))
