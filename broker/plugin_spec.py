"""What a connector plugin is: its files, by SHA-256, and the classes that it offers. Pure, and readable from JSON."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any, Self

CONNECTORS = ("source", "sink")


def is_archive(name: str) -> bool:
    """What Connect's class loader opens, as it decides it (`PluginUtils.isArchive`)."""
    return name.lower().endswith((".jar", ".zip"))


@dataclass(frozen=True, slots=True)
class PluginFile:
    """`path`: below the plugin's directory. `origin`: the coordinates it came by, where it came alone."""

    path: str
    size: int
    sha256: str
    origin: str = ""


@dataclass(frozen=True, slots=True)
class PluginClass:
    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Plugin:
    """`origin`: coordinates, or the name of the file that was uploaded. `archive`: what was unpacked, None where jars came one
    by one. `left_out`: what was resolved and not taken, since the worker brings it."""

    name: str
    origin: str
    uploaded: bool
    files: tuple[PluginFile, ...]
    classes: tuple[PluginClass, ...]
    archive: PluginFile | None = None
    left_out: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)

    @property
    def jars(self) -> tuple[PluginFile, ...]:
        return tuple(file for file in self.files if file.path.lower().endswith(".jar"))

    @property
    def fingerprint(self) -> str:
        """Of every file that it has."""
        return hashlib.sha256(
            json.dumps([self.name, *((each.path, each.sha256) for each in self.files)]).encode()
        ).hexdigest()

    @property
    def connectors(self) -> tuple[str, ...]:
        return tuple(each.name for each in self.classes if each.kind in CONNECTORS)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        archive = data["archive"]
        return cls(
            name=data["name"],
            origin=data["origin"],
            uploaded=data["uploaded"],
            files=tuple(PluginFile(**each) for each in data["files"]),
            classes=tuple(PluginClass(**each) for each in data["classes"]),
            archive=PluginFile(**archive) if archive else None,
            left_out=tuple(data["left_out"]),
        )
