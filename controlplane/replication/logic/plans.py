"""The plan of a flow made, paused, resumed or deleted: its own steps and those of its parts, as one reviewed act. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from controlplane.core.access import Action
from controlplane.core.plans import (
    Affected,
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
from controlplane.core.words import byte_size, counted, some
from controlplane.replication.logic.flows import FlowRequest, Policy, to_json
from controlplane.replication.logic.objectives import of_objective

SHOWN = 20


class FlowAct(StrEnum):
    PAUSE = "pause"
    RESUME = "resume"
    RESTART = "restart"

    @property
    def verb(self) -> str:
        return self.value.capitalize()


@dataclass(frozen=True, slots=True)
class Copied:
    """A topic of the source that the flow will copy. `size_bytes`: all replicas; None unknown."""

    topic: str
    partitions: int
    size_bytes: int | None
    taken: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """The plan of one of the parts, and the cluster that it is about."""

    cluster: str
    plan: Plan

    @property
    def steps(self) -> tuple[PlanStep, ...]:
        return tuple(replace(step, name=f"{step.name} on {self.cluster}") for step in self.plan.steps)


@dataclass(frozen=True, slots=True)
class FlowState:
    """What a new flow finds. `worker`: beside the target, empty where none runs; `starting`: soon. `users`, `quotas`: of the source, by name,
    that the target does not have: MirrorMaker copies neither. `outside`: the target is an external cluster.
    `mends`: the flow is there, connectors of it are gone. `looked`: whether the source was asked for topics and groups."""

    worker: str
    worker_exactly_once: bool = False
    starting: bool = False
    outside: bool = False
    begun: bool = False
    mends: bool = False
    copied: tuple[Copied, ...] = ()
    groups: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    quotas: tuple[str, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    looked: bool = False


def plan_create(
    asked: FlowRequest,
    state: FlowState,
    parts: Sequence[Part],
    connectors: Mapping[str, Mapping[str, str]],
) -> Plan:
    flow = PlanStep(StepKind.CREATE, "flow", asked.name, _summary(asked, state))
    body = {name: value for name, value in to_json(asked).items() if name != "target"}
    return Plan(
        action=Action.FLOW_EDIT,
        title=f"Replicate {asked.source} to {asked.target}",
        apply_label=f"Start {asked.name}",
        cluster=asked.target,
        also=asked.source,
        steps=(flow, *(step for part in parts for step in part.steps), *_connectors(connectors)),
        risk=Risk.REVERSIBLE,
        digest=state_digest(
            {
                "parts": [part.plan.digest for part in parts],
                "begun": state.begun,
                "mends": state.mends,
                "copied": [each.topic for each in state.copied],
                "worker": state.worker,
            }
        ),
        warnings=tuple(
            dict.fromkeys((*_warnings(asked, state), *(w for part in parts for w in part.plan.warnings)))
        ),
        refusals=(*_refusals(asked, state), *(r for part in parts for r in part.plan.refusals)),
        affected=tuple(
            Affected("topic", each.topic, note=f"copied as {asked.copy_of(each.topic)}")
            for each in state.copied[:SHOWN]
        ),
        undo="Delete the flow: its connectors, its user and rights. Copies stay in the target.",
        request=to_json(asked),
        api=ApiCall("POST", api_path(asked.target, "flows"), body),
    )


def _connectors(configs: Mapping[str, Mapping[str, str]]) -> tuple[PlanStep, ...]:
    """Each with what is its own; what all of them are told is shown once."""
    if not configs:
        return ()
    shared = dict(set.intersection(*(set(config.items()) for config in configs.values())))
    return (
        PlanStep(StepKind.CREATE, "settings", "that all three connectors have", _settings(shared)),
        *(
            PlanStep(
                StepKind.CREATE,
                "connector",
                name,
                _settings({key: value for key, value in config.items() if key not in shared}),
            )
            for name, config in configs.items()
        ),
    )


def _settings(config: Mapping[str, str]) -> tuple[Change, ...]:
    return tuple(Change(name, None, value) for name, value in sorted(config.items()))


def _summary(asked: FlowRequest, state: FlowState) -> tuple[Change, ...]:
    size = sum(each.size_bytes or 0 for each in state.copied)
    shape = f"{asked.source}.orders" if asked.policy is Policy.PREFIX else "orders"
    changes = [
        Change(
            "topics",
            None,
            ", ".join(asked.topics),
            _now(len(state.copied), "topic", size) if state.looked else "",
        ),
        Change(
            "groups",
            None,
            ", ".join(asked.groups),
            f"now {counted(len(state.groups), 'group')}" if state.looked else "",
        ),
        Change("names of copies", None, asked.policy.value, f"orders becomes {shape}"),
        Change(
            "offsets of groups", None, "committed in the target" if asked.sync_offsets else "translated only"
        ),
        Change("settings of topics", None, "followed" if asked.sync_configs else "left alone"),
        Change("ACLs of topics", None, "followed" if asked.sync_acls else "left alone"),
    ]
    if asked.exactly_once:
        changes.append(Change("exactly once", None, "records and positions in one transaction"))
    return (*changes, *of_objective(asked))


def _now(count: int, noun: str, size: int) -> str:
    return f"now {counted(count, noun)}, {byte_size(size)} with all replicas"


def _refusals(asked: FlowRequest, state: FlowState) -> tuple[Refusal, ...]:
    found = list(state.refusals)
    if not state.worker and state.starting:
        found.append(
            Refusal(
                "worker_starts",
                f"The Connect worker beside {asked.target} is starting",
                "Plan it again in some seconds.",
            )
        )
    elif not state.worker:
        found.append(
            Refusal(
                "no_worker",
                f"No Connect worker runs beside {asked.target}",
                f"Start one first: Connect worker on {asked.target}.",
            )
        )
    elif asked.exactly_once and not state.worker_exactly_once:
        found.append(
            Refusal(
                "not_exactly_once",
                f"The worker beside {asked.target} does not write exactly once",
                "Stop it and start it with that choice, or leave it out here.",
            )
        )
    return tuple(found)


def _warnings(asked: FlowRequest, state: FlowState) -> tuple[str, ...]:
    found = []
    if state.mends:
        found.append(
            f"{asked.name} is there, but not all of its connectors: those that are gone are made and go on where they were, the "
            "others are restarted."
        )
    taken = [each.topic for each in state.copied if each.taken]
    if taken:
        found.append(
            f"{asked.target} has {some([asked.copy_of(topic) for topic in taken])} already: what is copied is added to them."
        )
    if state.looked and not state.copied:
        found.append(f"No topic of {asked.source} fits now. New ones are found every {asked.refresh_s} s.")
    for kind, names in (("SCRAM user", state.users), ("quota", state.quotas)):
        if names:
            found.append(
                f"{asked.target} lacks {counted(len(names), kind)} of {asked.source}: {some(names)}. MirrorMaker copies none; "
                "clients that move there need them. A flow makes them with itself when asked to."
            )
    if state.outside:
        copies = f"{asked.source}.*" if asked.policy is Policy.PREFIX else "the copies"
        found.append(
            f"The worker enters {asked.target} as Kastellan does. That user has to be allowed there to make and write {copies} and "
            "MirrorMaker's own topics, and to commit offsets of the groups."
        )
    if asked.copy_users:
        found.append(
            f"Users that are made in {asked.target} get new passwords, shown once: Kafka tells nobody those of {asked.source}."
        )
    if asked.policy is Policy.IDENTITY:
        found.append(
            "Copies keep their names: nothing tells them from originals, and while this flow is there none can copy back."
        )
    return tuple(found)


def plan_act(act: FlowAct, asked: FlowRequest, states: Mapping[str, str], moved_at: str = "") -> Plan:
    """`states`: of its connectors, by name; `moved_at`: since when clients are in the target, by a failover."""
    after = {FlowAct.PAUSE: "PAUSED", FlowAct.RESUME: "RUNNING", FlowAct.RESTART: "RUNNING (restarted)"}[act]
    paused = act is FlowAct.PAUSE
    mixes = moved_at if act is FlowAct.RESUME and asked.policy is Policy.IDENTITY else ""
    warnings = []
    if paused:
        warnings.append(
            "Nothing is copied until it is resumed; what the source deletes meanwhile is never copied."
        )
    if mixes:
        warnings.append(
            f"A failover moved clients to {asked.target} at {moved_at[:19]}Z: what is still written in {asked.source} would mix "
            "with what they wrote. The way home is the runbook of the flow back."
        )
    return Plan(
        action=Action.FLOW_OPERATE,
        title=f"{act.verb} {asked.name}",
        apply_label=f"{act.verb} {asked.name}",
        cluster=asked.target,
        also=asked.source,
        steps=tuple(
            PlanStep(StepKind.RUN, "connector", name, (Change("state", state, after),))
            for name, state in states.items()
        ),
        risk=Risk.DISRUPTIVE if paused or mixes else Risk.REVERSIBLE,
        digest=state_digest({"act": act.value, "states": dict(states), "moved": moved_at}),
        warnings=tuple(warnings),
        undo="Resume the flow." if paused else "Pause the flow.",
        request={"act": act.value},
        api=ApiCall("POST", api_path(asked.target, "flows", asked.source, "act"), {"act": act.value}),
    )


def plan_compare(asked: FlowRequest, topics: Sequence[str], window: int) -> Plan:
    """`window`: so many records of each partition are looked for."""
    what = Change(
        "records", None, f"the newest {window:,} of each partition, by key, value, headers and time"
    )
    return Plan(
        action=Action.FLOW_OPERATE,
        title=f"Compare both sides of {asked.name}",
        apply_label="Compare",
        cluster=asked.target,
        also=asked.source,
        steps=(PlanStep(StepKind.RUN, "comparison", counted(len(topics), "topic"), (what,)),),
        risk=Risk.REVERSIBLE,
        digest=state_digest({"topics": list(topics)}),
        affected=tuple(Affected("topic", topic, note="read on both sides") for topic in topics[:SHOWN]),
        undo="None needed: it only reads.",
        request={"flow": asked.name},
        api=ApiCall("POST", api_path(asked.target, "flows", asked.source, "compare")),
    )


def plan_delete(
    asked: FlowRequest, states: Mapping[str, str], parts: Sequence[Part], left: Sequence[str] = ()
) -> Plan:
    """`left`: what failovers have changed and what stays so."""
    own = [
        PlanStep(StepKind.DELETE, "connector", name, (Change("state", word, None),))
        for name, word in states.items()
    ]
    flow = PlanStep(StepKind.DELETE, "flow", asked.name, ())
    return Plan(
        action=Action.FLOW_EDIT,
        title=f"Delete the flow {asked.name}",
        apply_label=f"Delete {asked.name}",
        cluster=asked.target,
        also=asked.source,
        steps=(*own, *(step for part in parts for step in part.steps), flow),
        risk=Risk.DESTRUCTIVE,
        digest=state_digest({"states": dict(states), "parts": [part.plan.digest for part in parts]}),
        warnings=(
            f"The copies in {asked.target} stay, and get nothing new. A flow that is made again goes on where this one was.",
            *left,
            *(w for part in parts for w in part.plan.warnings),
        ),
        refusals=tuple(r for part in parts for r in part.plan.refusals),
        undo="Make the flow again.",
        confirm_name=asked.name,
        request={"flow": asked.name},
        api=ApiCall("DELETE", api_path(asked.target, "flows", asked.source)),
    )
