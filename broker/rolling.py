"""Pure: which node to restart next, after Strimzi's KafkaRoller.

1. Nodes that need no restart must be ready first; a broken one stops the roll, so repeated runs cannot fell all.
2. Nodes that are down first, as starting them can only help. Then controllers before brokers, unready before ready; the
   active controller last of the controllers, even if it moves.
3. An unready node gets time to become ready; one in log recovery is never restarted.
4. A node whose restart would hurt (availability.blockers) is put off, growingly; after the last attempt it has failed.
5. A restarted node that does not become ready ends the roll at once.
Invariants: one node at a time; brokers only after all controllers went well; every wait is bounded and has a reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from broker.availability import Blocker, ClusterFacts, NodeFacts, blockers


class RestartReason(StrEnum):
    MANUAL = "manual"
    CONFIG_CHANGED = "config_changed"
    CERTIFICATES_RENEWED = "certificates_renewed"
    CA_RENEWED = "ca_renewed"
    CA_KEY_REPLACED = "ca_key_replaced"
    VERSION_CHANGED = "version_changed"
    RESOURCES_CHANGED = "resources_changed"
    UNRESPONSIVE = "unresponsive"
    DOWN = "down"


SENTENCES: Mapping[RestartReason, str] = {
    RestartReason.MANUAL: "Someone asked for a restart.",
    RestartReason.CONFIG_CHANGED: "A setting was changed that Kafka reads at the start only.",
    RestartReason.CERTIFICATES_RENEWED: "The node's certificate was renewed; controllers read it at the start only.",
    RestartReason.CA_RENEWED: "The certificate authority's certificate was renewed.",
    RestartReason.CA_KEY_REPLACED: "The certificate authority has a new key, which this node must trust.",
    RestartReason.VERSION_CHANGED: "The node runs another version of Kafka than the cluster shall.",
    RestartReason.RESOURCES_CHANGED: "The memory or the JVM options of the node were changed.",
    RestartReason.UNRESPONSIVE: "The node does not answer, and a restart may help.",
    RestartReason.DOWN: "The node is down, and a start may help.",
}


class Kind(StrEnum):
    RESTART = "restart"
    WAIT = "wait"
    DONE = "done"
    GIVE_UP = "give_up"


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds. `attempts` at a node whose restart is refused, first after `backoff`, each twice as long up to `longest`."""

    unready: float = 120
    restart: float = 300
    recovery: float = 3600
    attempts: int = 10
    backoff: float = 0.5
    longest: float = 30


@dataclass(frozen=True, slots=True)
class PutOff:
    attempts: int
    until: float
    reason: str


@dataclass(frozen=True, slots=True)
class Restarting:
    node: int
    pid_before: int | None
    since: float


@dataclass(frozen=True, slots=True)
class Roll:
    """How far a rolling restart has come."""

    pending: tuple[int, ...]
    done: tuple[int, ...] = ()
    current: Restarting | None = None
    put_off: Mapping[int, PutOff] = field(default_factory=dict[int, PutOff])
    failed: Mapping[int, str] = field(default_factory=dict[int, str])
    unready_since: Mapping[int, float] = field(default_factory=dict[int, float])


@dataclass(frozen=True, slots=True)
class Decision:
    kind: Kind
    roll: Roll
    reason: str = ""
    node: int | None = None


Refusals = Callable[[ClusterFacts, int], tuple[Blocker, ...]]


def next_step(
    facts: ClusterFacts, roll: Roll, now: float, limits: Limits = Limits(), *, refused: Refusals = blockers
) -> Decision:
    """Asked again and again with fresh facts and the roll of the last decision, until DONE or GIVE_UP."""
    roll = _note_unready(facts, roll, now)
    if roll.current is not None:
        waiting = _await_restarted(facts, roll, roll.current, now, limits)
        if waiting is not None:
            return waiting
        roll = _finish_current(roll, roll.current)
    return _await_others(facts, roll, now, limits) or _choose(facts, roll, now, limits, refused)


def _note_unready(facts: ClusterFacts, roll: Roll, now: float) -> Roll:
    unready = {node.id: roll.unready_since.get(node.id, now) for node in facts.nodes if not node.ready}
    return replace(roll, unready_since=unready)


def _await_restarted(
    facts: ClusterFacts, roll: Roll, current: Restarting, now: float, limits: Limits
) -> Decision | None:
    node = facts.node(current.node)
    replaced = node.pid is None or node.pid != current.pid_before
    if node.ready and replaced:
        return None
    if node.fatal is not None:
        return _give_up(roll, f"Node {node.id} does not start again: {node.fatal}")
    if node.recovering is not None and now - current.since <= limits.recovery:
        return _wait(roll, f"Node {node.id} {node.recovering}.", node.id)
    if now - current.since > limits.restart:
        return _give_up(
            roll, f"Node {node.id} did not become ready in {limits.restart:.0f} s after its restart."
        )
    return _wait(roll, f"Waiting for node {node.id} to be ready again.", node.id)


def _finish_current(roll: Roll, current: Restarting) -> Roll:
    pending = tuple(node for node in roll.pending if node != current.node)
    return replace(roll, current=None, pending=pending, done=(*roll.done, current.node))


