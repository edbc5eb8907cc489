"""Producing and reading against the real cluster: bounded, quick on empty topics, right across gaps."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator

import confluent_kafka
import pytest

from controlplane.gateways.errors import GatewayError, InvalidRequest, NotFound, RecordTooLarge
from controlplane.gateways.kafka.gateway import KafkaGateway, NewRecord
from controlplane.gateways.kafka.security import KafkaConnection, librdkafka_settings
from controlplane.gateways.kafka.types import Isolation, ProducedRecord, RecordBatch, TimestampType
from tests.waiting import eventually

MakeTopic = Callable[..., str]


@pytest.fixture
def transactions(connection: KafkaConnection) -> Iterator[Callable[..., None]]:
    """Writes values to partition 0 in one transaction that is committed, aborted or left open."""
    open_ones: list[confluent_kafka.Producer] = []

    def write(topic: str, values: list[bytes], end: str) -> None:
        settings = librdkafka_settings(connection) | {"transactional.id": f"tx-{uuid.uuid4()}"}
        producer = confluent_kafka.Producer(settings)
        producer.init_transactions(30)
        producer.begin_transaction()
        for value in values:
            producer.produce(topic, value, partition=0)
        producer.flush(10)
        if end == "commit":
            producer.commit_transaction(30)
        elif end == "abort":
            producer.abort_transaction(30)
        else:
            open_ones.append(producer)

    yield write
    for producer in open_ones:
        producer.abort_transaction(30)


def fill(gateway: KafkaGateway, topic: str, count: int, partitions: int = 1) -> None:
    records = [
        NewRecord(None, b"%d" % i, partition=i % partitions, timestamp_ms=1_000 + i) for i in range(count)
    ]
    assert all(isinstance(delivery, ProducedRecord) for delivery in gateway.produce_all(topic, records))


def values(batch: RecordBatch) -> list[int]:
    return [int(record.value or b"-1") for record in batch.records]


def test_a_record_arrives_as_it_was_sent(gateway: KafkaGateway, topic: MakeTopic) -> None:
    name = topic(3)
    headers = (("trace", b"1"), ("trace", b"2"), ("empty", b""), ("none", None))
    sent = gateway.produce(
        name, partition=2, key=b"k\x00", value=b"\xff", headers=headers, timestamp_ms=1234567890123
    )
    assert (sent.partition, sent.offset) == (2, 0)
    (record,) = gateway.read(name, {2: 0}).records
    assert (record.partition, record.offset, record.key, record.value) == (2, 0, b"k\x00", b"\xff")
    assert record.headers == headers
    assert (record.timestamp_ms, record.timestamp_type) == (1234567890123, TimestampType.CREATE_TIME)
    assert (record.key_size, record.value_size, record.truncated) == (2, 1, False)


def test_null_and_empty_are_told_apart(gateway: KafkaGateway, topic: MakeTopic) -> None:
    name = topic()
    gateway.produce(name, key=b"", value=None)
    gateway.produce(name, key=None, value=b"")
    first, second = gateway.read(name, {0: 0}).records
    assert (first.key, first.value, second.key, second.value) == (b"", None, None, b"")


def test_the_broker_sets_the_time_where_the_topic_says_so(gateway: KafkaGateway, topic: MakeTopic) -> None:
    name = topic(message_timestamp_type="LogAppendTime")
    gateway.produce(name, value=b"v", timestamp_ms=1)
    (record,) = gateway.read(name, {0: 0}).records
    assert record.timestamp_type == TimestampType.LOG_APPEND_TIME
    assert (record.timestamp_ms or 0) > 1_600_000_000_000


def test_keys_go_where_java_would_send_them(gateway: KafkaGateway, topic: MakeTopic) -> None:
    """murmur2 of these keys over 6 partitions, as Java's DefaultPartitioner computes it."""
    name = topic(6)
    placed = {
        key: gateway.produce(name, key=key.encode(), value=b"").partition
        for key in ("a", "order-1", "user-42")
    }
    assert placed == {key: (_murmur2(key.encode()) & 0x7FFFFFFF) % 6 for key in placed}


def test_each_record_has_its_own_outcome(gateway: KafkaGateway, topic: MakeTopic) -> None:
    name = topic(1, max_message_bytes="10000")
    outcomes = gateway.produce_all(
        name,
        [
            NewRecord(None, b"a"),
            NewRecord(None, b"x" * 20_000),
            NewRecord(None, b"b", partition=7),
            NewRecord(None, b"c"),
        ],
    )
    assert [type(outcome) for outcome in outcomes] == [
        ProducedRecord,
        RecordTooLarge,
        NotFound,
        ProducedRecord,
    ]


def test_a_compacted_topic_refuses_a_record_without_key(gateway: KafkaGateway, topic: MakeTopic) -> None:
    with pytest.raises(InvalidRequest) as caught:
        gateway.produce(topic(cleanup_policy="compact"), value=b"v")
    assert "key" in caught.value.hint


def test_producing_never_creates_a_topic(gateway: KafkaGateway, prefix: str) -> None:
    with pytest.raises(NotFound):
        gateway.produce(prefix, value=b"v")
    with pytest.raises(NotFound):
        gateway.newest(prefix)


def test_an_empty_topic_answers_at_once(gateway: KafkaGateway, topic: MakeTopic) -> None:
    name = topic(12)
    started = time.monotonic()
    for batch in (
        gateway.newest(name),
        gateway.oldest(name),
        gateway.read(name, dict.fromkeys(range(12), 0)),
    ):
        assert (batch.records, batch.exhausted) == ((), True)
    assert time.monotonic() - started < 2


