"""Pure: what a restart of a node would do to the cluster, and whether that is allowed.

The rules are Strimzi's (KafkaAvailability, KafkaQuorumCheck): a restart never takes a partition below its min ISR and
never takes the controllers' majority. A partition that cannot be protected (RF <= min ISR) does not block; it is listed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class PartitionFacts:
    """`min_isr` None: unknown, as for a topic whose configuration did not answer with one."""

    topic: str
    partition: int
    leader: int | None
    replicas: tuple[int, ...]
    isr: tuple[int, ...]
    min_isr: int | None

    def __str__(self) -> str:
        return f"{self.topic}-{self.partition}"

    @property
    def protected(self) -> bool:
        return self.min_isr is not None and len(self.replicas) > self.min_isr


@dataclass(frozen=True, slots=True)
class Voter:
    """`lag_ms`: how long ago it was last caught up with the leader, as the leader sees it; None: never, or unknown."""

    id: int
    lag_ms: int | None


@dataclass(frozen=True, slots=True)
class Quorum:
    leader: int | None
    voters: tuple[Voter, ...]
    fetch_timeout_ms: int = 2000


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """`process`: the supervisor's name for it. `down`: there is no live process, so starting it can only help."""

    id: int
    process: str = ""
    controller: bool = False
    broker: bool = True
    ready: bool = True
    down: bool = False
    pid: int | None = None
    recovering: str | None = None
    fatal: str | None = None


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    nodes: tuple[NodeFacts, ...]
    quorum: Quorum
    partitions: tuple[PartitionFacts, ...]

    def node(self, node: int) -> NodeFacts:
        return next(facts for facts in self.nodes if facts.id == node)


class BlockerKind(StrEnum):
    UNDER_MIN_ISR = "under_min_isr"
    AT_MIN_ISR = "at_min_isr"
    NO_LEADER = "no_controller"
    QUORUM = "controller_quorum"


@dataclass(frozen=True, slots=True)
class Blocker:
    kind: BlockerKind
    what: str


def blockers(facts: ClusterFacts, node: int) -> tuple[Blocker, ...]:
    """Why this node must not be restarted now; () when it may."""
    who = facts.node(node)
    found: list[Blocker] = []
    if who.controller:
        found.extend(_quorum_blockers(facts.quorum, node))
    if who.broker:
        found.extend(_partition_blockers(facts.partitions, node))
    return tuple(found)


def _partition_blockers(partitions: Iterable[PartitionFacts], node: int) -> Iterable[Blocker]:
    for partition in partitions:
        if not partition.protected or partition.min_isr is None or node not in partition.replicas:
            continue
        in_sync, least = len(partition.isr), partition.min_isr
        if in_sync < least:
            why = f"{partition} has {in_sync} replicas in sync, fewer than its min.insync.replicas {least}"
            yield Blocker(BlockerKind.UNDER_MIN_ISR, f"{why}; node {node} may be the first to catch up.")
        elif in_sync == least and node in partition.isr:
            why = f"{partition} has just {least} replicas in sync, node {node} among them"
            yield Blocker(BlockerKind.AT_MIN_ISR, f"{why}: without it, producers with acks=all would fail.")


def _quorum_blockers(quorum: Quorum, node: int) -> Iterable[Blocker]:
    if quorum.leader is None:
        yield Blocker(BlockerKind.NO_LEADER, "The controllers have no leader.")
        return
    total = len(quorum.voters)
    if total == 1 or all(voter.id != node for voter in quorum.voters):
        return
    others = sum(_caught_up(quorum, voter) for voter in quorum.voters if voter.id != node)
    needed = 1 if total == 2 else (total + 2) // 2
    if others < needed:
        yield Blocker(
            BlockerKind.QUORUM,
            f"Without node {node}, {others} of {total} controllers are caught up; {needed} are needed.",
        )


def _caught_up(quorum: Quorum, voter: Voter) -> bool:
    if voter.lag_ms is None:
        return False
    return voter.id == quorum.leader or voter.lag_ms < quorum.fetch_timeout_ms


def quorum_warning(quorum: Quorum) -> str | None:
    """With one or two controllers there is no majority to keep: the restart is allowed, but said."""
    if len(quorum.voters) in (1, 2):
        return f"{len(quorum.voters)} controller(s): the cluster has no controller while one restarts."
    return None


def unprotected(facts: ClusterFacts, node: int) -> tuple[PartitionFacts, ...]:
    """Partitions of this node that no order of restarts could keep at their min ISR."""
    return tuple(
        partition
        for partition in facts.partitions
        if node in partition.isr and partition.min_isr is not None and not partition.protected
    )


@dataclass(frozen=True, slots=True)
class Impact:
    """What happens to which partitions while a node is down. A partition is listed once, under the worst that applies
    of `offline`, `under_min_isr` and `under_replicated`; `leaders_moved` is counted beside them."""

    node: int
    leaders_moved: tuple[PartitionFacts, ...] = ()
    under_replicated: tuple[PartitionFacts, ...] = ()
    under_min_isr: tuple[PartitionFacts, ...] = ()
    offline: tuple[PartitionFacts, ...] = ()
    controller_moves: bool = False
    quorum_lost: bool = False

    @property
    def harmless(self) -> bool:
        return not (self.under_min_isr or self.offline or self.quorum_lost)


def impact(facts: ClusterFacts, node: int) -> Impact:
    hosted = [partition for partition in facts.partitions if node in partition.isr]
    offline = [p for p in hosted if len(p.isr) == 1]
    under_min = [p for p in hosted if len(p.isr) > 1 and p.min_isr is not None and len(p.isr) - 1 < p.min_isr]
    worse = {*offline, *under_min}
    alive = sum(_caught_up(facts.quorum, voter) for voter in facts.quorum.voters if voter.id != node)
    is_voter = any(voter.id == node for voter in facts.quorum.voters)
    return Impact(
        node,
        leaders_moved=tuple(p for p in hosted if p.leader == node and len(p.isr) > 1),
        under_replicated=tuple(p for p in hosted if p not in worse),
        under_min_isr=tuple(under_min),
        offline=tuple(offline),
        controller_moves=facts.quorum.leader == node,
        quorum_lost=is_voter and alive < len(facts.quorum.voters) // 2 + 1,
    )
