"""What a flow may lose at most (its RPO), against what it would lose now; and the plan that changes it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from controlplane.core.access import Action
from controlplane.core.plans import (
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
from controlplane.core.words import counted, duration
from controlplane.replication.logic.flows import FlowRequest
from controlplane.replication.logic.progress import Totals


class Verdict(StrEnum):
    MET = "met"
    MISSED = "missed"
    UNKNOWN = "unknown"

    @property
    def tone(self) -> str:
        return {"met": "ok", "missed": "critical"}.get(self.value, "unknown")


@dataclass(frozen=True, slots=True)
class Compared:
    verdict: Verdict
    text: str


def compared(asked: FlowRequest, totals: Totals, *, known: bool) -> tuple[Compared, ...]:
    """One for each objective that is set. `known`: both sides said how far they are."""
    records = (totals.records if totals.partitions else 0) if known else None
    seconds = 0.0 if records == 0 else totals.seconds if known else None
    found = []
    if asked.rpo_s is not None:
        now = None if seconds is None else duration(seconds)
        found.append(_compared(duration(asked.rpo_s), now, _verdict(asked.rpo_s, seconds)))
    if asked.rpo_records is not None:
        said = None if records is None else counted(records, "record")
        most = counted(asked.rpo_records, "record")
        found.append(_compared(most, said, _verdict(asked.rpo_records, records)))
    return tuple(found)


def _verdict(most: float, now: float | None) -> Verdict:
    if now is None:
        return Verdict.UNKNOWN
    return Verdict.MISSED if now > most else Verdict.MET


def _compared(most: str, now: str | None, verdict: Verdict) -> Compared:
    if now is None:
        return Compared(verdict, f"At most {most} may be lost. How much it would be now is not known.")
    more = ": more than that" if verdict is Verdict.MISSED else ""
    return Compared(verdict, f"At most {most} may be lost. If the source went now, it would be {now}{more}.")


def plan_objective(asked: FlowRequest, rpo_s: int | None, rpo_records: int | None) -> Plan:
    wanted = replace(asked, rpo_s=rpo_s, rpo_records=rpo_records)
    body: dict[str, Json] = {"rpo_s": rpo_s, "rpo_records": rpo_records}
    changes = tuple(
        change for change in of_objective(wanted, before=asked, every=True) if change.before != change.after
    )
    same = Refusal("same", "That is the objective already", "Give another one, or leave it.")
    return Plan(
        action=Action.FLOW_EDIT,
        title=f"Change what {asked.name} may lose",
        apply_label="Change objective",
        cluster=asked.target,
        also=asked.source,
        steps=(PlanStep(StepKind.ALTER, "flow", asked.name, changes),) if changes else (),
        risk=Risk.REVERSIBLE,
        digest=state_digest({"rpo": [asked.rpo_s, asked.rpo_records]}),
        refusals=() if changes else (same,),
        undo="Change it back: nothing but what is compared and alerted on depends on it.",
        request=body,
        api=ApiCall("PATCH", api_path(asked.target, "flows", asked.source), body),
    )


def of_objective(
    asked: FlowRequest, before: FlowRequest | None = None, *, every: bool = False
) -> tuple[Change, ...]:
    """`every`: also what is not set."""
    rows = (
        ("may lose, in time", before.rpo_s if before else None, asked.rpo_s, duration),
        ("may lose, in records", before.rpo_records if before else None, asked.rpo_records, _records),
    )
    return tuple(
        Change(name, None if old is None else words(old), None if new is None else words(new))
        for name, old, new, words in rows
        if every or new is not None
    )


def _records(count: float) -> str:
    return counted(int(count), "record")
