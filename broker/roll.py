"""Carries out a rolling restart: asks for facts, lets `rolling.next_step` decide, restarts through the supervisor.

Used by `python -m broker roll` and by the control plane's job; each brings its own provider of facts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from broker.availability import ClusterFacts, NodeFacts, PartitionFacts, Quorum
from broker.processes import ProcessStatus
from broker.rolling import SENTENCES, Decision, Kind, Limits, RestartReason, Roll, next_step
from broker.spec import ClusterSpec, NodeSpec
from broker.states import ALIVE, ProcessState

POLL = 0.5
# How long the cluster may be silent: while a node restarts, a provider may lose its connection for a moment.
SILENCE = 120.0


_MAY_RECOVER = frozenset({ProcessState.STARTING, ProcessState.RUNNING})


class FactsUnavailable(Exception):
    """The cluster did not answer; asked again until it has been silent for too long."""


@dataclass(frozen=True, slots=True)
class ClusterView:
    """What the cluster says of itself. `online`: registered and unfenced; `recovering`: progress in words, by node."""

    quorum: Quorum
    partitions: tuple[PartitionFacts, ...]
    online: frozenset[int]
    recovering: Mapping[int, str] = field(default_factory=dict[int, str])


class FactsProvider(Protocol):
    def view(self) -> ClusterView:
        """Raises FactsUnavailable."""
        ...


class Restarter(Protocol):
    def status(self) -> tuple[ProcessStatus, ...]: ...

    def restart(self, name: str) -> None: ...


class Outcome(StrEnum):
    DONE = "done"
    GIVEN_UP = "given_up"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class RollEvent:
    """`done` of `total` nodes are restarted; `text` is for people, `node` the one it is about.

    `starts`: the node was down, so it is started rather than restarted.
    """

    kind: Kind
    text: str
    done: int
    total: int
    node: int | None = None
    starts: bool = False


@dataclass(frozen=True, slots=True)
class RollResult:
    outcome: Outcome
    reason: str
    restarted: tuple[int, ...]


def roll(
    provider: FactsProvider,
    client: Restarter,
    spec: ClusterSpec,
    reasons: Mapping[int, RestartReason],
    on_event: Callable[[RollEvent], None],
    cancel: Callable[[], bool],
    *,
    limits: Limits | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> RollResult:
    """Restarts the nodes in `reasons`, one at a time. A cancel leaves the node that restarts to the supervisor."""
    runner = _Runner(provider, client, spec, reasons, on_event, limits or Limits(), clock)
    while not cancel():
        result = runner.turn()
        if result is not None:
            return result
        sleep(POLL)
    return RollResult(Outcome.CANCELLED, "Cancelled.", runner.roll.done)


class _Runner:
    def __init__(
        self,
        provider: FactsProvider,
        client: Restarter,
        spec: ClusterSpec,
        reasons: Mapping[int, RestartReason],
        on_event: Callable[[RollEvent], None],
        limits: Limits,
        clock: Callable[[], float],
    ) -> None:
        self._provider = provider
        self._client = client
        self._spec = spec
        self._reasons = reasons
        self._on_event = on_event
        self._limits = limits
        self._clock = clock
        self._heard = clock()
        self._last = ""
        self.roll = Roll(pending=tuple(node.id for node in spec.staying if node.id in reasons))

    def turn(self) -> RollResult | None:
        now = self._clock()
        try:
            view = self._provider.view()
        except FactsUnavailable as error:
            return self._silent(now, str(error))
        self._heard = now
        facts = cluster_facts(self._spec, self._client.status(), view)
        decision = next_step(facts, self.roll, now, self._limits)
        before, self.roll = self.roll, decision.roll
        for node in self.roll.done[len(before.done) :]:
            self._tell(Kind.WAIT, f"Node {node} is ready again.", node)
        return self._carry_out(decision, facts)

    def _carry_out(self, decision: Decision, facts: ClusterFacts) -> RollResult | None:
        match decision.kind:
            case Kind.RESTART:
                assert decision.node is not None
                self._begin(facts.node(decision.node))
                self._client.restart(self._spec.process_name(self._spec.node(decision.node)))
            case Kind.WAIT:
                self._tell(Kind.WAIT, decision.reason, decision.node)
            case Kind.DONE:
                self._tell(Kind.DONE, decision.reason)
                return RollResult(Outcome.DONE, decision.reason, self.roll.done)
            case Kind.GIVE_UP:
                return self._given_up(decision.reason)
        return None

    def _begin(self, node: NodeFacts) -> None:
        why = SENTENCES[self._reasons[node.id]]
        text = (
            f"Node {node.id} is down, so it is started." if node.down else f"Node {node.id} restarts. {why}"
        )
        self._tell(Kind.RESTART, text, node.id, starts=node.down)

    def _silent(self, now: float, why: str) -> RollResult | None:
        if now - self._heard > SILENCE:
            return self._given_up(f"For {SILENCE:.0f} s the cluster could not be judged: {why}.")
        self._tell(Kind.WAIT, f"Waiting, as the cluster cannot be judged now: {why}.")
        return None

    def _given_up(self, reason: str) -> RollResult:
        self._tell(Kind.GIVE_UP, reason)
        return RollResult(Outcome.GIVEN_UP, reason, self.roll.done)

    def _tell(self, kind: Kind, text: str, node: int | None = None, *, starts: bool = False) -> None:
        if text != self._last:
            self._on_event(RollEvent(kind, text, len(self.roll.done), len(self._reasons), node, starts))
        self._last = text


def cluster_facts(spec: ClusterSpec, statuses: tuple[ProcessStatus, ...], view: ClusterView) -> ClusterFacts:
    """The supervisor's view of the processes and the cluster's view of itself, put together."""
    by_name = {status.name: status for status in statuses}
    nodes = tuple(
        _node_facts(spec, node, by_name.get(spec.process_name(node)), view) for node in spec.staying
    )
    return ClusterFacts(nodes, view.quorum, view.partitions)


def _node_facts(
    spec: ClusterSpec, node: NodeSpec, status: ProcessStatus | None, view: ClusterView
) -> NodeFacts:
    state = status.state if status else ProcessState.STOPPED
    ready = state is ProcessState.RUNNING and node.id in view.online
    return NodeFacts(
        id=node.id,
        process=spec.process_name(node),
        controller=node.controller,
        ready=ready,
        down=state not in ALIVE,
        pid=status.pid if status else None,
        recovering=None if ready or state not in _MAY_RECOVER else _recovering(node, status, view),
        fatal=_fatal(state, status),
    )


def _recovering(node: NodeSpec, status: ProcessStatus | None, view: ClusterView) -> str | None:
    return view.recovering.get(node.id) or (status.progress if status else None)


def _fatal(state: ProcessState, status: ProcessStatus | None) -> str | None:
    if state not in (ProcessState.FATAL, ProcessState.STOPPED):
        return None
    return (status.reason if status else None) or "it is stopped."
