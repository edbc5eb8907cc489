"""Offsets of a connector as text, and the plan that sets them (KIP-875). Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from controlplane.connect.logic.plans import Known
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
from controlplane.gateways.connect_values import Offset

MOST = 10_000


def text_of(offsets: Iterable[Offset]) -> str:
    return json.dumps({"offsets": json_of(offsets)}, indent=2)


def json_of(offsets: Iterable[Offset]) -> list[Json]:
    return [
        {"partition": dict(each.partition), "offset": None if each.offset is None else dict(each.offset)}
        for each in offsets
    ]


def offsets_of(text: str) -> tuple[Offset, ...]:
    """As the REST API of Connect has them, or the list alone; raises ValueError with what is wrong."""
    try:
        found = json.loads(text)
    except RecursionError as error:
        raise ValueError("This is nested too deep.") from error
    except ValueError as error:
        raise ValueError(f"This is no JSON: {error}") from error
    entries = found.get("offsets") if isinstance(found, dict) else found
    return read(entries)


def read(entries: Any) -> tuple[Offset, ...]:
    if not isinstance(entries, list) or not entries:
        raise ValueError("A list of offsets, each with its partition.")
    if len(entries) > MOST:
        raise ValueError(f"At most {MOST:,} at once.")
    for index, each in enumerate(entries, start=1):
        if not isinstance(each, dict) or set(each) != {"partition", "offset"}:
            raise ValueError(f"Entry {index} has to have partition and offset, and nothing else.")
        if not isinstance(each["partition"], dict) or not each["partition"]:
            raise ValueError(f"Entry {index}: a partition is an object.")
        if each["offset"] is not None and not isinstance(each["offset"], dict):
            raise ValueError(f"Entry {index}: an offset is an object, or null to forget it.")
    return tuple(Offset(each["partition"], each["offset"]) for each in entries)


def plan_alter(
    known: Known, present: Sequence[Offset], wanted: Sequence[Offset], *, cluster: str, connect: str
) -> Plan:
    """Partitions that are not named stay where they are."""
    before = {_words(each.partition): _words(each.offset) for each in present}
    after = {_words(each.partition): _words(each.offset) for each in wanted}
    changes = tuple(
        Change(partition or "", before.get(partition), offset)
        for partition, offset in after.items()
        if before.get(partition) != offset
    )
    refusals = []
    if known.state != "STOPPED":
        refusals.append(Refusal("not_stopped", f"{known.name} is {known.state.lower()}", "Stop it first."))
    if not changes:
        refusals.append(Refusal("offsets_nothing", "It stands there already", "Change an offset."))
    new = [partition for partition in after if partition not in before]
    warnings = ["Moved back, records come twice; moved forward, what lies between is never copied."]
    if new:
        warnings.append(
            f"It has no offset of {', '.join(map(str, new[:3]))} yet: a partition that it does not know is never read."
        )
    body: dict[str, Json] = {"offsets": json_of(wanted)}
    return Plan(
        action=Action.CONNECTOR_EDIT,
        title=f"Set offsets of {known.name}",
        apply_label=f"Set offsets of {known.name}",
        cluster=cluster,
        steps=(PlanStep(StepKind.ALTER, "offsets", known.name, changes),) if changes else (),
        risk=Risk.DISRUPTIVE,
        digest=state_digest({"alter": known.digest, "before": sorted(before.items(), key=str)}),
        warnings=tuple(warnings),
        refusals=tuple(refusals),
        undo="Set the offsets before, which the operation keeps, while it is stopped.",
        request=body,
        api=ApiCall(
            "PATCH", api_path(cluster, "connect", connect, "connectors", known.name, "offsets"), body
        ),
    )


def _words(value: Mapping[str, Any] | None) -> str | None:
    if value is None:
        return None
    return ", ".join(f"{key} {json.dumps(each)}" for key, each in sorted(value.items()))
