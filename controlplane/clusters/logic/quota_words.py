"""Quotas in words, for every domain that names them: whom they are for, which limits there are, how a limit is read. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from controlplane.gateways.kafka.access_types import QuotaEntity

USER, CLIENT_ID, IP = "user", "client-id", "ip"
KINDS = (USER, CLIENT_ID, IP)
STEPS = (("PB", 1e15), ("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3))
#: So large that it never throttles; its only effect is that brokers keep sensors for every client.
OBSERVING: Mapping[str, float] = {
    "producer_byte_rate": 1e15,
    "consumer_byte_rate": 1e15,
    "request_percentage": 1e9,
    "controller_mutation_rate": 1e9,
}


@dataclass(frozen=True, slots=True)
class QuotaKey:
    """`unit` as people write it; `whole` for the keys that Kafka keeps as integers."""

    name: str
    label: str
    unit: str
    help: str
    whole: bool = False
    most: float = math.inf


KEYS: tuple[QuotaKey, ...] = (
    QuotaKey(
        "producer_byte_rate", "Produce", "B/s", "Bytes a second that may be produced, per broker.", True, 2**63 - 1
    ),
    QuotaKey(
        "consumer_byte_rate", "Consume", "B/s", "Bytes a second that may be fetched, per broker.", True, 2**63 - 1
    ),
    QuotaKey(
        "request_percentage", "Request time", "%", "Time of I/O and network threads, per broker; 100 % is one thread."
    ),
    QuotaKey(
        "controller_mutation_rate", "Mutations", "/s", "Partitions a second that may be created, added or deleted."
    ),
    QuotaKey("connection_creation_rate", "New connections", "/s", "Connections a second from the address, per broker.", True, 2**31 - 1),
)  # fmt: skip
BY_NAME: Mapping[str, QuotaKey] = {key.name: key for key in KEYS}


def title(entity: QuotaEntity) -> str:
    """`user ann, client-id app`; a default is `every other user`, as that is what it means."""
    order = {kind: place for place, kind in enumerate(KINDS)}
    parts = sorted(entity, key=lambda part: order.get(part[0], len(KINDS)))
    return ", ".join(f"default {kind}" if name is None else f"{kind} {name}" for kind, name in parts)


def human(value: float, key: QuotaKey) -> str:
    """Three digits, for reading: 1234567 → 1.23 MB/s."""
    if key.unit != "B/s":
        return with_unit(f"{value:,.6g}", key)
    for unit, size in STEPS:
        if value >= size * 0.9995:
            return f"{value / size:.3g} {unit}/s" if value / size < 999.5 else f"{value / size:,.0f} {unit}/s"
    return f"{value:.0f} B/s"


def with_unit(number: str, key: QuotaKey) -> str:
    return f"{number} {key.unit}" if key.unit == "%" else f"{number}{key.unit}"


def is_observing(key: str, value: float) -> bool:
    return OBSERVING.get(key) == value


def limit(value: float, key: QuotaKey) -> str:
    """As people read it; one that only observes says so."""
    return "observing only" if is_observing(key.name, value) else human(value, key)


def limits(values: Mapping[str, float]) -> tuple[tuple[str, str], ...]:
    """(label, limit) of each, in the order of the Quotas page; a key that is not known keeps Kafka's name."""
    order = {key.name: place for place, key in enumerate(KEYS)}
    names = sorted(values, key=lambda name: (order.get(name, len(order)), name))
    return tuple(
        (BY_NAME[name].label, limit(values[name], BY_NAME[name]))
        if name in BY_NAME
        else (name, f"{values[name]:,.10g}")
        for name in names
    )
