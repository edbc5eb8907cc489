"""Plans for connectors of one Connect cluster: made, changed, operated, deleted, their offsets reset. Pure; secrets are hidden before they come here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from controlplane.core.access import Action
from controlplane.core.plans import (
    Affected,
    ApiCall,
    Change,
    Json,
    Plan,
    PlanStep,
    Refusal,
    Risk,
    StepKind,
    api_path,
    state_digest,
)
from controlplane.core.words import counted


class ConnectorAct(StrEnum):
    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"
    RESTART = "restart"
    RESTART_FAILED = "restart-failed"

    @property
    def verb(self) -> str:
        return {"restart-failed": "Restart the failed tasks of"}.get(self.value, self.value.capitalize())


@dataclass(frozen=True, slots=True)
class TopicUse:
    """A topic that the configuration names. `missing`: it does not exist, and nothing would make it."""

    name: str
    exists: bool
    writes: bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """A configuration as it was asked for, masked; `errors` are the plugin's, by setting; `rights`: which are lacking."""

    name: str
    config: Mapping[str, str]
    stored: str
    errors: Mapping[str, Sequence[str]]
    topics: tuple[TopicUse, ...] = ()
    rights: tuple[str, ...] = ()
    initial_state: str = "RUNNING"


@dataclass(frozen=True, slots=True)
class Known:
    """A connector as it is: its masked configuration, its state, what says that its secrets changed."""

    name: str
    config: Mapping[str, str]
    stored: str
    state: str
    tasks: tuple[str, ...] = ()
    kind: str = ""

    @property
    def digest(self) -> str:
        return state_digest({"name": self.name, "stored": self.stored, "state": self.state})


def plan_put(
    asked: Wanted, known: Known | None, *, cluster: str, connect: str, refusals: Iterable[Refusal] = ()
) -> Plan:
    """Makes the connector, or changes it; one diff line for each setting."""
    before = known.config if known else {}
    changes = tuple(
        Change(name, before.get(name), asked.config.get(name))
        for name in sorted({*before, *asked.config})
        if before.get(name) != asked.config.get(name)
    )
    secrets = known is not None and known.stored != asked.stored and not changes
    if secrets:
        changes = (Change("secrets", "as stored", "changed"),)
    found = [*refusals, *_errors(asked)]
    if known is not None and not changes:
        found.append(Refusal("nothing", f"{asked.name} has these settings already", "Change one."))
    verb = "Change" if known else "Make"
    # Secrets never stand in a plan, so neither does a request that could be sent again with them.
    call = ApiCall(
        "PUT", api_path(cluster, "connect", connect, "connectors", asked.name), {"config": dict(asked.config)}
    )
    return Plan(
        action=Action.CONNECTOR_EDIT,
        title=f"{verb} connector {asked.name}",
        apply_label=f"{verb} {asked.name}",
        cluster=cluster,
        steps=(PlanStep(StepKind.ALTER if known else StepKind.CREATE, "connector", asked.name, changes),),
        risk=Risk.DISRUPTIVE if known else Risk.REVERSIBLE,
        digest=state_digest(
            {"known": known.digest if known else None, "stored": asked.stored, "state": asked.initial_state}
        ),
        warnings=_warnings(asked, known),
        refusals=tuple(found),
        affected=tuple(
            Affected("topic", use.name, note="is written to" if use.writes else "is read")
            for use in asked.topics
        ),
        undo="Change it back: what was, but for secrets, is in the operation."
        if known
        else "Delete the connector.",
        request={"name": asked.name},
        api=call,
    )


def _errors(asked: Wanted) -> Iterable[Refusal]:
    for setting, said in asked.errors.items():
        for text in said:
            yield Refusal(f"config_{setting}", f"{setting}: {text}", "As the plugin says it.")


def _warnings(asked: Wanted, known: Known | None) -> tuple[str, ...]:
    found = []
    if known is not None:
        found.append("Its tasks restart with the new settings.")
    absent = [use.name for use in asked.topics if not use.exists]
    if absent and not makes_topics(asked.config):
        found.append(
            f"{', '.join(absent)} {'does' if len(absent) == 1 else 'do'} not exist, and brokers make no topic by themselves: "
            "create it, or set topic.creation.default.replication.factor and topic.creation.default.partitions."
        )
    found += [f"{right}: give it under ACLs first, or tasks fail." for right in asked.rights]
    return tuple(found)


def makes_topics(config: Mapping[str, str]) -> bool:
    return {"topic.creation.default.replication.factor", "topic.creation.default.partitions"} <= set(config)


