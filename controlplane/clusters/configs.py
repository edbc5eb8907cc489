"""Settings of a topic or a broker as the API lists them: value, where it comes from, and what would apply without it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.clusters.logic.summaries import kafka_default
from controlplane.core.rest import list_answer, list_parameters, list_schema
from controlplane.gateways.kafka.types import ConfigEntry

SORTABLE = ("name", "source")


class ConfigSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    value = serializers.CharField(allow_null=True)
    source = serializers.CharField()  # type: ignore[assignment]
    default = serializers.BooleanField(help_text="Whether the value is Kafka's own default.")
    default_value = serializers.CharField(
        allow_null=True, help_text="Kafka's own default; null where it has none, or the setting is sensitive."
    )
    read_only = serializers.BooleanField(help_text="A broker takes it at its next start only.")  # type: ignore[assignment]
    sensitive = serializers.BooleanField()
    type = serializers.CharField()
    documentation = serializers.CharField()


CONFIG_PARAMETERS = list_parameters(SORTABLE)
CONFIG_LIST = list_schema(ConfigSerializer)


def config_list(request: Request, entries: Sequence[ConfigEntry]) -> Response:
    search = request.query_params.get("search", "").strip().lower()
    rows = [entry for entry in entries if search in entry.name.lower()]
    return list_answer(request, rows, config_json, sortable=SORTABLE, default_sort="name")


def config_json(entry: ConfigEntry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "value": None if entry.sensitive else entry.value,
        "source": str(entry.source),
        "default": entry.default,
        "default_value": None if entry.sensitive else kafka_default(entry),
        "read_only": entry.read_only,
        "sensitive": entry.sensitive,
        "type": str(entry.type),
        "documentation": entry.documentation,
    }
