"""The alerts API, files of others: Prometheus' rule files, in and out."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.alerts.api import RulesView
from controlplane.alerts.logic.documents import LONGEST
from controlplane.alerts.services import importing, permits
from controlplane.core.access import Action
from controlplane.core.downloads import attachment
from controlplane.core.plans import Plan
from controlplane.core.rest import DRY_RUN, IF_MATCH, change, flag, or_plan, valid_data

TAGS = ["alerts"]
YAML = "application/yaml"
EXAMPLE = """\
groups:
  - name: orders
    rules:
      - {alert: OrdersLate, expr: kastellan_group_lag_seconds > 300, for: 5m, labels: {severity: warning}}
"""


class RuleFileInput(serializers.Serializer[Any]):
    text = serializers.CharField(
        max_length=LONGEST, trim_whitespace=False, help_text="YAML: groups, or Strimzi's PrometheusRule."
    )
    cluster = serializers.CharField(
        max_length=40, required=False, allow_blank=True, help_text="Empty: the rules hold on every cluster."
    )


class SkippedSerializer(serializers.Serializer[Any]):
    rule = serializers.CharField()
    why = serializers.CharField()


class RulesImportedSerializer(serializers.Serializer[Any]):
    created = serializers.ListField(child=serializers.CharField())
    updated = serializers.ListField(child=serializers.CharField())
    skipped = SkippedSerializer(many=True)


IMPORTED_OR_PLAN = or_plan("RulesImportedOrPlan", RulesImportedSerializer)


class RuleImportApi(RulesView):
    actions: ClassVar = {"POST": Action.ALERT_EDIT_RULES}

    @extend_schema(
        operation_id="import_alert_rules",
        summary="Import a Prometheus rule file",
        description="Rules are found by group and name: new ones are created, others changed. What cannot be taken is "
        "skipped with its reason, among the plan's warnings. Nothing is deleted.",
        tags=TAGS,
        parameters=[DRY_RUN, IF_MATCH],
        request=RuleFileInput,
        responses={200: IMPORTED_OR_PLAN},
        examples=[OpenApiExample("one rule", {"text": EXAMPLE}, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        data = valid_data(RuleFileInput, request)
        text, cluster = data["text"], data.get("cluster", "")

        def apply(plan: Plan) -> Response:
            done = importing.apply(self.actor, text, cluster, plan)
            return Response(
                {
                    "created": [each.rule.name for each in done.create],
                    "updated": [each.rule.name for each in done.update],
                    "skipped": [{"rule": name, "why": why} for name, why in done.skipped],
                }
            )

        return change(request, importing.plan(self.actor, text, cluster), apply, conditional=False)


class RuleExportApi(RulesView):
    actions: ClassVar = {"GET": Action.ALERT_VIEW}

    @extend_schema(
        operation_id="export_alert_rules",
        summary="Export alert rules as a Prometheus rule file",
        description="With `cluster` the rules that hold for it: those of every cluster, and those bound to it. Without it all "
        "rules that you may see. Rules that are off are left out. The file does not say to which cluster a rule is bound.",
        tags=TAGS,
        parameters=[
            OpenApiParameter(
                "cluster",
                str,
                description="Only the rules that hold for this cluster, shipped ones among them.",
            ),
            OpenApiParameter("own", bool, description="Without the rules that came with Kastellan."),
        ],
        responses={(200, YAML): OpenApiTypes.OBJECT},
    )
    def get(self, request: Request) -> HttpResponse:
        cluster = request.query_params.get("cluster", "")
        permits.known_cluster(cluster)
        if cluster:
            permits.require(self.actor, Action.ALERT_VIEW, cluster)
        clusters = [cluster] if cluster else permits.visible_clusters(self.actor)
        text = importing.export(clusters, shipped=not flag(request, "own"))
        return yaml_file(text, f"{cluster or 'kastellan'}.rules.yml")


def yaml_file(text: str, name: str) -> HttpResponse:
    return attachment(text, f"{YAML}; charset=utf-8", name)
