"""What a Connect worker of ours is, as a frozen value that travels as JSON (`connect.json` records one). No decision."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from broker.paths import DataPaths

#: Of the worker beside a bundled cluster: its group, and how the topics begin that it keeps everything in.
GROUP = "kastellan-connect"


@dataclass(frozen=True, slots=True)
class Outside:
    """An external cluster as the worker's clients reach it. `clients`: settings of Kafka's clients, what is secret by
    reference to a file of the worker's. `group`: its own, since others may run workers beside the same cluster."""

    cluster_id: str
    group: str
    clients: Mapping[str, str]

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        return cls(raw["cluster_id"], raw["group"], dict(raw["clients"]))

    def to_json(self) -> dict[str, Any]:
        return {"cluster_id": self.cluster_id, "group": self.group, "clients": dict(self.clients)}


@dataclass(frozen=True, slots=True)
class ConnectSpec:
    """One distributed worker beside one cluster. `exactly_once`: source connectors write in transactions (KIP-618).
    `stopped`: somebody stopped it, so that no start of the whole starts it again. `outside`: the cluster is not ours.
    `apart`: beside a cluster of ours it logs in under another name than its connectors; one that was made before there
    were two names goes on under one until it is started or restarted by a plan, which makes the rights."""

    cluster: str
    host: str
    port: int
    jolokia_port: int
    heap_mb: int = 512
    exactly_once: bool = False
    stopped: bool = False
    notes: tuple[str, ...] = ()
    outside: Outside | None = None
    apart: bool = False

    @property
    def group(self) -> str:
        return self.outside.group if self.outside else GROUP

    @property
    def topics(self) -> tuple[str, str, str]:
        """Of its connectors' configurations, offsets and states."""
        configs, offsets, status = (f"{self.group}-{name}" for name in ("configs", "offsets", "status"))
        return configs, offsets, status

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def ports(self) -> tuple[int, int]:
        return (self.port, self.jolokia_port)

    @property
    def process_name(self) -> str:
        return f"{self.cluster}-connect"

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        return cls(
            raw["cluster"],
            raw["host"],
            raw["port"],
            raw["jolokia_port"],
            raw.get("heap_mb", 512),
            raw.get("exactly_once", False),
            raw.get("stopped", False),
            tuple(raw.get("notes", ())),
            Outside.from_json(raw["outside"]) if raw.get("outside") else None,
            raw.get("apart", False),
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "cluster": self.cluster,
            "host": self.host,
            "port": self.port,
            "jolokia_port": self.jolokia_port,
            "heap_mb": self.heap_mb,
            "exactly_once": self.exactly_once,
            "stopped": self.stopped,
            "notes": list(self.notes),
            "outside": self.outside.to_json() if self.outside else None,
            "apart": self.apart,
        }


def load_all(paths: DataPaths) -> tuple[ConnectSpec, ...]:
    """By the names of their clusters, ours and others."""
    names = sorted(directory.name for directory in paths.clusters.glob("*"))
    found = (load(paths.cluster(name).connect.record) for name in names)
    return tuple(worker for worker in found if worker)


def load(record: Path) -> ConnectSpec | None:
    return ConnectSpec.from_json(json.loads(record.read_text())) if record.is_file() else None
