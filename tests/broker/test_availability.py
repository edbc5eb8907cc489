"""When a node must not be restarted, and what its absence does. The cases are those of Strimzi's KafkaAvailabilityTest and
KafkaQuorumCheckTest (named in the ids); failing admin calls are the provider's business there and here.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.availability import (
    BlockerKind,
    ClusterFacts,
    Impact,
    NodeFacts,
    PartitionFacts,
    Quorum,
    Voter,
    blockers,
    impact,
    quorum_warning,
    unprotected,
)

NO_QUORUM = Quorum(1, ())


def topic(
    name: str, replicas: tuple[int, ...], isr: tuple[int, ...], min_isr: int | None, leader: int | None = None
) -> PartitionFacts:
    return PartitionFacts(name, 0, leader, replicas, isr, min_isr)


def brokers(*partitions: PartitionFacts) -> ClusterFacts:
    return ClusterFacts(tuple(NodeFacts(id=number) for number in range(5)), NO_QUORUM, partitions)


@pytest.mark.parametrize(
    ("partitions", "refused"),
    [
        pytest.param(
            [topic("A", (0, 1, 3), (0, 1), 2, 0), topic("B", (0, 1, 3), (1,), 2, 1)],
            {0, 1, 3},
            id="testBelowMinIsr",
        ),
        pytest.param(
            [topic("A", (0, 1), (0, 1), 2, 0), topic("B", (0, 1), (0, 1), 2, 1)], set(), id="testAtMinIsr"
        ),
        pytest.param(
            [topic("A", (0, 1, 2), (0, 1, 2), 1, 0), topic("B", (0, 1, 2), (0, 1, 2), 1, 1)],
            set(),
            id="testAboveMinIsr",
        ),
        pytest.param([topic("A", (0, 1, 2), (0, 1, 2), 3, 0)], set(), id="testMinIsrEqualsReplicas"),
        pytest.param(
            [topic("A", (0, 1, 2), (0, 1), 3, 0)], set(), id="testMinIsrEqualsReplicasWithOfflineReplicas"
        ),
        pytest.param([topic("A", (0,), (0,), 2, 0)], set(), id="testMinIsrMoreThanReplicas"),
        pytest.param(
            [topic("A", (0, 1, 2), (1, 2), 1), topic("B", (0, 1, 2), (0,), 1)], {0}, id="testNoLeader"
        ),
        pytest.param(
            [topic("A", (0, 1, 2), (0, 1, 2), None, 0), topic("B", (0, 1, 2), (1, 0, 2), None, 1)],
            set(),
            id="testNoMinIsr",
        ),
        pytest.param(
            [topic("A", (0, 1, 2), (0, 1), 2, 0)], {0, 1}, id="just at min ISR: those in sync must stay"
        ),
    ],
)
def test_a_broker_is_refused_when_its_absence_takes_a_partition_below_min_isr(
    partitions: list[PartitionFacts], refused: set[int]
) -> None:
    facts = brokers(*partitions)
    assert {node.id for node in facts.nodes if blockers(facts, node.id)} == refused


def test_a_refusal_names_the_partition_and_the_numbers() -> None:
    facts = brokers(topic("orders", (0, 1, 2), (0, 1), 2, 0))
    (blocker,) = blockers(facts, 0)
    assert blocker.kind is BlockerKind.AT_MIN_ISR
    assert blocker.what.startswith("orders-0 has just 2 replicas in sync, node 0 among them")


def quorum(leader: int | None, lags: dict[int, int | None], timeout: int = 2000) -> ClusterFacts:
    """Strimzi gives timestamps; the lag behind the leader's 10,000 is what counts."""
    nodes = tuple(NodeFacts(id=number, controller=True, broker=False) for number in lags)
    voters = tuple(Voter(number, lag) for number, lag in lags.items())
    return ClusterFacts(nodes, Quorum(leader, voters, timeout), ())


