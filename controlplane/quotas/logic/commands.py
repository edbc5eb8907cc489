"""The `kafka-configs.sh` lines that do the same as a plan, for "copy as CLI"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from controlplane.core.commands import line
from controlplane.gateways.kafka.access_types import QuotaEntity
from controlplane.quotas.logic.units import raw

FLAGS = {"user": "users", "client-id": "clients", "ip": "ips"}


def alter(entity: QuotaEntity, to_set: Mapping[str, float], to_remove: Sequence[str]) -> str:
    parts = ["--alter"]
    for kind, name in sorted(entity, reverse=True):  # users before clients, as the tool's help has it
        parts += ["--entity-type", FLAGS[kind]]
        parts += ["--entity-default"] if name is None else ["--entity-name", name]
    if to_set:
        parts += ["--add-config", ",".join(f"{key}={raw(value)}" for key, value in sorted(to_set.items()))]
    if to_remove:
        parts += ["--delete-config", ",".join(sorted(to_remove))]
    return line("kafka-configs.sh", *parts)
