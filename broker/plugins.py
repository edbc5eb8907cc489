"""Connector plugins of a worker: brought aside, described, and once somebody has reviewed them locked and moved into place.

A plugin is code that runs with all that the worker may do. So what was reviewed is recorded file by file with its SHA-256
(`plugins.lock`), and a worker starts with those very files or not at all (`verify`).
"""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from broker.artifacts import ArtifactsError, file_sha256
from broker.errors import BundledError
from broker.paths import ConnectPaths, DataPaths, private_directory, write_private
from broker.plugin_spec import CONNECTORS, Plugin, PluginClass, PluginFile, is_archive

#: What the plugin path is searched for, by the files that name the classes (Java's ServiceLoader).
SERVICES = {
    "org.apache.kafka.connect.source.SourceConnector": "source",
    "org.apache.kafka.connect.sink.SinkConnector": "sink",
    "org.apache.kafka.connect.storage.Converter": "converter",
    "org.apache.kafka.connect.storage.HeaderConverter": "header converter",
    "org.apache.kafka.connect.transforms.Transformation": "transformation",
    "org.apache.kafka.connect.transforms.predicates.Predicate": "predicate",
}
_DESCRIPTION, _FILES = "plugin.json", "files"
#: Of the plugin that another one replaces: its files, and what the lock said of it.
_BEFORE, _REPLACED = "before", "replaced.json"


MOST_OF_A_LIST = 64 << 10
_CLASS = re.compile(r"[A-Za-z_$][\w$]*(\.[A-Za-z_$][\w$]*)*", re.ASCII)


class PluginError(BundledError):
    """Something that is no plugin, or not the one that was reviewed."""


@dataclass(frozen=True, slots=True)
class Staged:
    """A plugin that waits for a review. `root` holds its files and its description, on the disk of the data directory."""

    root: Path

    @classmethod
    def at(cls, paths: DataPaths, cluster: str, name: str) -> Self:
        return cls(paths.cluster(cluster).connect.staged / name)

    @property
    def files(self) -> Path:
        return self.root / _FILES

    def make(self) -> Path:
        """An empty place for its files, whatever an earlier attempt left."""
        shutil.rmtree(self.files, ignore_errors=True)
        private_directory(self.root)
        return private_directory(self.files)

    def describe(self, plugin: Plugin) -> Plugin:
        """With what its directory holds."""
        found = replace(plugin, files=listing(self.files, plugin.files), classes=classes_of(self.files))
        if not found.jars:
            raise PluginError(f"{plugin.origin} holds no jar", "A connector plugin is made of jars.")
        write_private(self.root / _DESCRIPTION, json.dumps(found.to_json()))
        return found

    def plugin(self) -> Plugin | None:
        """None while it is being brought, or after it went."""
        try:
            return Plugin.from_json(json.loads((self.root / _DESCRIPTION).read_text()))
        except FileNotFoundError:
            return None

    def discard(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)


def listing(directory: Path, known: Iterable[PluginFile] = ()) -> tuple[PluginFile, ...]:
    sources = {file.path: file.origin for file in known}
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    names = ((path, path.relative_to(directory).as_posix()) for path in files)
    return tuple(
        PluginFile(name, path.stat().st_size, file_sha256(path), sources.get(name, ""))
        for path, name in names
    )


def classes_of(directory: Path) -> tuple[PluginClass, ...]:
    """What its jars say that they offer; a plugin from before Kafka 3.6 may say nothing and offer something."""
    archives = (path for path in directory.rglob("*") if path.is_file() and is_archive(path.name))
    found = {each for path in archives for each in _services(path)}
    return tuple(sorted(found, key=lambda each: (each.kind not in CONNECTORS, each.kind, each.name)))


def _services(jar: Path) -> list[PluginClass]:
    try:
        with zipfile.ZipFile(jar) as archive:
            names = set(archive.namelist())
            return [
                PluginClass(name, kind)
                for service, kind in SERVICES.items()
                if (entry := f"META-INF/services/{service}") in names
                for line in _beginning(archive, entry).decode("utf-8", "replace").splitlines()
                if _CLASS.fullmatch(name := line.partition("#")[0].strip())
            ]
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise PluginError(f"{jar.name} is no jar: {error}", "It may be cut off: bring it again.") from error


def _beginning(archive: zipfile.ZipFile, entry: str) -> bytes:
    """A list of classes is short; one that goes on for ever is not read to its end."""
    with archive.open(entry) as file:
        return file.read(MOST_OF_A_LIST)


