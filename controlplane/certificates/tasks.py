"""Celery's doors: names in, a service call. No certificate, and certainly no key, is ever an argument."""

from __future__ import annotations

import logging
import time

from celery import shared_task
from django.utils import timezone

from controlplane.certificates import inventory, renewal, rotation
from controlplane.certificates.services import revocation, watching
from controlplane.clusters.models import Cluster, Kind
from controlplane.gateways.errors import GatewayError
from controlplane.metrics.selectors import store
from controlplane.metrics.sources import is_elsewhere

log = logging.getLogger(__name__)
TARGET = "certificates"


@shared_task(name="certificates.refresh_lists", ignore_result=True, soft_time_limit=60, time_limit=90)
def refresh_lists() -> None:
    for cluster in Cluster.objects.filter(kind=Kind.BUNDLED):
        try:
            revocation.refresh_if_due(cluster)
        except GatewayError as error:
            log.warning("the revocation list of %s was not refreshed: %s", cluster.name, error.what)


@shared_task(name="certificates.renew_all", ignore_result=True)
def renew_all() -> None:
    """One task per cluster: one that does not answer never keeps another waiting."""
    for name in Cluster.objects.values_list("name", flat=True):
        renew.apply_async(args=(name,), expires=600)


@shared_task(name="certificates.renew", ignore_result=True, soft_time_limit=120, time_limit=180)
def renew(name: str) -> None:
    cluster = Cluster.objects.filter(name=name).first()
    if cluster is not None and not cluster.external:
        renewal.renew(cluster, timezone.now())
        rotation.heal(cluster)


@shared_task(name="certificates.check_all", ignore_result=True, soft_time_limit=60, time_limit=90)
def check_all() -> None:
    """One task per address, spread over twenty minutes."""
    for cluster in Cluster.objects.all():
        watching.forget_gone(cluster)
        for target in watching.targets(cluster):
            check.apply_async(
                args=(cluster.name, target.host, target.port),
                countdown=target.offset_s,
                expires=target.offset_s + 600,
            )


@shared_task(name="certificates.check_new", ignore_result=True, soft_time_limit=60, time_limit=90)
def check_new() -> None:
    """Addresses that nobody asked yet, of a new cluster above all, do not wait for the hour."""
    for cluster in Cluster.objects.all():
        for target in watching.unseen(cluster):
            check.apply_async(args=(cluster.name, target.host, target.port), expires=59)


@shared_task(name="certificates.check", ignore_result=True, soft_time_limit=20, time_limit=30)
def check(name: str, host: str, port: int) -> None:
    cluster = Cluster.objects.filter(name=name).first()
    if cluster is not None:
        watching.check(cluster, host, port)


@shared_task(name="certificates.sample", ignore_result=True, soft_time_limit=20, time_limit=30)
def sample() -> None:
    """Into the metric history, often enough for alert rules, which look back five minutes."""
    for cluster in Cluster.objects.all():
        if is_elsewhere(cluster.name):
            continue
        found = inventory.samples(cluster, timezone.now())
        if found:
            store().append(cluster.name, TARGET, time.time_ns() // 1_000_000, found)
