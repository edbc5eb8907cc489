"""`./run status [--json]`: the contract of DESIGN section 9; answers from the supervisor and recorded files."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from controlplane.cli.console import human_bytes
from controlplane.cli.settings import recorded_address
from controlplane.config.version import VERSION
from controlplane.core.words import counted
from controlplane.gateways import broker as bundled
from controlplane.gateways.broker import ClusterSpec, DataPaths, NodeSpec, ProcessState, ProcessStatus

CLIENT_LISTENERS = ("SASL_SSL", "SSL")
UNSUPERVISED = "The supervisor does not run: what ends now is not started again."
UNSUPERVISED_HINT = "`./run up` starts it again; it takes back what runs, and nothing restarts."


def status(paths: DataPaths, *, as_json: bool) -> int:
    """Exit code 1 also where processes run that nobody would start again."""
    report = collect(paths)
    if as_json:
        print(json.dumps(report, indent=2))
    else:
        print_report(report)
    return 0 if report["processes"] and report["supervised"] else 1


def collect(paths: DataPaths) -> dict[str, Any]:
    observed = bundled.observe(paths)
    running = observed.statuses
    address = recorded_address(paths)
    return {
        "url": address.url if address else None,
        "data": str(paths.root),
        "version": VERSION,
        "supervised": observed.supervised,
        "processes": [process_row(process) for process in running],
        "clusters": [cluster_row(paths, spec, running) for spec in bundled.bundled_clusters()],
    }


#: What each is for, in a few words; the manual's page on processes has more.
PURPOSES = {
    "web": "web app and API",
    "redis": "wakes the workers up",
    "worker": "jobs and readings of clusters",
    "alert-worker": "polls brokers, judges rules, sends alerts",
    "beat": "starts periodic work",
    "watch": "tells when alerting itself stops",
}


def purpose_of(process: ProcessStatus) -> str:
    if process.name in PURPOSES:
        return PURPOSES[process.name]
    cluster, node = process.labels.get("cluster"), process.labels.get("node")
    if node:
        return f"broker {node} of {cluster}"
    return f"Connect worker of {cluster}" if cluster else ""


def process_row(process: ProcessStatus) -> dict[str, Any]:
    since = (
        datetime.fromtimestamp(process.since, UTC).isoformat(timespec="seconds") if process.since else None
    )
    return {
        "name": process.name,
        "purpose": purpose_of(process),
        "pid": process.pid,
        "state": process.state.value,
        "since": since,
        "rss_bytes": process.rss_bytes,
        "reason": process.reason,
    }


def cluster_row(paths: DataPaths, spec: ClusterSpec, running: tuple[ProcessStatus, ...]) -> dict[str, Any]:
    by_node = {
        process.labels.get("node"): process
        for process in running
        if process.labels.get("cluster") == spec.name
    }
    brokers = [broker_row(node, by_node.get(str(node.id))) for node in spec.nodes]
    up = sum(row["state"] == ProcessState.RUNNING.value for row in brokers)
    return {
        "name": spec.name,
        "cluster_id": spec.cluster_id,
        "state": "running" if up == len(brokers) else "stopped" if up == 0 else "degraded",
        "brokers": brokers,
        "bootstrap": {name: bundled.bootstrap(spec, name) for name in CLIENT_LISTENERS},
        "ca_file": str(bundled.admin_directory(paths, spec) / "ca.pem"),
    }


def broker_row(node: NodeSpec, process: ProcessStatus | None) -> dict[str, Any]:
    return {
        "id": node.id,
        "pid": process.pid if process else None,
        "state": process.state.value if process else ProcessState.STOPPED.value,
        "listeners": {
            listener.name: f"{listener.host}:{listener.port}"
            for listener in node.listeners
            if listener.name in CLIENT_LISTENERS
        },
    }


def print_report(report: dict[str, Any]) -> None:
    if not report["processes"]:
        print("Kastellan is not running. `./run up` starts it.")
        return
    print(f"Kastellan {report['version']}  {report['url']}\nData: {report['data']}\n")
    if not report["supervised"]:
        print(f"{UNSUPERVISED}\n{UNSUPERVISED_HINT}\n")
    print(f"{'PROCESS':<18} {'STATE':<10} {'PID':>8} {'MEMORY':>10}  {'SINCE (UTC)':<26} WHAT IT IS")
    for row in report["processes"]:
        memory = human_bytes(row["rss_bytes"]) if row["rss_bytes"] else "–"
        print(
            f"{row['name']:<18} {row['state']:<10} {row['pid'] or '–':>8} {memory:>10}  {row['since'] or '–':<26} {row['purpose']}"
        )
        if row["reason"] and report["supervised"]:
            print(f"  {row['reason']}")
    for cluster in report["clusters"]:
        print(
            f"\nCluster {cluster['name']}: {cluster['state']}, {counted(len(cluster['brokers']), 'broker')}"
        )
        for name, servers in cluster["bootstrap"].items():
            print(f"  {name:<9} {servers}")
