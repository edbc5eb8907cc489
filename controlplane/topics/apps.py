from __future__ import annotations

from django.apps import AppConfig


class TopicsConfig(AppConfig):
    name = "controlplane.topics"
    label = "topics"
    verbose_name = "Topics"
