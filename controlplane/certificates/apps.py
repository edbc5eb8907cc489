from __future__ import annotations

from django.apps import AppConfig


class CertificatesConfig(AppConfig):
    name = "controlplane.certificates"
    label = "certificates"
    verbose_name = "Certificates"

    def ready(self) -> None:
        from controlplane.certificates.collector import ExpiryCollector
        from controlplane.certificates.services.authority_keys import reseal
        from controlplane.core import secrets
        from controlplane.metrics.instruments import LIVE

        LIVE.register(ExpiryCollector())
        secrets.RESEALERS.append(reseal)
