from __future__ import annotations

from django.apps import AppConfig


class KafkaUsersConfig(AppConfig):
    name = "controlplane.users"
    label = "kafka_users"
    verbose_name = "Kafka users"
