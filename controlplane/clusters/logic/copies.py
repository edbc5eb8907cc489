"""An object as text to take along: YAML, command lines, requests to the API. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import yaml

from controlplane.core.commands import line
from controlplane.core.plans import ApiCall, Json, api_path


@dataclass(frozen=True, slots=True)
class Copy:
    """`commands` and `calls` are (what it does, the line)."""

    yaml: str
    commands: tuple[tuple[str, str], ...]
    calls: tuple[tuple[str, str], ...]


def as_yaml(value: Mapping[str, Json]) -> str:
    text: str = yaml.safe_dump(dict(value), sort_keys=False, allow_unicode=True, default_flow_style=False)
    return text


def broker_copy(cluster: str, broker: int, host: str, port: int, changed: Mapping[str, str | None]) -> Copy:
    """`changed` holds the settings that differ from Kafka's defaults."""
    settings: dict[str, Json] = dict(sorted(changed.items()))
    described = ("--describe", "--entity-type", "brokers", "--entity-name", str(broker), "--all")
    return Copy(
        yaml=as_yaml({"broker": broker, "host": host, "port": port, "configs": settings}),
        commands=(("Its settings", line("kafka-configs.sh", *described)),),
        calls=(
            ("Read it", ApiCall("GET", api_path(cluster, "brokers", str(broker))).curl()),
            ("Its settings", ApiCall("GET", api_path(cluster, "brokers", str(broker), "configs")).curl()),
        ),
    )
