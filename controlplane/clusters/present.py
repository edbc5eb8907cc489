"""How a cluster is now: the snapshot, the supervisor's processes and the work on it, put together for every reader.

The dashboard, the broker pages, the API and the verdict take their answer from here, so that they agree.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from django.conf import settings
from django.utils import timezone
from django.utils.module_loading import import_string

from controlplane.clusters import exclusion, selectors
from controlplane.clusters.logic.conditions import (
    DEAD,
    BrokerNow,
    Condition,
    Ended,
    Process,
    condition_of,
)
from controlplane.clusters.logic.verdict import Alarm, ClusterNow, Work
from controlplane.clusters.models import BrokerSnapshot, Cluster, SnapshotPart
from controlplane.gateways import broker as bundled
from controlplane.gateways.errors import GatewayError
from controlplane.jobs.models import Job, JobState


@dataclass(frozen=True, slots=True)
class BrokerRow:
    """A broker of the snapshot with its process, where it is one of ours, and the two put together.

    `controller`: it has a vote among the controllers, so it stays; `leaving`: its removal was begun.
    """

    broker: BrokerSnapshot
    process: bundled.ProcessStatus | None
    now: BrokerNow
    controller: bool = False
    leaving: bool = False

    @property
    def dead(self) -> bool:
        return self.now.condition in DEAD

    @property
    def disk_used(self) -> float | None:
        total, usable = self.broker.disk_total_bytes, self.broker.disk_usable_bytes
        return None if not total or usable is None else 1 - usable / total


def broker_rows(cluster: Cluster, rows: Sequence[BrokerSnapshot] | None = None) -> tuple[BrokerRow, ...]:
    processes, spec = processes_by_broker(cluster), _spec(cluster)
    found = rows if rows is not None else tuple(selectors.brokers(cluster))
    return tuple(_row(cluster, spec, row, processes.get(row.broker_id)) for row in found)


def _spec(cluster: Cluster) -> bundled.ClusterSpec | None:
    """None for a cluster that is not ours to start."""
    try:
        return bundled.bundled_cluster(cluster.name)
    except GatewayError:
        return None


def processes_by_broker(cluster: Cluster) -> dict[int, bundled.ProcessStatus]:
    """Also told while no supervisor answers; empty for a cluster that is not ours to start."""
    own = [status for status in bundled.observe().statuses if status.labels.get("cluster") == cluster.name]
    return {int(status.labels["node"]): status for status in own if status.labels.get("node", "").isdigit()}


def dead_brokers(cluster: Cluster) -> frozenset[int]:
    """Those that serve nobody, which Kafka may not have noticed yet; one that is stopping still does."""
    serving = (bundled.ProcessState.RUNNING, bundled.ProcessState.STOPPING)
    found = processes_by_broker(cluster).items()
    return frozenset(broker for broker, status in found if status.state not in serving)


def running_since(cluster: Cluster) -> dict[int, float]:
    """Unix seconds; infinite for a process that does not run (yet). What was measured before is past."""
    return {
        broker: status.since if status.state is bundled.ProcessState.RUNNING else math.inf
        for broker, status in processes_by_broker(cluster).items()
    }


def _row(
    cluster: Cluster,
    spec: bundled.ClusterSpec | None,
    row: BrokerSnapshot,
    status: bundled.ProcessStatus | None,
) -> BrokerRow:
    process = process_of(status) if status else None
    condition = condition_of(process, timezone.now(), fenced=row.fenced)
    stop = _last_stop(cluster, row.broker_id) if condition is Condition.STOPPED else None
    now = BrokerNow(
        id=row.broker_id,
        condition=condition,
        process=process,
        fenced=row.fenced,
        replicas=row.replicas,
        leaders=row.leaders,
        stopped_by=stop.actor_name if stop else "",
        job=str(stop.pk) if stop else "",
        offline_dirs=tuple(row.offline_dirs),
    )
    return BrokerRow(
        row,
        status,
        now,
        controller=spec is not None and any(node.id == row.broker_id for node in spec.controllers),
        leaving=spec is not None and row.broker_id in spec.leaving,
    )


def process_of(status: bundled.ProcessStatus) -> Process:
    ended = _ended(status.crash) if status.crash else None
    since = _moment(status.since) if status.since else None
    return Process(
        status.state.value, since, status.reason or "", status.hint or "", status.cause or "", ended
    )


def _ended(crash: bundled.Crash) -> Ended:
    return Ended(
        at=_moment(crash.at),
        what=crash.what,
        restart=crash.restart,
        limit=crash.limit,
        next_try=_moment(crash.next_try) if crash.next_try else None,
    )


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _last_stop(cluster: Cluster, broker: int) -> Job | None:
    """The newest act on this broker, if that was a stop."""
    acts = Job.objects.filter(cluster=cluster.name, kind="brokers.act", state=JobState.SUCCEEDED)
    last = acts.filter(args__broker=broker).order_by("-created_at").first()
    return last if last is not None and last.args.get("act") == "stop" else None


def cluster_now(cluster: Cluster, rows: Sequence[BrokerRow] | None = None) -> ClusterNow:
    sums = selectors.facts(cluster)
    age = selectors.age(cluster, SnapshotPart.BROKERS)
    found = rows if rows is not None else broker_rows(cluster)
    ours = any(row.process is not None for row in found)
    return ClusterNow(
        brokers=tuple(row.now for row in found),
        controller=sums.controller,
        leaderless=sums.leaderless,
        under_min_isr=sums.under_min_isr,
        under_replicated=sums.under_replicated,
        read_at=age.taken_at,
        error=age.error,
        supervised=not ours or bundled.observe().supervised,
        work=work_on(cluster),
        alarms=_alarms(cluster),
    )


def _alarms(cluster: Cluster) -> tuple[Alarm, ...]:
    firing: Callable[[Cluster], tuple[Alarm, ...]] = import_string(settings.FIRING_ALERTS)
    return firing(cluster)


def work_on(cluster: Cluster) -> Work | None:
    """The job, or the command line, that stops, starts or adds brokers now."""
    job = exclusion.at_work(cluster.name)
    if job is None:
        holder = bundled.turn_holder(bundled.data_paths(), cluster.name)
        return Work(holder) if holder else None
    broker = job.args.get("broker")
    return Work(
        title=job.title,
        by=job.actor_name,
        job=str(job.pk),
        broker=int(broker) if broker is not None else None,
        done=job.done,
        total=job.total,
    )


def log_shown(text: str, search: str) -> str:
    """The lines of a log that contain `search`, newest first."""
    wanted = search.lower()
    return "\n".join(line for line in reversed(text.splitlines()) if wanted in line.lower())
