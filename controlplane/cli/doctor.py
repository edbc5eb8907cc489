"""`./run doctor`: what could keep this installation from working, each with what to do.

A check is a function of the data directory; it returns a finding, and never changes anything.
"""

from __future__ import annotations

import os
import platform
import shutil
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from controlplane.cli.console import human_bytes
from controlplane.cli.settings import recorded_address
from controlplane.cli.status import UNSUPERVISED_HINT
from controlplane.gateways import broker as bundled
from controlplane.gateways.broker import DataPaths, ProcessState
from controlplane.gateways.errors import GatewayError

DISK_NEEDED = 3_000_000_000
MEMORY_NEEDED = 3_000_000_000
FILES_NEEDED = 4096


class Level(StrEnum):
    OK = "✓"
    WARN = "!"
    FAIL = "✗"


@dataclass(frozen=True, slots=True)
class Finding:
    level: Level
    name: str
    what: str
    hint: str = ""


def doctor(paths: DataPaths) -> int:
    findings = [safely(check, paths) for check in CHECKS]
    for finding in findings:
        print(f" {finding.level.value} {finding.name}: {finding.what}")
        if finding.hint:
            print(f"     {finding.hint}")
    failed = sum(finding.level is Level.FAIL for finding in findings)
    warned = sum(finding.level is Level.WARN for finding in findings)
    print(
        f"{len(findings)} checks: {len(findings) - failed - warned} fine, {warned} to look at, {failed} failed"
    )
    return 1 if failed else 0


def safely(check: Callable[[DataPaths], Finding], paths: DataPaths) -> Finding:
    name = check.__name__.removeprefix("check_").replace("_", " ")
    try:
        return check(paths)
    except (OSError, ValueError, GatewayError) as error:
        return Finding(Level.FAIL, name, f"could not be checked: {error}")


def check_python(paths: DataPaths) -> Finding:
    return Finding(Level.OK, "Python", f"{platform.python_version()} ({sys.executable})")


def check_platform(paths: DataPaths) -> Finding:
    system, machine = platform.system(), platform.machine()
    if system == "Linux" and machine in ("x86_64", "aarch64"):
        return Finding(Level.OK, "platform", f"{system} {machine}")
    return Finding(
        Level.WARN, "platform", f"{system} {machine} is not tested", "Tested: Linux x86_64 and aarch64."
    )


def check_java(paths: DataPaths) -> Finding:
    java, version = bundled.java_version()
    return Finding(Level.OK, "Java", f"{version} ({java})")


def check_artifacts(paths: DataPaths) -> Finding:
    missing = bundled.missing_artifacts(paths)
    if missing:
        return Finding(
            Level.WARN,
            "artifacts",
            f"{missing} of the locked files are not there",
            "`./run up` fetches them.",
        )
    return Finding(Level.OK, "artifacts", f"complete and verified in {paths.artifacts}")


def check_redis(paths: DataPaths) -> Finding:
    if os.environ.get("REDIS_URL"):
        return Finding(Level.OK, "Redis", "REDIS_URL names a server of yours")
    system = shutil.which("redis-server")
    return Finding(Level.OK, "Redis", system or "the bundled binary")


def check_disk(paths: DataPaths) -> Finding:
    place = paths.root if paths.root.exists() else paths.root.parent
    free = shutil.disk_usage(place).free
    if free < DISK_NEEDED:
        hint = f"Free some, or move the data: KASTELLAN_DATA. {human_bytes(DISK_NEEDED)} is a comfortable minimum."
        return Finding(Level.WARN, "disk", f"{human_bytes(free)} free in {place}", hint)
    return Finding(Level.OK, "disk", f"{human_bytes(free)} free in {place}")


def check_memory(paths: DataPaths) -> Finding:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            available = int(line.split()[1]) * 1024
            level = Level.OK if available > MEMORY_NEEDED else Level.WARN
            hint = (
                "" if level is Level.OK else "Three brokers take about 1.2 GB: `up --brokers 1` takes less."
            )
            return Finding(level, "memory", f"{human_bytes(available)} available", hint)
    raise ValueError("no MemAvailable in /proc/meminfo")


def check_open_files(paths: DataPaths) -> Finding:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < FILES_NEEDED:
        return Finding(Level.WARN, "open files", f"limit {hard}", f"Kafka wants {FILES_NEEDED}: ulimit -n")
    return Finding(Level.OK, "open files", f"limit {soft} (hard {hard})")


