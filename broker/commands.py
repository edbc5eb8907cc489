"""What `python -m broker` does, one function per command: composes the cluster, the supervisor and the terminal."""

from __future__ import annotations

import argparse
import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from broker import cluster, process, record, removal
from broker import logs as logs_
from broker.admin_user import ensure_admin_user
from broker.artifacts import Artifacts, Lock, Progress, fetch, missing
from broker.control import ControlClient, NoSupervisor, ensure_supervisor
from broker.errors import BundledError
from broker.health import AgentError, JolokiaFacts, node_health
from broker.paths import DataPaths
from broker.processes import ProcessSpec, ProcessStatus
from broker.roll import Outcome, RollEvent
from broker.roll import roll as roll_nodes
from broker.rolling import RestartReason
from broker.spec import ClusterSpec, NodeSpec, Protocol
from broker.states import ALIVE, ProcessState
from broker.supervisor import Supervisor
from broker.tuning import base_port
from broker.turn import turn
from broker.unsupervised import observe

DOWN_TIMEOUT = 330.0
FOLLOW_EVERY = 0.3


class Failed(BundledError):
    """A command could not do what was asked."""


def say(text: str, end: str = "\n") -> None:
    sys.stdout.write(text + end)
    sys.stdout.flush()


# up


def up(paths: DataPaths, arguments: argparse.Namespace) -> None:
    paths.prepare()
    artifacts = Artifacts.at(paths.artifacts)
    _fetch(artifacts)
    new = cluster.load_cluster(paths) is None
    spec = cluster.create_cluster(
        paths, brokers=arguments.brokers, base_port=base_port(artifacts.env), artifacts=artifacts
    )
    say(f"cluster {spec.name}: {len(spec.nodes)} node(s), {'created' if new else 'found'}")
    for note in spec.notes if new else ():
        say(f"  {note}")
    processes = cluster.prepare(paths, spec, datetime.now(UTC), artifacts=artifacts)
    client = ensure_supervisor(paths)
    client.apply(processes)
    for note in removal.leaving_notes(spec):
        say(f"  {note}")
    _await_ready(client, processes)
    ensure_admin_user(paths, spec)
    _greet(paths, spec)


def _fetch(artifacts: Artifacts) -> None:
    lock, groups = Lock.load(), artifacts.groups() - {"redis"}
    absent = missing(lock.select(groups), artifacts.root)
    if absent:
        say(f"fetching {len(absent)} file(s), {sum(item.size for item in absent) / 1e6:.0f} MB")
        fetch(lock, groups, artifacts.root, _show_progress)


def _show_progress(progress: Progress) -> None:
    if sys.stdout.isatty():
        say(f"\r  {progress.done / 1e6:.0f} of {progress.total / 1e6:.0f} MB ", end="")


def _await_ready(client: ControlClient, processes: tuple[ProcessSpec, ...]) -> None:
    started = time.monotonic()
    names = [spec.name for spec in processes]
    client.wait_ready(
        names, max(spec.start_timeout for spec in processes) + 10, lambda status: _show(status, started)
    )


def _show(status: ProcessStatus, started: float) -> None:
    detail = status.reason or status.progress or ""
    elapsed = f"{time.monotonic() - started:5.1f} s"
    say(f"  {elapsed}  {status.name:<20} {status.state.lower():<9} {detail}".rstrip())


def _greet(paths: DataPaths, spec: ClusterSpec) -> None:
    say(f"\nKafka is ready: {cluster.bootstrap(spec, Protocol.SASL_SSL)} (SASL_SSL)")
    say(f"                {cluster.bootstrap(spec, Protocol.SSL)} (SSL, client certificates)")
    say(f"Client files of the user admin: {paths.cluster(spec.name).clients / 'admin'}")


# down


def down(paths: DataPaths, arguments: argparse.Namespace) -> None:
    client = ControlClient(paths)
    started = time.monotonic()
    try:
        client.shutdown()
    except NoSupervisor:
        _stop_orphans(paths)
        return
    client.wait_gone(DOWN_TIMEOUT, lambda status: _show(status, started))
    say("Everything is stopped.")


def _stop_orphans(paths: DataPaths) -> None:
    """The supervisor died, its children live: be the supervisor for as long as it takes to stop them."""
    entries = record.load(paths.processes, now=0, wall=0).entries.values()
    alive = [
        entry for entry in entries if entry.child and process.verify(entry.child) is process.Verdict.OURS
    ]
    if not alive:
        say("Nothing is running.")
        return
    say(f"No supervisor is running; stopping the {len(alive)} process(es) it left.")
    Supervisor(paths, closing=True).run()
    say("Everything is stopped.")


# status


def status(paths: DataPaths, arguments: argparse.Namespace) -> None:
    observed = observe(paths)
    statuses = observed.statuses
    if arguments.json:
        say(json.dumps(status_json(paths, statuses)))
        return
    if not statuses:
        raise Failed("Nothing is supervised for this data directory.", "Start it: python -m broker up")
    for item in statuses:
        memory = f"{item.rss_bytes / 1e6:.0f} MB" if item.rss_bytes else ""
        say(
            f"{item.name:<20} {item.state.lower():<9} {item.pid or '':>7} {memory:>8}  {item.reason or ''}".rstrip()
        )
        if item.hint:
            say(f"  {item.hint}")


def status_json(paths: DataPaths, statuses: tuple[ProcessStatus, ...]) -> dict[str, Any]:
    by_name = {item.name: item for item in statuses}
    return {
        "data": str(paths.root),
        "processes": [item.to_json() for item in statuses],
        "clusters": [_cluster_json(paths, spec, by_name) for spec in cluster.list_clusters(paths)],
    }


