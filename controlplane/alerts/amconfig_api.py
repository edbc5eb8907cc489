"""The alerts API, Alertmanager's configuration file in and out, and which receivers labels would reach."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.alerts.file_api import YAML, yaml_file
from controlplane.alerts.logic import tree_edits
from controlplane.alerts.logic.documents import LONGEST
from controlplane.alerts.serializers import RoutingSerializer
from controlplane.alerts.services import amconfig, routes
from controlplane.core import durations
from controlplane.core.access import Action
from controlplane.core.plans import Plan
from controlplane.core.rest import DRY_RUN, IF_MATCH, ApiView, change, or_plan, valid_data, with_etag

TAGS = ["alerts"]
EXAMPLE = "route: {receiver: ops}\nreceivers:\n  - name: ops\n    webhook_configs: [{url: https://hooks.example.org/}]\n"


class ConfigInput(serializers.Serializer[Any]):
    text = serializers.CharField(max_length=LONGEST, trim_whitespace=False, help_text="YAML.")


class RouteTestInput(serializers.Serializer[Any]):
    labels = serializers.DictField(child=serializers.CharField(max_length=1000, allow_blank=True))


class ReachedSerializer(serializers.Serializer[Any]):
    """A node of the tree that takes the alert. `path`: `root`, or indexes such as `0-2`."""

    path = serializers.CharField()
    receiver = serializers.CharField(allow_blank=True, help_text="* is everybody, empty is nobody.")
    group_by = serializers.ListField(child=serializers.CharField())
    group_wait = serializers.CharField()
    group_interval = serializers.CharField()
    repeat_interval = serializers.CharField()


class RouteTestSerializer(serializers.Serializer[Any]):
    routes = ReachedSerializer(many=True)


class RoutesTestApi(ApiView):
    actions: ClassVar = {"POST": Action.ALERT_VIEW}

    @extend_schema(
        operation_id="test_routing",
        summary="Which receivers would these labels reach?",
        description="As `amtool config routes test`. Changes nothing.",
        tags=TAGS,
        request=RouteTestInput,
        responses={200: RouteTestSerializer},
        examples=[OpenApiExample("critical", {"labels": {"severity": "critical"}}, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        labels = valid_data(RouteTestInput, request)["labels"]
        return Response(
            {
                "routes": [
                    {
                        "path": tree_edits.text_of(each.path),
                        "receiver": each.receiver,
                        "group_by": list(each.group_by),
                        "group_wait": durations.text_of(each.group_wait),
                        "group_interval": durations.text_of(each.group_interval),
                        "repeat_interval": durations.text_of(each.repeat_interval),
                    }
                    for each in routes.reached(labels)
                ]
            }
        )


class RoutesExportApi(ApiView):
    actions: ClassVar = {"GET": Action.ALERT_ROUTE}

    @extend_schema(
        operation_id="export_routing",
        summary="Export as Alertmanager's configuration",
        description="Valid for `amtool check-config`; secrets are placeholders.",
        tags=TAGS,
        responses={(200, YAML): OpenApiTypes.OBJECT},
    )
    def get(self, request: Request) -> HttpResponse:
        return yaml_file(amconfig.export(), "alertmanager.yml")


class RoutesImportApi(ApiView):
    actions: ClassVar = {"POST": Action.ALERT_ROUTE}

    @extend_schema(
        operation_id="import_routing",
        summary="Import Alertmanager's configuration",
        description="Routes, inhibitions and time intervals replace what is here; webhooks that are not here are made. "
        "What is not taken over is among the plan's warnings.",
        tags=TAGS,
        parameters=[DRY_RUN, IF_MATCH],
        request=ConfigInput,
        responses={200: or_plan("RoutingImportedOrPlan", RoutingSerializer)},
        examples=[OpenApiExample("one receiver", {"text": EXAMPLE}, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        text = valid_data(ConfigInput, request)["text"]

        def apply(plan: Plan) -> Response:
            amconfig.apply(self.actor, text, plan)
            return with_etag(Response(routes.document()), routes.digest())

        return change(request, amconfig.plan(text), apply, conditional=False)
