"""Order and bounds of a rolling restart. The cases and their facts are those of Strimzi's KafkaRollerTest (named in the
ids); what they mock, `refuse` and `never_ready` say here. Cases about errors of the admin client run through `roll`. Not carried over: the five about dynamic config updates, which
a plan decides before there is a roll, and those about Kubernetes reasons of a stuck pod, which here is a node that is down.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.availability import Blocker, BlockerKind, ClusterFacts, NodeFacts, PartitionFacts, Quorum, Voter
from broker.processes import ProcessKind, ProcessStatus
from broker.roll import ClusterView, FactsUnavailable, Outcome, RollEvent, RollResult, roll
from broker.rolling import SENTENCES, Decision, Kind, Limits, RestartReason, Roll, next_step, planned_order
from broker.spec import ClusterSpec, NodeSpec
from broker.states import ProcessState

LIMITS = Limits(unready=2, restart=5, recovery=10, attempts=6, backoff=0.5, longest=4)
RECOVERS = "recovers its logs: 10 logs and 100 segments are left"


def nodes(brokers: int = 0, combined: int = 0, controllers: int = 0) -> tuple[NodeFacts, ...]:
    """Ids in this order, as Strimzi's addPodNames gives them."""
    roles = [(False, True)] * brokers + [(True, True)] * combined + [(True, False)] * controllers
    return tuple(
        NodeFacts(id=number, controller=controller, broker=broker, pid=100 + number)
        for number, (controller, broker) in enumerate(roles)
    )


@dataclass
class Simulation:
    """A cluster in which restarts take one second; `refused` asks how often a node has been refused before."""

    nodes: tuple[NodeFacts, ...]
    leader: int | None = None
    never_ready: frozenset[int] = frozenset()
    recovering: frozenset[int] = frozenset()
    refuse_times: Mapping[int, int] = field(default_factory=dict)
    leader_moves_to: Mapping[int, int] = field(default_factory=dict)
    now: float = 0
    restarted: list[int] = field(default_factory=list)
    refusals: dict[int, int] = field(default_factory=dict)
    back_at: dict[int, float] = field(default_factory=dict)

    def facts(self) -> ClusterFacts:
        found = tuple(self._node(node) for node in self.nodes)
        return ClusterFacts(found, Quorum(self.leader, ()), ())

    def _node(self, node: NodeFacts) -> NodeFacts:
        ready = node.id not in self.never_ready | self.recovering and self.now >= self.back_at.get(node.id, 0)
        started = node.id in self.back_at
        return replace(
            node,
            ready=ready and not (node.down and not started),
            down=node.down and not started,
            pid=(node.pid or 0) + 1000 * self.restarted.count(node.id),
            recovering=RECOVERS if node.id in self.recovering else None,
        )

    def refused(self, _facts: ClusterFacts, node: int) -> tuple[Blocker, ...]:
        if self.refusals.get(node, 0) >= self.refuse_times.get(node, 0):
            return ()
        self.refusals[node] = self.refusals.get(node, 0) + 1
        return (Blocker(BlockerKind.AT_MIN_ISR, "orders-0 has just 2 replicas in sync."),)

    def restart(self, node: int) -> None:
        down = [other for other, back in self.back_at.items() if self.now < back]
        assert not down, f"node {node} is restarted while {down} are down"
        self.restarted.append(node)
        self.back_at[node] = self.now + 1
        self.leader = self.leader_moves_to.get(node, self.leader)

    def run(self, pending: tuple[int, ...] | None = None) -> Decision:
        state = Roll(pending=tuple(node.id for node in self.nodes) if pending is None else pending)
        while self.now < 200:
            decision = next_step(self.facts(), state, self.now, LIMITS, refused=self.refused)
            state = decision.roll
            if decision.kind in (Kind.DONE, Kind.GIVE_UP):
                return decision
            if decision.kind is Kind.RESTART:
                assert decision.node is not None
                self.restart(decision.node)
            else:
                assert decision.reason, "a wait without a reason"
            self.now += 0.25
        raise AssertionError("the roll has no end")