_AFTER = {
    ConnectorAct.PAUSE: "PAUSED",
    ConnectorAct.RESUME: "RUNNING",
    ConnectorAct.STOP: "STOPPED",
    ConnectorAct.RESTART: "restarted",
    ConnectorAct.RESTART_FAILED: "restarted",
}


def plan_act(act: ConnectorAct, known: Known, *, cluster: str, connect: str) -> Plan:
    failed = [index for index, state in enumerate(known.tasks) if state == "FAILED"]
    refusals = []
    if act is ConnectorAct.RESTART_FAILED and not failed and known.state != "FAILED":
        refusals.append(
            Refusal("nothing", f"Nothing of {known.name} has failed", "Restart it whole if you must.")
        )
    if act is not ConnectorAct.RESTART_FAILED and known.state == _AFTER[act]:
        refusals.append(
            Refusal("nothing", f"{known.name} is {known.state.lower()} already", "There is nothing to do.")
        )
    stops = act in (ConnectorAct.PAUSE, ConnectorAct.STOP)
    return Plan(
        action=Action.CONNECTOR_OPERATE,
        title=f"{act.verb} {known.name}",
        apply_label=f"{act.verb} {known.name}",
        cluster=cluster,
        steps=(PlanStep(StepKind.RUN, "connector", known.name, _act_changes(act, known, failed)),),
        risk=Risk.DISRUPTIVE if stops or act is ConnectorAct.RESTART else Risk.REVERSIBLE,
        digest=state_digest({"act": act.value, "known": known.digest, "tasks": list(known.tasks)}),
        warnings=("Nothing is copied until it is resumed.",) if stops else (),
        refusals=tuple(refusals),
        undo="Resume the connector." if stops else "None needed.",
        request={"act": act.value},
        api=ApiCall(
            "POST", api_path(cluster, "connect", connect, "connectors", known.name, "act"), {"act": act.value}
        ),
    )


def _act_changes(act: ConnectorAct, known: Known, failed: Sequence[int]) -> tuple[Change, ...]:
    """Of what failed each by itself: a connector that runs is not restarted with its tasks."""
    state = Change("state", known.state, _AFTER[act])
    if act is ConnectorAct.STOP:
        return (state, Change("tasks", counted(len(known.tasks), "task"), "none"))
    if act is ConnectorAct.RESTART_FAILED:
        own = (state,) if known.state == "FAILED" else ()
        return (*own, *(Change(f"task {task}", "FAILED", _AFTER[act]) for task in failed))
    return (state,)


def plan_delete(known: Known, *, cluster: str, connect: str) -> Plan:
    return Plan(
        action=Action.CONNECTOR_EDIT,
        title=f"Delete connector {known.name}",
        apply_label=f"Delete {known.name}",
        cluster=cluster,
        steps=(PlanStep(StepKind.DELETE, "connector", known.name, (Change("state", known.state, None),)),),
        risk=Risk.DESTRUCTIVE,
        digest=state_digest({"delete": known.digest}),
        warnings=("Its offsets stay: a connector of this name that is made again goes on where it was.",),
        undo="Make it again: its settings, but for secrets, are in the operation.",
        confirm_name=known.name,
        request={"name": known.name},
        api=ApiCall("DELETE", api_path(cluster, "connect", connect, "connectors", known.name)),
    )


def plan_reset_offsets(
    known: Known, entries: Sequence[tuple[str, str]], *, cluster: str, connect: str
) -> Plan:
    """`entries`: where it stands, in words. Only of a stopped connector (KIP-875)."""
    refusals = []
    if known.state != "STOPPED":
        refusals.append(Refusal("not_stopped", f"{known.name} is {known.state.lower()}", "Stop it first."))
    if not entries:
        refusals.append(Refusal("nothing", f"{known.name} has no offsets", "There is nothing to forget."))
    again = (
        "copies everything again: records come twice"
        if known.kind == "source"
        else "reads its topics from the beginning"
    )
    body: dict[str, Json] = {}
    return Plan(
        action=Action.CONNECTOR_EDIT,
        title=f"Forget the offsets of {known.name}",
        apply_label=f"Forget the offsets of {known.name}",
        cluster=cluster,
        steps=(
            PlanStep(
                StepKind.DELETE,
                "offsets",
                known.name,
                tuple(Change(where, what, None) for where, what in entries),
            ),
        ),
        risk=Risk.DESTRUCTIVE,
        digest=state_digest({"reset": known.digest, "entries": [list(each) for each in entries]}),
        warnings=(f"Resumed, it {again}.",),
        refusals=tuple(refusals),
        undo="The offsets before are in the operation; the API can set them while the connector is stopped.",
        confirm_name=known.name,
        request=body,
        api=ApiCall("DELETE", api_path(cluster, "connect", connect, "connectors", known.name, "offsets")),
    )
