"""What coordinators answer about groups, family by family, in our types. Pure."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from controlplane.gateways.errors import Conflict, GatewayError
from controlplane.gateways.kafka import _messages as m
from controlplane.gateways.kafka._messages import Message
from controlplane.gateways.kafka.admin._base import node_or_none
from controlplane.gateways.kafka.faults import fault_of
from controlplane.gateways.kafka.types import (
    GroupDescription,
    GroupListing,
    GroupType,
    MemberDescription,
    OffsetsByPartition,
    TopicPartition,
)

Offsets = dict[str, OffsetsByPartition | GatewayError]


@dataclass(frozen=True, slots=True)
class GroupMessage:
    """How one family is asked about and read."""

    request: Any
    build: Callable[[Sequence[str]], Message]
    parse: Callable[[Message, int], GroupDescription]


def parse_listed(answer: Message) -> list[GroupListing]:
    return [
        GroupListing(
            group=raw.group_id,
            # Before Kafka 4.0 (version 5) there are only classic groups.
            type=GroupType((raw.group_type or "classic").lower()),
            state=raw.group_state or "",
            protocol=raw.protocol_type,
        )
        for raw in answer.groups
    ]


def of_unknown_family(listing: GroupListing, coordinator: int) -> GroupDescription:
    """A family that is newer than this program: shown with what the listing tells."""
    return GroupDescription(
        listing.group, listing.type, listing.state, listing.protocol, coordinator, members=()
    )


# --- classic ---


def classic_request(names: Sequence[str]) -> Message:
    return m.DescribeGroups(groups=list(names), include_authorized_operations=False)


def parse_classic(raw: Message, coordinator: int) -> GroupDescription:
    consumers = raw.protocol_type in ("consumer", "")
    return GroupDescription(
        group=raw.group_id,
        type=GroupType.CLASSIC,
        state=raw.group_state,
        protocol=raw.protocol_data,
        coordinator=coordinator,
        members=tuple(_classic_member(member, consumers) for member in raw.members),
    )


def _classic_member(raw: Message, consumers: bool) -> MemberDescription:
    """Only groups of consumers have assignments that we can read (Connect and schema registries have their own)."""
    return MemberDescription(
        id=raw.member_id,
        client_id=raw.client_id,
        host=_host(raw.client_host),
        assignments=_decoded_assignment(raw.member_assignment) if consumers else (),
        instance_id=raw.group_instance_id,
        subscribed=_decoded_subscription(raw.member_metadata) if consumers else (),
    )


def _decoded_assignment(raw: bytes | None) -> tuple[TopicPartition, ...]:
    if not raw:
        return ()
    try:
        decoded = m.ConsumerProtocolAssignment.decode(bytes(raw))
    except (struct.error, ValueError, IndexError, EOFError):
        return ()  # a client of its own making
    return _sorted(
        TopicPartition(entry.topic, index)
        for entry in decoded.assigned_partitions
        for index in entry.partitions
    )


def _decoded_subscription(raw: bytes | None) -> tuple[str, ...]:
    if not raw:
        return ()
    try:
        return tuple(sorted(m.ConsumerProtocolSubscription.decode(bytes(raw)).topics))
    except (struct.error, ValueError, IndexError, EOFError):
        return ()


# --- consumer (KIP-848) and share (KIP-932) ---


def consumer_request(names: Sequence[str]) -> Message:
    return m.ConsumerGroupDescribe(group_ids=list(names), include_authorized_operations=False)


def share_request(names: Sequence[str]) -> Message:
    return m.ShareGroupDescribe(group_ids=list(names), include_authorized_operations=False, min_version=1)


def parse_consumer(raw: Message, coordinator: int) -> GroupDescription:
    return _modern(raw, coordinator, GroupType.CONSUMER, raw.assignor_name, [_member(r) for r in raw.members])


def parse_share(raw: Message, coordinator: int) -> GroupDescription:
    return _modern(raw, coordinator, GroupType.SHARE, raw.assignor_name, [_member(r) for r in raw.members])


def _modern(
    raw: Message,
    coordinator: int,
    kind: GroupType,
    protocol: str | None,
    members: Sequence[MemberDescription],
) -> GroupDescription:
    return GroupDescription(
        group=raw.group_id,
        type=kind,
        state=raw.group_state,
        protocol=protocol or "",
        coordinator=coordinator,
        members=tuple(members),
        epoch=raw.group_epoch,
        assignment_epoch=raw.assignment_epoch,
    )


def _member(raw: Message) -> MemberDescription:
    target = getattr(raw, "target_assignment", None)
    return MemberDescription(
        id=raw.member_id,
        client_id=raw.client_id,
        host=_host(raw.client_host),
        assignments=_assigned(raw.assignment),
        instance_id=getattr(raw, "instance_id", None),
        rack=raw.rack_id,
        epoch=raw.member_epoch,
        subscribed=tuple(sorted(raw.subscribed_topic_names or ())),
        target=None if target is None else _assigned(target),
    )


def _assigned(raw: Message) -> tuple[TopicPartition, ...]:
    return _sorted(
        TopicPartition(t.topic_name, index) for t in raw.topic_partitions for index in t.partitions
    )


# --- streams (KIP-1071) ---


def streams_request(names: Sequence[str]) -> Message:
    return m.StreamsGroupDescribe(group_ids=list(names), include_authorized_operations=False)


def parse_streams(raw: Message, coordinator: int) -> GroupDescription:
    sources = _sources(raw.topology)
    members = [_streams_member(member, sources) for member in raw.members]
    return _modern(raw, coordinator, GroupType.STREAMS, getattr(raw, "assignor_name", None), members)


def _sources(topology: Message | None) -> dict[str, tuple[str, ...]]:
    """Per subtopology the topics that its tasks read, repartition topics included."""
    if topology is None or topology.subtopologies is None:
        return {}
    return {
        sub.subtopology_id: (*sub.source_topics, *(topic.name for topic in sub.repartition_source_topics))
        for sub in topology.subtopologies
    }


def _streams_member(raw: Message, sources: dict[str, tuple[str, ...]]) -> MemberDescription:
    return MemberDescription(
        id=raw.member_id,
        client_id=raw.client_id,
        host=_host(raw.client_host),
        assignments=_tasks(raw.assignment, sources),
        instance_id=raw.instance_id,
        rack=raw.rack_id,
        epoch=raw.member_epoch,
        subscribed=tuple(sorted({topic for topics in sources.values() for topic in topics})),
        target=_tasks(raw.target_assignment, sources),
    )


def _tasks(raw: Message, sources: dict[str, tuple[str, ...]]) -> tuple[TopicPartition, ...]:
    """Active tasks as the partitions they read. A topic with fewer partitions than its siblings is listed too long
    by Kafka's own tools as well: the task's number is all that is known here.
    """
    return _sorted(
        TopicPartition(topic, index)
        for task in raw.active_tasks
        for topic in sources.get(task.subtopology_id, ())
        for index in task.partitions
    )


# --- offsets ---


def parse_offsets(answer: Message) -> Offsets:
    """Committed ones only: -1 is Kafka's way to say that there is none."""
    offsets: Offsets = {}
    for group in answer.groups:
        error = fault_of(group.error_code, subject=f"group {group.group_id}")
        offsets[group.group_id] = error or {
            TopicPartition(topic.name, p.partition_index): p.committed_offset
            for topic in group.topics
            for p in topic.partitions
            if p.error_code == 0 and p.committed_offset >= 0
        }
    return offsets


