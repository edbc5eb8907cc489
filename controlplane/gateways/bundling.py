"""The door to making and taking away bundled clusters; `gateways.broker` has what is done with those that are there."""

from __future__ import annotations

import shutil
from pathlib import Path

from broker import cluster as _cluster
from broker import tuning
from broker.cluster import FIRST
from broker.ports import PER_NODE
from controlplane.gateways import broker as bundled
from controlplane.gateways.broker import ClusterSpec

__all__ = ["FIRST"]

#: What one broker takes: its heap and the JVM around it, and its share of disk before anything is written.
MEMORY_MB = 400
DISK_MB = 200


def planned(name: str, brokers: int) -> ClusterSpec:
    """Which ports the cluster would take; writes nothing."""
    paths = bundled.data_paths()
    with bundled.translated():
        base = tuning.base_port(bundled.artifacts(paths).env)
        return _cluster.plan_cluster(paths, name=name, brokers=brokers, base_port=base, host="127.0.0.1")


def port_span(spec: ClusterSpec) -> str:
    first = bundled.first_port(spec)
    return f"{first} to {first + len(spec.nodes) * PER_NODE - 1}"


def remember_stopped(spec: ClusterSpec, stopped: bool) -> None:
    """Whether `up` is to leave it alone."""
    with bundled.translated():
        _cluster.remember_stopped(bundled.data_paths(), spec, stopped)


def forget(spec: ClusterSpec, *, delete_data: bool) -> Path | None:
    with bundled.translated():
        return _cluster.forget(bundled.data_paths(), spec, delete_data=delete_data)


def free_memory_mb() -> int | None:
    """MemAvailable of this machine; None where nobody tells."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration, ValueError):
        return None


def free_disk_mb() -> int:
    return shutil.disk_usage(bundled.data_paths().root).free // 1_000_000
