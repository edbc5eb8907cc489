"""Forgets what is long over: resolved alerts, finished notifications, expired silences."""

from __future__ import annotations

from datetime import datetime, timedelta

from controlplane.alerts.models import Alert, GroupLog, Notification, NotificationState, Silence

KEPT = timedelta(days=90)


def forget_old(now: datetime) -> int:
    """What a receiver was told of and has not heard the end of stays."""
    before = now - KEPT
    told = {key for keys in GroupLog.objects.values_list("firing", flat=True) for key in keys}
    count = Alert.objects.filter(resolved_at__lt=before).exclude(fingerprint__in=told).delete()[0]
    finished = Notification.objects.exclude(state=NotificationState.WAITING).filter(finished_at__lt=before)
    count += finished.delete()[0]
    count += Silence.objects.filter(ends_at__lt=before).delete()[0]
    silent = GroupLog.objects.filter(next_flush_at=None, notified_at__lt=before)
    return count + silent.delete()[0]
