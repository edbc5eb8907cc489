"""The plan of the step that commits groups' offsets in the target: of copies, and of originals that groups come home to. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from controlplane.core.plans import Change, Plan, PlanStep, Risk, StepKind
from controlplane.core.words import counted, some
from controlplane.replication.logic.failover import Step
from controlplane.replication.logic.failover_plans import SHOWN, step_plan
from controlplane.replication.logic.flows import FlowRequest
from controlplane.replication.logic.progress import GroupOffset


def plan_offsets(asked: FlowRequest, rows: Sequence[GroupOffset], active: Sequence[str]) -> Plan:
    """For each group that has nobody in the target; what cannot be translated is left as it is, and said."""
    moved = [
        row
        for row in rows
        if row.group not in active and row.translated is not None and row.translated != row.there
    ]
    steps = tuple(
        PlanStep(
            StepKind.ALTER,
            "group",
            group,
            tuple(
                Change(
                    f"{row.into}-{row.partition}",
                    None if row.there is None else str(row.there),
                    str(row.translated),
                    f"{row.behind:,} read again" if row.behind else "",
                )
                for row in moved
                if row.group == group
            ),
        )
        for group in sorted({row.group for row in moved})
    )
    return step_plan(
        asked,
        Step.OFFSETS,
        steps,
        Risk.DISRUPTIVE,
        {"moved": [[row.group, row.topic, row.partition, row.there, row.translated] for row in moved]},
        warnings=_said_of_offsets(asked, rows, moved, active),
        undo="The offsets before are in the operation; they can be set again while the groups are empty.",
    )


def _said_of_offsets(
    asked: FlowRequest, rows: Sequence[GroupOffset], moved: Sequence[GroupOffset], active: Sequence[str]
) -> tuple[str, ...]:
    lost = sorted({row.group for row in rows if row.translated is None and not row.comes_home})
    again = sum(row.behind or 0 for row in rows if row.group not in active)
    said = [f"Consumers will read at least {counted(again, 'record')} again."] if again else []
    placed = sorted({row.group for row in rows if row.in_place} - {row.group for row in moved} - set(active))
    if placed:
        said.append(f"In place already, by MirrorMaker's own commits: {some(placed)}.")
    if active:
        said.append(f"Left alone, since they have members in the target: {some(tuple(active))}.")
    if lost:
        said.append(
            f"Some offsets of {some(tuple(lost))} have no place in the target: those partitions start by auto.offset.reset."
        )
    return (*said, *_said_of_home(asked, rows, moved))


def _said_of_home(
    asked: FlowRequest, rows: Sequence[GroupOffset], moved: Sequence[GroupOffset]
) -> tuple[str, ...]:
    """Of those that read copies of what is the target's own, and go back to the originals."""
    back = sorted({row.group for row in moved if row.comes_home})
    said = (
        [
            f"{some(tuple(back))}: from copies such as {asked.target}.orders back to the originals in {asked.target}."
        ]
        if back
        else []
    )
    anew = tuple(f"{row.group} in {row.into}-{row.partition}" for row in moved if row.comes_home and row.why)
    if anew:
        said.append(f"From the first record, since nothing says how far they had come: {some(anew)}.")
    failed = not_restored(rows)
    if failed:
        said.append(f"Not restored, and left where they are in {asked.target}: {'; '.join(failed[:SHOWN])}.")
    return tuple(said)


def not_restored(rows: Sequence[GroupOffset]) -> tuple[str, ...]:
    """With the reason, and where the group goes on instead."""
    return tuple(
        f"{row.group} in {row.into}-{row.partition} ({row.why}; it goes on "
        f"{'by auto.offset.reset' if row.there is None else f'at {row.there:,}'})"
        for row in rows
        if row.translated is None and row.comes_home
    )
