"""Which jobs disturb a cluster's brokers, and the rule that only one of them is at work: the one place that decides it.

1. A plan is refused as `busy` while such a job is open; the refusal names the job.
2. When it is applied, the check and the new row are one transaction: of two at once, one is refused.
3. When the job runs it takes the cluster's turn, which also `python -m broker roll` takes; it waits a while, then gives up.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Generator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from django.db import transaction
from django.shortcuts import resolve_url

from controlplane.clusters.models import Cluster
from controlplane.core.errors import Conflict
from controlplane.core.plans import Affected, Plan, Refusal
from controlplane.gateways import broker as bundled
from controlplane.jobs.models import Job
from controlplane.jobs.run import JobRun

#: Kinds of jobs that stop, start, add or remove brokers. They exclude one another on each cluster.
DISRUPTIVE = (
    "brokers.act",
    "brokers.roll",
    "brokers.add",
    "brokers.remove",
    "certificates.rotate",
    "clusters.whole",
)
#: A holder that is no open job (a command line, a worker taken for dead) gets this long to end.
PATIENCE_SECONDS = 60.0
ASK_EVERY = 0.5


class Busy(Conflict):
    """Another job disturbs the brokers of this cluster."""

    code = "busy"


def at_work(cluster: str, kinds: Collection[str] = DISRUPTIVE, also: str | None = None) -> Job | None:
    """The job that is running or waits for its worker. `also`: only those that are about this other cluster as well."""
    rows = Job.objects.filter(cluster=cluster, kind__in=kinds, ended_at=None)
    return (rows if also is None else rows.filter(also=also)).last()


def refused_while_busy(
    cluster: Cluster, plan: Plan, kinds: Collection[str] = DISRUPTIVE, also: str | None = None
) -> Plan:
    """Only this refusal then: what else may forbid the plan can come from the job that is at work."""
    job = at_work(cluster.name, kinds, also)
    if job is None:
        return plan
    at = Affected("job", job.title, url=_url(job), note="at work now")
    return replace(plan, refusals=(_refusal(job),), affected=(*plan.affected, at))


def _refusal(job: Job) -> Refusal:
    return Refusal("busy", f"{job.title} is at work", f"Wait for it to end, or cancel it: {_url(job)}")


def _url(job: Job) -> str:
    return resolve_url("jobs:detail", job.pk)


@contextmanager
def admitted(
    cluster: Cluster, kinds: Collection[str] = DISRUPTIVE, also: str | None = None
) -> Generator[None]:
    """For the body that enqueues such a job. The cluster's row is the lock where a database has no single writer."""
    with transaction.atomic():
        Cluster.objects.select_for_update().get(pk=cluster.pk)
        job = at_work(cluster.name, kinds, also)
        if job is not None:
            refusal = _refusal(job)
            raise Busy(refusal.what, hint=refusal.hint)
        yield


@contextmanager
def turn(job: JobRun) -> Generator[None]:
    """Held while the brokers are disturbed. A job that finds it taken waits, can be cancelled, and gives up in the end."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    with ExitStack() as held:
        while (holder := _take(held, job)) is not None:
            if time.monotonic() > deadline:
                raise Busy(
                    f"{holder} is at work", hint="Nothing was done. Start it again when that has ended."
                )
            job.progress(0, None, f"Waits for its turn: {holder} is at work")
            job.raise_if_cancelled()
            time.sleep(ASK_EVERY)
        yield


def _take(held: ExitStack, job: JobRun) -> str | None:
    """None when the turn is ours, else who has it."""
    try:
        held.enter_context(bundled.turn(bundled.data_paths(), job.cluster, job.job.title))
    except bundled.TurnTaken as taken:
        return taken.title
    return None
