"""Plans for whole bundled clusters: made, started, stopped, removed. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
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

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
MOST_BROKERS = 5
FIRST = "main"


class WholeAct(StrEnum):
    START = "start"
    STOP = "stop"
    REMOVE = "remove"

    @property
    def verb(self) -> str:
        return self.value.capitalize()


@dataclass(frozen=True, slots=True)
class NewCluster:
    name: str
    title: str
    brokers: int = 1
    colour: str = ""


@dataclass(frozen=True, slots=True)
class Room:
    """What this machine has, in MB, and what one broker takes. None: nobody could tell."""

    memory_mb: int | None
    disk_mb: int | None
    memory_each_mb: int
    disk_each_mb: int


@dataclass(frozen=True, slots=True)
class Whole:
    """A bundled cluster as it is: which of its brokers are alive, what else hangs on it."""

    name: str
    brokers: int
    alive: int
    topics: int = 0
    groups: int = 0
    worker: bool = False
    needed_by: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        return state_digest(
            {
                "cluster": self.name,
                "brokers": self.brokers,
                "alive": self.alive,
                "topics": self.topics,
                "worker": self.worker,
                "needed_by": list(self.needed_by),
            }
        )


def plan_create(
    asked: NewCluster, ports: str, notes: Sequence[str], room: Room, taken: Iterable[str]
) -> Plan:
    changes = (
        Change("title", None, asked.title or asked.name),
        Change(
            "brokers",
            None,
            str(asked.brokers),
            "three and more survive the loss of one" if asked.brokers < 3 else "",
        ),
        Change("ports", None, ports, "on this machine only; fixed from then on"),
        Change("memory", None, f"about {asked.brokers * room.memory_each_mb} MB"),
        Change("authorities", None, "two of its own", "one for brokers, one for clients"),
        Change("files for your tools", None, f"data/clients/{asked.name}/admin"),
    )
    body: dict[str, Json] = {
        "name": asked.name,
        "title": asked.title,
        "brokers": asked.brokers,
        "colour": asked.colour,
    }
    return Plan(
        action=Action.CLUSTER_MANAGE,
        title=f"Make the bundled cluster {asked.name}",
        apply_label=f"Make {asked.name}",
        cluster=asked.name,
        steps=(PlanStep(StepKind.CREATE, "cluster", asked.name, changes),),
        risk=Risk.REVERSIBLE,
        digest=state_digest({"new": body, "ports": ports}),
        warnings=tuple(notes),
        refusals=tuple(_refusals(asked, room, set(taken))),
        undo="Remove the cluster: its data is deleted or set aside.",
        request=body,
        api=ApiCall("POST", "bundled-clusters/", body),
    )


def _refusals(asked: NewCluster, room: Room, taken: set[str]) -> Iterable[Refusal]:
    if not NAME.fullmatch(asked.name):
        yield Refusal(
            "name", f"{asked.name!r} is no name for a cluster", "Small letters, digits and -, at most 40."
        )
    elif asked.name in taken:
        yield Refusal("name_taken", f"There is a cluster {asked.name}", "Take another name.")
    if not 1 <= asked.brokers <= MOST_BROKERS:
        yield Refusal(
            "brokers", f"A cluster is made with 1 to {MOST_BROKERS} brokers here", "More can be added later."
        )
        return
    for what, free, each in (
        ("memory", room.memory_mb, room.memory_each_mb),
        ("disk", room.disk_mb, room.disk_each_mb),
    ):
        if free is not None and free < asked.brokers * each:
            yield Refusal(
                f"brokers_{what}",
                f"{counted(asked.brokers, 'broker')} take about {asked.brokers * each} MB of {what}; {free} MB are free",
                "Make fewer brokers, or free some.",
            )


def plan_whole(act: WholeAct, state: Whole, *, delete_data: bool = False) -> Plan:
    before, after = f"{state.alive} of {state.brokers} brokers run", _AFTER[act]
    changes = [Change("processes", before, after)]
    if act is WholeAct.REMOVE:
        changes += [
            Change(
                "data",
                counted(state.topics, "topic"),
                "deleted" if delete_data else "set aside in data/removed",
            ),
            Change("authorities, users, ACLs", "there", None),
        ]
    return Plan(
        action=Action.CLUSTER_MANAGE,
        title=f"{act.verb} the cluster {state.name}",
        apply_label=f"{act.verb} {state.name}",
        cluster=state.name,
        steps=(PlanStep(_KINDS[act], "cluster", state.name, tuple(changes)),),
        risk=_RISKS[act],
        digest=state_digest({"act": act.value, "state": state.digest, "delete": delete_data}),
        warnings=_warnings(act, state, delete_data=delete_data),
        refusals=tuple(_whole_refusals(act, state)),
        affected=tuple(Affected("flow", name) for name in state.needed_by),
        undo=_UNDO[act] if not delete_data else "None: the records are gone.",
        confirm_name=None if act is WholeAct.START else state.name,
        request={"act": act.value, "delete_data": delete_data},
        api=ApiCall("POST", api_path(state.name, "bundled"), {"act": act.value, "delete_data": delete_data}),
    )


_AFTER = {WholeAct.START: "all run", WholeAct.STOP: "none runs", WholeAct.REMOVE: None}
_KINDS = {WholeAct.START: StepKind.RUN, WholeAct.STOP: StepKind.RUN, WholeAct.REMOVE: StepKind.DELETE}
_RISKS = {WholeAct.START: Risk.REVERSIBLE, WholeAct.STOP: Risk.DESTRUCTIVE, WholeAct.REMOVE: Risk.DESTRUCTIVE}
_UNDO = {
    WholeAct.START: "Stop the cluster again.",
    WholeAct.STOP: "Start the cluster: it comes back with all its records.",
    WholeAct.REMOVE: "Move the directory back below data/clusters and `./run up`; roles and history are not brought back.",
}


def _warnings(act: WholeAct, state: Whole, *, delete_data: bool) -> tuple[str, ...]:
    if act is WholeAct.START:
        return ()
    found = [f"Every client of {state.name} loses its cluster: nothing can be read or written."]
    if state.worker:
        found.append("Its Connect worker stops with it.")
    if act is WholeAct.STOP:
        found.append("It stays stopped, also after `./run up`, until it is started here.")
    elif delete_data:
        found.append(
            f"{counted(state.topics, 'topic')} and {counted(state.groups, 'consumer group')} are deleted for good."
        )
    return tuple(found)


def _whole_refusals(act: WholeAct, state: Whole) -> Iterable[Refusal]:
    if act is WholeAct.START and state.alive == state.brokers:
        yield Refusal("running", f"All brokers of {state.name} run", "There is nothing to start.")
    if act is WholeAct.STOP and not state.alive:
        yield Refusal("stopped", f"No broker of {state.name} runs", "There is nothing to stop.")
    if act is WholeAct.REMOVE and state.name == FIRST:
        yield Refusal(
            "first", f"{FIRST} is the cluster of this installation", "`./run reset` deletes everything."
        )
    if act is WholeAct.REMOVE and state.needed_by:
        yield Refusal("needed", f"It is needed by {', '.join(state.needed_by)}", "Delete those first.")
