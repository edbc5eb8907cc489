"""Celery's door to what goes on by itself: restarts of what failed, log levels that have had their time."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from controlplane.connect import keeping, levels, restarting


@shared_task(name="connect.sweep", ignore_result=True, soft_time_limit=50, time_limit=60)
def sweep() -> None:
    levels.restore_overdue(timezone.now())
    restarting.sweep(timezone.now())


@shared_task(name="connect.tidy", ignore_result=True, soft_time_limit=100, time_limit=120)
def tidy() -> None:
    """Seldom: it reads the settings of every connector."""
    keeping.sweep_all()
