"""What each change to rules, silences, receivers and routes will do, as plans. Pure.

An object is its document: the JSON that the API shows of it. The digest is of the document before the change, so it is
the object's tag as well.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from controlplane.core.access import Action
from controlplane.core.plans import (
    Affected,
    Change,
    Json,
    Plan,
    PlanStep,
    Refusal,
    Risk,
    StepKind,
    state_digest,
)

Document = Mapping[str, Json]
NOTHING: Document = {}


@dataclass(frozen=True, slots=True)
class Subject:
    """`kind` in words: alert rule, silence, receiver."""

    action: Action
    kind: str
    name: str
    cluster: str = ""

    def digest(self, document: Document) -> str:
        return state_digest({"kind": self.kind, "document": dict(document)})


def plan_create(
    subject: Subject,
    after: Document,
    *,
    affected: Iterable[Affected] = (),
    warnings: Iterable[str] = (),
    refusals: Iterable[Refusal] = (),
) -> Plan:
    step = PlanStep(StepKind.CREATE, subject.kind, subject.name, changes(NOTHING, after))
    return _plan(
        subject, f"Create {subject.kind} {subject.name}", step, {"new": subject.name},
        affected=affected, warnings=warnings, refusals=refusals, undo=f"Delete the {subject.kind}.",
    )  # fmt: skip


def plan_alter(
    subject: Subject,
    before: Document,
    after: Document,
    *,
    warnings: Iterable[str] = (),
    refusals: Iterable[Refusal] = (),
) -> Plan:
    step = PlanStep(StepKind.ALTER, subject.kind, subject.name, changes(before, after))
    return _plan(
        subject, f"Change {subject.kind} {subject.name}", step, before,
        warnings=warnings, refusals=refusals, undo="Change it back; the operation keeps what it was.",
    )  # fmt: skip


def plan_delete(
    subject: Subject,
    before: Document,
    *,
    warnings: Iterable[str] = (),
    refusals: Iterable[Refusal] = (),
    verb: str = "Delete",
    undo: str = "Create it again; the operation keeps what it was.",
) -> Plan:
    step = PlanStep(StepKind.DELETE, subject.kind, subject.name, changes(before, NOTHING))
    return _plan(
        subject, f"{verb} {subject.kind} {subject.name}", step, before,
        warnings=warnings, refusals=refusals, undo=undo, risk=Risk.DISRUPTIVE,
    )  # fmt: skip


def plan_run(
    subject: Subject,
    title: str,
    summary: str,
    before: Document = NOTHING,
    *,
    refusals: Iterable[Refusal] = (),
) -> Plan:
    step = PlanStep(StepKind.RUN, subject.kind, subject.name, summary=summary)
    return _plan(subject, title, step, before, refusals=refusals, undo="None: what was sent is sent.")


def changes(before: Document, after: Document) -> tuple[Change, ...]:
    """Field by field, only what differs."""
    return tuple(
        Change(name, _shown(before, name), _shown(after, name))
        for name in dict.fromkeys((*before, *after))
        if before.get(name) != after.get(name)
    )


def _shown(document: Document, name: str) -> str | None:
    value = document.get(name)
    if value is None:
        return None
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


def _plan(
    subject: Subject,
    title: str,
    step: PlanStep,
    state: Document,
    *,
    affected: Iterable[Affected] = (),
    warnings: Iterable[str] = (),
    refusals: Iterable[Refusal] = (),
    undo: str,
    risk: Risk = Risk.REVERSIBLE,
) -> Plan:
    return Plan(
        action=subject.action,
        title=title,
        apply_label=title,
        cluster=subject.cluster,
        steps=(step,),
        risk=risk,
        digest=subject.digest(state),
        warnings=tuple(warnings),
        refusals=tuple(refusals),
        affected=tuple(affected),
        undo=undo,
    )
