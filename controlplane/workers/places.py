"""Where jobs of the Connect worker belong: the page that they were asked for on."""

from __future__ import annotations

from django.shortcuts import resolve_url

from controlplane.jobs.models import Job


def worker(job: Job) -> tuple[str, str]:
    return "Connect worker", resolve_url("workers:worker", job.cluster)


def plugins(job: Job) -> tuple[str, str]:
    return "Plugins of the worker", resolve_url("workers:plugins", job.cluster)
