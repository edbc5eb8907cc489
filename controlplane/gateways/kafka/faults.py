"""Turns error codes and the exceptions of both client libraries into `gateways.errors`. Most specific wins.

`what` names the object concerned and carries the broker's own words where it gave any.
"""

from __future__ import annotations

import struct
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import confluent_kafka
from kafka import errors as _errors

from controlplane.gateways.errors import (
    AuthenticationFailed,
    BadAnswer,
    DeadlineExceeded,
    GatewayError,
    InvalidRequest,
    NotFound,
    Unreachable,
    Unsupported,
)
from controlplane.gateways.kafka.fault_table import BROKER_FAULTS, CLIENT_FAULTS, Fault

kp: Any = _errors  # the library makes some of its names as it goes

# kafka-python's own exceptions, without a code: the first that matches.
LOCAL_FAULTS: tuple[tuple[type[Exception], Fault], ...] = (
    (kp.IncompatibleBrokerVersion, Fault("", Unsupported, "This Kafka version cannot do it")),
    (kp.UnrecognizedBrokerVersion, Fault("", Unsupported, "The Kafka version was not recognised")),
    (kp.UnsupportedCodecError, Fault("", Unsupported, "A compression library is missing")),
    (kp.UnknownBrokerIdError, Fault("", NotFound, "There is no such broker now")),
    (kp.KafkaTimeoutError, Fault("", DeadlineExceeded, "No answer in time", "See whether the brokers are up and not overloaded")),
    (kp.NodeNotReadyError, Fault("", Unreachable, "The broker could not be reached", "See whether it runs and its port is open")),
    (kp.KafkaConnectionError, Fault("", Unreachable, "The connection to the broker failed", "See whether it runs and its port is open")),
    (kp.Cancelled, Fault("", Unreachable, "The connection was closed while waiting", "Try again")),
    (kp.KafkaConfigurationError, Fault("", InvalidRequest, "The connection settings are invalid")),
    (kp.IllegalArgumentError, Fault("", InvalidRequest, "A value is invalid")),
    (kp.KafkaProtocolError, Fault("", BadAnswer, "The answer is not what Kafka would send", "Is this really a Kafka port?")),
    (kp.RetriableError, Fault("", Unreachable, "The cluster is not ready for this", "Try again in a moment")),
    (kp.KafkaError, Fault("", BadAnswer, "The Kafka client failed")),
    (struct.error, Fault("", BadAnswer, "The answer could not be decoded")),
    (TimeoutError, Fault("", DeadlineExceeded, "No answer in time")),
    (OSError, Fault("", Unreachable, "The connection failed", "See whether the broker runs and its port is open")),
    (ValueError, Fault("", BadAnswer, "The answer could not be decoded")),
)  # fmt: skip


def fault_of(code: int, message: str | None = None, *, subject: str = "") -> GatewayError | None:
    """The error a code means, None for 0. `subject` is the object as a person calls it: "topic orders"."""
    if code == 0:
        return None
    fault = BROKER_FAULTS.get(code) or CLIENT_FAULTS.get(code)
    if fault is None:
        return BadAnswer(
            _sentence(
                f"Kafka answered with error {code}, which is newer than this program", subject, message
            ),
            "Update Kastellan to one that knows this Kafka version",
        )
    error = fault.kind(_sentence(fault.what, subject, message), fault.hint)
    error.kafka_code = code
    return error


def raise_for(code: int, message: str | None = None, *, subject: str = "") -> None:
    error = fault_of(code, message, subject=subject)
    if error is not None:
        raise error


def translate(error: BaseException, *, subject: str = "") -> GatewayError | None:
    """Our error for an exception of a client library; None where it is none of theirs."""
    if isinstance(error, GatewayError):
        return error
    if isinstance(error, confluent_kafka.KafkaException):
        inner = error.args[0] if error.args else None
        if isinstance(inner, confluent_kafka.KafkaError):
            return of_confluent(inner, subject=subject)
        return BadAnswer(_sentence("The Kafka client failed", subject, str(error)))
    if isinstance(error, kp.BrokerResponseError) and not isinstance(error, kp.IncompatibleBrokerVersion):
        code: int | None = getattr(error, "errno", None)
        return fault_of(-1 if code is None else code, _message(error), subject=subject)
    for kind, fault in LOCAL_FAULTS:
        if isinstance(error, kind):
            return fault.kind(_sentence(fault.what, subject, _message(error)), fault.hint)
    return None


def of_confluent(error: confluent_kafka.KafkaError, *, subject: str = "") -> GatewayError:
    # "Broker: ..." and "Local: ..." are librdkafka's own words for the code, and ours are better.
    said = error.str() if "Broker: " not in error.str() and "Local: " not in error.str() else None
    found = fault_of(error.code(), said, subject=subject)
    return found if found is not None else BadAnswer("No error was given", error.str())


@contextmanager
def translated(subject: str = "") -> Generator[None, None, None]:
    """Inside, both libraries may raise what they like; outside it is one of ours, `from` theirs."""
    try:
        yield
    except GatewayError:
        raise
    except Exception as error:
        ours = translate(error, subject=subject)
        if ours is None:
            raise
        raise ours from error


def is_connection_fault(error: GatewayError) -> bool:
    """Counts for the breaker: the cluster does not answer or does not let us in."""
    return isinstance(error, Unreachable | AuthenticationFailed)


def _sentence(what: str, subject: str, message: str | None) -> str:
    named = f"{_capital(subject)}: {what[0].lower()}{what[1:]}" if subject else what
    said = (message or "").strip().rstrip(".")
    return f"{named} ({said})" if said and said.lower() not in named.lower() else named


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _message(error: BaseException) -> str:
    """The words of the broker or of the library; how many milliseconds a wait took says nothing to anyone."""
    said = str(error.args[0]) if error.args and isinstance(error.args[0], str) else ""
    return "" if "timed out after" in said.lower() else said
