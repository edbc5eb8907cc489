"""The connectors of a flow made on the worker beside its target: from the beginning of topics, or from given places."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from controlplane.core.verify import verify
from controlplane.gateways.connect import ConnectApi, Offset, State
from controlplane.gateways.errors import AlreadyExists, Conflict
from controlplane.gateways.errors import NotFound as NotThere
from controlplane.replication.logic.connectors import Part, connector_name
from controlplane.replication.logic.flows import FlowRequest
from controlplane.replication.logic.progress import Partition

SETTLES_SECONDS = 60.0
ASK_EVERY = 0.5


@dataclass(frozen=True, slots=True)
class Begin:
    """Where a flow begins to copy that is no first one: `upstream` of the source is the same place as `downstream` of the
    copy, though nothing of it was copied."""

    upstream: Mapping[Partition, int]
    downstream: Mapping[Partition, int]

    @property
    def anchors(self) -> dict[str, list[list[int]]]:
        found: dict[str, list[list[int]]] = {}
        for (topic, partition), offset in sorted(self.upstream.items()):
            same = self.downstream.get((topic, partition))
            if same is not None:
                found.setdefault(topic, []).append([partition, offset, same])
        return found


def carry_out(
    connect: ConnectApi, asked: FlowRequest, configs: Mapping[str, Mapping[str, str]], begin: Begin | None
) -> None:
    """What is there already is woken with its settings: the password in the file that it reads may be a new one."""
    there = set(connect.names())
    for name, config in configs.items():
        if begin is not None and name == connector_name(asked, Part.SOURCE):
            _make_from(connect, asked, name, config, begin)
            continue
        _when_shared_out(partial(connect.put_config, name, config))
        if name in there:
            connect.resume(name)
            _when_shared_out(partial(connect.restart, name))


def _when_shared_out(act: Callable[[], None]) -> None:
    """A worker that shares its work out anew, as after each connector, refuses for a moment."""
    deadline = time.monotonic() + SETTLES_SECONDS
    while True:
        try:
            return act()
        except Conflict:
            if time.monotonic() > deadline:
                raise
            time.sleep(ASK_EVERY)


def _make_from(
    connect: ConnectApi, asked: FlowRequest, name: str, config: Mapping[str, str], begin: Begin
) -> None:
    """Made at rest, told where it stands (KIP-875, KIP-980), and only then let go: it never reads from the beginning."""
    try:
        connect.create(name, config, State.STOPPED)
    except AlreadyExists:
        connect.put_config(name, config)
        connect.stop(name)
    verify(f"{name} is at rest", lambda: _at_rest(connect, name), seconds=SETTLES_SECONDS)
    connect.alter_offsets(
        name,
        [
            Offset(
                {"cluster": asked.source, "topic": topic, "partition": partition},
                # What stands there is the last that was copied.
                {"offset": offset - 1} if offset else None,
            )
            for (topic, partition), offset in begin.upstream.items()
        ],
    )
    connect.resume(name)


def _at_rest(connect: ConnectApi, name: str) -> bool:
    """What was just made has no state yet."""
    try:
        return connect.status(name).state is State.STOPPED
    except NotThere:
        return False