def _cluster_json(paths: DataPaths, spec: ClusterSpec, by_name: dict[str, ProcessStatus]) -> dict[str, Any]:
    brokers: list[dict[str, Any]] = []
    for node in spec.nodes:
        found = by_name.get(spec.process_name(node))
        listeners = {item.name: item.address for item in node.listeners if item.name in set(Protocol)}
        state = found.state if found else ProcessState.STOPPED
        brokers.append(
            {"id": node.id, "pid": found.pid if found else None, "state": state, "listeners": listeners}
        )
    running = all(broker["state"] is ProcessState.RUNNING for broker in brokers)
    return {
        "name": spec.name,
        "cluster_id": spec.cluster_id,
        "state": "running" if running else "degraded",
        "brokers": brokers,
        "bootstrap": {protocol.value: cluster.bootstrap(spec, protocol) for protocol in Protocol},
        "ca_file": str(paths.cluster(spec.name).clients / "admin" / "ca.pem"),
    }


# logs


def logs(paths: DataPaths, arguments: argparse.Namespace) -> None:
    files = sorted(paths.logs.glob("*.log"))
    if arguments.name:
        files = [file for file in files if file.stem == arguments.name]
    if not files:
        known = ", ".join(sorted(file.stem for file in paths.logs.glob("*.log"))) or "none"
        raise Failed(
            f"There is no log named {arguments.name}." if arguments.name else "There are no logs.",
            f"Known: {known}",
        )
    for file in files:
        for line in logs_.tail(file, arguments.lines):
            say(_labelled(file, line, len(files)))
    if arguments.follow:
        _follow(files)


def _follow(files: list[Path]) -> None:
    followers = {file: logs_.Follower(file, from_end=True) for file in files}
    while True:
        for file, follower in followers.items():
            for line in follower.read():
                say(_labelled(file, line, len(files)))
        time.sleep(FOLLOW_EVERY)


def _labelled(file: Path, line: str, count: int) -> str:
    return line if count == 1 else f"{file.stem}: {line}"


# roll


def roll(paths: DataPaths, arguments: argparse.Namespace) -> None:
    spec = _cluster(paths)
    known = {node.id for node in spec.staying}
    unknown = set(arguments.nodes) - known
    if unknown:
        raise Failed(f"There is no node {min(unknown)}.", f"Nodes: {', '.join(map(str, sorted(known)))}")
    client = ControlClient(paths)
    reasons = dict.fromkeys(arguments.nodes or sorted(known), RestartReason.MANUAL)
    with turn(paths, spec.name, "`python -m broker roll`"):
        _apply_to_running(client, cluster.prepare(paths, spec, datetime.now(UTC)))
        result = roll_nodes(JolokiaFacts(paths, spec), client, spec, reasons, _tell, lambda: False)
    if result.outcome is not Outcome.DONE:
        raise Failed(result.reason, "Nothing else was restarted.")


# remove


def remove(paths: DataPaths, arguments: argparse.Namespace) -> None:
    """Moving replicas takes a Kafka client, which this side has not: a broker that hosts any is refused."""
    spec = _cluster(paths)
    node = next((node for node in spec.nodes if node.id == arguments.node), None)
    if node is None:
        raise Failed(
            f"There is no node {arguments.node}.", f"Nodes: {', '.join(str(n.id) for n in spec.nodes)}"
        )
    removal.refuse_voter(spec, node)
    client = ControlClient(paths)
    with turn(paths, spec.name, f"`python -m broker remove {node.id}`"):
        if node.id not in spec.leaving:
            _refuse_host(paths, spec, node)
        spec = removal.begin(paths, spec, node.id)
        say(f"broker {node.id} leaves; it is being stopped")
        removal.stop(client, spec, node.id)
        removal.unregister(paths, spec, node.id)
        aside = removal.forget(paths, client, spec, node.id, delete_data=arguments.delete_data)
    say(f"broker {node.id} is removed" + (f"; its data is in {aside}" if aside else ""))


def _refuse_host(paths: DataPaths, spec: ClusterSpec, node: NodeSpec) -> None:
    try:
        hosted = node_health(paths, spec, node).partitions
    except AgentError as error:
        raise Failed(
            f"What broker {node.id} hosts cannot be told: {error}", "Start it first, so that it can be asked."
        ) from error
    if hosted:
        topics = sorted({topic for topic, _ in hosted})
        names = ", ".join(topics[:5]) + (f" and {len(topics) - 5} more" if len(topics) > 5 else "")
        raise Failed(
            f"Broker {node.id} hosts {len(hosted)} replicas of {len(topics)} topic(s): {names}.",
            "Remove it in the app (Brokers), which moves them first, or move them with "
            "kafka-reassign-partitions.sh.",
        )


def _cluster(paths: DataPaths) -> ClusterSpec:
    spec = cluster.load_cluster(paths)
    if spec is None:
        raise Failed("There is no cluster in this data directory.", "Create it: python -m broker up")
    return spec


def _apply_to_running(client: ControlClient, processes: tuple[ProcessSpec, ...]) -> None:
    """New specifications hold from the next start; `apply` would also start a node that someone has stopped."""
    running = {status.name for status in client.status() if status.state in ALIVE}
    client.apply([spec for spec in processes if spec.name in running])


def _tell(event: RollEvent) -> None:
    say(f"[{event.done}/{event.total}] {event.text}")