def _await_others(facts: ClusterFacts, roll: Roll, now: float, limits: Limits) -> Decision | None:
    """Rule 1. Nodes that were restarted already count as others."""
    for node in facts.nodes:
        if node.ready or node.id in roll.pending or node.id in roll.failed:
            continue
        unready = now - roll.unready_since[node.id]
        if node.recovering is not None and unready <= limits.recovery:
            return _wait(roll, f"Node {node.id} {node.recovering}.", node.id)
        if node.fatal is not None or unready >= limits.unready:
            why = node.fatal or node.recovering or f"not ready for {limits.unready:.0f} s"
            return _give_up(roll, f"Node {node.id}, which needs no restart, is not ready: {why}")
        return _wait(roll, f"Node {node.id} is not ready yet.", node.id)
    return None


def _choose(facts: ClusterFacts, roll: Roll, now: float, limits: Limits, refused: Refusals) -> Decision:
    while True:
        candidates = _candidates(facts, roll)
        if not candidates:
            return _finish(facts, roll)
        for node in candidates:
            decision = _consider(facts, roll, node, len(candidates) > 1, now, limits, refused)
            if decision.kind is not Kind.WAIT or _blocks_all(node, decision):
                return decision
            roll = decision.roll
        if all(node.id not in roll.failed for node in candidates):
            return _wait(roll, _why_waiting(roll, candidates))


def _blocks_all(node: NodeFacts, decision: Decision) -> bool:
    """Rule 3: time for an unready node is time in which no other is touched; a put-off node lets others go first."""
    return decision.node == node.id


def planned_order(facts: ClusterFacts, pending: Iterable[int]) -> tuple[int, ...]:
    """The order in which `next_step` takes the nodes if each comes back ready, as the cluster is now."""
    roll = Roll(pending=tuple(pending))
    order: list[int] = []
    while candidates := _candidates(facts, roll):
        order.append(candidates[0].id)
        roll = _finish_current(roll, Restarting(candidates[0].id, None, 0))
    return tuple(order)


def _candidates(facts: ClusterFacts, roll: Roll) -> list[NodeFacts]:
    waiting = [node for node in facts.nodes if node.id in roll.pending and node.id not in roll.failed]
    down = [node for node in waiting if node.down]
    if down:
        return down
    controllers = [node for node in waiting if node.controller]
    if controllers:
        return sorted(controllers, key=lambda node: (node.id == facts.quorum.leader, node.ready))
    if any(facts.node(node).controller for node in roll.failed):
        return []
    return sorted(waiting, key=lambda node: node.ready)


def _consider(
    facts: ClusterFacts,
    roll: Roll,
    node: NodeFacts,
    others_wait: bool,
    now: float,
    limits: Limits,
    refused: Refusals,
) -> Decision:
    put_off = roll.put_off.get(node.id)
    if put_off is not None and now < put_off.until:
        return Decision(Kind.WAIT, roll, put_off.reason)
    if node.down:
        return _restart(roll, node, now)
    if node.recovering is not None:
        return _put_off(roll, node, f"Node {node.id} {node.recovering}.", now, limits)
    if not node.ready and now - roll.unready_since[node.id] < limits.unready:
        return _wait(roll, f"Node {node.id} is not ready yet; it gets time before it is restarted.", node.id)
    if node.id == facts.quorum.leader and node.controller and others_wait:
        return Decision(Kind.WAIT, roll, f"Node {node.id} is the active controller: it comes last.")
    found = refused(facts, node.id)
    if not found:
        return _restart(roll, node, now)
    first, *others = found
    more = f" (and {len(others)} more)" if others else ""
    why = f"Node {node.id} must not be restarted now: {first.what}{more}"
    return _put_off(roll, node, why, now, limits)


def _restart(roll: Roll, node: NodeFacts, now: float) -> Decision:
    roll = replace(roll, current=Restarting(node.id, node.pid, now))
    return Decision(Kind.RESTART, roll, f"Restart node {node.id}.", node.id)


def _put_off(roll: Roll, node: NodeFacts, reason: str, now: float, limits: Limits) -> Decision:
    attempts = roll.put_off[node.id].attempts + 1 if node.id in roll.put_off else 1
    if attempts >= limits.attempts:
        return Decision(Kind.WAIT, replace(roll, failed={**roll.failed, node.id: reason}), reason)
    delay = min(limits.longest, limits.backoff * 2 ** (attempts - 1))
    waiting = PutOff(attempts, now + delay, reason)
    return Decision(Kind.WAIT, replace(roll, put_off={**roll.put_off, node.id: waiting}), reason)


def _finish(facts: ClusterFacts, roll: Roll) -> Decision:
    if not roll.failed:
        return Decision(Kind.DONE, roll, f"{_nodes(len(roll.done))} restarted.")
    left = len(roll.pending) - len(roll.failed)
    more = f"{left} more node{' was' if left == 1 else 's were'} not touched."
    return _give_up(roll, " ".join(roll.failed.values()) + (f" {more}" if left else ""))


def _nodes(count: int) -> str:
    return f"{count} node{'' if count == 1 else 's'}"


def _why_waiting(roll: Roll, candidates: Iterable[NodeFacts]) -> str:
    return next((roll.put_off[node.id].reason for node in candidates if node.id in roll.put_off), "")


def _wait(roll: Roll, reason: str, node: int | None = None) -> Decision:
    return Decision(Kind.WAIT, roll, reason, node)


def _give_up(roll: Roll, reason: str) -> Decision:
    return Decision(Kind.GIVE_UP, roll, reason)
