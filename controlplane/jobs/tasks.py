"""Celery's doors to jobs. A message names a row; the row decides whether there is anything to do."""

from __future__ import annotations

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from controlplane.core import stamps
from controlplane.jobs import services


@shared_task(name="jobs.run", ignore_result=True, acks_late=True)
def run(job_id: str) -> None:
    services.run(job_id)


@shared_task(name="jobs.sweep", ignore_result=True, time_limit=60)
def sweep() -> None:
    services.sweep(timezone.now())
    stamps.leave(settings.WORKER_STAMP)
