from __future__ import annotations

from django.apps import AppConfig


class AlertsConfig(AppConfig):
    name = "controlplane.alerts"
    label = "alerts"
    verbose_name = "Alerts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from controlplane.alerts.collector import AlertsCollector
        from controlplane.metrics.instruments import LIVE

        LIVE.register(AlertsCollector())
