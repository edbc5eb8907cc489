"""Plans for the Connect worker beside a cluster: start, stop, restart, remove. Pure.

The worker is a client of its cluster. Beside a bundled one its start also makes the rights that it lacks, and
removing it takes all rights of its principals away; an external one it enters by the way that was registered. What connectors do meanwhile is said by name.
"""

from __future__ import annotations

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
from controlplane.core.words import byte_size, counted, some


class WorkerAct(StrEnum):
    START = "start"
    STOP = "stop"
    RESTART = "restart"
    REMOVE = "remove"

    @property
    def verb(self) -> str:
        return self.value.capitalize()


@dataclass(frozen=True, slots=True)
class WorkerState:
    """`process`: the supervisor's word, None where no worker was ever made. `connectors`: their names, None while nobody
    answers. `missing_bytes`: what a start downloads first; 0 where nobody asked. `internal_topics` hold everything it knows.
    `principal`: as whom connectors act, `own_principal` the worker itself. `outside`: its cluster is external; the first is
    then empty where the registration names nobody, and the second always. `to_stop`: connectors that would run, where a start
    is to stop them first."""

    name: str
    url: str
    principal: str
    heap_mb: int
    exactly_once: bool = False
    process: str | None = None
    alive: bool = False
    connectors: tuple[str, ...] | None = None
    missing_bytes: int = 0
    internal_topics: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    outside: bool = False
    own_principal: str = ""
    to_stop: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        return state_digest(
            {
                "process": self.process is not None,
                "alive": self.alive,
                "connectors": None if self.connectors is None else sorted(self.connectors),
                "exactly_once": self.exactly_once,
                "to_stop": list(self.to_stop),
            }
        )


@dataclass(frozen=True, slots=True)
class WorkerRequest:
    """`exactly_once`: source connectors write in transactions from the next start on; None leaves it as it is.
    `connectors_stopped`: it starts with all of them stopped, where one of them may be what ends it."""

    act: WorkerAct
    exactly_once: bool | None = None
    connectors_stopped: bool = False

    @property
    def options(self) -> dict[str, Json]:
        stopped: dict[str, Json] = {"connectors_stopped": True} if self.connectors_stopped else {}
        return {"exactly_once": self.exactly_once, **stopped}


def plan_act(asked: WorkerRequest, state: WorkerState, rights: Plan | None, *, cluster: str) -> Plan:
    """`rights`: the plan of the ACLs that the start makes, or the removal takes away; None where there are none."""
    act = asked.act
    own = PlanStep(_KINDS[act], "connect worker", state.name, _changes(asked, state))
    granted = rights.steps if rights else ()
    return Plan(
        action=Action.WORKER_OPERATE,
        title=f"{act.verb} the Connect worker of {cluster}",
        apply_label=f"{act.verb} {state.name}",
        cluster=cluster,
        # Rights first where it starts, last where it goes.
        steps=(own, *granted) if act is WorkerAct.REMOVE else (*granted, own),
        risk=_RISKS[act],
        digest=state_digest(
            {"state": state.digest, "rights": rights.digest if rights else "", "act": act.value}
        ),
        warnings=(*_warnings(asked, state), *(rights.warnings if rights else ())),
        refusals=(*_refusals(act, state), *_of_stopping(asked), *(rights.refusals if rights else ())),
        affected=_affected(act, state),
        undo=_UNDO[act],
        confirm_name=state.name if act is WorkerAct.REMOVE else None,
        request={"act": act.value, **asked.options},
        api=ApiCall("POST", api_path(cluster, "connect-worker"), _body(asked)),
    )


_AFTER = {WorkerAct.START: "RUNNING", WorkerAct.STOP: "STOPPED", WorkerAct.RESTART: "restarted"}
_KINDS = {
    WorkerAct.START: StepKind.RUN,
    WorkerAct.STOP: StepKind.RUN,
    WorkerAct.RESTART: StepKind.RUN,
    WorkerAct.REMOVE: StepKind.DELETE,
}
_RISKS = {
    WorkerAct.START: Risk.REVERSIBLE,
    WorkerAct.STOP: Risk.DISRUPTIVE,
    WorkerAct.RESTART: Risk.DISRUPTIVE,
    WorkerAct.REMOVE: Risk.DESTRUCTIVE,
}
_UNDO = {
    WorkerAct.START: "Stop the worker, or remove it with its rights.",
    WorkerAct.STOP: "Start the worker: its connectors go on where they stopped.",
    WorkerAct.RESTART: "None needed: connectors go on where they stopped.",
    WorkerAct.REMOVE: "None for its plugins and credentials. A new worker reads the same topics, so it finds what they hold.",
}


