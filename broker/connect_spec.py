"""What a bundled Connect worker is, as a frozen value that travels as JSON (`connect.json` records one). No decision."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class ConnectSpec:
    """One distributed worker beside one bundled cluster. `exactly_once`: source connectors write in transactions (KIP-618).
    `stopped`: somebody stopped it, so that no start of the whole starts it again."""

    cluster: str
    host: str
    port: int
    jolokia_port: int
    heap_mb: int = 512
    exactly_once: bool = False
    stopped: bool = False
    notes: tuple[str, ...] = ()

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
        }


def load(record: Path) -> ConnectSpec | None:
    return ConnectSpec.from_json(json.loads(record.read_text())) if record.is_file() else None
