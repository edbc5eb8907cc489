from __future__ import annotations

from django.apps import AppConfig


class RecordsConfig(AppConfig):
    name = "controlplane.records"
    label = "records"
    verbose_name = "Messages"
