from __future__ import annotations

from django.apps import AppConfig


class ManualConfig(AppConfig):
    name = "controlplane.manual"
    label = "manual"
    verbose_name = "Manual"
