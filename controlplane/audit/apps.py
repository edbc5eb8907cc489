from __future__ import annotations

from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "controlplane.audit"
    label = "audit"
    verbose_name = "Audit"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from controlplane.audit.hooks import AuditHook
        from controlplane.audit.idempotency import context_of
        from controlplane.audit.models import StoredAnswer
        from controlplane.core import rest, secrets

        rest.hooks.append(AuditHook())
        secrets.RESEALERS.append(secrets.column(StoredAnswer, "body", context_of))
