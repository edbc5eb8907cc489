from __future__ import annotations

from django.apps import AppConfig


class ConnectConfig(AppConfig):
    name = "controlplane.connect"
    label = "connect"
    verbose_name = "Connect"

    def ready(self) -> None:
        from controlplane.connect.external import secret_context
        from controlplane.connect.models import ConnectCluster
        from controlplane.core import secrets

        secrets.RESEALERS.append(secrets.column(ConnectCluster, "password", secret_context))
