"""The manual, served in the app: no tables, only the files under templates/docs."""

from __future__ import annotations

from django.apps import AppConfig


class ManualConfig(AppConfig):
    name = "controlplane.manual"
    label = "manual"
