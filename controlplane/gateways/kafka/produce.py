"""Producing records: acks from all in-sync replicas, idempotent, each with its delivery report. Never creates a topic."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import confluent_kafka

from controlplane.gateways.errors import BadAnswer, Conflict, DeadlineExceeded, GatewayError, InvalidRequest
from controlplane.gateways.kafka.faults import of_confluent, translate, translated
from controlplane.gateways.kafka.security import KafkaConnection, librdkafka_settings
from controlplane.gateways.kafka.types import Headers, ProducedRecord

QUIET = logging.getLogger(f"{__name__}.librdkafka")
POLL_S = 0.05
MAX_RECORD_BYTES = 100_000_000  # the broker decides, not the client's default of one million


@dataclass(frozen=True, slots=True)
class NewRecord:
    """`partition` None leaves the choice to the key (murmur2, as Java does). `timestamp_ms` None is now."""

    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    partition: int | None = None
    timestamp_ms: int | None = None


Delivery = ProducedRecord | GatewayError


class RecordProducer:
    """One librdkafka producer per process, made on first use; safe to use from many threads."""

    def __init__(self, connection: KafkaConnection) -> None:
        self._connection = connection
        self._producer: Any = None
        self._pid = 0
        self._lock = threading.Lock()

    def produce(self, topic: str, records: Sequence[NewRecord], timeout_s: float) -> tuple[Delivery, ...]:
        """In order; each record's own outcome. One that failed does not stop those behind it."""
        until = time.monotonic() + timeout_s
        with translated(f"topic {topic}"):
            producer = self._ready(timeout_s)
        deliveries = self._send(producer, topic, records, until)
        # The broker refuses a whole batch for one bad record. Nothing of it was written, so each gets its own try.
        refused = [index for index, delivery in enumerate(deliveries) if isinstance(delivery, InvalidRequest)]
        if len(records) > 1:
            for index in refused:
                (deliveries[index],) = self._send(producer, topic, [records[index]], until)
        return tuple(deliveries)

    def close(self) -> None:
        with self._lock:
            producer, self._producer = self._producer, None
        if producer is not None and self._pid == os.getpid():
            producer.purge()
            producer.flush(1)

    def _send(self, producer: Any, topic: str, records: Sequence[NewRecord], until: float) -> list[Delivery]:
        deliveries: list[Delivery | None] = [None] * len(records)
        for index, record in enumerate(records):
            refused = _queue(producer, topic, record, _reporter(deliveries, index, topic))
            if refused is not None:
                deliveries[index] = refused
        while any(delivery is None for delivery in deliveries) and time.monotonic() < until:
            producer.poll(POLL_S)
        if any(isinstance(delivery, BadAnswer) for delivery in deliveries):
            self._drop(producer)
        return [_late(topic) if delivery is None else delivery for delivery in deliveries]

    def _drop(self, producer: Any) -> None:
        with self._lock:
            if self._producer is producer:
                self._producer = None

    def _ready(self, timeout_s: float) -> Any:
        with self._lock:
            if self._producer is None or self._pid != os.getpid():
                self._producer = confluent_kafka.Producer(
                    _settings(self._connection, timeout_s), logger=QUIET
                )
                self._pid = os.getpid()
            return self._producer


def _settings(connection: KafkaConnection, timeout_s: float) -> dict[str, Any]:
    timeout_ms = int(timeout_s * 1000)
    return librdkafka_settings(connection) | {
        "acks": "all",
        "enable.idempotence": True,
        "partitioner": "murmur2_random",
        "linger.ms": 0,
        "message.timeout.ms": timeout_ms,
        "request.timeout.ms": timeout_ms,
        "socket.timeout.ms": max(1000, timeout_ms),
        "topic.metadata.propagation.max.ms": min(3000, timeout_ms),
        "message.max.bytes": MAX_RECORD_BYTES,
        "log_level": 0,
    }


def _queue(producer: Any, topic: str, record: NewRecord, report: Callable[..., None]) -> GatewayError | None:
    try:
        producer.produce(
            topic,
            value=record.value,
            key=record.key,
            headers=list(record.headers) or None,
            partition=-1 if record.partition is None else record.partition,
            timestamp=record.timestamp_ms or 0,
            on_delivery=report,
        )
    except BufferError:
        return Conflict("Too many records are waiting to be sent", "Try again in a moment")
    except confluent_kafka.KafkaException as error:
        return translate(error, subject=f"topic {topic}")
    return None


def _reporter(deliveries: list[Delivery | None], index: int, topic: str) -> Callable[[Any, Any], None]:
    def report(error: confluent_kafka.KafkaError | None, message: Any) -> None:
        if error is not None:
            deliveries[index] = of_confluent(error, subject=f"topic {topic}")
            return
        kind, timestamp = message.timestamp()
        deliveries[index] = ProducedRecord(
            partition=message.partition(),
            offset=message.offset(),
            timestamp_ms=None if kind == confluent_kafka.TIMESTAMP_NOT_AVAILABLE else timestamp,
        )

    return report


def _late(topic: str) -> DeadlineExceeded:
    return DeadlineExceeded(
        f"Topic {topic}: the record was not confirmed in time",
        "Whether it was written is not known: look first",
    )
