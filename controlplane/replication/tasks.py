"""Celery's doors to the polls of flows."""

from __future__ import annotations

import logging
import time

from celery import shared_task
from celery.exceptions import SoftTimeLimitExceeded

from controlplane.clusters.models import Cluster
from controlplane.gateways.errors import GatewayError
from controlplane.metrics.sources import is_elsewhere
from controlplane.replication import following, sampling
from controlplane.replication.models import Flow

log = logging.getLogger(__name__)


@shared_task(name="replication.poll_all", ignore_result=True)
def poll_all() -> None:
    """One task per flow: one whose source hangs delays no other."""
    for name in Cluster.objects.values_list("name", flat=True):
        if not is_elsewhere(name):
            sampling.end_gone(name, time.time_ns() // 1_000_000)
    for flow in Flow.objects.filter(complete=True):
        poll.apply_async(args=(flow.source, flow.target), expires=sampling.INTERVAL_S - 2)


@shared_task(name="replication.poll", ignore_result=True, soft_time_limit=45, time_limit=55)
def poll(source: str, target: str) -> None:
    flow = Flow.objects.filter(source=source, target=target, complete=True).first()
    ends = {row.name: row for row in Cluster.objects.filter(name__in=(source, target))}
    now = time.time_ns() // 1_000_000
    if flow is None or len(ends) < 2 or is_elsewhere(target):
        return
    last = sampling.last_poll(flow.asked, now)
    if not sampling.due(last, now):
        return
    try:
        sampling.poll(flow.asked, ends[source], ends[target], now, last)
    except SoftTimeLimitExceeded:
        log.warning("the flow %s was not read in time", flow)
        sampling.unread(flow.asked, now, time.time_ns() // 1_000_000 / 1000 - now / 1000)


@shared_task(name="replication.follow", ignore_result=True, soft_time_limit=50, time_limit=60)
def follow() -> None:
    """Flows from and into external clusters learn of changed registrations."""
    for flow in Flow.objects.filter(complete=True):
        try:
            if following.follow(flow):
                log.info("the flow %s follows a registration that was changed", flow)
        except (GatewayError, OSError) as error:
            log.warning("the flow %s does not follow the registrations of its clusters: %s", flow, error)
