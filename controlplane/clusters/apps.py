from __future__ import annotations

from functools import partial

from django.apps import AppConfig


class ClustersConfig(AppConfig):
    name = "controlplane.clusters"
    label = "clusters"
    verbose_name = "Clusters"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from controlplane.clusters.connections import SEALED, secret_context
        from controlplane.clusters.models import ExternalConnection
        from controlplane.core import secrets

        for name in SEALED:
            context = partial(secret_context, name=name)
            secrets.RESEALERS.append(secrets.column(ExternalConnection, name, context))
