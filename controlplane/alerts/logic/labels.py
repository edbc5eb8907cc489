"""Label sets: names, the fingerprint that Alertmanager gives them, their canonical text. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping

Labels = Mapping[str, str]

ALERT_NAME = "alertname"
CLUSTER = "cluster"
BROKER = "broker"
METRIC_NAME = "__name__"
NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)
#: FNV-1a, 64 bits.
OFFSET, PRIME, MASK = 0xCBF29CE484222325, 0x100000001B3, 0xFFFFFFFFFFFFFFFF
SEPARATOR = b"\xff"


def is_label_name(name: str) -> bool:
    """One that a user may set: `__…` belongs to Prometheus."""
    return NAME.fullmatch(name) is not None and not name.startswith("__")


def fingerprint(labels: Labels) -> str:
    """As prometheus/common/model.LabelSet.Fingerprint prints it: 16 hexadecimal digits."""
    value = OFFSET
    for name in sorted(labels):
        for byte in name.encode() + SEPARATOR + labels[name].encode() + SEPARATOR:
            value = ((value ^ byte) * PRIME) & MASK
    return f"{value:016x}"


def text_of(labels: Labels) -> str:
    """`{alertname="BrokerDown", cluster="main"}`, sorted: a part of the group key."""
    pairs = (f"{name}={json.dumps(labels[name], ensure_ascii=False)}" for name in sorted(labels))
    return "{" + ", ".join(pairs) + "}"


def common(sets: Iterable[Labels]) -> dict[str, str]:
    """What all of them have, with the same value."""
    found: dict[str, str] | None = None
    for each in sets:
        if found is None:
            found = dict(each)
        else:
            found = {name: value for name, value in found.items() if each.get(name) == value}
    return found or {}
