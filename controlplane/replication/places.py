"""Where jobs of replication belong: the runbook whose step they are."""

from __future__ import annotations

from django.shortcuts import resolve_url

from controlplane.jobs.models import Job
from controlplane.replication.models import Failover


def runbook(job: Job) -> tuple[str, str]:
    run = Failover.objects.filter(pk=int(str(job.args["run"]))).first()
    if run is None:
        return "Replication", resolve_url("replication:list", job.cluster)
    return f"Failover {run.source} → {run.target}", resolve_url(
        "replication:failover", run.target, run.source
    )