ALWAYS = 1000


@pytest.mark.parametrize(
    ("simulation", "order"),
    [
        pytest.param(Simulation(nodes(5)), [0, 1, 2, 3, 4], id="testRollWithNoController"),
        pytest.param(
            Simulation(nodes(controllers=5), leader=2),
            [0, 1, 3, 4, 2],
            id="testRollWithPod2AsActiveController",
        ),
        pytest.param(
            Simulation(nodes(3, 0, 3), leader=3), [4, 5, 3, 0, 1, 2], id="testRollWithControllerAndBrokers"
        ),
        pytest.param(
            Simulation(
                tuple(NodeFacts(id=n, controller=True, pid=n) for n in (10, 200, 30, 400, 500)), leader=30
            ),
            [10, 200, 400, 500, 30],
            id="testRollWithDisconnectedBrokerPodNames",
        ),
        pytest.param(
            Simulation(nodes(5), refuse_times={1: 3}), [0, 2, 3, 4, 1], id="testBrokerNotInitiallyRollable"
        ),
        pytest.param(
            Simulation(nodes(0, 5), leader=2, refuse_times={1: 5}),
            [0, 3, 4, 1, 2],
            id="testCombinedNotInitiallyRollable",
        ),
        pytest.param(
            Simulation(nodes(0, 0, 5), leader=2, refuse_times={1: 3}),
            [0, 3, 4, 1, 2],
            id="testControllerNotInitiallyRollable",
        ),
        pytest.param(Simulation(nodes(0, 3, 3)), [0, 1, 2, 3, 4, 5], id="testSuccessfulRollingControllers"),
        pytest.param(
            Simulation(nodes(3, 3, 3), leader=6), [3, 4, 5, 7, 8, 6, 0, 1, 2], id="testRollWithAllRoles"
        ),
        # Strimzi starts 1 after the controllers. Here nothing is down but what was given up or stopped: starting it
        # takes nothing from anybody, and without its replicas the others would have to wait.
        pytest.param(
            Simulation(
                tuple(replace(node, down=node.id in (1, 4, 7)) for node in nodes(3, 3, 3)),
            ),
            [1, 4, 7, 3, 5, 6, 8, 0, 2],
            id="testRollUnreadyPodFirstAllRoles",
        ),
        pytest.param(
            Simulation(
                tuple(replace(node, down=node.id == 2) for node in nodes(0, 3)), refuse_times={2: ALWAYS}
            ),
            [2, 0, 1],
            id="a node that is down is started first, whatever the rules say: it can only help",
        ),
        pytest.param(
            Simulation(nodes(0, 3), leader=0),
            [1, 2, 0],
            id="the active controller comes last",
        ),
        pytest.param(
            Simulation(nodes(0, 4), leader=0, leader_moves_to={1: 2}),
            [1, 0, 3, 2],
            id="the active controller comes last even if it moves meanwhile",
        ),
    ],
)
def test_it_restarts_all_in_order(simulation: Simulation, order: list[int]) -> None:
    decision = simulation.run()
    assert decision.kind is Kind.DONE, decision.reason
    assert simulation.restarted == order


