from __future__ import annotations

from django.apps import AppConfig


class AlertsConfig(AppConfig):
    name = "controlplane.alerts"
    label = "alerts"
    verbose_name = "Alerts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from controlplane.alerts import checks  # noqa: F401 - registers them
        from controlplane.alerts.collector import AlertsCollector
        from controlplane.alerts.models import Receiver
        from controlplane.alerts.on_the_wire import receivers
        from controlplane.alerts.services.sending import secret_context
        from controlplane.certificates.services import watching
        from controlplane.core import secrets
        from controlplane.metrics.instruments import LIVE

        LIVE.register(AlertsCollector())
        watching.SOURCES.append(receivers)
        secrets.RESEALERS.append(secrets.column(Receiver, "secret", secret_context))
