"""What importing a rule file does, rule by rule: create, update, skip, and why. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from controlplane.alerts.logic.plans import Document, changes
from controlplane.alerts.logic.rule_files import FileRule
from controlplane.core.access import Action
from controlplane.core.plans import Plan, PlanStep, Refusal, Risk, StepKind, state_digest

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Present:
    """A rule that there is: its document and whether it may be changed by whoever imports."""

    document: Document
    cluster: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """A rule of the file: what it would be, and the problems that keep it out."""

    rule: FileRule
    document: Document
    problems: tuple[str, ...] = ()

    @property
    def key(self) -> Key:
        return self.rule.group, self.rule.name


@dataclass(frozen=True, slots=True)
class Imported:
    """`create` and `update` in the order of the file; `skipped`: name and why."""

    create: tuple[Wanted, ...]
    update: tuple[Wanted, ...]
    skipped: tuple[tuple[str, str], ...]


def sort(wanted: Iterable[Wanted], present: Mapping[Key, Present], cluster: str) -> Imported:
    create: list[Wanted] = []
    update: list[Wanted] = []
    skipped: list[tuple[str, str]] = []
    seen: set[Key] = set()
    for each in wanted:
        why = _obstacle(each, present, seen, cluster)
        seen.add(each.key)
        if why:
            skipped.append((f"{each.rule.group} / {each.rule.name}", why))
            continue
        (update if each.key in present else create).append(each)
    return Imported(tuple(create), tuple(update), tuple(skipped))


def _obstacle(each: Wanted, present: Mapping[Key, Present], seen: set[Key], cluster: str) -> str:
    if each.rule.recording:
        return "A recording rule: ask what it computes directly."
    if each.problems:
        return " ".join(each.problems)
    if each.key in seen:
        return "It is in the file twice; here a rule's name is its own within the group."
    known = present.get(each.key)
    if known is None:
        return ""
    if known.cluster != cluster:
        # Its name is not told: whoever imports may not see that cluster.
        return f"There is a rule of this name for {'another cluster' if known.cluster else 'every cluster'}."
    return "" if changes(known.document, each.document) else "It is the same already."


def plan(found: Imported, present: Mapping[Key, Present], cluster: str) -> Plan:
    steps = [
        *(_step(StepKind.CREATE, each, {}) for each in found.create),
        *(_step(StepKind.ALTER, each, present[each.key].document) for each in found.update),
    ]
    refusals = (
        []
        if steps
        else [Refusal("nothing", "Nothing of this file can be imported or changes anything", _why(found))]
    )
    touched = {"/".join(each.key): dict(present[each.key].document) for each in found.update}
    return Plan(
        action=Action.ALERT_EDIT_RULES,
        title=f"Import alert rules: {len(found.create)} new, {len(found.update)} changed",
        apply_label="Import",
        cluster=cluster,
        steps=tuple(steps),
        risk=Risk.REVERSIBLE,
        digest=state_digest({"new": ["/".join(each.key) for each in found.create], "changed": touched}),
        warnings=tuple(f"{name} is skipped: {why}" for name, why in found.skipped),
        refusals=tuple(refusals),
        undo="Change or delete the rules; the operation keeps what they were.",
    )


def _why(found: Imported) -> str:
    return "; ".join(f"{name}: {why}" for name, why in found.skipped[:20]) or "The file has no rules."


def _step(kind: StepKind, each: Wanted, before: Document) -> PlanStep:
    return PlanStep(kind, "alert rule", each.rule.name, changes(before, each.document))
