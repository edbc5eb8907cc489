"""What a step of a failover found, as people read it: the same names and values as in the report's JSON, in words. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from controlplane.core.plans import Json
from controlplane.core.words import counted, duration

SHOWN = 8


#: Of names that say too little by themselves.
LABELS = {
    "after": "offsets since then",
    "before": "offsets before",
    "denied": "denied to write",
    "different": "partitions that differ",
    "end_offsets": "end offsets, summed",
    "groups": "groups set",
    "in_place": "groups in place already",
    "left_alone": "left alone, since they are read",
    "missing": "records missing",
    "not_copied_yet": "not copied yet, so not compared",
    "not_restored": "not restored",
    "read_again": "records read again",
}
_BROKER = re.compile(r"User:CN=broker-\d+")


def folded(super_users: Sequence[str]) -> tuple[str, ...]:
    """Those that a person or a program logs in as, and brokers as one."""
    brokers = [each for each in super_users if _BROKER.fullmatch(each)]
    others = tuple(sorted(set(super_users) - set(brokers)))
    return (*others, f"{counted(len(brokers), 'name')} of brokers") if brokers else others


def in_words(found: Mapping[str, Json]) -> tuple[tuple[str, str], ...]:
    """Name and value of each; lists by their first entries."""
    return tuple((_name(name), _value(name, value)) for name, value in found.items())


def _name(name: str) -> str:
    if name in LABELS:
        return LABELS[name]
    for ending in ("_seconds", "_s"):
        name = name.removesuffix(ending)
    return name.replace("_", " ")


def _value(name: str, value: Json) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        is_time = name.endswith(("_seconds", "_s")) or "seconds" in name
        return duration(value) if is_time else f"{value:,}"
    if isinstance(value, list):
        if name == "super_users":
            value = [*folded([str(each) for each in value])]
        more = len(value) - SHOWN
        shown = ", ".join(_entry(each) for each in value[:SHOWN])
        return (shown + (f" and {more} more" if more > 0 else "")) or "none"
    return _moment(str(value)) or str(value) or "none"


def _entry(value: Json) -> str:
    """A place of a group, as `before` has it: group, topic, partition, offset."""
    if isinstance(value, list) and len(value) == 4:
        group, topic, partition, offset = value
        return f"{group} in {topic}-{partition} at {'no offset' if offset is None else offset}"
    return str(value)


def _moment(text: str) -> str:
    """ISO 8601 with a zone, as every time in evidence is written."""
    if len(text) < 20 or text[10:11] != "T":
        return ""
    try:
        return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M:%S} UTC"
    except ValueError:
        return ""