_OUTSIDE = (
    "Its connectors act on the cluster as the user that was registered: with all rights that Kastellan itself has there.",
    "That user has to be allowed to make, read and write the worker's topics and to join its group; rights are given there.",
)


def _body(asked: WorkerRequest) -> dict[str, Json]:
    given = {name: value for name, value in asked.options.items() if value is not None}
    return {"act": asked.act.value, **given}


def _changes(asked: WorkerRequest, state: WorkerState) -> tuple[Change, ...]:
    before = state.process
    if asked.act is WorkerAct.REMOVE:
        return (Change("process", before, None), Change("keys, plugins, credentials", "there", None))
    changes = [Change("process", before, _AFTER[asked.act])]
    if before is None:
        changes += [
            Change("REST API", None, state.url, "on this machine only, with a password that Kastellan keeps"),
            *_principals(state),
            Change("memory", None, f"heap of up to {state.heap_mb} MB"),
        ]
    if asked.connectors_stopped:
        changes.append(
            Change("connectors that run", str(len(state.to_stop)), "0", "stopped before the worker starts")
        )
    if state.missing_bytes and asked.act is WorkerAct.START:
        changes.append(Change("download", None, byte_size(state.missing_bytes), "locked by SHA-256, once"))
    if asked.exactly_once is not None and asked.exactly_once != state.exactly_once:
        changes.append(
            Change("exactly.once.source.support", _enabled(state.exactly_once), _enabled(asked.exactly_once))
        )
    return tuple(changes)


def _principals(state: WorkerState) -> tuple[Change, ...]:
    if state.outside:
        who = state.principal or "as registered"
        return (Change("principal", None, who, "logs in as Kastellan does there"),)
    return (
        Change("principal", None, state.own_principal, "logs in by a certificate of its own"),
        Change("principal of connectors", None, state.principal, "has nothing of the worker's own topics"),
    )


def _enabled(value: bool) -> str:
    return "enabled" if value else "disabled"


def _warnings(asked: WorkerRequest, state: WorkerState) -> tuple[str, ...]:
    if asked.act is WorkerAct.START and asked.connectors_stopped:
        return (
            "They stay stopped until somebody resumes each; flows until somebody resumes them on their pages. "
            "Delete or mend first what ended the worker.",
        )
    if asked.act is WorkerAct.START:
        return (*state.notes, *(_OUTSIDE if state.outside else ())) if state.process is None else ()
    if asked.act is WorkerAct.REMOVE:
        topics = ", ".join(state.internal_topics)
        kept = f"The topics {topics} stay: delete them by hand where no other worker is to find them."
        unknown = "Nobody could be asked for its connectors, since the worker does not run: a new worker would run them."
        return (kept, *(() if state.connectors is not None else (unknown,)))
    if not state.connectors:
        return ()
    last = "until it is started again" if asked.act is WorkerAct.STOP else "for about ten seconds"
    return (f"{counted(len(state.connectors), 'connector')} copy nothing {last}.",)


def _refusals(act: WorkerAct, state: WorkerState) -> tuple[Refusal, ...]:
    if state.process is None and act is not WorkerAct.START:
        return (Refusal("no_worker", "This cluster has no Connect worker", "Start one first."),)
    if act is WorkerAct.START and state.alive:
        return (Refusal("running", f"{state.name} runs already", "Restart it instead."),)
    if act in (WorkerAct.STOP, WorkerAct.RESTART) and not state.alive:
        return (Refusal("stopped", f"{state.name} does not run", "Start it instead."),)
    if act is WorkerAct.REMOVE and state.connectors:
        return (
            Refusal(
                "connectors",
                f"It has {counted(len(state.connectors), 'connector')}: {some(state.connectors)}",
                "Delete them first: nobody would run them, and nobody could see them.",
            ),
        )
    return ()


def _of_stopping(asked: WorkerRequest) -> tuple[Refusal, ...]:
    if not asked.connectors_stopped or asked.act is WorkerAct.START:
        return ()
    return (
        Refusal(
            "connectors_stopped",
            "Connectors are stopped before a start, of a worker that does not run",
            "Stop the worker first. While it runs, stop connectors one by one.",
        ),
    )


def _affected(act: WorkerAct, state: WorkerState) -> tuple[Affected, ...]:
    names = state.to_stop if act is WorkerAct.START else state.connectors
    return tuple(Affected("connector", name) for name in names or ())
