"""The steps that take a broker out of a bundled cluster (`broker.removal` has the order and why each may be repeated)."""

from __future__ import annotations

from pathlib import Path

from broker import removal
from broker.control import ControlClient
from broker.spec import ClusterSpec
from controlplane.gateways.broker import data_paths, translated


def begin(spec: ClusterSpec, broker: int) -> ClusterSpec:
    """From here on the broker is not started any more; `removal` in the bundled side has the steps."""
    with translated():
        return removal.begin(data_paths(), spec, broker)


def keep(spec: ClusterSpec, broker: int) -> ClusterSpec:
    """Takes `begin` back."""
    with translated():
        return removal.stay(data_paths(), spec, broker)


def stop(client: ControlClient, spec: ClusterSpec, broker: int) -> None:
    with translated():
        removal.stop(client, spec, broker)


def unregister(spec: ClusterSpec, broker: int) -> None:
    with translated():
        removal.unregister(data_paths(), spec, broker)


def forget(client: ControlClient, spec: ClusterSpec, broker: int, *, delete_data: bool) -> Path | None:
    """Returns where its data was set aside."""
    with translated():
        return removal.forget(data_paths(), client, spec, broker, delete_data=delete_data)
