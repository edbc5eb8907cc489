"""Partitions: offsets by every way Kafka knows, and leader elections."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from controlplane.gateways.errors import GatewayError
from controlplane.gateways.kafka import _messages as m
from controlplane.gateways.kafka._channel import Call
from controlplane.gateways.kafka._messages import Message
from controlplane.gateways.kafka.admin._base import RETRY_CODES, AdminBase, by_topic
from controlplane.gateways.kafka.admin._topics import metadata_request
from controlplane.gateways.kafka.fault_table import BROKER_FAULTS
from controlplane.gateways.kafka.faults import fault_of, raise_for
from controlplane.gateways.kafka.types import (
    ElectionOutcome,
    ElectionResult,
    ElectionType,
    Isolation,
    OffsetsByPartition,
    OffsetSpec,
    TopicPartition,
)

ATTEMPTS = 2  # the second with fresh leaders, in the second half of the time
ALL_TOPICS_FROM = 500  # names in one metadata request, beyond which asking for all is cheaper
ELECTION_NOT_NEEDED = 84
# The first version of ListOffsets that knows a spec.
VERSION_OF_SPEC = {OffsetSpec.MAX_TIMESTAMP: 7, OffsetSpec.EARLIEST_LOCAL: 8, OffsetSpec.LATEST_TIERED: 9}


@dataclass(slots=True)
class Offsets:
    """What is known so far and what went wrong with the rest."""

    found: OffsetsByPartition = field(default_factory=OffsetsByPartition)
    errors: dict[TopicPartition, GatewayError] = field(default_factory=dict[TopicPartition, GatewayError])
    again: set[TopicPartition] = field(default_factory=set[TopicPartition])


class PartitionsAdmin(AdminBase):
    def list_offsets(
        self,
        spec: OffsetSpec | int,
        partitions: Iterable[TopicPartition],
        *,
        isolation: Isolation = Isolation.READ_UNCOMMITTED,
    ) -> OffsetsByPartition:
        """-1 where a time has no record at or after it. Partitions that could not be asked are left out;
        raises when none could.
        """
        pending = set(partitions)
        if not pending:
            return {}
        offsets = Offsets()
        with self._call() as call:
            for _ in range(ATTEMPTS):
                _ask_leaders(call, spec, pending, isolation, offsets)
                pending = offsets.again
                if not pending:
                    break
        if not offsets.found and offsets.errors:
            raise next(iter(offsets.errors.values()))
        return offsets.found

    def elect_leaders(
        self, election: ElectionType, partitions: Iterable[TopicPartition] | None = None
    ) -> tuple[ElectionOutcome, ...]:
        """Of the given partitions or of all. One that has the right leader is NOT_NEEDED, which is no failure."""
        wanted = None if partitions is None else by_topic(partitions)
        with self._call("leader election") as call:
            answer = call.change(elect_request(election, wanted, self._timeout_ms))
        return parse_elected(answer)


def _ask_leaders(
    call: Call, spec: int, pending: set[TopicPartition], isolation: Isolation, offsets: Offsets
) -> None:
    topics = sorted({partition.topic for partition in pending})
    metadata = call.ask(metadata_request(topics if len(topics) <= ALL_TOPICS_FROM else None))
    leaders, offsets.again = leaders_of(metadata, pending, offsets)
    requests = {leader: offsets_request(spec, some, isolation) for leader, some in leaders.items()}
    for leader, answer in call.ask_each(requests, share=0.5).items():
        if isinstance(answer, GatewayError):
            offsets.errors.update(dict.fromkeys(leaders[leader], answer))
            offsets.again.update(leaders[leader] if answer.retriable else ())
        else:
            parse_offsets(answer, offsets)


def leaders_of(
    metadata: Message, pending: set[TopicPartition], offsets: Offsets
) -> tuple[dict[int, list[TopicPartition]], set[TopicPartition]]:
    """Who leads what; what has no leader now is worth asking again."""
    leader_of = {
        TopicPartition(topic.name, p.partition_index): p.leader_id
        for topic in metadata.topics
        for p in topic.partitions
    }
    leaders: defaultdict[int, list[TopicPartition]] = defaultdict(list)
    leaderless: set[TopicPartition] = set()
    for partition in pending:
        leader = leader_of.get(partition)
        if leader is not None and leader >= 0:
            leaders[leader].append(partition)
            continue
        error = fault_of(3 if leader is None else 5, subject=f"partition {partition}")
        if error is not None:
            offsets.errors[partition] = error
        if leader is not None:
            leaderless.add(partition)
    return dict(leaders), leaderless


def offsets_request(spec: int, partitions: Sequence[TopicPartition], isolation: Isolation) -> Message:
    topic = m.ListOffsets.ListOffsetsTopic
    known = OffsetSpec(spec) if spec < 0 else None
    return m.ListOffsets(
        replica_id=-1,
        isolation_level=1 if isolation == Isolation.READ_COMMITTED else 0,
        topics=[
            topic(
                name=name,
                partitions=[
                    topic.ListOffsetsPartition(
                        partition_index=i, current_leader_epoch=-1, timestamp=int(spec)
                    )
                    for i in sorted(indexes)
                ],
            )
            for name, indexes in by_topic(partitions).items()
        ],
        min_version=VERSION_OF_SPEC.get(known, 2) if known is not None else 2,
    )


def parse_offsets(answer: Message, offsets: Offsets) -> None:
    for topic in answer.topics:
        for raw in topic.partitions:
            partition = TopicPartition(topic.name, raw.partition_index)
            error = fault_of(raw.error_code, subject=f"partition {partition}")
            if error is None:
                offsets.found[partition] = raw.offset
                offsets.errors.pop(partition, None)
                continue
            offsets.errors[partition] = error
            if raw.error_code in RETRY_CODES:
                offsets.again.add(partition)


def elect_request(
    election: ElectionType, partitions: Mapping[str, list[int]] | None, timeout_ms: int
) -> Message:
    topic = m.ElectLeaders.TopicPartitions
    wanted = None if partitions is None else [topic(topic=n, partitions=p) for n, p in partitions.items()]
    return m.ElectLeaders(election_type=election.wire, topic_partitions=wanted, timeout_ms=timeout_ms)


def parse_elected(answer: Message) -> tuple[ElectionOutcome, ...]:
    raise_for(answer.error_code, subject="leader election")
    outcomes = [
        ElectionOutcome(
            TopicPartition(topic.topic, raw.partition_id),
            election_result(raw.error_code),
            raw.error_message
            or (BROKER_FAULTS[raw.error_code].what if raw.error_code in BROKER_FAULTS else ""),
        )
        for topic in answer.replica_election_results
        for raw in topic.partition_result
    ]
    return tuple(sorted(outcomes, key=lambda outcome: outcome.partition))


def election_result(code: int) -> ElectionResult:
    if code == 0:
        return ElectionResult.ELECTED
    return ElectionResult.NOT_NEEDED if code == ELECTION_NOT_NEEDED else ElectionResult.FAILED