@dataclass
class Fails:
    simulation: Simulation
    restarted: list[int]
    reason: str
    pending: tuple[int, ...] | None = None


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(
            Fails(Simulation(nodes(5), never_ready=frozenset({0})), [0], "Node 0 did not become ready"),
            id="pod0NotReadyAfterRollingBroker",
        ),
        pytest.param(
            Fails(Simulation(nodes(5), never_ready=frozenset({1})), [1], "Node 1 did not become ready"),
            id="pod1NotReadyAfterRolling",
        ),
        pytest.param(
            Fails(
                Simulation(nodes(5), never_ready=frozenset({1})),
                [],
                "Node 1, which needs no restart",
                (2, 3, 4),
            ),
            id="pod1NotReadyAfterRolling, the next time",
        ),
        pytest.param(
            Fails(Simulation(nodes(5), never_ready=frozenset({3})), [3], "Node 3 did not become ready"),
            id="pod3NotReadyAfterRolling",
        ),
        pytest.param(
            Fails(Simulation(nodes(5), never_ready=frozenset({3})), [], "Node 3, which needs", (0, 1, 2, 4)),
            id="pod3NotReadyAfterRolling, the next time",
        ),
        pytest.param(
            Fails(
                Simulation(nodes(0, 0, 5), leader=2, never_ready=frozenset({2})),
                [0, 1, 3, 4, 2],
                "Node 2 did not become ready",
            ),
            id="activeControllerNotReadyAfterRolling",
        ),
        pytest.param(
            Fails(Simulation(nodes(0, 5), leader=2, never_ready=frozenset({2})), [2], "Node 2 did not", (2,)),
            id="activeControllerNotReadyAfterRolling, the next time",
        ),
        pytest.param(
            Fails(
                Simulation(nodes(0, 5), leader=2, never_ready=frozenset({2})),
                [0, 1, 3, 4, 2],
                "Node 2 did not become ready",
            ),
            id="activeControllerNotReadyAfterRollingCombined",
        ),
        pytest.param(
            Fails(
                Simulation(nodes(5), refuse_times={1: ALWAYS}),
                [0, 2, 3, 4],
                "Node 1 must not be restarted now",
            ),
            id="testBrokerNeverRollable",
        ),
        pytest.param(
            Fails(
                Simulation(nodes(5), refuse_times={1: ALWAYS}), [], "Node 1 must not be restarted now", (1,)
            ),
            id="testBrokerNeverRollable, the next time",
        ),
        pytest.param(
            Fails(Simulation(nodes(0, 5), refuse_times={1: ALWAYS}), [0, 2, 3, 4], "Node 1 must not be"),
            id="testCombinedNeverRollable",
        ),
        pytest.param(
            Fails(
                Simulation(nodes(0, 0, 5), leader=2, refuse_times={2: ALWAYS}),
                [0, 1, 3, 4],
                "Node 2 must not be",
            ),
            id="testControllerNeverRollable",
        ),
        pytest.param(
            Fails(
                Simulation(nodes(0, 0, 3), refuse_times={0: ALWAYS, 1: ALWAYS, 2: ALWAYS}),
                [],
                "Node 0 must not",
            ),
            id="testControllerNoQuorum",
        ),
        pytest.param(
            Fails(
                Simulation(nodes(0, 0, 5), leader=2, refuse_times={2: ALWAYS, 3: ALWAYS}),
                [0, 1, 4],
                "Node 2 must not",
            ),
            id="testControllerAndOneMoreNeverRollable",
        ),
        pytest.param(
            Fails(
                Simulation(nodes(3, 0, 3), leader=3, recovering=frozenset({0})),
                [4, 5, 3, 1, 2],
                "10 logs and 100 segments",
            ),
            id="testBrokerInRecoveryState",
        ),
        pytest.param(
            Fails(Simulation(nodes(0, 0, 3), recovering=frozenset({0})), [1, 2], "10 logs and 100 segments"),
            id="testControllerInRecoveryState",
        ),
        pytest.param(
            Fails(
                Simulation(nodes(3, 3), leader=3, recovering=frozenset({4})),
                [5, 3],
                "3 more nodes were not",
            ),
            id="testCombinedInRecoveryState",
        ),
        pytest.param(
            Fails(Simulation(nodes(5), never_ready=frozenset({0})), [0], "did not become ready", (0,)),
            id="testBrokerInRunningState and testFailGettingBrokerState",
        ),
        pytest.param(
            Fails(
                Simulation(
                    tuple(replace(node, fatal="The disk is full.") for node in nodes(1)),
                    never_ready=frozenset({0}),
                ),
                [],
                "Node 0, which needs no restart, is not ready: The disk is full.",
                (),
            ),
            id="a node that has failed for good is not waited for",
        ),
    ],
)
def test_it_gives_up_with_the_reason(case: Fails) -> None:
    decision = case.simulation.run(case.pending)
    assert decision.kind is Kind.GIVE_UP
    assert case.reason in decision.reason
    assert case.simulation.restarted == case.restarted


