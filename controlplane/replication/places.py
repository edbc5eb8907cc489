"""Where jobs of replication belong: the runbook whose step they are, or the flow."""

from __future__ import annotations

from django.shortcuts import resolve_url

from controlplane.jobs.models import Job
from controlplane.replication.models import Failover, Flow


def runbook(job: Job) -> tuple[str, str]:
    run = Failover.objects.filter(pk=int(str(job.args["run"]))).first()
    if run is None:
        return "Replication", resolve_url("replication:list", job.cluster)
    return f"Failover {run.source} → {run.target}", resolve_url(
        "replication:failover", run.target, run.source
    )


def flow(job: Job) -> tuple[str, str]:
    source, target = str(job.args["source"]), str(job.args["target"])
    if Flow.objects.filter(source=source, target=target).exists():
        return f"{source} → {target}", resolve_url("replication:flow", target, source)
    return "Replication", resolve_url("replication:list", job.cluster)
