"""How long a record takes from a producer to a consumer, partition by partition: one trip each, timed without connecting."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import confluent_kafka

from controlplane.gateways.kafka.faults import translated
from controlplane.gateways.kafka.security import KafkaConnection, librdkafka_settings

QUIET = logging.getLogger(f"{__name__}.librdkafka")
WAIT_S = 0.005


@dataclass(frozen=True, slots=True)
class Trip:
    """Seconds from handing a record over: until all in-sync replicas had it, until a consumer had it. None: it did not."""

    acknowledged: float | None
    arrived: float | None


@dataclass
class _Round:
    """One record to each partition, told apart from all others by its value."""

    topic: str
    token: str = field(default_factory=lambda: secrets.token_hex(8))
    sent: dict[int, float] = field(default_factory=dict[int, float])
    acknowledged: dict[int, float] = field(default_factory=dict[int, float])
    arrived: dict[int, float] = field(default_factory=dict[int, float])

    def value(self, partition: int) -> bytes:
        return f"{self.token} {partition}".encode()

    def run(self, producer: Any, consumer: Any, partitions: Sequence[int], deadline_s: float) -> None:
        for partition in partitions:
            self.sent[partition] = time.monotonic()
            producer.produce(
                self.topic, value=self.value(partition), partition=partition, on_delivery=self._reported
            )
        until = time.monotonic() + deadline_s
        while time.monotonic() < until and not self._complete():
            producer.poll(0)
            message = consumer.poll(WAIT_S)
            if message is not None and message.error() is None:
                self._seen(message.partition(), message.value())

    def _reported(self, error: Any, message: Any) -> None:
        if error is None:
            self.acknowledged[message.partition()] = time.monotonic()

    def _seen(self, partition: int, value: bytes | None) -> None:
        if value == self.value(partition):
            self.arrived[partition] = time.monotonic()

    def _complete(self) -> bool:
        return len(self.acknowledged) == len(self.arrived) == len(self.sent)

    def trips(self) -> dict[int, Trip]:
        return {
            partition: Trip(_since(self.acknowledged, partition, sent), _since(self.arrived, partition, sent))
            for partition, sent in self.sent.items()
        }


def _since(times: Mapping[int, float], partition: int, sent: float) -> float | None:
    return times[partition] - sent if partition in times else None


def round_trips(
    connection: KafkaConnection, topic: str, ends: Mapping[int, int], *, deadline_s: float
) -> dict[int, Trip]:
    """`ends` are the end offsets by partition, of those that have a leader. Takes at most twice the deadline.

    A first round opens the connections; what is told is the second. Raises GatewayError when no client can be made.
    """
    with translated(f"topic {topic}"):
        producer: Any = confluent_kafka.Producer(_producing(connection, deadline_s), logger=QUIET)
        consumer: Any = confluent_kafka.Consumer(_consuming(connection), logger=QUIET)
    with closing(consumer):
        consumer.assign([confluent_kafka.TopicPartition(topic, p, end) for p, end in ends.items()])
        first, second = _Round(topic), _Round(topic)
        first.run(producer, consumer, list(ends), deadline_s)
        reached = [partition for partition in ends if partition in first.arrived]
        second.run(producer, consumer, reached, deadline_s)
        producer.purge()
        producer.flush(0)
    return {**first.trips(), **second.trips()}


def _producing(connection: KafkaConnection, deadline_s: float) -> dict[str, Any]:
    return librdkafka_settings(connection) | {
        "acks": "all",
        "linger.ms": 0,
        "message.timeout.ms": int(deadline_s * 1000),
        "allow.auto.create.topics": False,
        "log_level": 0,
    }


def _consuming(connection: KafkaConnection) -> dict[str, Any]:
    return librdkafka_settings(connection) | {
        "group.id": f"{connection.client_id}-probe",  # librdkafka wants one; nothing joins or commits
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "latest",
        "fetch.queue.backoff.ms": 10,
        "allow.auto.create.topics": False,
        "log_level": 0,
    }
