"""A bounded producer load that remembers what was acknowledged where, and the final read of its topic.

Idempotent, acks=all, over TLS with the files of `data/clients/admin`, as an application would be told to do it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.faults.checker import Acked, History, Read

PARTITIONS = 6
REPLICAS = 3
SIZE = 100
KEYS = 60
TICK_S = 0.02
#: A message that is not acknowledged by then counts as a producer error.
DELIVERY_TIMEOUT_MS = 120_000
READ_TIMEOUT_S = 120

Connection = Mapping[str, str]


def connection(kcat_conf: Path) -> Connection:
    """The properties of a kcat.conf: the client under this file and kcat read the same ones."""
    lines = (line.partition("=") for line in kcat_conf.read_text().splitlines() if "=" in line)
    return {name.strip(): value.strip() for name, _, value in lines if not name.startswith("#")}


@dataclass(frozen=True, slots=True)
class Limits:
    """Whatever ends first ends the load. `size` is that of a value, in bytes."""

    rate: int = 1000
    seconds: float = 300
    count: int = 300_000
    size: int = SIZE


@dataclass
class Journal:
    """Filled by the load's thread; read it after `stop`. `errors`: final delivery failures in the client's words."""

    producer: str
    sent: int = 0
    acked: list[Acked] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    longest_pause: float = 0.0
    last_ack: float = 0.0

    def heard(self, now: float) -> None:
        self.longest_pause = max(self.longest_pause, now - (self.last_ack or now))
        self.last_ack = now


class Load:
    def __init__(
        self,
        link: Connection,
        topic: str,
        producer: str = "p0",
        limits: Limits = Limits(),
    ) -> None:
        self.journal = Journal(producer)
        self._topic = topic
        self._limits = limits
        self._stopping = threading.Event()
        self._client = Producer(
            {
                **link,
                "client.id": f"faults-{producer}",
                "acks": "all",
                "enable.idempotence": True,
                "linger.ms": 5,
                "delivery.timeout.ms": DELIVERY_TIMEOUT_MS,
                "log_level": 0,
            }
        )
        self._thread = threading.Thread(target=self._run, name=f"load-{producer}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> Journal:
        """Waits until every message is acknowledged or has failed."""
        self._stopping.set()
        self._thread.join(DELIVERY_TIMEOUT_MS / 1000 + 30)
        if self._thread.is_alive():
            raise AssertionError("the load does not end")
        return self.journal

    def _run(self) -> None:
        started = time.monotonic()
        while not self._stopping.is_set() and self.journal.sent < self._limits.count:
            elapsed = time.monotonic() - started
            if elapsed > self._limits.seconds:
                break
            due = min(int(elapsed * self._limits.rate), self._limits.count)
            while self.journal.sent < due and self._send():
                pass
            self._client.poll(TICK_S)
        self._client.flush(DELIVERY_TIMEOUT_MS / 1000 + 10)

    def _send(self) -> bool:
        sequence = self.journal.sent
        try:
            self._client.produce(
                self._topic,
                key=f"k{sequence % KEYS}",
                value=encode(self.journal.producer, sequence, self._limits.size),
                on_delivery=lambda error, message: self._delivered(sequence, error, message),
            )
        except BufferError:
            return False
        except KafkaException as error:
            self.journal.errors.append(str(error))
            self._stopping.set()
            return False
        self.journal.sent += 1
        return True

    def _delivered(self, sequence: int, error: KafkaError | None, message: Any) -> None:
        if error is not None:
            self.journal.errors.append(str(error))
            return
        self.journal.heard(time.monotonic())
        self.journal.acked.append(
            Acked(self.journal.producer, sequence, message.partition(), message.offset())
        )


def encode(producer: str, sequence: int, size: int = SIZE) -> bytes:
    return f"{producer} {sequence} ".encode().ljust(size, b".")


def decode(value: bytes) -> tuple[str, int]:
    producer, sequence, _ = value.decode().split(" ", 2)
    return producer, int(sequence)


def create_topic(link: Connection, topic: str) -> None:
    """Returns when every partition has a leader and all its replicas in sync, so that the load starts on solid ground."""
    configs = {"min.insync.replicas": "2"}
    # Held in a variable: a client that is collected takes its futures with it.
    client = AdminClient({**link, "log_level": 0})
    created = client.create_topics(
        [NewTopic(topic, num_partitions=PARTITIONS, replication_factor=REPLICAS, config=configs)]
    )
    created[topic].result(30)


def out_of_sync(link: Connection, timeout: float = 3.0) -> tuple[str, ...]:
    """Partitions of all topics whose ISR is not full; KafkaException when no broker answers."""
    topics = AdminClient({**link, "log_level": 0}).list_topics(timeout=timeout).topics
    return tuple(
        f"{name}-{index}"
        for name, topic in topics.items()
        for index, partition in topic.partitions.items()
        if partition.leader < 0 or set(partition.isrs) != set(partition.replicas)
    )


LEADERSHIP = (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE)


def _end_offset(consumer: Consumer, place: TopicPartition) -> int:
    """Leaders still move when a cluster has just come back: asked again until one answers."""
    deadline = time.monotonic() + 30
    while True:
        try:
            return int(consumer.get_watermark_offsets(place, timeout=30)[1])
        except KafkaException as error:
            if error.args[0].code() not in LEADERSHIP or time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def read_all(link: Connection, topic: str, reader: int = 0) -> list[Read]:
    """Every record from the first to the end offsets as they are now, in the order of the polls."""
    with _consumer(link) as consumer:
        partitions = list(consumer.list_topics(topic, timeout=30).topics[topic].partitions)
        places = [TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in partitions]
        ends = {place.partition: _end_offset(consumer, place) for place in places}
        open_partitions = {partition for partition, end in ends.items() if end > 0}
        consumer.assign(places)
        found: list[Read] = []
        deadline = time.monotonic() + READ_TIMEOUT_S
        while open_partitions:
            if time.monotonic() > deadline:
                raise AssertionError(f"not read to the end within {READ_TIMEOUT_S} s: {open_partitions}")
            for message in consumer.consume(1000, 1.0):
                if message.error() is not None:
                    continue
                producer, sequence = decode(message.value())
                found.append(Read(producer, sequence, message.partition(), message.offset(), reader))
                if message.offset() >= ends[message.partition()] - 1:
                    open_partitions.discard(message.partition())
        return found


@contextmanager
def _consumer(link: Connection) -> Iterator[Any]:
    consumer = Consumer(
        {
            **link,
            "group.id": "faults-final-read",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "log_level": 0,
        }
    )
    try:
        yield consumer
    finally:
        consumer.close()


def history(journal: Journal, reads: list[Read]) -> History:
    return History(journal.acked, reads, sent={journal.producer: journal.sent})
