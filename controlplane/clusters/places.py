"""Where jobs of clusters belong: the page that they were asked for on."""

from __future__ import annotations

from django.shortcuts import resolve_url

from controlplane.jobs.models import Job


def brokers(job: Job) -> tuple[str, str]:
    return "Brokers", resolve_url("clusters:brokers", job.cluster)


def all_clusters(job: Job) -> tuple[str, str]:
    return "Clusters", resolve_url("cluster_list")
