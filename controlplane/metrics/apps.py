from __future__ import annotations

from django.apps import AppConfig


class MetricsConfig(AppConfig):
    name = "controlplane.metrics"
    label = "metrics"
    verbose_name = "Metrics"

    def ready(self) -> None:
        from controlplane.core import secrets
        from controlplane.metrics.models import MetricSource
        from controlplane.metrics.sources import secret_context

        secrets.RESEALERS.append(secrets.column(MetricSource, "secret", secret_context))
