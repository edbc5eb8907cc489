"""Celery's doors to the polls of Connect workers."""

from __future__ import annotations

import logging
import time

from celery import shared_task

from controlplane.clusters.models import Cluster, Kind
from controlplane.gateways.errors import GatewayError
from controlplane.metrics.sources import is_elsewhere
from controlplane.workers import polling, services

log = logging.getLogger(__name__)


@shared_task(name="workers.poll_all", ignore_result=True)
def poll_all() -> None:
    """One task per worker: one that hangs delays no other."""
    for name in Cluster.objects.values_list("name", flat=True):
        if is_elsewhere(name):
            continue
        if polling.polled(name) is None:
            polling.end(name, time.time_ns() // 1_000_000)
        else:
            poll.apply_async(args=(name,), expires=8)


@shared_task(name="workers.poll", ignore_result=True, soft_time_limit=10, time_limit=15)
def poll(cluster: str) -> None:
    worker = polling.polled(cluster)
    if worker is None:
        return
    failure = polling.poll(cluster, worker, time.time_ns() // 1_000_000)
    if failure is not None:
        log.warning("%s was not read: %s", worker.process_name, failure.what)


@shared_task(name="workers.follow", ignore_result=True, soft_time_limit=50, time_limit=60)
def follow() -> None:
    """Workers beside external clusters learn of a new address, password or key by a restart."""
    for cluster in Cluster.objects.filter(kind=Kind.EXTERNAL):
        try:
            if services.follow(cluster):
                log.info("the Connect worker of %s follows its registration", cluster.name)
        except GatewayError as error:
            log.warning(
                "the Connect worker of %s does not follow its registration: %s", cluster.name, error.what
            )
