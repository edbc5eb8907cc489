"""What `/metrics` says of alerting: that the evaluator is alive, what fires, what waits to be sent."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Count
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from controlplane.alerts.models import Alert, Beat, Evaluation, Notification, NotificationState


class AlertsCollector(Collector):
    def describe(self) -> Iterable[GaugeMetricFamily]:
        return ()

    def collect(self) -> Iterable[GaugeMetricFamily]:
        beat = Beat.objects.filter(pk=1).first()
        last = GaugeMetricFamily(
            "kastellan_alerts_last_evaluation_timestamp_seconds", "When the last cycle of all rules was done."
        )
        if beat is not None and beat.completed_at is not None:
            last.add_metric([], beat.completed_at.timestamp())
        alerts = GaugeMetricFamily(
            "kastellan_alerts", "Open alerts.", labels=["cluster", "state", "severity"]
        )
        counts = Alert.objects.filter(resolved_at=None).values("cluster", "state", "severity")
        for row in counts.annotate(count=Count("pk")).order_by():
            alerts.add_metric([row["cluster"], row["state"], row["severity"]], row["count"])
        yield from (last, alerts, _of_rules(), _waiting())


def _of_rules() -> GaugeMetricFamily:
    failing = Evaluation.objects.exclude(error="").filter(rule__enabled=True).count()
    return GaugeMetricFamily(
        "kastellan_alerts_failing_rules", "Rules whose last evaluation failed, per cluster.", value=failing
    )


def _waiting() -> GaugeMetricFamily:
    waiting = Notification.objects.filter(state=NotificationState.WAITING).count()
    return GaugeMetricFamily("kastellan_notifications_waiting", "Notifications not sent yet.", value=waiting)
