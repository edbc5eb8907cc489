"""Plans for the brokers of a bundled cluster: start, stop, restart, roll, add (`removal_plans`: remove). Pure.

A stop or restart that only moves leaders is disruptive; one that takes partitions offline or blocks writes is
destructive in effect, so it asks for the broker's name. What Strimzi's rules forbid refuses a restart outright
(use the rolling restart, which waits), but only warns on an explicit stop: people must be able to stop a broker.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from controlplane.core.access import Action
from controlplane.core.plans import (
    ApiCall,
    Change,
    Plan,
    PlanStep,
    Refusal,
    Risk,
    StepKind,
    api_path,
    state_digest,
)
from controlplane.core.words import some


class BrokerAct(StrEnum):
    START = "start"
    STOP = "stop"
    RESTART = "restart"

    @property
    def verb(self) -> str:
        return self.value.capitalize()


@dataclass(frozen=True, slots=True)
class BrokerImpact:
    """What happens while the broker is away; each tuple holds partitions as `topic-0`."""

    leaders_moved: tuple[str, ...] = ()
    under_replicated: tuple[str, ...] = ()
    under_min_isr: tuple[str, ...] = ()
    offline: tuple[str, ...] = ()
    controller_moves: bool = False
    quorum_lost: bool = False

    @property
    def harmless(self) -> bool:
        return not (self.under_min_isr or self.offline or self.quorum_lost)


@dataclass(frozen=True, slots=True)
class BrokerState:
    """`process` is the supervisor's state word; `blockers` are Strimzi's rules in words, () when none forbids. `with_it`:
    controllers that start with it, since without a majority of them no broker becomes ready."""

    id: int
    process: str
    impact: BrokerImpact
    blockers: tuple[str, ...] = ()
    leaving: bool = False
    with_it: tuple[Away, ...] = ()

    @property
    def running(self) -> bool:
        return self.process in ("RUNNING", "STARTING")

    @property
    def digest(self) -> str:
        return state_digest(
            {
                "broker": self.id,
                "running": self.running,
                "offline": list(self.impact.offline),
                "under_min_isr": list(self.impact.under_min_isr),
                "quorum": self.impact.quorum_lost,
                "with_it": [each.id for each in self.with_it],
            }
        )


def needed_with(broker: int, voters: Collection[int], alive: Collection[int]) -> tuple[int, ...]:
    """The fewest controllers that have to start with this broker; none where a majority of them lives, or will with it."""
    down = sorted(voter for voter in voters if voter not in alive and voter != broker)
    lacking = len(voters) // 2 + 1 - (len(voters) - len(down))
    return tuple(down[: max(lacking, 0)])


def plan_act(act: BrokerAct, state: BrokerState, *, cluster: str) -> Plan:
    after = "STOPPED" if act is BrokerAct.STOP else "RUNNING"
    before = state.process if act is not BrokerAct.RESTART else f"{state.process} (same process)"
    change = Change("process", before, after if act is not BrokerAct.RESTART else "RUNNING (new process)")
    stops = act is not BrokerAct.START
    severe = stops and not state.impact.harmless
    others = () if stops else state.with_it
    title = (
        f"{act.verb} {'brokers' if others else 'broker'} {_all_of((state.id, *(each.id for each in others)))}"
    )
    return Plan(
        action=Action.BROKER_OPERATE,
        title=title,
        apply_label=title,
        cluster=cluster,
        steps=(
            PlanStep(StepKind.RUN, "broker", str(state.id), (change, *_impact_changes(state, stops=stops))),
            *(_started_with(each) for each in others),
        ),
        risk=Risk.DESTRUCTIVE if severe else Risk.DISRUPTIVE if stops else Risk.REVERSIBLE,
        digest=state.digest,
        warnings=_warnings(act, state),
        refusals=_refusals(act, state),
        undo=_undo(act),
        confirm_name=f"broker {state.id}" if severe else None,
        request={"act": act.value, "broker": state.id},
        api=ApiCall("POST", api_path(cluster, "brokers", str(state.id)), {"act": act.value}),
    )


def _all_of(brokers: Sequence[int]) -> str:
    *rest, last = map(str, brokers)
    return f"{', '.join(rest)} and {last}" if rest else last


def _started_with(away: Away) -> PlanStep:
    change = Change("process", away.process, "RUNNING")
    return PlanStep(StepKind.RUN, "broker", str(away.id), (change,), "a controller, for a majority of them")


def _undo(act: BrokerAct) -> str:
    return {
        BrokerAct.START: "Stop the broker again.",
        BrokerAct.STOP: "Start the broker: its replicas catch up, then leaders return to it.",
        BrokerAct.RESTART: "None needed: the broker comes back by itself.",
    }[act]


def _impact_changes(state: BrokerState, *, stops: bool) -> tuple[Change, ...]:
    if not stops:
        return ()
    impact = state.impact
    counted = (
        ("leaders that move to other brokers", impact.leaders_moved),
        ("partitions under-replicated meanwhile", impact.under_replicated),
        ("partitions below min ISR (acks=all fails)", impact.under_min_isr),
        ("partitions offline (no reads, no writes)", impact.offline),
    )
    return tuple(Change(label, "0", str(len(names)), some(names)) for label, names in counted if names)


def _warnings(act: BrokerAct, state: BrokerState) -> tuple[str, ...]:
    if act is BrokerAct.START:
        return _start_warnings(state)
    impact = state.impact
    found = []
    if impact.quorum_lost:
        found.append(
            "The controllers lose their majority: no topic, leader or user can change until it is back."
        )
    elif impact.controller_moves:
        found.append(f"Broker {state.id} is the active controller: another takes over within seconds.")
    if impact.offline:
        found.append(f"{some(impact.offline)}: no reads and no writes until the broker is back.")
    if impact.under_min_isr:
        found.append(f"{some(impact.under_min_isr)}: producers with acks=all fail until the broker is back.")
    if act is BrokerAct.STOP:
        found.extend(state.blockers)
    return tuple(found)


def _start_warnings(state: BrokerState) -> tuple[str, ...]:
    if not state.with_it:
        return ()
    others = _all_of([each.id for each in state.with_it])
    return (
        f"A majority of the controllers does not run, and without it no broker becomes ready: {others} "
        f"{'starts' if len(state.with_it) == 1 else 'start'} with broker {state.id}.",
    )


def _refusals(act: BrokerAct, state: BrokerState) -> tuple[Refusal, ...]:
    if state.leaving and act is not BrokerAct.STOP:
        return (
            Refusal("leaving", f"Broker {state.id} is being removed", "Start the removal again: it goes on."),
        )
    if act is BrokerAct.START and state.running:
        return (
            Refusal("running", f"Broker {state.id} is {state.process} already", "There is nothing to start."),
        )
    if act is not BrokerAct.START and not state.running:
        hint = "Start it instead." if act is BrokerAct.RESTART else "There is nothing to stop."
        return (Refusal("not_running", f"Broker {state.id} is {state.process}", hint),)
    if act is BrokerAct.RESTART and state.blockers:
        return tuple(
            Refusal("unsafe", blocker, "Wait until replicas have caught up, or use the rolling restart.")
            for blocker in state.blockers
        )
    return ()


@dataclass(frozen=True, slots=True)
class Away:
    """A broker whose process does not live: the supervisor's word, and why in plain words."""

    id: int
    process: str
    why: str = ""

    def __str__(self) -> str:
        why = f" ({self.why.rstrip('.')})" if self.why else ""
        return f"Broker {self.id} is {self.process}{why}"


