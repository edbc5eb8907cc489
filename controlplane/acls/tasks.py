"""Celery's door to the ACL windows."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from controlplane.acls import watching


@shared_task(name="acls.restore_levels", ignore_result=True, soft_time_limit=50, time_limit=60)
def restore_levels() -> None:
    watching.restore_overdue(timezone.now())
