"""Node directories: formatted once by Kafka's own tool, never again; a directory of another cluster is refused.

The tool formats beside the final place and the result is renamed into it, so a directory is either whole or absent.
"""

from __future__ import annotations

import base64
import shutil
import subprocess
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from broker import render
from broker.errors import BundledError
from broker.paths import ClusterPaths, NodePaths, private_directory, write_private
from broker.spec import ClusterSpec, NodeSpec

FORMAT_TIMEOUT_S = 120
META = "meta.properties"


class StorageError(BundledError):
    """A node directory that cannot be formatted or must not be used."""


@dataclass(frozen=True, slots=True)
class Tool:
    """How to run Kafka's storage tool."""

    java: Path
    classpath: Sequence[Path]


def new_id() -> str:
    """Kafka's notation of a UUID: 22 base64url characters, not starting with a dash (tools would see an option)."""
    text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    return new_id() if text.startswith("-") else text


def ensure_storage(paths: ClusterPaths, spec: ClusterSpec, tool: Tool) -> tuple[int, ...]:
    """Formats what is not formatted yet, all nodes at a time; returns their ids."""
    fresh = [node for node in spec.nodes if not formatted(paths.node(node.id), spec, node)]
    with ThreadPoolExecutor(max_workers=max(1, len(fresh))) as pool:
        for job in [pool.submit(_format, paths.node(node.id), spec, node, tool) for node in fresh]:
            job.result()
    return tuple(node.id for node in fresh)


def formatted(paths: NodePaths, spec: ClusterSpec, node: NodeSpec) -> bool:
    """False when there is nothing yet; StorageError when what is there belongs to somebody else."""
    if not paths.data.exists():
        return False
    meta = read_meta(paths.data)
    if meta is None:
        if not any(paths.data.iterdir()):
            return False
        raise StorageError(
            f"{paths.data} holds files but no {META}",
            "Nothing was changed. Bring back its meta.properties from a backup, or move the directory away.",
        )
    for key, expected in (("cluster.id", spec.cluster_id), ("node.id", str(node.id))):
        if meta.get(key) != expected:
            raise StorageError(
                f"{paths.data} belongs to {key} {meta.get(key)}, not to {expected} (cluster {spec.name})",
                "Nothing was changed. Bring back the right directory, or move this one away.",
            )
    return True


def read_meta(data: Path) -> dict[str, str] | None:
    file = data / META
    if not file.is_file():
        return None
    lines = (line.partition("=") for line in file.read_text().splitlines() if not line.startswith("#"))
    return {key.strip(): value.strip() for key, separator, value in lines if separator}


def _format(paths: NodePaths, spec: ClusterSpec, node: NodeSpec, tool: Tool) -> None:
    scratch = paths.root / ".format"
    shutil.rmtree(scratch, ignore_errors=True)
    data = private_directory(scratch / "data")
    properties = render.storage_properties(spec, node, paths, data)
    config = write_private(scratch / "format.properties", render.properties_text(properties))
    _run(format_command(spec, node, config, tool), spec, node)
    _set_directory_id(data, spec, node)
    # An empty directory may stand in the way; one with files never does (`formatted` refuses it).
    if paths.data.exists():
        paths.data.rmdir()
    data.rename(paths.data)
    shutil.rmtree(scratch, ignore_errors=True)


def format_command(spec: ClusterSpec, node: NodeSpec, config: Path, tool: Tool) -> list[str]:
    # Nodes that come later must not count themselves among the voters.
    voters = (
        ["--initial-controllers", render.initial_controllers(spec)]
        if node.controller
        else ["--no-initial-controllers"]
    )
    jvm = ["-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dlog4j2.level=WARN"]
    classpath = ":".join(str(jar) for jar in tool.classpath)
    command = [str(tool.java), *jvm, "-cp", classpath, "kafka.tools.StorageTool", "format"]
    return [*command, "--cluster-id", spec.cluster_id, "--config", str(config), *voters]


def _run(command: list[str], spec: ClusterSpec, node: NodeSpec) -> None:
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=FORMAT_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise StorageError(
            f"formatting node {node.id} of {spec.name} took over {FORMAT_TIMEOUT_S} s", "Try again: ./run up"
        ) from error
    if run.returncode:
        lines = [line for line in (run.stderr + run.stdout).splitlines() if line.strip()]
        reason = next(
            (line for line in lines if "rror" in line or "xception" in line), lines[-1] if lines else ""
        )
        raise StorageError(
            f"formatting node {node.id} of {spec.name} failed: {reason.strip()}",
            "Is the disk full? Try again: ./run up",
        )


def _set_directory_id(data: Path, spec: ClusterSpec, node: NodeSpec) -> None:
    """The tool takes a controller's directory id from the list of voters; a broker-only node gets ours here."""
    meta = read_meta(data) or {}
    if meta.get("cluster.id") != spec.cluster_id:
        raise StorageError(f"formatting node {node.id} of {spec.name} left no {META}", "Try again: ./run up")
    if meta.get("directory.id") == node.directory_id:
        return
    if node.controller:
        raise StorageError(
            f"node {node.id} of {spec.name} was formatted as another voter", "Try again: ./run up"
        )
    write_private(data / META, render.properties_text({**meta, "directory.id": node.directory_id}))