@dataclass(frozen=True, slots=True)
class ClusterProcesses:
    """What rolling and adding depend on. `order`: as the roll takes the brokers; `brokers`: every id in use.

    `unprotected` partitions cannot survive any restart (RF ≤ min ISR); `unjudged` says why Kafka could not be asked.
    """

    brokers: tuple[int, ...]
    order: tuple[int, ...] = ()
    down: tuple[Away, ...] = ()
    controller: int | None = None
    unprotected: tuple[str, ...] = ()
    blockers: tuple[str, ...] = ()
    unjudged: str = ""

    @property
    def digest(self) -> str:
        return state_digest({"brokers": list(self.brokers), "down": [away.id for away in self.down]})


def plan_roll(state: ClusterProcesses, *, cluster: str) -> Plan:
    restarts, starts = len(state.order) - len(state.down), len(state.down)
    first = f"Start {starts}, then restart" if starts else "Restart"
    return Plan(
        action=Action.BROKER_OPERATE,
        title=f"Rolling restart of {cluster}",
        apply_label=f"{first} {restarts} broker{'' if restarts == 1 else 's'}, one by one",
        cluster=cluster,
        steps=tuple(_roll_step(state, broker) for broker in state.order),
        risk=Risk.DISRUPTIVE,
        digest=state.digest,
        warnings=(*_roll_warnings(state), *state.blockers),
        refusals=_roll_refusals(state),
        undo="It can be cancelled between two brokers.",
        commands=("python -m broker roll",),
        request={"act": "roll"},
        api=ApiCall("POST", api_path(cluster, "brokers", "roll")),
    )


def _roll_step(state: ClusterProcesses, broker: int) -> PlanStep:
    away = next((each for each in state.down if each.id == broker), None)
    if away is not None:
        change = Change("process", away.process, "RUNNING")
        return PlanStep(StepKind.RUN, "broker", str(broker), (change,), "started first: it does not run")
    change = Change("process", "RUNNING", "RUNNING (new process)")
    last = "active controller, last of the controllers" if broker == state.controller else ""
    return PlanStep(StepKind.RUN, "broker", str(broker), (change,), last)


def _roll_warnings(state: ClusterProcesses) -> list[str]:
    found = [
        f"{away}. It is started first, and stays up afterwards; if it cannot run, the job ends there and restarts no other."
        for away in state.down
    ]
    if state.unprotected:
        found.append(
            f"{some(state.unprotected)}: replication factor at most min ISR, so they stop for a moment."
        )
    return found


def _roll_refusals(state: ClusterProcesses) -> tuple[Refusal, ...]:
    if not state.unjudged:
        return ()
    what = f"Kafka cannot be asked which broker may be restarted: {state.unjudged}"
    hint = (
        "A rolling restart needs the others to serve. Start the brokers that are down, each on its own page."
    )
    return (Refusal("unjudged", what, hint),)


def plan_add(state: ClusterProcesses, *, cluster: str, ports: str = "") -> Plan:
    new = max(state.brokers, default=0) + 1
    return Plan(
        action=Action.BROKER_OPERATE,
        title=f"Add broker {new}",
        apply_label=f"Add broker {new}",
        cluster=cluster,
        steps=(
            PlanStep(
                StepKind.CREATE,
                "broker",
                str(new),
                (
                    Change("role", None, "broker (the controllers stay the first three)"),
                    Change("storage", None, "formatted, empty"),
                    Change("certificate", None, "issued by the broker authority"),
                    Change("process", None, "RUNNING"),
                ),
            ),
        ),
        risk=Risk.REVERSIBLE,
        digest=state.digest,
        warnings=("It carries no partitions until topics are created or replicas are moved to it.",),
        undo="Remove the broker.",
        request={"act": "add"},
        api=ApiCall("POST", api_path(cluster, "brokers")),
    )