def test_an_unready_node_gets_time_before_it_is_restarted() -> None:
    simulation = Simulation(nodes(2), back_at={1: 1.0})
    assert simulation.run().kind is Kind.DONE
    first_restart = simulation.now
    assert simulation.restarted == [0, 1]
    assert first_restart >= 1.0


def test_nothing_to_restart_is_done_at_once_if_all_are_ready() -> None:
    assert Simulation(nodes(0, 3)).run(()).kind is Kind.DONE


IDS = st.frozensets(st.integers(0, 5), max_size=2)


@settings(max_examples=60, deadline=None)
@given(
    shape=st.sampled_from(((3, 0, 3), (0, 3, 0), (3, 3, 0), (6, 0, 0), (0, 0, 6))),
    leader=st.none() | st.integers(0, 5),
    moves=st.dictionaries(st.integers(0, 5), st.integers(0, 5), max_size=3),
    never_ready=IDS,
    recovering=IDS,
    down=IDS,
    refused=st.dictionaries(st.integers(0, 5), st.integers(0, 9), max_size=4),
    pending=st.frozensets(st.integers(0, 5)),
)
def test_whatever_the_cluster_does_a_roll_ends_and_touches_one_node_at_a_time(
    shape: tuple[int, int, int],
    leader: int | None,
    moves: dict[int, int],
    never_ready: frozenset[int],
    recovering: frozenset[int],
    down: frozenset[int],
    refused: dict[int, int],
    pending: frozenset[int],
) -> None:
    members = tuple(replace(node, down=node.id in down - recovering) for node in nodes(*shape))
    ids = {node.id for node in members}
    simulation = Simulation(
        members,
        leader=leader,
        leader_moves_to=moves,
        never_ready=never_ready,
        recovering=recovering,
        refuse_times=refused,
    )
    decision = simulation.run(tuple(sorted(pending & ids)))
    assert decision.reason
    assert len(simulation.restarted) == len(set(simulation.restarted))
    assert set(simulation.restarted) <= pending
    assert not recovering & set(simulation.restarted)
    if decision.kind is Kind.DONE:
        assert set(simulation.restarted) == pending & ids


def test_every_reason_has_a_sentence() -> None:
    assert set(SENTENCES) == set(RestartReason)
    assert all(sentence.endswith(".") for sentence in SENTENCES.values())


# The executor


SPEC = ClusterSpec(
    name="main",
    cluster_id="x",
    nodes=tuple(NodeSpec(number, (), 0, "", controller=True) for number in (1, 2, 3)),
)
HEALTHY = ClusterView(
    quorum=Quorum(2, (Voter(1, 0), Voter(2, 0), Voter(3, 0))),
    partitions=(PartitionFacts("orders", 0, 1, (1, 2, 3), (1, 2, 3), 2),),
    online=frozenset({1, 2, 3}),
)


