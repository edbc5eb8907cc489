"""Celery's door to the audit's housekeeping."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from controlplane.audit import idempotency, services


@shared_task(name="audit.housekeeping", ignore_result=True, time_limit=120)
def housekeeping() -> None:
    now = timezone.now()
    services.seal_abandoned(now)
    idempotency.forget_old(now)
