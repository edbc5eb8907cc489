"""Celery's door to the housekeeping of accounts: sessions and links that ended long ago."""

from __future__ import annotations

from datetime import timedelta

from celery import shared_task
from django.core.management import call_command
from django.utils import timezone

from controlplane.accounts.models import LoginLink


@shared_task(name="accounts.housekeeping", ignore_result=True, time_limit=300)
def housekeeping() -> None:
    call_command("clearsessions")
    LoginLink.objects.filter(expires_at__lt=timezone.now() - timedelta(days=30)).delete()
