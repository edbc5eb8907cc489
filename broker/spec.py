"""What a bundled cluster is, as frozen values that travel as JSON (`cluster.json` records one). No decision, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self


class Protocol(StrEnum):
    """The listeners that clients use, named after their security protocol."""

    SSL = "SSL"
    SASL_SSL = "SASL_SSL"


CONTROLLER = "CONTROLLER"
INTERNAL = "INTERNAL"
LISTENER_NAMES = (CONTROLLER, INTERNAL, Protocol.SSL.value, Protocol.SASL_SSL.value)

# A small heap, the serial collector and the first compiler tier: three nodes must start fast and fit on a laptop.
LAPTOP_FLAGS = (
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:+ExitOnOutOfMemoryError",
)


@dataclass(frozen=True, slots=True)
class Listener:
    name: str
    host: str
    port: int

    @property
    def address(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class JvmProfile:
    heap_mb: int = 384
    flags: tuple[str, ...] = LAPTOP_FLAGS


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """Roles: broker and controller, or broker only when `controller` is false."""

    id: int
    listeners: tuple[Listener, ...]
    jolokia_port: int
    directory_id: str
    controller: bool

    def listener(self, name: str) -> Listener:
        return next(listener for listener in self.listeners if listener.name == name)

    @property
    def ports(self) -> tuple[int, ...]:
        return (*(listener.port for listener in self.listeners), self.jolokia_port)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        listeners = tuple(Listener(**listener) for listener in raw["listeners"])
        return cls(
            id=raw["id"],
            listeners=listeners,
            jolokia_port=raw["jolokia_port"],
            directory_id=raw["directory_id"],
            controller=raw["controller"],
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "listeners": [
                {"name": item.name, "host": item.host, "port": item.port} for item in self.listeners
            ],
            "jolokia_port": self.jolokia_port,
            "directory_id": self.directory_id,
            "controller": self.controller,
        }


@dataclass(frozen=True, slots=True)
class ClusterSpec:
    """`notes`: what people must be told about the choices made at creation (a port block that was taken, say).

    `leaving`: brokers whose removal has begun and holds no replica back: they are not started any more.
    `stopped`: somebody stopped the whole cluster, so that no start of the installation starts it again.
    """

    name: str
    cluster_id: str
    nodes: tuple[NodeSpec, ...]
    host: str = "127.0.0.1"
    jvm: JvmProfile = JvmProfile()
    overrides: Mapping[str, str] = field(default_factory=dict[str, str])
    notes: tuple[str, ...] = ()
    leaving: tuple[int, ...] = ()
    stopped: bool = False

    @property
    def controllers(self) -> tuple[NodeSpec, ...]:
        return tuple(node for node in self.nodes if node.controller)

    @property
    def staying(self) -> tuple[NodeSpec, ...]:
        return tuple(node for node in self.nodes if node.id not in self.leaving)

    def node(self, node_id: int) -> NodeSpec:
        return next(node for node in self.nodes if node.id == node_id)

    def process_name(self, node: NodeSpec) -> str:
        return f"{self.name}-broker-{node.id}"

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        jvm = raw.get("jvm", {})
        return cls(
            name=raw["name"],
            cluster_id=raw["cluster_id"],
            nodes=tuple(NodeSpec.from_json(node) for node in raw["nodes"]),
            host=raw["host"],
            jvm=JvmProfile(jvm.get("heap_mb", 384), tuple(jvm.get("flags", LAPTOP_FLAGS))),
            overrides=dict(raw.get("overrides", {})),
            notes=tuple(raw.get("notes", ())),
            leaving=tuple(raw.get("leaving", ())),
            stopped=raw.get("stopped", False),
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "cluster_id": self.cluster_id,
            "nodes": [node.to_json() for node in self.nodes],
            "host": self.host,
            "jvm": {"heap_mb": self.jvm.heap_mb, "flags": list(self.jvm.flags)},
            "overrides": dict(self.overrides),
            "notes": list(self.notes),
            "leaving": list(self.leaving),
            "stopped": self.stopped,
        }
