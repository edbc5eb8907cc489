"""What the agents' answers mean: replicas, quorum, readiness; and where they do not decide."""

from __future__ import annotations

import pytest

from broker.availability import PartitionFacts, Voter
from broker.health import QUESTIONS, AgentError, Gauges, NodeHealth, cluster_view, parse
from broker.ports import listeners
from broker.roll import FactsUnavailable
from broker.spec import ClusterSpec, NodeSpec

NODES = tuple(
    NodeSpec(n, listeners("127.0.0.1", 20000 + n * 10), 20004 + n * 10, f"d{n}", True) for n in (1, 2, 3)
)
SPEC = ClusterSpec("main", "id", NODES)
KEY = ("orders", 0)
FOLLOWER = Gauges(0, 0, under_min_isr=False, at_min_isr=False)


def health(node: int, gauges: Gauges | None = None, **changes: object) -> NodeHealth:
    values: dict[str, object] = {
        "node": node,
        "broker_state": 3,
        "leader": 2,
        "epoch": 5,
        "lag_ms": 300,
        "logs_to_recover": 0,
        "partitions": {KEY: gauges} if gauges else {},
    }
    return NodeHealth(**{**values, **changes})  # type: ignore[arg-type]


def led(in_sync: int, *, under: bool = False, at: bool = False) -> Gauges:
    return Gauges(3, in_sync, under, at)


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        # All in sync, min ISR 2: one to spare.
        ([health(1, led(3)), health(2, FOLLOWER), health(3, FOLLOWER)], ((1, 2, 3), 1, (1, 2, 3), 2)),
        # Node 3 is down: the two that answer are the two in sync, at the least.
        ([health(1, led(2, at=True)), health(2, FOLLOWER)], ((1, 2, -1), 1, (1, 2), 2)),
        # Below: nobody may be restarted, whoever is in sync.
        ([health(1, led(1, under=True)), health(2, FOLLOWER)], ((1, 2, -1), 1, (1,), 2)),
        # Nobody leads.
        ([health(2, FOLLOWER)], ((2,), None, (), None)),
    ],
)
def test_partitions_are_told_from_counts(nodes: list[NodeHealth], expected: tuple[object, ...]) -> None:
    (partition,) = cluster_view(SPEC, {item.node: item for item in nodes}).partitions
    replicas, leader, isr, least = expected
    assert partition == PartitionFacts("orders", 0, leader, replicas, isr, least)  # type: ignore[arg-type]


def test_who_is_behind_is_not_guessed_where_nothing_is_to_spare() -> None:
    nodes = [health(1, led(2, at=True)), health(2, FOLLOWER), health(3, FOLLOWER)]
    with pytest.raises(FactsUnavailable, match="orders-0 has no replica to spare"):
        cluster_view(SPEC, {item.node: item for item in nodes})


def test_the_leader_of_the_newest_epoch_counts_and_silent_voters_have_no_lag() -> None:
    nodes = {1: health(1, leader=1, epoch=4), 2: health(2, leader=3, epoch=6, lag_ms=20)}
    quorum = cluster_view(SPEC, nodes).quorum
    assert quorum.leader == 3
    assert quorum.voters == (Voter(1, 300), Voter(2, 20), Voter(3, None))


def test_a_node_in_recovery_is_not_online_and_says_how_much_is_left() -> None:
    nodes = {1: health(1), 2: health(2, broker_state=2, logs_to_recover=7)}
    view = cluster_view(SPEC, nodes)
    assert view.online == {1}
    assert view.recovering == {2: "7 logs left to recover"}


def test_a_cluster_that_is_silent_has_no_view() -> None:
    with pytest.raises(FactsUnavailable, match="no node"):
        cluster_view(SPEC, {})


def test_answers_are_read_and_absent_beans_are_unknown() -> None:
    name = "kafka.cluster:type=Partition,name={},topic=a.b,partition=3"
    gauges = [{name.format("x"): {"Value": value}} for value in (3, 2, 0, 1)]
    raft = {"current-leader": 2, "current-epoch": 9}
    found = parse(1, [{"Value": 3}, raft, {"Value": 12}, {"log": {"Value": 2}}, *gauges])
    assert found.ready
    assert (found.leader, found.epoch, found.lag_ms, found.logs_to_recover) == (2, 9, 12, 2)
    assert found.partitions == {("a.b", 3): led(2, at=True)}
    nothing = parse(1, [None] * len(QUESTIONS))
    assert (nothing.broker_state, nothing.leader, nothing.lag_ms, nothing.partitions) == (
        None,
        None,
        None,
        {},
    )


def test_too_few_answers_are_an_error() -> None:
    with pytest.raises(AgentError):
        parse(1, [])
