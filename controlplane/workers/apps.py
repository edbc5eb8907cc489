from __future__ import annotations

from django.apps import AppConfig


class WorkersConfig(AppConfig):
    name = "controlplane.workers"
    label = "workers"
    verbose_name = "Connect workers"
