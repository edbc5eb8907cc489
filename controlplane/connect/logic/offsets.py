"""Offsets of a connector as text, and the plan that sets them (KIP-875). Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
#: What Connect calls the parts of a sink's offsets.
TOPIC, PARTITION, OFFSET = "kafka_topic", "kafka_partition", "kafka_offset"


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


def places_of(wanted: Iterable[Offset]) -> dict[tuple[str, int], int | None]:
    """Of a sink: topic and partition to the next record; None where it is to be forgotten. Raises ValueError with the reason."""
    return dict(map(_place, wanted))


def _place(wanted: Offset) -> tuple[tuple[str, int], int | None]:
    topic, index = wanted.partition.get(TOPIC), _number(wanted.partition.get(PARTITION))
    if not isinstance(topic, str) or index is None:
        raise ValueError(f"A sink's partition is {TOPIC} and {PARTITION}, a number from 0.")
    if wanted.offset is None:
        return (topic, index), None
    offset = _number(wanted.offset.get(OFFSET))
    if offset is None:
        raise ValueError(f"{topic} {index}: a sink's offset is {OFFSET}, a number from 0.")
    return (topic, index), offset


def _number(value: object) -> int | None:
    """Connect takes numbers as text too."""
    text = str(value)
    return int(text) if not isinstance(value, bool) and text.isascii() and text.isdigit() else None


def sink_refusals(wanted: Sequence[Offset], ends: Mapping[tuple[str, int], int]) -> Iterator[Refusal]:
    """`ends`: of the partitions that there are. Behind the end nothing is: the consumer would begin anew by its auto.offset.reset."""
    try:
        places = places_of(wanted)
    except ValueError as error:
        yield Refusal("offsets_form", str(error), "The form is the one that the page shows.")
        return
    for (topic, index), offset in places.items():
        end = ends.get((topic, index))
        if end is None and offset is not None:
            yield Refusal(
                "offsets_partition", f"There is no partition {index} of {topic}", "Name one that there is."
            )
        elif offset is not None and end is not None and offset > end:
            yield Refusal(
                "offsets_end",
                f"{topic} {index} ends at {end:,}, before {offset:,}",
                f"Set at most {end}: beyond it the sink would begin anew, and write everything again.",
            )


def plan_alter(
    known: Known,
    present: Sequence[Offset],
    wanted: Sequence[Offset],
    *,
    cluster: str,
    connect: str,
    ends: Mapping[tuple[str, int], int] | None = None,
) -> Plan:
    """Partitions that are not named stay where they are. `ends`: of the topics of a sink; None where nobody could be asked."""
    before = {_words(each.partition): _words(each.offset) for each in present}
    after = {_words(each.partition): _words(each.offset) for each in wanted}
    changes = tuple(
        Change(partition or "", before.get(partition), offset)
        for partition, offset in after.items()
        if before.get(partition) != offset
    )
    refusals = list[Refusal]()
    if known.state != "STOPPED":
        refusals.append(Refusal("not_stopped", f"{known.name} is {known.state.lower()}", "Stop it first."))
    if ends is not None:
        refusals += sink_refusals(wanted, ends)
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