class FakeCluster:
    """Both the facts and the supervisor; a restarted node is away for three looks."""

    def __init__(self, *, silent: Callable[[int], bool] = lambda look: False) -> None:
        self.looks = 0
        self.now = 0.0
        self.restarted: list[str] = []
        self.away: dict[int, int] = {}
        self.pids = {1: 11, 2: 12, 3: 13}
        self._silent = silent

    def view(self) -> ClusterView:
        self.looks += 1
        if self._silent(self.looks):
            raise FactsUnavailable("connection refused")
        gone = {node for node, until in self.away.items() if self.looks < until}
        partitions = tuple(
            replace(item, isr=tuple(node for node in item.isr if node not in gone))
            for item in HEALTHY.partitions
        )
        return replace(HEALTHY, online=HEALTHY.online - gone, partitions=partitions)

    def status(self) -> tuple[ProcessStatus, ...]:
        return tuple(
            ProcessStatus(f"main-broker-{node}", ProcessKind.BROKER, ProcessState.RUNNING, pid)
            for node, pid in self.pids.items()
        )

    def restart(self, name: str) -> None:
        node = int(name.rpartition("-")[2])
        self.restarted.append(name)
        self.pids[node] += 100
        self.away[node] = self.looks + 4

    def roll(
        self, events: list[RollEvent] | None = None, cancel: Callable[[], bool] = lambda: False
    ) -> RollResult:
        seen: list[RollEvent] = [] if events is None else events
        reasons = dict.fromkeys((1, 2, 3), RestartReason.CONFIG_CHANGED)
        return roll(self, self, SPEC, reasons, seen.append, cancel, clock=lambda: self.now, sleep=self._sleep)

    def _sleep(self, seconds: float) -> None:
        self.now += seconds


def test_the_executor_restarts_one_node_after_the_other_and_tells_about_it() -> None:
    cluster, events = FakeCluster(), list[RollEvent]()
    result = cluster.roll(events)
    assert result == RollResult(Outcome.DONE, "3 nodes restarted.", (1, 3, 2))
    assert cluster.restarted == ["main-broker-1", "main-broker-3", "main-broker-2"]
    assert events[0].text == "Node 1 restarts. A setting was changed that Kafka reads at the start only."
    assert [event.done for event in events if event.kind is Kind.RESTART] == [0, 1, 2]
    assert events[-1] == RollEvent(Kind.DONE, "3 nodes restarted.", 3, 3)


@pytest.mark.parametrize(
    "silent",
    [
        pytest.param(lambda look: look < 4, id="testRollHandlesErrorWhenOpeningBrokerAdminClient"),
        pytest.param(
            lambda look: look in (2, 3, 7), id="testRollHandlesErrorWhenGettingActiveControllerFromController"
        ),
    ],
)
def test_a_cluster_that_is_silent_for_a_moment_is_asked_again(silent: Callable[[int], bool]) -> None:
    assert FakeCluster(silent=silent).roll().outcome is Outcome.DONE


def test_a_cluster_that_stays_silent_ends_the_roll_with_nothing_restarted() -> None:
    """testFailWhenPodIsReadyThrows"""
    cluster = FakeCluster(silent=lambda look: True)
    result = cluster.roll()
    assert result.outcome is Outcome.GIVEN_UP
    assert "connection refused" in result.reason
    assert cluster.restarted == []


def test_a_cancel_stops_before_the_next_node() -> None:
    cluster = FakeCluster()
    result = cluster.roll(cancel=lambda: len(cluster.restarted) == 1)
    assert result == RollResult(Outcome.CANCELLED, "Cancelled.", ())
    assert cluster.restarted == ["main-broker-1"]


@pytest.mark.parametrize(
    ("simulation", "order"),
    [
        (Simulation(nodes(0, 3), leader=0), (1, 2, 0)),
        (Simulation(tuple(replace(node, down=node.id == 2) for node in nodes(0, 3)), leader=0), (2, 1, 0)),
        (Simulation(tuple(replace(node, down=node.id == 0) for node in nodes(1, 3)), leader=1), (0, 2, 3, 1)),
        (Simulation(nodes(1, 3), leader=1), (2, 3, 1, 0)),
    ],
)
def test_a_plan_names_the_order_that_the_roll_takes(simulation: Simulation, order: tuple[int, ...]) -> None:
    assert planned_order(simulation.facts(), [node.id for node in simulation.nodes]) == order
    simulation.run()
    assert tuple(simulation.restarted) == order
