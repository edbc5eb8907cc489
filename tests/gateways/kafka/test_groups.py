"""Groups of all four families on the real cluster, each with real members."""

from __future__ import annotations

import importlib
import os
import sys
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import new_class
from typing import Any

import confluent_kafka
import pytest
from kafka.protocol.api_message import ApiMessage

from controlplane.gateways.kafka import _messages as m
from controlplane.gateways.kafka.admin import _group_answers, _groups
from controlplane.gateways.kafka.gateway import KafkaGateway
from controlplane.gateways.kafka.security import KafkaConnection, librdkafka_settings
from controlplane.gateways.kafka.types import (
    ConfigOp,
    ConfigOpType,
    GroupDescription,
    GroupType,
    ResourceRef,
    ResourceType,
    TopicPartition,
)
from tests.offsets import commit

MakeTopic = Callable[..., str]
JOIN_S = 30.0


def join_until(
    gateway: KafkaGateway, group: str, poll: Callable[[], object], ready: Callable[[GroupDescription], bool]
) -> GroupDescription:
    """Members join while they poll."""
    until = time.monotonic() + JOIN_S
    seen: tuple[GroupDescription, ...] = ()
    while time.monotonic() < until:
        poll()
        seen = gateway.describe_groups([group])
        if seen and ready(seen[0]):
            return seen[0]
    raise AssertionError(f"the group did not get ready: {seen}")


@pytest.fixture
def consumer(connection: KafkaConnection) -> Iterator[Callable[..., Any]]:
    made: list[Any] = []

    def make(group: str, topic: str, **more: str) -> Any:
        settings: dict[str, Any] = {
            **librdkafka_settings(connection),
            "group.id": group,
            "client.id": "test-member",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            **{key.replace("_", "."): value for key, value in more.items()},
        }
        each: Any = confluent_kafka.Consumer(settings)
        each.subscribe([topic])
        made.append(each)
        return each

    yield make
    for each in made:
        each.close()


@pytest.mark.parametrize(
    ("protocol", "kind"), [("classic", GroupType.CLASSIC), ("consumer", GroupType.CONSUMER)]
)
def test_a_group_of_consumers_is_described_with_members_and_offsets(
    gateway: KafkaGateway,
    topic: MakeTopic,
    prefix: str,
    consumer: Callable[..., Any],
    protocol: str,
    kind: GroupType,
) -> None:
    name = topic(2)
    gateway.produce(name, partition=1, value=b"v")
    member = consumer(prefix, name, group_protocol=protocol)
    group = join_until(
        gateway,
        prefix,
        lambda: member.poll(0.1),
        lambda g: bool(g.members) and len(g.members[0].assignments) == 2,
    )
    assert (group.type, group.state) == (kind, "Stable")
    assert group.protocol in ("range", "uniform")
    assert group.coordinator in {1, 2, 3}
    (described,) = group.members
    assert (described.client_id, described.host, described.subscribed) == (
        "test-member",
        "127.0.0.1",
        (name,),
    )
    assert described.assignments == (TopicPartition(name, 0), TopicPartition(name, 1))
    assert (group.epoch is None) == (kind == GroupType.CLASSIC)

    member.commit(offsets=[confluent_kafka.TopicPartition(name, 1, 1)], asynchronous=False)
    assert gateway.list_group_offsets([prefix]) == {prefix: {TopicPartition(name, 1): 1}}
    listed = {g.group: g for g in gateway.list_groups()}
    assert (listed[prefix].type, listed[prefix].state) == (kind, "Stable")


def test_a_share_group_is_described_and_has_start_offsets(
    gateway: KafkaGateway, topic: MakeTopic, prefix: str, connection: KafkaConnection
) -> None:
    name = topic(2)
    ref = ResourceRef(ResourceType.GROUP, prefix)
    gateway.incremental_alter_configs(
        {ref: [ConfigOp("share.auto.offset.reset", ConfigOpType.SET, "earliest")]}
    )
    for partition in (0, 1):
        gateway.produce(name, partition=partition, value=b"v")
    member: Any = confluent_kafka.ShareConsumer(librdkafka_settings(connection) | {"group.id": prefix})
    try:
        member.subscribe([name])
        group = join_until(
            gateway,
            prefix,
            lambda: member.poll(0.2),
            lambda g: bool(g.members) and len(g.members[0].assignments) == 2,
        )
        assert (group.type, group.state, group.protocol) == (GroupType.SHARE, "Stable", "simple")
        assert group.members[0].subscribed == (name,)
        assert group.members[0].target is None
        join_until(
            gateway,
            prefix,
            lambda: member.poll(0.2),
            lambda _: bool(gateway.list_group_offsets([prefix])[prefix]),
        )
        offsets = gateway.list_group_offsets([prefix])[prefix]
        assert set(offsets) <= {TopicPartition(name, 0), TopicPartition(name, 1)}
        assert all(offset in (0, 1) for offset in offsets.values())
    finally:
        member.close()


