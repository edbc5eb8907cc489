"""The door to the plugins of bundled Connect workers: what `broker.plugins` knows, with failures as `gateways.errors`."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from broker import plugin_sources as _sources
from broker import plugins as _plugins
from broker.paths import private_directory
from broker.plugins import Staged
from controlplane.gateways.broker import data_paths, translated
from controlplane.gateways.plugin_spec import Plugin

UPLOAD = "upload"
#: What nobody has reviewed by then is brought again in a minute.
STAGED_SECONDS = 7 * 24 * 3600.0
BEGUN_SECONDS = 600.0
MOST_BYTES = _sources.MOST_BYTES


def canonical(coordinates: str) -> str:
    """As they are written everywhere here. Raises `InvalidRequest` for what are none."""
    with translated():
        return str(_sources.Coordinates.parse(coordinates))


def new_place(cluster: str) -> str:
    """The name of an empty place for a plugin that waits for its review."""
    name = secrets.token_hex(6)
    private_directory(_place(cluster, name).root)
    return name


def receive(cluster: str, place: str, chunks: Iterable[bytes]) -> None:
    """Keeps an upload until it is unpacked."""
    with _upload(cluster, place).open("wb") as file:
        for chunk in chunks:
            file.write(chunk)


def stage_upload(cluster: str, place: str, filename: str, name: str) -> Plugin:
    with translated():
        plugin = _sources.stage_upload(_place(cluster, place), _upload(cluster, place), filename, name)
    _upload(cluster, place).unlink(missing_ok=True)
    return plugin


def stage_coordinates(
    cluster: str, place: str, coordinates: str, name: str, count: Callable[[int], None]
) -> Plugin:
    """`count` is told the bytes of each piece; it may raise to end the download."""
    with translated():
        return _sources.stage_coordinates(_place(cluster, place), coordinates, name, count)


def staged(cluster: str) -> dict[str, Plugin]:
    return _plugins.staged(data_paths(), cluster)


def discard(cluster: str, place: str) -> None:
    _place(cluster, place).discard()


def places(cluster: str) -> tuple[str, ...]:
    """Of all that was begun, whether it came or not."""
    return tuple(place.name for place in data_paths().cluster(cluster).connect.staged.glob("*"))


def discard_stale(cluster: str, now: float, awaited: Collection[str]) -> None:
    """What nobody reviewed in a week, and what was begun and never came: of those in `awaited` something may come yet."""
    found = staged(cluster)
    for place in data_paths().cluster(cluster).connect.staged.glob("*"):
        patience = STAGED_SECONDS if place.name in found else BEGUN_SECONDS
        if place.name not in awaited and now - place.stat().st_mtime > patience:
            shutil.rmtree(place, ignore_errors=True)


def installed(cluster: str) -> tuple[Plugin, ...]:
    return _plugins.installed(data_paths(), cluster)


def unlocked(cluster: str) -> tuple[str, ...]:
    """Directories that somebody put on the plugin path by hand."""
    return _plugins.unlocked(data_paths(), cluster)


def install(cluster: str, place: str, reviewed: str) -> Plugin:
    """`reviewed`: the plugin's fingerprint as it was shown."""
    with translated():
        return _plugins.install(data_paths(), cluster, place, reviewed)


def put_back(cluster: str, place: str) -> None:
    """Undoes `install` while its place is not discarded."""
    with translated():
        _plugins.put_back(data_paths(), cluster, place)


def remove(cluster: str, name: str) -> None:
    _plugins.remove(data_paths(), cluster, name)


def _place(cluster: str, place: str) -> Staged:
    return Staged.at(data_paths(), cluster, place)


def _upload(cluster: str, place: str) -> Path:
    return _place(cluster, place).root / UPLOAD
