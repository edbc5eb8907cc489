"""Takes a broker out of a bundled cluster for good, when it hosts no replica any more.

1. The record says that it leaves: `up` and rolling restarts leave it alone from here on.
2. Its process is stopped in an orderly way, and looked at once more: a topic made meanwhile may have come to it.
3. Kafka forgets its registration (UnregisterBroker), the supervisor its process.
4. Its keys and settings are deleted, its data too or set aside; then the record drops it.
Invariants: every step may be repeated, so whoever is killed is simply started again; a voter never leaves.
Callers take turns (`broker.turn`).
"""

from __future__ import annotations

import shutil
import ssl
import struct
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from broker import cluster, wire
from broker.errors import BundledError
from broker.paths import DataPaths, private_directory
from broker.processes import ProcessSpec, ProcessStatus
from broker.spec import INTERNAL, ClusterSpec, NodeSpec
from broker.states import ALIVE, ProcessState

UNREGISTER = 64
NOT_REGISTERED = 102
ASK_SECONDS = 10.0
STOP_SECONDS = 330.0
AT_REST = frozenset(ProcessState) - ALIVE - {ProcessState.BACKOFF}

Tell = Callable[[str], None]


class CannotRemove(BundledError):
    """A broker that has to stay, or whose removal cannot go on now."""


class Stopper(Protocol):
    """Of the supervisor's client what a removal needs."""

    def status(self) -> tuple[ProcessStatus, ...]: ...

    def stop(self, name: str) -> None: ...

    def apply(self, specs: list[ProcessSpec], remove: list[str]) -> None: ...

    def wait_for(
        self, names: list[str], states: frozenset[ProcessState], timeout: float
    ) -> tuple[ProcessStatus, ...]: ...


def refuse_voter(spec: ClusterSpec, node: NodeSpec) -> None:
    voters = len(spec.controllers)
    if node.controller:
        raise CannotRemove(
            f"Broker {node.id} is one of the cluster's {voters} controller(s), which are for life.",
            "Only brokers that were added later can be removed.",
        )


def begin(paths: DataPaths, spec: ClusterSpec, node_id: int) -> ClusterSpec:
    """Step 1."""
    refuse_voter(spec, spec.node(node_id))
    if node_id in spec.leaving:
        return spec
    leaving = replace(spec, leaving=(*spec.leaving, node_id))
    cluster.record(paths, leaving)
    return leaving


def stay(paths: DataPaths, spec: ClusterSpec, node_id: int) -> ClusterSpec:
    """Takes step 1 back."""
    kept = replace(spec, leaving=tuple(each for each in spec.leaving if each != node_id))
    cluster.record(paths, kept)
    return kept


def leaving_notes(spec: ClusterSpec) -> tuple[str, ...]:
    """For whoever starts the cluster."""
    return tuple(
        f"broker {node} is being removed, so it is not started; Brokers in the app, or "
        f"`python -m broker remove {node}`, finishes it"
        for node in spec.leaving
    )


def stop(client: Stopper, spec: ClusterSpec, node_id: int) -> None:
    """Step 2. A process that nobody supervises any more has been stopped by an earlier attempt."""
    name = spec.process_name(spec.node(node_id))
    if any(status.name == name for status in client.status()):
        client.stop(name)
        client.wait_for([name], AT_REST, STOP_SECONDS)


def unregister(paths: DataPaths, spec: ClusterSpec, node_id: int) -> None:
    """Step 3, asked of whichever of the others answers first."""
    credentials = cluster.control_credentials(paths, spec)
    why = "no other broker is there to ask"
    for node in (each for each in spec.staying if each.id != node_id):
        try:
            reader = wire.exchange(
                node.listener(INTERNAL), credentials, UNREGISTER, unregister_request(node_id), ASK_SECONDS
            )
            code, message = unregister_response(reader)
        except (OSError, ssl.SSLError, wire.WireError) as error:
            why = f"broker {node.id}: {error}"
            continue
        if code in (0, NOT_REGISTERED):
            return
        why = f"broker {node.id} answered error {code}{f': {message}' if message else ''}"
    raise CannotRemove(
        f"Kafka did not forget the registration of broker {node_id}: {why}.",
        "The broker is stopped. Start the removal again when the other brokers answer: it goes on from here.",
    )


def unregister_request(node_id: int) -> bytes:
    return struct.pack(">i", node_id) + b"\0"


def unregister_response(reader: wire.Reader) -> tuple[int, str | None]:
    reader.number(4)
    return reader.number(2), reader.text()


def forget(
    paths: DataPaths, client: Stopper, spec: ClusterSpec, node_id: int, *, delete_data: bool
) -> Path | None:
    """Step 4; returns where the data was set aside."""
    client.apply([], [spec.process_name(spec.node(node_id))])
    kept = None if delete_data else _set_aside(paths, spec, node_id)
    root = paths.cluster(spec.name).node(node_id).root
    if root.exists():
        shutil.rmtree(root)
    dropped = replace(
        spec,
        nodes=tuple(node for node in spec.nodes if node.id != node_id),
        leaving=tuple(each for each in spec.leaving if each != node_id),
    )
    cluster.record(paths, dropped)
    return kept


def _set_aside(paths: DataPaths, spec: ClusterSpec, node_id: int) -> Path | None:
    place = paths.cluster(spec.name)
    data = place.node(node_id).data
    if not data.is_dir():
        return None
    private_directory(place.removed)
    aside = place.removed / f"broker-{node_id}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
    data.rename(aside)
    return aside
