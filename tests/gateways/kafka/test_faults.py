"""Errors of both libraries in our words. Every code of both has an entry, a kind and a sentence."""

from __future__ import annotations

import struct

import confluent_kafka
import pytest
from kafka import errors as kp

from controlplane.gateways import errors as ours
from controlplane.gateways.errors import GatewayError
from controlplane.gateways.kafka.fault_table import BROKER_FAULTS, CLIENT_FAULTS, Fault
from controlplane.gateways.kafka.faults import fault_of, raise_for, translate, translated

TABLE: list[tuple[Exception, type[GatewayError]]] = [
    (kp.UnknownTopicOrPartitionError(), ours.NotFound),
    (kp.TopicAlreadyExistsError(), ours.AlreadyExists),
    (kp.InvalidConfigurationError("Invalid value x"), ours.InvalidRequest),
    (kp.TopicAuthorizationFailedError(), ours.NotAuthorized),
    (kp.GroupAuthorizationFailedError(), ours.NotAuthorized),
    (kp.ClusterAuthorizationFailedError(), ours.NotAuthorized),
    (kp.SaslAuthenticationFailedError("bad"), ours.AuthenticationFailed),
    (kp.UnsupportedSaslMechanismError(), ours.AuthenticationFailed),
    (kp.NonEmptyGroupError(), ours.Conflict),
    (kp.ReassignmentInProgressError(), ours.Conflict),
    (kp.NotEnoughReplicasError(), ours.NotEnoughReplicas),
    (kp.NotEnoughReplicasAfterAppendError(), ours.NotEnoughReplicas),
    (kp.MessageSizeTooLargeError(), ours.RecordTooLarge),
    (kp.RequestTimedOutError(), ours.DeadlineExceeded),
    (kp.NotControllerError(), ours.Unreachable),
    (kp.LeaderNotAvailableError(), ours.Unreachable),
    (kp.PolicyViolationError("at least 3 replicas"), ours.InvalidRequest),
    (kp.SecurityDisabledError(), ours.Unsupported),
    (kp.UnsupportedVersionError(), ours.Unsupported),
    (kp.IncompatibleBrokerVersion("no"), ours.Unsupported),
    (kp.UnrecognizedBrokerVersion(), ours.Unsupported),
    (kp.KafkaTimeoutError(), ours.DeadlineExceeded),
    (kp.NodeNotReadyError(1), ours.Unreachable),
    (kp.KafkaConnectionError("refused"), ours.Unreachable),
    (kp.UnknownBrokerIdError(7), ours.NotFound),
    (kp.Cancelled(), ours.Unreachable),
    (kp.KafkaConfigurationError("no"), ours.InvalidRequest),
    (kp.KafkaProtocolError(), ours.BadAnswer),
    (kp.CorrelationIdError(), ours.BadAnswer),
    (kp.StaleMetadata(), ours.Unreachable),
    (kp.KafkaError("?"), ours.BadAnswer),
    (struct.error("short"), ours.BadAnswer),
    (ConnectionRefusedError(), ours.Unreachable),
    (TimeoutError(), ours.DeadlineExceeded),
]


@pytest.mark.parametrize(("error", "kind"), TABLE, ids=lambda value: getattr(value, "__name__", repr(value)))
def test_an_exception_of_kafka_python_becomes_the_most_specific_of_ours(
    error: Exception, kind: type[GatewayError]
) -> None:
    translated_error = translate(error)
    assert translated_error is not None
    assert type(translated_error) is kind
    assert translated_error.what


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (confluent_kafka.KafkaError._AUTHENTICATION, ours.AuthenticationFailed),
        (confluent_kafka.KafkaError._ALL_BROKERS_DOWN, ours.Unreachable),
        (confluent_kafka.KafkaError._TRANSPORT, ours.Unreachable),
        (confluent_kafka.KafkaError._RESOLVE, ours.Unreachable),
        (confluent_kafka.KafkaError._SSL, ours.AuthenticationFailed),
        (confluent_kafka.KafkaError._TIMED_OUT, ours.DeadlineExceeded),
        (confluent_kafka.KafkaError._MSG_TIMED_OUT, ours.DeadlineExceeded),
        (confluent_kafka.KafkaError._UNKNOWN_TOPIC, ours.NotFound),
        (confluent_kafka.KafkaError._UNKNOWN_PARTITION, ours.NotFound),
        (confluent_kafka.KafkaError._QUEUE_FULL, ours.Conflict),
        (confluent_kafka.KafkaError.MSG_SIZE_TOO_LARGE, ours.RecordTooLarge),
        (confluent_kafka.KafkaError.NOT_ENOUGH_REPLICAS, ours.NotEnoughReplicas),
        (confluent_kafka.KafkaError.TOPIC_AUTHORIZATION_FAILED, ours.NotAuthorized),
    ],
)
def test_an_error_of_librdkafka_becomes_one_of_ours(code: int, kind: type[GatewayError]) -> None:
    error = translate(confluent_kafka.KafkaException(confluent_kafka.KafkaError(code)), subject="topic t")
    assert type(error) is kind
    assert str(error).startswith("Topic t: ")


def test_every_code_that_kafka_python_knows_has_an_entry_of_the_same_name() -> None:
    known = {kind.errno for kind in _subclasses(kp.BrokerResponseError) if isinstance(kind.errno, int)}
    assert known - {0} <= BROKER_FAULTS.keys()


def test_every_code_that_librdkafka_knows_of_the_broker_has_an_entry() -> None:
    codes = {
        value
        for name, value in vars(confluent_kafka.KafkaError).items()
        if name.isupper() and isinstance(value, int)
    }
    assert {code for code in codes if code > 0} <= BROKER_FAULTS.keys()


@pytest.mark.parametrize(
    "fault", [*BROKER_FAULTS.values(), *CLIENT_FAULTS.values()], ids=lambda fault: fault.name
)
def test_every_entry_reads_well(fault: Fault) -> None:
    assert fault.what[0].isupper()
    assert not fault.what.endswith(".")
    assert not fault.hint.endswith(".")
    assert issubclass(fault.kind, GatewayError)


def test_a_code_from_the_future_is_kept_and_shown() -> None:
    error = fault_of(999, "the broker says so", subject="topic t")
    assert isinstance(error, ours.BadAnswer)
    assert "999" in error.what
    assert "the broker says so" in error.what


def test_the_words_of_the_broker_are_kept_and_the_object_is_named() -> None:
    with pytest.raises(ours.InvalidRequest) as caught:
        raise_for(40, "Invalid value x for retention.ms.", subject="topic orders")
    assert caught.value.what == "Topic orders: the setting is invalid (Invalid value x for retention.ms)"
    assert caught.value.code == "invalid_request"


def test_no_error_is_none() -> None:
    assert fault_of(0) is None


def test_inside_the_seam_the_cause_stays_attached() -> None:
    with pytest.raises(ours.Unreachable) as caught, translated("broker 2"):
        raise kp.KafkaConnectionError("refused")
    assert isinstance(caught.value.__cause__, kp.KafkaConnectionError)
    assert caught.value.what == "Broker 2: the connection to the broker failed (refused)"


def test_what_is_none_of_the_libraries_passes_unchanged() -> None:
    with pytest.raises(ZeroDivisionError), translated():
        raise ZeroDivisionError
    with pytest.raises(ours.TargetRefused), translated():
        raise ours.TargetRefused("no")


def _subclasses(kind: type[kp.BrokerResponseError]) -> list[type[kp.BrokerResponseError]]:
    return [each for sub in kind.__subclasses__() for each in (sub, *_subclasses(sub))]
