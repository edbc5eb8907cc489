from __future__ import annotations

from django.apps import AppConfig


class CertificatesConfig(AppConfig):
    name = "controlplane.certificates"
    label = "certificates"
    verbose_name = "Certificates"