def test_empty_partitions_beside_a_full_one_do_not_wait(gateway: KafkaGateway, topic: MakeTopic) -> None:
    name = topic(12)
    gateway.produce(name, partition=5, value=b"1")
    started = time.monotonic()
    assert values(gateway.newest(name)) == [1]
    assert time.monotonic() - started < 2


def test_oldest_pages_through_everything_in_order_of_time(gateway: KafkaGateway, topic: MakeTopic) -> None:
    name = topic(3)
    fill(gateway, name, 100, partitions=3)
    batch = gateway.oldest(name, 30)
    seen = values(batch)
    while not batch.exhausted:
        batch = gateway.from_offsets(name, batch.next_offsets, 30)
        seen += values(batch)
    assert seen == list(range(100))


def test_newest_and_from_a_time(gateway: KafkaGateway, topic: MakeTopic) -> None:
    name = topic(3)
    fill(gateway, name, 100, partitions=3)
    assert values(gateway.newest(name, 5)) == [99, 98, 97, 96, 95]
    assert values(gateway.from_time(name, 1_090, 5)) == [90, 91, 92, 93, 94]
    assert gateway.from_time(name, 99_999).records == ()


def test_a_read_ends_at_the_end_seen_at_its_start_and_at_a_given_stop(
    gateway: KafkaGateway, topic: MakeTopic
) -> None:
    name = topic()
    fill(gateway, name, 20)
    batch = gateway.read(name, {0: 5}, stop_at={0: 8})
    assert (values(batch), batch.exhausted, batch.next_offsets, batch.ends) == (
        [5, 6, 7],
        True,
        {0: 8},
        {0: 8},
    )
    assert values(gateway.read(name, {0: 18}, stop_at={0: 999})) == [18, 19]


def test_large_values_are_cut_and_their_size_kept(gateway: KafkaGateway, topic: MakeTopic) -> None:
    name = topic()
    gateway.produce(name, key=b"k" * 50, value=b"v" * 500_000)
    (record,) = gateway.read(name, {0: 0}, max_bytes=100).records
    assert (record.key_size, record.value_size, record.truncated) == (50, 500_000, True)
    assert (record.key, record.value) == (b"k" * 50, b"v" * 100)


def test_transaction_markers_and_aborted_records_are_gaps_that_do_not_wait(
    gateway: KafkaGateway, topic: MakeTopic, transactions: Callable[..., None]
) -> None:
    name = topic()
    transactions(name, [b"1", b"2"], "commit")
    transactions(name, [b"3", b"4"], "abort")
    eventually(lambda: gateway.bounds(name)[0].end == 6)  # the coordinator writes the last marker afterwards
    started = time.monotonic()
    batch = gateway.read(name, {0: 0})
    assert time.monotonic() - started < 2
    assert (values(batch), batch.exhausted, batch.next_offsets) == ([1, 2], True, {0: 6})
    assert values(gateway.read(name, {0: 0}, isolation=Isolation.READ_UNCOMMITTED)) == [1, 2, 3, 4]
    assert values(gateway.newest(name, 10)) == [1, 2] or values(gateway.newest(name, 10)) == [2, 1]


def test_an_open_transaction_ends_a_committed_read_without_waiting(
    gateway: KafkaGateway, topic: MakeTopic, transactions: Callable[..., None]
) -> None:
    name = topic()
    fill(gateway, name, 2)
    transactions(name, [b"9"], "open")
    started = time.monotonic()
    batch = gateway.read(name, {0: 0})
    assert time.monotonic() - started < 2
    assert (values(batch), batch.exhausted, batch.next_offsets) == ([0, 1], True, {0: 2})
    assert values(gateway.read(name, {0: 0}, isolation=Isolation.READ_UNCOMMITTED)) == [0, 1, 9]


def test_a_deadline_ends_a_read(gateway: KafkaGateway, topic: MakeTopic) -> None:
    name = topic()
    fill(gateway, name, 10)
    batch = gateway.read(name, {0: 0}, deadline_s=0.0)
    assert (batch.records, batch.exhausted, batch.next_offsets) == ((), False, {0: 0})


def test_reading_leaves_no_group_behind(gateway: KafkaGateway, topic: MakeTopic) -> None:
    name = topic()
    fill(gateway, name, 5)
    gateway.newest(name)
    assert not [g for g in gateway.list_groups() if g.group.endswith("-browse")]


def test_ten_thousand_records_are_read_quickly(gateway: KafkaGateway, topic: MakeTopic) -> None:
    name = topic(6)
    records = [NewRecord(None, b"x" * 500, partition=i % 6) for i in range(10_000)]
    assert not [d for d in gateway.produce_all(name, records) if isinstance(d, GatewayError)]
    started = time.monotonic()
    batch = gateway.read(name, dict.fromkeys(range(6), 0), limit=10_000)
    assert (len(batch.records), batch.exhausted) == (10_000, True)
    assert time.monotonic() - started < 4


def _murmur2(data: bytes) -> int:
    """Kafka's `Utils.murmur2`."""
    mask, mixer = 0xFFFFFFFF, 0x5BD1E995
    value = (0x9747B28C ^ len(data)) & mask
    for start in range(0, len(data) - len(data) % 4, 4):
        word = int.from_bytes(data[start : start + 4], "little") * mixer & mask
        value = (value * mixer & mask) ^ ((word ^ word >> 24) * mixer & mask)
    tail = data[len(data) - len(data) % 4 :]
    if tail:
        value = (value ^ int.from_bytes(tail, "little")) * mixer & mask
    value = (value ^ value >> 13) * mixer & mask
    return value ^ value >> 15
