"""Celery's doors to alerting. Rows are the truth; a message that is lost costs at most the wait for the next sweep."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from controlplane.alerts.services import cycle, delivering, housekeeping


@shared_task(name="alerts.evaluate", ignore_result=True, soft_time_limit=45, time_limit=55)
def evaluate() -> None:
    cycle.run()


@shared_task(name="alerts.deliver", ignore_result=True, time_limit=60)
def deliver() -> None:
    delivering.deliver()


@shared_task(name="alerts.sweep", ignore_result=True, time_limit=60)
def sweep() -> None:
    delivering.deliver()


@shared_task(name="alerts.housekeeping", ignore_result=True, time_limit=120)
def forget() -> None:
    housekeeping.forget_old(timezone.now())