@pytest.mark.parametrize(
    ("facts", "node", "allowed"),
    [
        pytest.param(quorum(1, {1: 0, 2: 500, 3: 300}), 1, True, id="canRollActiveControllerOddSizedCluster"),
        pytest.param(
            quorum(1, {1: 0, 2: 500, 3: 300, 4: 400}), 1, True, id="canRollActiveControllerEvenSizedCluster"
        ),
        pytest.param(
            quorum(1, {1: 0, 2: 3000, 3: 1800}),
            1,
            False,
            id="cannotRollActiveControllerWith1FollowerBehindOddSizedCluster",
        ),
        pytest.param(
            quorum(1, {1: 0, 2: 3000, 3: 1800, 4: 1000}),
            1,
            False,
            id="cannotRollActiveControllerWith1FollowerBehindEvenSizedCluster",
        ),
        pytest.param(quorum(1, {1: 0, 2: 3000, 3: 0}), 2, True, id="canRollControllerWhenItselfIsBehind"),
        pytest.param(
            quorum(1, {1: 0, 2: 3000, 3: 0}), 3, False, id="cannotRollControllerWhenAnotherFollowerBehind"
        ),
        pytest.param(
            quorum(1, {1: 0, 2: None, 3: None}), 3, False, id="cannotRollControllerWhenTimestampInvalid"
        ),
        pytest.param(quorum(1, {1: 0}), 1, True, id="canRollControllerSingleNodeQuorum"),
        pytest.param(quorum(1, {1: 0, 2: 500}), 1, True, id="canRollController2NodesQuorum"),
        pytest.param(
            quorum(1, {1: 0, 2: 3000}), 1, False, id="cannotRollController2NodeQuorumFollowerBehind"
        ),
        pytest.param(
            quorum(1, {1: 0, 2: None, 3: 500}), 1, False, id="shouldHandlePartiallyIncompleteQuorumData"
        ),
        pytest.param(quorum(None, {1: 0, 2: 0, 3: 0}), 1, False, id="shouldHandleNoLeaderQuorumScenario"),
        pytest.param(quorum(1, {1: 0, 2: 50}, timeout=100), 1, True, id="shouldTestDynamicTimeoutValue"),
        pytest.param(quorum(1, {1: 0, 2: 150}, timeout=100), 1, False, id="a shorter timeout counts"),
        pytest.param(
            quorum(None, {1: 0}), 1, False, id="a single controller without a leader is not touched"
        ),
    ],
)
def test_a_controller_is_refused_when_the_others_are_no_majority(
    facts: ClusterFacts, node: int, allowed: bool
) -> None:
    assert (blockers(facts, node) == ()) is allowed


def test_a_broker_that_is_no_voter_does_not_ask_the_quorum() -> None:
    facts = ClusterFacts((NodeFacts(id=4),), Quorum(None, (Voter(1, 0),)), ())
    assert blockers(facts, 4) == ()


def test_one_or_two_controllers_are_allowed_with_a_warning() -> None:
    assert quorum_warning(quorum(1, {1: 0}).quorum) is not None
    assert quorum_warning(quorum(1, {1: 0, 2: 0}).quorum) is not None
    assert quorum_warning(quorum(1, {1: 0, 2: 0, 3: 0}).quorum) is None


def test_partitions_that_no_order_protects_are_listed() -> None:
    single, full, safe = (
        topic("a", (0,), (0,), 1),
        topic("b", (0, 1), (0, 1), 2),
        topic("c", (0, 1, 2), (0, 1, 2), 2),
    )
    facts = brokers(single, full, safe)
    assert unprotected(facts, 0) == (single, full)
    assert unprotected(facts, 2) == ()


def test_the_impact_sorts_each_partition_under_the_worst_that_happens_to_it() -> None:
    led, follows = topic("led", (0, 1, 2), (0, 1, 2), 2, 0), topic("follows", (0, 1, 2), (0, 1, 2), 2, 1)
    tight, alone = topic("tight", (0, 1, 2), (0, 1), 2, 0), topic("alone", (0,), (0,), 1, 0)
    elsewhere, lagging = (
        topic("elsewhere", (1, 2, 3), (1, 2, 3), 2, 1),
        topic("lagging", (0, 1, 2), (1, 2), 2, 1),
    )
    facts = brokers(led, follows, tight, alone, elsewhere, lagging)
    found = impact(facts, 0)
    assert found == Impact(
        0,
        leaders_moved=(led, tight),
        under_replicated=(led, follows),
        under_min_isr=(tight,),
        offline=(alone,),
        quorum_lost=False,
    )
    assert not found.harmless


def test_the_impact_on_the_controllers_is_told() -> None:
    facts = quorum(1, {1: 0, 2: 100, 3: 100})
    assert impact(facts, 1).controller_moves
    assert not impact(facts, 1).quorum_lost
    assert impact(quorum(1, {1: 0, 2: 100, 3: None}), 2).quorum_lost
    assert impact(quorum(1, {1: 0}), 1).quorum_lost


PARTITIONS = st.builds(
    lambda replicas, in_sync, min_isr: topic("t", tuple(replicas), tuple(replicas[:in_sync]), min_isr),
    st.permutations(range(5)).flatmap(lambda ids: st.integers(1, 5).map(lambda size: ids[:size])),
    st.integers(0, 5),
    st.integers(1, 5),
)


@given(partition=PARTITIONS, node=st.integers(0, 4))
def test_a_restart_that_is_allowed_never_takes_a_protected_partition_below_min_isr(
    partition: PartitionFacts, node: int
) -> None:
    facts = brokers(partition)
    if blockers(facts, node) or not partition.protected or node not in partition.replicas:
        return
    assert partition.min_isr is not None
    assert len([replica for replica in partition.isr if replica != node]) >= partition.min_isr
    assert impact(facts, node).harmless
