"""Administration against the real cluster, and the answers of newer brokers than ours."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from broker.spec import ClusterSpec
from controlplane.gateways.errors import AlreadyExists, GatewayError, InvalidRequest, NotFound
from controlplane.gateways.kafka import _messages as m
from controlplane.gateways.kafka.admin import _configs, _partitions, _reassignments, _topics
from controlplane.gateways.kafka.gateway import KafkaGateway
from controlplane.gateways.kafka.reassignment_types import Reassignment
from controlplane.gateways.kafka.security import KafkaConnection
from controlplane.gateways.kafka.types import (
    ConfigEntry,
    ConfigOp,
    ConfigOpType,
    ConfigSource,
    ConfigType,
    ElectionResult,
    ElectionType,
    OffsetSpec,
    ResourceRef,
    ResourceType,
    TopicPartition,
)
from tests.waiting import eventually

MakeTopic = Callable[..., str]


def entry(gateway: KafkaGateway, ref: ResourceRef, name: str) -> ConfigEntry | None:
    return next((e for e in gateway.describe_configs([ref])[ref] if e.name == name), None)


def test_the_cluster_is_described_with_its_real_controller(
    gateway: KafkaGateway, cluster_spec: ClusterSpec
) -> None:
    described = gateway.describe_cluster()
    assert described.cluster_id == cluster_spec.cluster_id
    assert {node.id for node in described.brokers} == {node.id for node in cluster_spec.nodes}
    assert not any(node.fenced for node in described.brokers)
    assert described.controller_id == gateway.describe_quorum().leader_id


def test_the_quorum_has_its_voters_with_directories_and_times(gateway: KafkaGateway) -> None:
    quorum = gateway.describe_quorum()
    assert len(quorum.voters) == 3
    assert all(voter.directory_id for voter in quorum.voters)
    assert quorum.high_watermark > 0
    assert {endpoint.listener for endpoint in quorum.endpoints} == {"CONTROLLER"}


def test_features_tell_what_is_finalized(gateway: KafkaGateway) -> None:
    features = {feature.name: feature for feature in gateway.describe_features()}
    metadata = features["metadata.version"]
    assert metadata.finalized is not None
    assert metadata.max_supported is not None
    assert metadata.finalized <= metadata.max_supported


def test_a_topic_lives_and_dies(gateway: KafkaGateway, prefix: str) -> None:
    gateway.create_topic(prefix, 3, 3, {"retention.ms": "3600000"})
    described = eventually(lambda: [t for t in gateway.list_topics() if t.name == prefix])[0]
    assert len(described.topic_id) == 22
    assert [p.index for p in described.partitions] == [0, 1, 2]
    assert all(len(p.replicas) == 3 for p in described.partitions)
    gateway.create_partitions(prefix, 5)
    eventually(lambda: len(gateway.describe_topics([prefix])[0].partitions) == 5)
    assert len(gateway.describe_topic_partitions(prefix)) == 5
    gateway.delete_topics([prefix])
    # One broker may know it later than another.
    eventually(lambda: is_unknown(gateway, prefix))


def is_unknown(gateway: KafkaGateway, topic: str) -> bool:
    try:
        gateway.describe_topics([topic])
    except NotFound:
        return topic not in {each.name for each in gateway.list_topics()}
    return False


def test_validating_creates_nothing(gateway: KafkaGateway, prefix: str) -> None:
    gateway.create_topic(prefix, 1, 1, validate_only=True)
    assert prefix not in {t.name for t in gateway.list_topics()}


@pytest.mark.parametrize(
    ("partitions", "factor", "configs", "words"),
    [
        (1, 9, {}, "replication factor"),
        (0, 1, {}, "partitions"),
        (1, 1, {"retention.ms": "soon"}, "retention.ms"),
        (1, 1, {"no.such.setting": "1"}, "no.such.setting"),
    ],
)
def test_an_impossible_topic_is_refused_with_the_reason(
    gateway: KafkaGateway, prefix: str, partitions: int, factor: int, configs: dict[str, str], words: str
) -> None:
    with pytest.raises(InvalidRequest, match=words):
        gateway.create_topic(prefix, partitions, factor, configs)


def test_an_odd_name_and_a_taken_name_are_refused(gateway: KafkaGateway, topic: MakeTopic) -> None:
    with pytest.raises(InvalidRequest):
        gateway.create_topic("a/b", 1, 1)
    with pytest.raises(AlreadyExists):
        gateway.create_topic(topic(), 1, 1)


def test_each_broker_tells_how_it_sees_a_topic(gateway: KafkaGateway, topic: MakeTopic) -> None:
    name = topic(2, 3)
    seen = {gateway.describe_topics([name], broker=node.id) for node in gateway.describe_cluster().brokers}
    assert len(seen) == 1


def test_a_broker_that_does_not_exist_is_not_found(gateway: KafkaGateway) -> None:
    with pytest.raises(NotFound, match="77"):
        gateway.describe_topics(["x"], broker=77)
    with pytest.raises(NotFound):
        gateway.describe_log_dirs([77])


def test_topic_settings_come_with_type_documentation_and_origin(
    gateway: KafkaGateway, topic: MakeTopic
) -> None:
    ref = ResourceRef(ResourceType.TOPIC, topic(retention_ms="12345"))
    retention = entry(gateway, ref, "retention.ms")
    assert retention is not None
    assert (retention.value, retention.type) == ("12345", ConfigType.LONG)
    assert (retention.source, retention.default) == (ConfigSource.DYNAMIC_TOPIC_CONFIG, False)
    assert len(retention.documentation) > 50
    assert retention.synonyms[0].source == ConfigSource.DYNAMIC_TOPIC_CONFIG
    assert len(gateway.describe_configs([ref])[ref]) > 25


def test_settings_are_set_appended_subtracted_and_deleted(gateway: KafkaGateway, topic: MakeTopic) -> None:
    ref = ResourceRef(ResourceType.TOPIC, topic())

    def value(name: str) -> str | None:
        found = entry(gateway, ref, name)
        return found.value if found else None

    gateway.incremental_alter_configs(
        {
            ref: [
                ConfigOp("cleanup.policy", ConfigOpType.APPEND, "compact"),
                ConfigOp("retention.ms", ConfigOpType.SET, "7"),
            ]
        }
    )
    eventually(lambda: (value("retention.ms"), value("cleanup.policy")) == ("7", "delete,compact"))
    gateway.incremental_alter_configs(
        {
            ref: [
                ConfigOp("cleanup.policy", ConfigOpType.SUBTRACT, "delete"),
                ConfigOp("retention.ms", ConfigOpType.DELETE),
            ]
        }
    )
    eventually(lambda: (value("retention.ms"), value("cleanup.policy")) == ("604800000", "compact"))


def test_a_bad_setting_is_refused_and_validating_changes_nothing(
    gateway: KafkaGateway, topic: MakeTopic
) -> None:
    ref = ResourceRef(ResourceType.TOPIC, topic())
    with pytest.raises(InvalidRequest, match=r"retention\.ms"):
        gateway.incremental_alter_configs({ref: [ConfigOp("retention.ms", ConfigOpType.SET, "soon")]})
    gateway.incremental_alter_configs(
        {ref: [ConfigOp("retention.ms", ConfigOpType.SET, "7")]}, validate_only=True
    )
    found = entry(gateway, ref, "retention.ms")
    assert found is not None
    assert found.value != "7"


def test_a_brokers_own_settings_hide_what_is_secret(gateway: KafkaGateway) -> None:
    ref = ResourceRef(ResourceType.BROKER, "1")
    entries = gateway.describe_configs([ref])[ref]
    assert len(entries) > 200
    assert all(e.value is None for e in entries if e.sensitive)
    node = next(e for e in entries if e.name == "node.id")
    assert (node.value, node.source, node.read_only) == ("1", ConfigSource.STATIC_BROKER_CONFIG, True)


def test_the_default_of_all_brokers_is_set_and_removed(gateway: KafkaGateway) -> None:
    ref = ResourceRef(ResourceType.BROKER, "")
    name = "log.cleaner.backoff.ms"
    gateway.incremental_alter_configs({ref: [ConfigOp(name, ConfigOpType.SET, "15001")]})
    found = eventually(lambda: entry(gateway, ref, name))
    assert (found.value, found.source) == ("15001", ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG)
    gateway.incremental_alter_configs({ref: [ConfigOp(name, ConfigOpType.DELETE)]})
    eventually(lambda: entry(gateway, ref, name) is None)


def test_a_logger_is_turned_up_and_back(gateway: KafkaGateway) -> None:
    ref = ResourceRef(ResourceType.BROKER_LOGGER, "2")
    name = "kafka.server.KafkaApis"
    gateway.incremental_alter_configs({ref: [ConfigOp(name, ConfigOpType.SET, "DEBUG")]})
    found = eventually(lambda: entry(gateway, ref, name))
    assert (found.value, found.source) == ("DEBUG", ConfigSource.DYNAMIC_BROKER_LOGGER_CONFIG)
    gateway.incremental_alter_configs({ref: [ConfigOp(name, ConfigOpType.DELETE)]})


def test_a_group_has_settings_before_it_exists(gateway: KafkaGateway, prefix: str) -> None:
    ref = ResourceRef(ResourceType.GROUP, prefix)
    found = entry(gateway, ref, "consumer.session.timeout.ms")
    assert found is not None
    assert found.value == "45000"


def test_one_missing_topic_among_many_is_left_out_and_alone_is_not_found(
    gateway: KafkaGateway, topic: MakeTopic
) -> None:
    there, gone = ResourceRef(ResourceType.TOPIC, topic()), ResourceRef(ResourceType.TOPIC, "no-such-topic")
    assert set(gateway.describe_configs([there, gone])) == {there}
    with pytest.raises(NotFound):
        gateway.describe_configs([gone])


def test_log_directories_tell_sizes_and_the_volume(gateway: KafkaGateway, topic: MakeTopic) -> None:
    name = topic(2, 3)
    gateway.produce(name, partition=0, value=b"x" * 1000)
    found = gateway.describe_log_dirs([1, 2, 3])
    assert {log_dir.broker for log_dir in found} == {1, 2, 3}
    for log_dir in found:
        assert log_dir.error == ""
        assert (log_dir.total_bytes or 0) > (log_dir.usable_bytes or 0) > 0
        assert {replica.partition for replica in log_dir.replicas if replica.topic == name} == {0, 1}


def test_brokers_that_answer_are_shown_when_another_does_not(gateway: KafkaGateway) -> None:
    assert {log_dir.broker for log_dir in gateway.describe_log_dirs([1, 77])} == {1}


def test_offsets_are_listed_by_every_spec(gateway: KafkaGateway, topic: MakeTopic) -> None:
    name = topic(2)
    for stamp in (1_000, 3_000, 2_000):
        gateway.produce(name, partition=0, value=b"v", timestamp_ms=stamp)
    both = [TopicPartition(name, 0), TopicPartition(name, 1)]
    expected = {
        OffsetSpec.EARLIEST: (0, 0), OffsetSpec.LATEST: (3, 0), OffsetSpec.MAX_TIMESTAMP: (1, -1),
        OffsetSpec.EARLIEST_LOCAL: (0, 0), 1_500: (1, -1), 9_999: (-1, -1),
    }  # fmt: skip
    for spec, offsets in expected.items():
        assert gateway.list_offsets(spec, both) == dict(zip(both, offsets, strict=True)), spec


def test_a_partition_that_does_not_exist_is_left_out_of_many_offsets(
    gateway: KafkaGateway, topic: MakeTopic
) -> None:
    there = TopicPartition(topic(), 0)
    gone = TopicPartition(there.topic, 9)
    assert set(gateway.list_offsets(OffsetSpec.LATEST, [there, gone])) == {there}
    with pytest.raises(NotFound):
        gateway.list_offsets(OffsetSpec.LATEST, [gone])
    assert gateway.list_offsets(OffsetSpec.LATEST, []) == {}


def test_an_election_that_is_not_needed_is_no_failure(gateway: KafkaGateway, topic: MakeTopic) -> None:
    partition = TopicPartition(topic(1, 3), 0)
    (outcome,) = gateway.elect_leaders(ElectionType.PREFERRED, [partition])
    assert (outcome.partition, outcome.result) == (partition, ElectionResult.NOT_NEEDED)
    (missing,) = gateway.elect_leaders(ElectionType.PREFERRED, [TopicPartition("no-such-topic", 0)])
    assert missing.result == ElectionResult.FAILED
    assert missing.message


def test_many_threads_share_one_gateway(gateway: KafkaGateway) -> None:
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(10):
                gateway.describe_cluster()
                gateway.list_topics()
        except GatewayError as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failures == []


def test_a_closed_gateway_connects_again(connection: KafkaConnection) -> None:
    gateway = KafkaGateway(connection)
    try:
        first = gateway.describe_cluster()
        gateway.close()
        assert gateway.describe_cluster() == first
    finally:
        gateway.close()


def test_the_admin_user_reaches_the_cluster_by_scram(admin_connection: KafkaConnection) -> None:
    gateway = KafkaGateway(admin_connection)
    try:
        started = time.monotonic()
        assert len(gateway.describe_cluster().brokers) == 3
        assert time.monotonic() - started < 5
    finally:
        gateway.close()


# --- answers from a newer broker -------------------------------------------------------------------


def test_settings_with_unknown_sources_and_types_are_kept() -> None:
    kind = m.DescribeConfigs
    response = _response("DescribeConfigsResponse")
    result = response.DescribeConfigsResult
    raw = result.DescribeConfigsResourceResult(
        name="new.setting", value="1", read_only=False, config_source=42, is_sensitive=False, config_type=77,
        documentation=None, synonyms=[result.DescribeConfigsResourceResult.DescribeConfigsSynonym("s", "1", 43)],
    )  # fmt: skip
    answer = response(results=[result(error_code=0, resource_type=99, resource_name="x", configs=[raw])])
    ((ref, entries),) = _configs.parse_described(answer).items()
    assert kind is not None
    assert str(ref.type) == "UNKNOWN(99)"
    assert isinstance(entries, tuple)
    assert (str(entries[0].source), str(entries[0].type)) == ("UNKNOWN(42)", "UNKNOWN(77)")
    assert str(entries[0].synonyms[0].source) == "UNKNOWN(43)"


def test_replicas_move_and_arrive(gateway: KafkaGateway, prefix: str) -> None:
    gateway.create_topic(prefix, 2, 1, {})
    topic = eventually(lambda: [t for t in gateway.list_topics() if t.name == prefix])[0]
    targets = {
        TopicPartition(prefix, p.index): [next(broker for broker in (1, 2, 3) if broker not in p.replicas)]
        for p in topic.partitions
    }
    assert gateway.alter_partition_reassignments(targets) == {}
    wanted = {key.partition: replicas for key, replicas in targets.items()}

    def in_sync() -> dict[int, list[int]]:
        return {p.index: sorted(p.isr) for p in gateway.describe_topics([prefix])[0].partitions}

    eventually(lambda: in_sync() == wanted, timeout=30)
    eventually(lambda: not [r for r in gateway.list_partition_reassignments() if r.partition.topic == prefix])
    gateway.delete_topics([prefix])


def test_a_move_to_a_broker_that_is_not_there_is_refused_for_that_partition(
    gateway: KafkaGateway, make_topic: MakeTopic, prefix: str
) -> None:
    make_topic(prefix)
    partition, missing = TopicPartition(prefix, 0), TopicPartition(prefix, 7)
    refused = gateway.alter_partition_reassignments({partition: [1, 2, 99], missing: [1]})
    assert set(refused) == {partition, missing}
    assert gateway.alter_partition_reassignments({}) == {}
    (error,) = gateway.alter_partition_reassignments({partition: [1, 2]}).values()
    assert "replication factor" in error.what.lower()


def test_a_move_at_work_is_told_with_what_comes_and_goes() -> None:
    from kafka.protocol import admin

    response = getattr(admin, "ListPartitionReassignmentsResponse")  # noqa: B009
    topic = response.OngoingTopicReassignment
    raw = topic.OngoingPartitionReassignment(
        partition_index=3, replicas=[1, 2, 4], adding_replicas=[1], removing_replicas=[4]
    )
    answer = response(error_code=0, error_message=None, topics=[topic(name="t", partitions=[raw])])
    assert _reassignments.parse_reassignments(answer) == (
        Reassignment(TopicPartition("t", 3), (1, 2, 4), (1,), (4,)),
    )


def test_a_partition_without_leader_is_told_as_such_and_worth_asking_again() -> None:
    response = _response("MetadataResponse")
    topic = response.MetadataResponseTopic
    partition = topic.MetadataResponsePartition(
        error_code=5, partition_index=0, leader_id=-1, leader_epoch=-1, replica_nodes=[1, 2], isr_nodes=[], offline_replicas=[1]
    )  # fmt: skip
    raw = topic(error_code=0, name="t", topic_id=None, is_internal=False, partitions=[partition])
    described = _topics.described(raw)
    assert described.partitions[0].leader is None
    offsets = _partitions.Offsets()
    wanted = {TopicPartition("t", 0), TopicPartition("t", 1)}
    leaders, again = _partitions.leaders_of(response(topics=[raw]), wanted, offsets)
    assert (leaders, again) == ({}, {TopicPartition("t", 0)})
    assert {str(p): e.code for p, e in offsets.errors.items()} == {"t-0": "unreachable", "t-1": "not_found"}


def _response(name: str) -> m.Message:
    from kafka.protocol import admin, metadata

    return getattr(admin, name, None) or getattr(metadata, name)
