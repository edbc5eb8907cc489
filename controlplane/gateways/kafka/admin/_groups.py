"""Groups of all four families: list, describe, committed offsets.

`DescribeGroups` calls anything but a classic group Dead, so each family is asked by its own message, chosen from the
type that `ListGroups` tells. Everything goes to the groups' coordinators, all of them at once.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from controlplane.gateways.errors import GatewayError, NotFound
from controlplane.gateways.kafka import _messages as m
from controlplane.gateways.kafka._channel import Call
from controlplane.gateways.kafka._messages import Message
from controlplane.gateways.kafka.admin import _group_answers as answers_of
from controlplane.gateways.kafka.admin._base import AdminBase, chunked
from controlplane.gateways.kafka.faults import fault_of
from controlplane.gateways.kafka.types import (
    GroupDescription,
    GroupListing,
    GroupType,
    OffsetsByPartition,
)

COORDINATOR_BATCH = 1000
# Loading, not available (yet), not the coordinator any more.
COORDINATOR_CODES = frozenset({14, 15, 16})
SPARE_S = 2.5  # of the deadline, below which no further attempt begins
# Seconds before each attempt; a cluster's first group makes it create its offsets topic.
PAUSES = (0.0, 0.2, 0.5, 1.0, 1.5, 2.0)
# Families in the order in which a group of unknown type is tried.
FAMILIES = (GroupType.CONSUMER, GroupType.SHARE, GroupType.STREAMS, GroupType.CLASSIC)
Sender = Callable[[Sequence[str]], Message]
Described = dict[str, GroupDescription | GatewayError]
Answer = TypeVar("Answer")


class GroupsAdmin(AdminBase):
    def list_groups(self) -> tuple[GroupListing, ...]:
        """Of all brokers: raises when one does not answer, since a group that is missing would seem deleted."""
        with self._call("groups") as call:
            listed, errors = _list(call)
        if errors:
            raise errors[0]
        return tuple(sorted(listed.values(), key=lambda g: g.group))

    def describe_groups(self, names: Iterable[str]) -> tuple[GroupDescription, ...]:
        """In the order asked, of all four types; groups that do not exist are left out."""
        wanted = list(dict.fromkeys(names))
        if not wanted:
            return ()
        with self._call("groups") as call:
            described = _settled(call, wanted, _describe_all)
        return _found(described, wanted)

    def list_group_offsets(self, names: Iterable[str]) -> dict[str, OffsetsByPartition]:
        """Committed offsets, of share groups the start offsets. A group without any is there, and empty."""
        wanted = list(dict.fromkeys(names))
        if not wanted:
            return {}
        with self._call("groups") as call:
            offsets = _settled(call, wanted, _offsets_of)
        return _readable(offsets, alone=len(wanted) == 1)

    def alter_group_offsets(self, group: str, offsets: OffsetsByPartition) -> None:
        """Commits for a group that has no member now; one with members refuses (`Conflict`). What a broker refused for
        single partitions is raised after the others were committed."""
        with self._call(f"group {group}") as call:
            coordinators, errors = _coordinators(call, [group])
            if group not in coordinators:
                found = errors.get(group)
                raise (
                    found
                    if isinstance(found, GatewayError)
                    else NotFound(f"group {group} has no coordinator")
                )
            answer = call.change(offset_commit_request(group, offsets), node=coordinators[group])
        refused = answers_of.committed_errors(answer, group)
        if refused:
            raise refused[0]


def _list(call: Call) -> tuple[dict[str, GroupListing], list[GatewayError]]:
    listed: dict[str, GroupListing] = {}
    errors: list[GatewayError] = []
    for answer in call.ask_each({node: list_request() for node in call.nodes}).values():
        error = answer if isinstance(answer, GatewayError) else fault_of(answer.error_code, subject="groups")
        if error is not None:
            errors.append(error)
        else:
            listed |= {group.group: group for group in answers_of.parse_listed(answer)}
    return listed, errors


def _settled(
    call: Call, names: Sequence[str], ask: Callable[[Call, Sequence[str]], dict[str, Answer | GatewayError]]
) -> dict[str, Answer | GatewayError]:
    """Asks again, with fresh coordinators, for groups that are just changing hands."""
    answers: dict[str, Answer | GatewayError] = {}
    pending = list(names)
    for pause in PAUSES:
        time.sleep(pause)
        answers |= ask(call, pending)
        pending = [name for name in pending if _is_moving(answers.get(name))]
        if not pending or call.left_s < SPARE_S:
            break
    return answers


def _is_moving(answer: object) -> bool:
    return isinstance(answer, GatewayError) and answer.kafka_code in COORDINATOR_CODES


def _describe_all(call: Call, wanted: Sequence[str]) -> Described:
    coordinators, described = _coordinators(call, wanted)
    listed = _listed(call, coordinators)
    for family in FAMILIES:
        # A group that was just listed has its type; one that was not is tried as each family in turn.
        some = {
            name: node
            for name, node in coordinators.items()
            if (name not in listed or listed[name].type == family) and _open_question(described.get(name))
        }
        described |= _describe_family(call, family, some)
    for name, listing in listed.items():
        if not listing.type.known and name in coordinators:
            described[name] = answers_of.of_unknown_family(listing, coordinators[name])
    return described


def _open_question(answer: GroupDescription | GatewayError | None) -> bool:
    return answer is None or isinstance(answer, NotFound)


def _listed(call: Call, coordinators: Mapping[str, int]) -> dict[str, GroupListing]:
    """From the coordinators concerned only; what they cannot say is tried out."""
    requests = {node: list_request() for node in set(coordinators.values())}
    listed: dict[str, GroupListing] = {}
    for answer in call.ask_each(requests).values():
        if not isinstance(answer, GatewayError) and answer.error_code == 0:
            listed |= {group.group: group for group in answers_of.parse_listed(answer)}
    return listed


def _describe_family(call: Call, family: GroupType, groups: Mapping[str, int]) -> Described:
    message = answers_of.MESSAGES[family]
    if not groups or not call.supports(message.request):
        return {}
    answers = _to_coordinators(call, groups, message.build)
    described: Described = {}
    for node, answer in answers.items():
        if isinstance(answer, GatewayError):
            described |= dict.fromkeys((name for name, at in groups.items() if at == node), answer)
            continue
        for raw in answer.groups:
            error = fault_of(raw.error_code, raw.error_message, subject=f"group {raw.group_id}")
            described[raw.group_id] = error or message.parse(raw, node)
    return described


def _to_coordinators(
    call: Call, groups: Mapping[str, int], build: Sender
) -> dict[int, Message | GatewayError]:
    by_node: defaultdict[int, list[str]] = defaultdict(list)
    for name, node in groups.items():
        by_node[node].append(name)
    return call.ask_each({node: build(names) for node, names in by_node.items()})


def _coordinators(call: Call, names: Sequence[str]) -> tuple[dict[str, int], Described]:
    """Never cached: a coordinator moves with every restart. What cannot be found is an error per group."""
    found: dict[str, int] = {}
    errors: Described = {}
    for some in chunked(list(names), COORDINATOR_BATCH):
        for key, node, code, message in _find(call, some):
            error = fault_of(code, message, subject=f"group {key}")
            if error is None:
                found[key] = node
            else:
                errors[key] = error
    return found, errors


def _find(call: Call, names: Sequence[str]) -> list[tuple[str, int, int, str | None]]:
    answer = call.ask(coordinators_request(names))
    return [(raw.key, raw.node_id, raw.error_code, raw.error_message) for raw in answer.coordinators]


def _offsets_of(call: Call, names: Sequence[str]) -> dict[str, OffsetsByPartition | GatewayError]:
    coordinators, errors = _coordinators(call, names)
    offsets: dict[str, OffsetsByPartition | GatewayError] = {
        name: error for name, error in errors.items() if isinstance(error, GatewayError)
    }
    offsets |= _fetch(call, coordinators, offset_fetch_request, answers_of.parse_offsets)
    # A share group has no committed offsets: to OffsetFetch it is empty, or not there.
    without = {n: node for n, node in coordinators.items() if _may_be_share(offsets.get(n))}
    if without and call.supports(m.DescribeShareGroupOffsets):
        shared = _fetch(call, without, share_offsets_request, answers_of.parse_share_offsets)
        offsets |= {n: found for n, found in shared.items() if not isinstance(found, GatewayError)}
    return offsets


def _may_be_share(offsets: OffsetsByPartition | GatewayError | None) -> bool:
    return not offsets or isinstance(offsets, NotFound)


def _fetch(
    call: Call,
    groups: Mapping[str, int],
    build: Sender,
    parse: Callable[[Message], dict[str, OffsetsByPartition | GatewayError]],
) -> dict[str, OffsetsByPartition | GatewayError]:
    offsets: dict[str, OffsetsByPartition | GatewayError] = {}
    for node, answer in _to_coordinators(call, groups, build).items():
        if isinstance(answer, GatewayError):
            offsets |= dict.fromkeys((name for name, at in groups.items() if at == node), answer)
        else:
            offsets |= parse(answer)
    return offsets


def _found(described: Described, wanted: Sequence[str]) -> tuple[GroupDescription, ...]:
    errors = [e for e in described.values() if isinstance(e, GatewayError) and not isinstance(e, NotFound)]
    found = {name: group for name, group in described.items() if isinstance(group, GroupDescription)}
    if errors and not found:
        raise errors[0]
    return tuple(found[name] for name in wanted if name in found)


def _readable(
    offsets: Mapping[str, OffsetsByPartition | GatewayError], *, alone: bool
) -> dict[str, OffsetsByPartition]:
    """A group that is gone is empty; one that could not be asked is left out of many, and raises alone."""
    readable: dict[str, OffsetsByPartition] = {}
    failed: list[GatewayError] = []
    for name, found in offsets.items():
        if isinstance(found, NotFound):
            readable[name] = {}
        elif isinstance(found, GatewayError):
            failed.append(found)
        else:
            readable[name] = found
    if failed and (alone or not readable):
        raise failed[0]
    return readable


def list_request() -> Message:
    return m.ListGroups(states_filter=[], types_filter=[])


def coordinators_request(names: Sequence[str]) -> Message:
    return m.FindCoordinator(key_type=0, coordinator_keys=list(names), min_version=4)


def offset_fetch_request(names: Sequence[str]) -> Message:
    # Version 10 answers with topic ids in place of names.
    group = m.OffsetFetch.OffsetFetchRequestGroup
    return m.OffsetFetch(
        groups=[group(group_id=name, member_id=None, member_epoch=-1, topics=None) for name in names],
        require_stable=False,
        min_version=8,
        max_version=9,
    )


def offset_commit_request(group: str, offsets: OffsetsByPartition) -> Message:
    """As nobody's member: the coordinator takes it only while the group is empty. Version 10 names topics by id."""
    topic, partition = (
        m.OffsetCommit.OffsetCommitRequestTopic,
        m.OffsetCommit.OffsetCommitRequestTopic.OffsetCommitRequestPartition,
    )
    by_topic: defaultdict[str, list[Message]] = defaultdict(list)
    for where, offset in offsets.items():
        by_topic[where.topic].append(
            partition(
                partition_index=where.partition,
                committed_offset=offset,
                committed_leader_epoch=-1,
                committed_metadata="",
            )
        )
    return m.OffsetCommit(
        group_id=group,
        generation_id_or_member_epoch=-1,
        member_id="",
        group_instance_id=None,
        topics=[topic(name=name, partitions=parts) for name, parts in by_topic.items()],
        min_version=7,
        max_version=9,
    )


def share_offsets_request(names: Sequence[str]) -> Message:
    group = m.DescribeShareGroupOffsets.DescribeShareGroupOffsetsRequestGroup
    return m.DescribeShareGroupOffsets(groups=[group(group_id=name, topics=None) for name in names])
