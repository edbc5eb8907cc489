"""What people may set about the nodes by environment: the first port of a new cluster, the heap and the flags of the JVM."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import replace

from broker import ports
from broker.errors import BundledError
from broker.spec import JvmProfile

PORTS = "KASTELLAN_BROKER_PORTS"
HEAP = "KASTELLAN_HEAP_MB"
FLAGS = "KASTELLAN_JVM_FLAGS"
SMALLEST_HEAP_MB = 192
LARGEST_HEAP_MB = 65_536
LOWEST_PORT = 1024


def base_port(env: Mapping[str, str]) -> int:
    return _number(env, PORTS, ports.BASE, LOWEST_PORT, ports.LAST)


def jvm_profile(recorded: JvmProfile, env: Mapping[str, str]) -> JvmProfile:
    """Holds from the next start of a node; without the settings, what the cluster was made with holds again."""
    heap = _number(env, HEAP, recorded.heap_mb, SMALLEST_HEAP_MB, LARGEST_HEAP_MB)
    raw = env.get(FLAGS)
    return replace(recorded, heap_mb=heap, flags=_flags(raw) if raw else recorded.flags)


def _flags(raw: str) -> tuple[str, ...]:
    try:
        flags = tuple(shlex.split(raw))
    except ValueError as error:
        raise BundledError(f"{FLAGS} cannot be read: {error}", "Flags are separated by spaces.") from None
    wrong = next((flag for flag in flags if not flag.startswith(("-X", "-D", "--add-"))), None)
    if wrong is not None:
        raise BundledError(f"{FLAGS} holds {wrong!r}", "Flags of the JVM begin with -X, -D or --add-.")
    return flags


def _number(env: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    raw = (env.get(name) or "").strip()
    if not raw:
        return default
    if not raw.isascii() or not raw.isdigit() or not low <= int(raw) <= high:
        raise BundledError(f"{name}={raw} cannot be used", f"Use a whole number from {low} to {high}.")
    return int(raw)