def parse_share_offsets(answer: Message) -> Offsets:
    offsets: Offsets = {}
    for group in answer.groups:
        error = fault_of(group.error_code, group.error_message, subject=f"group {group.group_id}")
        offsets[group.group_id] = error or {
            TopicPartition(topic.topic_name, p.partition_index): p.start_offset
            for topic in group.topics
            for p in topic.partitions
            if p.error_code == 0 and node_or_none(p.start_offset) is not None
        }
    return offsets


def _sorted(partitions: Any) -> tuple[TopicPartition, ...]:
    return tuple(sorted(partitions))


def _host(raw: str) -> str:
    """The broker writes Java's `/10.1.2.3`."""
    return raw.removeprefix("/")


MESSAGES: dict[GroupType, GroupMessage] = {
    GroupType.CLASSIC: GroupMessage(m.DescribeGroups, classic_request, parse_classic),
    GroupType.CONSUMER: GroupMessage(m.ConsumerGroupDescribe, consumer_request, parse_consumer),
    GroupType.SHARE: GroupMessage(m.ShareGroupDescribe, share_request, parse_share),
    GroupType.STREAMS: GroupMessage(m.StreamsGroupDescribe, streams_request, parse_streams),
}


def committed_errors(answer: Message, group: str) -> list[GatewayError]:
    """What was refused, for each partition. A group with members answers as if the member were unknown."""
    found: list[GatewayError] = []
    for topic in answer.topics:
        for partition in topic.partitions:
            if partition.error_code in HAS_MEMBERS:
                found.append(
                    Conflict(
                        f"The group {group} has members, so its offsets are theirs",
                        "Stop its consumers first.",
                    )
                )
                continue
            error = fault_of(
                partition.error_code, subject=f"{topic.name}-{partition.partition_index} of group {group}"
            )
            if error is not None:
                found.append(error)
    return found


#: UNKNOWN_MEMBER_ID, REBALANCE_IN_PROGRESS, ILLEGAL_GENERATION, STALE_MEMBER_EPOCH: of a commit as nobody's member.
HAS_MEMBERS = frozenset({22, 25, 27, 113})
