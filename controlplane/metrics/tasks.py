"""Celery's doors to polling and housekeeping. A late poll is dropped (`expires`), never queued up behind another."""

from __future__ import annotations

import logging
import time

from celery import shared_task
from django.conf import settings

from controlplane.clusters.models import Cluster
from controlplane.clusters.tasks import refresh_health
from controlplane.gateways.errors import GatewayError
from controlplane.jobs.services import celery_app
from controlplane.metrics import instruments, polling, probe, protocol_poll
from controlplane.metrics.selectors import retention, store, was_up
from controlplane.metrics.sources import is_elsewhere
from controlplane.metrics.store import compaction

log = logging.getLogger(__name__)


@shared_task(name="metrics.poll_all", ignore_result=True)
def poll_all() -> None:
    for cluster in Cluster.objects.values_list("name", flat=True):
        try:
            brokers = polling.targets(cluster)
        except GatewayError:
            continue
        for broker in brokers:
            delay = polling.offset_s(cluster, broker)
            poll_broker.apply_async(args=(cluster, broker), countdown=delay, expires=delay + 3)


@shared_task(name="metrics.poll", ignore_result=True, soft_time_limit=8, time_limit=15)
def poll_broker(cluster: str, broker: int) -> None:
    started = time.monotonic()
    before = was_up(cluster, broker, time.time_ns() // 1_000_000)
    failure = polling.poll(cluster, broker)
    if before is not None and before is (failure is not None):
        # It fell silent, or speaks again: what the pages say of the cluster is past, and somebody may wait to be told.
        refresh_health.apply_async(args=(cluster,), expires=5)
        for task in settings.WHEN_A_BROKER_TURNS:
            celery_app().send_task(task, expires=5)
    instruments.scrape(cluster, broker, time.monotonic() - started, failed=failure is not None)
    if failure is not None:
        log.warning("broker %s of %s was not read: %s", broker, cluster, failure.what)


@shared_task(name="metrics.poll_protocol_all", ignore_result=True)
def poll_protocol_all() -> None:
    for cluster in Cluster.objects.values_list("name", flat=True):
        poll_protocol.apply_async(args=(cluster,), expires=8)


@shared_task(name="metrics.poll_protocol", ignore_result=True, soft_time_limit=60, time_limit=90)
def poll_protocol(name: str) -> None:
    cluster = Cluster.objects.filter(name=name).first()
    now = time.time_ns() // 1_000_000
    if cluster is None or is_elsewhere(name) or not protocol_poll.due(name, now):
        return
    failure = protocol_poll.poll(cluster, now)
    if failure is not None:
        log.warning("%s was not read over the Kafka protocol: %s", name, failure.what)


@shared_task(name="metrics.probe_all", ignore_result=True)
def probe_all() -> None:
    if not settings.PROBE:
        return
    for cluster in Cluster.objects.values_list("name", flat=True):
        probe_cluster.apply_async(args=(cluster,), expires=20)


@shared_task(name="metrics.probe", ignore_result=True, soft_time_limit=25, time_limit=30)
def probe_cluster(name: str) -> None:
    cluster = Cluster.objects.filter(name=name).first()
    if cluster is None or not probe.is_wanted(cluster):
        return
    failure = probe.probe(cluster, time.time_ns() // 1_000_000)
    if failure is not None:
        log.warning("%s could not be probed: %s", name, failure.what)


@shared_task(name="metrics.housekeeping", ignore_result=True, soft_time_limit=120, time_limit=180)
def housekeeping() -> None:
    now = time.time_ns() // 1_000_000
    while compaction.step(store(), now, retention()):
        pass
    compaction.prune(store(), now, retention())