def staged(paths: DataPaths, cluster: str) -> dict[str, Plugin]:
    """By the name of their place, the newest first."""
    root = paths.cluster(cluster).connect.staged
    places = sorted(root.glob("*"), key=lambda each: each.stat().st_mtime, reverse=True)
    found = ((place.name, Staged(place).plugin()) for place in places)
    return {name: plugin for name, plugin in found if plugin is not None}


def installed(paths: DataPaths, cluster: str) -> tuple[Plugin, ...]:
    try:
        data = json.loads(paths.cluster(cluster).connect.plugins_lock.read_text())
    except FileNotFoundError:
        return ()
    return tuple(Plugin.from_json(each) for each in data["plugins"])


def unlocked(paths: DataPaths, cluster: str) -> tuple[str, ...]:
    """What somebody put into the directory by hand: the worker loads it too, and nobody vouches for it."""
    directory, known = (
        paths.cluster(cluster).connect.plugins,
        {each.name for each in installed(paths, cluster)},
    )
    return tuple(sorted(path.name for path in directory.glob("*") if path.name not in known))


def install(paths: DataPaths, cluster: str, name: str, reviewed: str) -> Plugin:
    """Moves a staged plugin into the place of its older self, which stays aside until the place is discarded. `reviewed`: the
    fingerprint of what somebody saw. May be repeated."""
    place, connect = Staged.at(paths, cluster, name), paths.cluster(cluster).connect
    plugin = place.plugin()
    if plugin is None:
        raise PluginError(f"There is no staged plugin {name}", "Bring it again.")
    if plugin.fingerprint != reviewed:
        raise PluginError(f"{plugin.name} is not what was reviewed", "Look at its plan again.")
    target = connect.plugins / plugin.name
    if place.files.exists():
        if listing(place.files, plugin.files) != plugin.files:
            raise PluginError(f"{plugin.name} is not what was reviewed", "Discard it and bring it again.")
        before = [each.to_json() for each in installed(paths, cluster) if each.name == plugin.name]
        write_private(place.root / _REPLACED, json.dumps(before))
        if target.exists():
            shutil.rmtree(place.root / _BEFORE, ignore_errors=True)
            target.replace(place.root / _BEFORE)
        private_directory(connect.plugins)
        place.files.replace(target)
    _lock(connect, (*(each for each in installed(paths, cluster) if each.name != plugin.name), plugin))
    return plugin


def put_back(paths: DataPaths, cluster: str, name: str) -> None:
    """Undoes `install`: the staged plugin waits again, and its older self is what the worker loads."""
    place, connect = Staged.at(paths, cluster, name), paths.cluster(cluster).connect
    plugin = place.plugin()
    if plugin is None or not (place.root / _REPLACED).exists():
        raise PluginError(f"What {name} replaced is not there any more", "Install the older version again.")
    if place.files.exists():
        return
    (connect.plugins / plugin.name).replace(place.files)
    if (place.root / _BEFORE).exists():
        (place.root / _BEFORE).replace(connect.plugins / plugin.name)
    before = [Plugin.from_json(each) for each in json.loads((place.root / _REPLACED).read_text())]
    _lock(connect, (*(each for each in installed(paths, cluster) if each.name != plugin.name), *before))


def remove(paths: DataPaths, cluster: str, name: str) -> None:
    connect = paths.cluster(cluster).connect
    _lock(connect, tuple(each for each in installed(paths, cluster) if each.name != name))
    shutil.rmtree(connect.plugins / name, ignore_errors=True)


def verify(paths: DataPaths, cluster: str) -> None:
    """Raises unless every locked file is there as it was reviewed, and no other beside it."""
    directory = paths.cluster(cluster).connect.plugins
    for plugin in installed(paths, cluster):
        if (changed := _changed(plugin, directory / plugin.name)) is not None:
            raise ArtifactsError(
                f"The plugin {plugin.name} is not the one that was reviewed: {changed}",
                "Install it again, or remove it: the worker does not start with it.",
            )


def _changed(plugin: Plugin, directory: Path) -> str | None:
    there = {file.path: file for file in listing(directory, plugin.files)}
    locked = {file.path: file for file in plugin.files}
    differs = sorted(path for path in there.keys() | locked.keys() if there.get(path) != locked.get(path))
    if not differs:
        return None
    path = differs[0]
    return f"{path} {'is missing' if path not in there else 'differs' if path in locked else 'was added'}"


def _lock(connect: ConnectPaths, plugins: Iterable[Plugin]) -> None:
    rows = [each.to_json() for each in sorted(plugins, key=lambda each: each.name)]
    write_private(connect.plugins_lock, json.dumps({"plugins": rows}, indent=1) + "\n")
