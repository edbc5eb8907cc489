"""Celery's doors to the snapshot: a row's name in, a service call, nothing else."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from controlplane.clusters import services, watching
from controlplane.clusters.models import Cluster
from controlplane.core.locks import alone


@shared_task(name="clusters.refresh_all", ignore_result=True)
def refresh_all() -> None:
    """One task per cluster, so that a slow cluster never delays another."""
    for name in Cluster.objects.values_list("name", flat=True):
        refresh.apply_async(args=(name,), expires=10)


@shared_task(name="clusters.watch", ignore_result=True, soft_time_limit=30, time_limit=45)
def watch() -> None:
    """One at a time: while the supervisor or a cluster hangs, the next ones would each hold a process of the worker."""
    with alone("clusters.watch") as mine:
        if mine:
            watching.look(timezone.now())


@shared_task(name="clusters.refresh_health", ignore_result=True, soft_time_limit=30, time_limit=45)
def refresh_health(name: str) -> None:
    cluster = Cluster.objects.filter(name=name).first()
    if cluster is not None:
        services.refresh_health(cluster)


@shared_task(name="clusters.refresh", ignore_result=True, soft_time_limit=60, time_limit=90)
def refresh(name: str) -> None:
    cluster = Cluster.objects.filter(name=name).first()
    if cluster is not None:
        services.refresh(cluster)