def test_a_streams_group_is_described_with_its_tasks_as_partitions(
    gateway: KafkaGateway, topic: MakeTopic, prefix: str, heartbeat: Any
) -> None:
    name = topic(2)
    member = str(uuid.uuid4())
    topology = heartbeat.Topology
    join = heartbeat(
        group_id=prefix, member_id=member, member_epoch=0, endpoint_information_epoch=0, instance_id=None, rack_id=None,
        rebalance_timeout_ms=60_000, process_id="p", user_endpoint=None, client_tags=[], task_offsets=[],
        task_end_offsets=[], active_tasks=[], standby_tasks=[], warmup_tasks=[], shutdown_application=False,
        topology=topology(
            epoch=1,
            subtopologies=[
                topology.Subtopology(
                    subtopology_id="0", source_topics=[name], source_topic_regex=[], state_changelog_topics=[],
                    repartition_sink_topics=[], repartition_source_topics=[], copartition_groups=[],
                )
            ],
        ),
    )  # fmt: skip
    answer = beat(gateway, join)

    def stay() -> None:
        nonlocal answer
        time.sleep(0.2)  # as a member would between its heartbeats
        answer = beat(gateway, heartbeat(
            group_id=prefix, member_id=member, member_epoch=answer.member_epoch, endpoint_information_epoch=0,
            instance_id=None, rack_id=None, rebalance_timeout_ms=-1, process_id=None, user_endpoint=None, client_tags=None,
            task_offsets=None, task_end_offsets=None, active_tasks=None, standby_tasks=None, warmup_tasks=None,
            shutdown_application=False, topology=None,
        ))  # fmt: skip

    group = join_until(
        gateway,
        prefix,
        stay,
        lambda g: bool(g.members) and bool(g.members[0].target) and bool(g.members[0].subscribed),
    )
    assert group.type == GroupType.STREAMS
    (described,) = group.members
    assert described.subscribed == (name,)
    assert described.target == (TopicPartition(name, 0), TopicPartition(name, 1))


def beat(gateway: KafkaGateway, request: Any) -> Any:
    with gateway._channel.call() as call:
        coordinators, _ = _groups._coordinators(call, [request.group_id])
        answer = call.ask(request, node=coordinators[request.group_id])
    assert answer.error_code == 0, answer.error_message
    return answer


@pytest.fixture
def heartbeat(tmp_path: Path) -> Iterator[Any]:
    """StreamsGroupHeartbeat from the jar: no Python client speaks it yet, so the test joins by hand."""
    jars = sorted(Path(os.environ["KASTELLAN_ARTIFACTS"]).rglob("kafka-clients-*.jar"))
    package = tmp_path / "streams_wire"
    package.mkdir()
    (package / "__init__.py").touch()
    with zipfile.ZipFile(jars[0]) as archive:
        for kind in ("Request", "Response"):
            name = f"StreamsGroupHeartbeat{kind}"
            (package / f"{name}.json").write_bytes(archive.read(f"common/message/{name}.json"))
    sys.path.insert(0, str(tmp_path))
    importlib.invalidate_caches()
    built = [
        new_class(f"StreamsGroupHeartbeat{kind}", (ApiMessage,), {"load_json": "streams_wire"})
        for kind in ("Request", "Response")
    ]
    yield built[0]
    sys.path.remove(str(tmp_path))
    sys.modules.pop("streams_wire", None)


def test_a_group_that_does_not_exist_is_left_out_and_has_no_offsets(
    gateway: KafkaGateway, prefix: str
) -> None:
    assert gateway.describe_groups([prefix]) == ()
    assert gateway.list_group_offsets([prefix]) == {prefix: {}}
    assert gateway.describe_groups([]) == ()
    assert gateway.list_group_offsets([]) == {}


def test_offsets_without_members_are_a_group_too(
    gateway: KafkaGateway, topic: MakeTopic, prefix: str, connection: KafkaConnection
) -> None:
    """As committed by a simple consumer: an empty classic group."""
    name = topic()
    commit(connection, prefix, {(name, 0): 0})
    (group,) = gateway.describe_groups([prefix])
    assert (group.type, group.state, group.members) == (GroupType.CLASSIC, "Empty", ())
    assert gateway.list_group_offsets([prefix, "no-such-group"]) == {
        prefix: {TopicPartition(name, 0): 0},
        "no-such-group": {},
    }


# --- answers from other worlds ---------------------------------------------------------------------


def test_a_family_from_the_future_is_listed_and_shown() -> None:
    from kafka.protocol.admin import ListGroupsResponse

    listed: Any = ListGroupsResponse
    raw = listed.ListedGroup(group_id="g", protocol_type="q", group_state="Entangled", group_type="Quantum")
    (listing,) = _group_answers.parse_listed(listed(groups=[raw]))
    assert (listing.type, listing.type.known, listing.state) == ("quantum", False, "Entangled")
    described = _group_answers.of_unknown_family(listing, 3)
    assert (described.type, described.coordinator, described.members) == ("quantum", 3, ())


@pytest.mark.parametrize("garbage", [b"", b"\x00", b"\x00\x01\xff\xff", b"not a consumer protocol", None])
def test_a_member_that_speaks_its_own_protocol_has_no_assignments(garbage: bytes | None) -> None:
    from kafka.protocol.admin import DescribeGroupsResponse

    kind: Any = DescribeGroupsResponse
    member = kind.DescribedGroup.DescribedGroupMember(
        member_id="m", group_instance_id=None, client_id="c", client_host="/10.0.0.1",
        member_metadata=garbage, member_assignment=garbage,
    )  # fmt: skip
    raw = kind.DescribedGroup(
        error_code=0,
        group_id="g",
        group_state="Stable",
        protocol_type="consumer",
        protocol_data="x",
        members=[member],
    )
    described = _group_answers.parse_classic(raw, 1)
    assert (described.members[0].assignments, described.members[0].host) == ((), "10.0.0.1")


def test_every_family_has_its_message() -> None:
    assert set(_group_answers.MESSAGES) == set(GroupType)
    assert set(_groups.FAMILIES) == set(GroupType)
    assert m.ShareGroupDescribe.API_KEY == 77