def check_clock(paths: DataPaths) -> Finding:
    """A clock before the newest certificate or file of ours was set back."""
    marker = paths.state / "processes.json"
    if marker.exists() and marker.stat().st_mtime > time.time() + 60:
        return Finding(Level.FAIL, "clock", "is behind files of this installation", "Set the clock (NTP).")
    return Finding(Level.OK, "clock", datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"))


def check_loopback(paths: DataPaths) -> Finding:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
    return Finding(Level.OK, "loopback", "127.0.0.1 can be bound")


def check_data_directory(paths: DataPaths) -> Finding:
    if not paths.root.exists():
        return Finding(Level.OK, "data directory", f"{paths.root} will be made by `./run up`")
    mode = paths.root.stat().st_mode & 0o777
    if mode != 0o700:
        return Finding(
            Level.FAIL, "data directory", f"{paths.root} has mode {mode:o}", f"chmod 700 {paths.root}"
        )
    return Finding(Level.OK, "data directory", f"{paths.root}, mode 0700")


def check_secrets(paths: DataPaths) -> Finding:
    loose = [path.name for path in paths.secrets.glob("*") if path.stat().st_mode & 0o077]
    if loose:
        return Finding(Level.FAIL, "secrets", f"readable by others: {', '.join(loose)}", "chmod 600 them.")
    return Finding(Level.OK, "secrets", "readable by the owner only")


def check_socket_paths(paths: DataPaths) -> Finding:
    longest = max(len(str(paths.socket(name))) for name in ("control", "redis"))
    level = Level.OK if longest < 108 else Level.FAIL
    return Finding(level, "socket paths", f"{longest} of at most 107 bytes")


def check_web_port(paths: DataPaths) -> Finding:
    address = recorded_address(paths)
    if address is None:
        return Finding(Level.OK, "web port", "chosen at the first start")
    if bundled.port_is_free(address.host, address.port):
        return Finding(Level.OK, "web port", f"{address.port} is free")
    ours = any(process.name == "web" and process.pid for process in running(paths))
    if ours:
        return Finding(Level.OK, "web port", f"{address.port}, served by Kastellan")
    return Finding(
        Level.FAIL, "web port", f"{address.port} is taken by another program", "KASTELLAN_PORT=N ./run up"
    )


def check_processes(paths: DataPaths) -> Finding:
    observed = bundled.observe(paths)
    processes = observed.statuses
    if not processes:
        return Finding(Level.OK, "processes", "not running")
    if not observed.supervised:
        names = ", ".join(process.name for process in observed.abandoned)
        return Finding(
            Level.FAIL, "processes", f"the supervisor does not run, but these do: {names}", UNSUPERVISED_HINT
        )
    bad = [process for process in processes if process.state is not ProcessState.RUNNING]
    if bad:
        return Finding(
            Level.FAIL, "processes", f"{bad[0].name} is {bad[0].state}: {bad[0].reason or 'no reason given'}",
            bad[0].hint or f"./run logs {bad[0].name}",
        )  # fmt: skip
    return Finding(Level.OK, "processes", f"{len(processes)} running")


def check_broker_ports(paths: DataPaths) -> Finding:
    alive = {status.labels.get("node") for status in running(paths) if status.pid}
    taken = [
        f"{listener.port} (broker {node.id} {listener.name})"
        for spec in bundled.bundled_clusters()
        for node in spec.nodes
        for listener in node.listeners
        if str(node.id) not in alive and not bundled.port_is_free(listener.host, listener.port)
    ]
    if taken:
        return Finding(
            Level.FAIL,
            "broker ports",
            f"taken: {', '.join(taken)}",
            "End the program that holds them. "
            "A new cluster takes other ports by KASTELLAN_BROKER_PORTS=20092 (its first).",
        )
    return Finding(Level.OK, "broker ports", "free, or held by the brokers")


def check_certificates(paths: DataPaths) -> Finding:
    soonest = bundled.soonest_expiry()
    if soonest is None:
        return Finding(Level.OK, "certificates", "none yet")
    left = soonest - datetime.now(UTC)
    if left < timedelta(0):
        return Finding(Level.FAIL, "certificates", "expired", "`./run down` and `./run up` reissue them.")
    return Finding(Level.OK, "certificates", f"the first to end is good for {left.days} days")


def running(paths: DataPaths) -> tuple[bundled.ProcessStatus, ...]:
    """Also what a dead supervisor has left: its ports are taken by nobody else."""
    return bundled.observe(paths).statuses


CHECKS: tuple[Callable[[DataPaths], Finding], ...] = (
    check_python, check_platform, check_java, check_artifacts, check_redis, check_disk, check_memory,
    check_open_files, check_clock, check_loopback, check_data_directory, check_secrets, check_socket_paths,
    check_web_port, check_processes, check_broker_ports, check_certificates,
)  # fmt: skip
