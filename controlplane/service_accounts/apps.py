from __future__ import annotations

from django.apps import AppConfig


class ServiceAccountsConfig(AppConfig):
    name = "controlplane.service_accounts"
    label = "service_accounts"
    verbose_name = "Service accounts"
