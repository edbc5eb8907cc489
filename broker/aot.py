"""Training of the JDK's ahead-of-time cache for brokers. Never required.

Training runs a throwaway node of its own, in the background after the first start: a node that recorded itself would
be slower and would assemble the cache, for seconds, each time that it stops.
"""

from __future__ import annotations

import fcntl
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from broker import cluster
from broker.admin_user import ensure_admin_user
from broker.artifacts import Artifacts
from broker.paths import DataPaths, private_directory
from broker.processes import ProcessSpec
from broker.spec import ClusterSpec

START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 180.0
TRAINING_PORT = 28092


def train(paths: DataPaths, spec: ClusterSpec, artifacts: Artifacts | None = None) -> bool:
    """Makes the cache unless it is there, or another process makes it, or this Java has none; True when it is made."""
    artifacts = artifacts or Artifacts.at(paths.artifacts)
    cache = cluster.launch_of(spec, artifacts).aot_cache
    if cache is None or cache.is_file():
        return False
    private_directory(cache.parent)
    with _alone(cache.with_suffix(".lock")) as mine:
        if mine and not cache.is_file():
            with tempfile.TemporaryDirectory(prefix="kastellan-aot-") as scratch:
                return _train(DataPaths(Path(scratch)), spec, artifacts, cache)
    return False


@contextmanager
def _alone(lock: Path) -> Generator[bool]:
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(descriptor)


def _train(scratch: DataPaths, spec: ClusterSpec, artifacts: Artifacts, cache: Path) -> bool:
    """A whole node of the same make, TLS and agent included; its cache is renamed into place once complete."""
    now = datetime.now(UTC)
    node = cluster.create_cluster(scratch, brokers=1, base_port=TRAINING_PORT, artifacts=artifacts, now=now)
    process = cluster.prepare(scratch, replace(node, jvm=spec.jvm), now, artifacts=artifacts)[0]
    fresh = cache.with_suffix(f".{os.getpid()}.new")
    argv = [item for item in process.argv if not item.startswith(("-XX:AOTCache=", "-Xlog:"))]
    argv.insert(1, f"-XX:AOTCacheOutput={fresh}")
    try:
        _run(process, argv, scratch, node)
        if not fresh.is_file():
            return False
        fresh.replace(cache)
    finally:
        fresh.unlink(missing_ok=True)
        fresh.with_name(f"{fresh.name}.config").unlink(missing_ok=True)
    return True


def _run(process: ProcessSpec, argv: list[str], scratch: DataPaths, node: ClusterSpec) -> None:
    log = Path(process.log)
    with log.open("wb") as output:
        # Politely: people are using the cluster that has just started.
        child = subprocess.Popen(
            ["nice", "-n", "10", *argv],  # noqa: S607
            env=dict(process.env),
            cwd=process.cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        if _await_start(child, log, scratch, node):
            ensure_admin_user(scratch, node)
            child.send_signal(signal.SIGTERM)
            child.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        pass
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def _await_start(child: subprocess.Popen[bytes], log: Path, scratch: DataPaths, node: ClusterSpec) -> bool:
    end = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < end and child.poll() is None:
        if re.search(cluster.STARTED, log.read_text(errors="replace")):
            return True
        time.sleep(0.25)
    return False


def main() -> None:
    """`python -m broker.aot`: for the launcher, detached, after the cluster is ready. Silent; losing it costs nothing."""
    os.nice(19)
    paths = DataPaths.from_env()
    for spec in cluster.list_clusters(paths)[:1]:
        train(paths, spec)


if __name__ == "__main__":
    main()
