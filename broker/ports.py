"""Ports of a bundled cluster: a block of ten per node, the first free block at creation, fixed from then on."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Collection, Iterator

from broker.errors import BundledError
from broker.spec import CONTROLLER, INTERNAL, Listener, Protocol

BASE = 19092
PER_NODE = 10
PER_CLUSTER = 100
LAST = 32000
JOLOKIA_OFFSET = 4
# In the order in which people ask for them.
OFFSETS = {Protocol.SASL_SSL.value: 0, Protocol.SSL.value: 1, INTERNAL: 2, CONTROLLER: 3}


class NoFreePorts(BundledError):
    """Every block of ports is taken."""


def listeners(host: str, base: int) -> tuple[Listener, ...]:
    order = (CONTROLLER, INTERNAL, Protocol.SSL.value, Protocol.SASL_SSL.value)
    return tuple(Listener(name, host, base + OFFSETS[name]) for name in order)


def node_ports(base: int) -> range:
    return range(base, base + len(OFFSETS) + 1)


def is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As the broker itself does it: connections of an earlier run in TIME_WAIT are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
    return True


def first_free_block(
    base: int, nodes: int, taken: Collection[int], free: Callable[[int], bool]
) -> tuple[int, int | None]:
    """The first port of the block, and the port that stood in the way of the wanted one (None when it was free)."""
    obstacle: int | None = None
    for start in _candidates(base):
        wanted = [port for index in range(nodes) for port in node_ports(start + index * PER_NODE)]
        busy = next((port for port in wanted if port in taken or not free(port)), None)
        if busy is None:
            return start, obstacle
        obstacle = obstacle or busy
    raise NoFreePorts(
        f"no free block of ports from {base} to {LAST}", "Name another first port, or stop what uses them."
    )


def _candidates(base: int) -> Iterator[int]:
    yield base
    yield from range(base + PER_CLUSTER, max(LAST, base + 10 * PER_CLUSTER), PER_CLUSTER)
