"""The alerts API, unit tests of rules: a file of `promtool test rules` in, what passed and what came instead out."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.alerts.api import RulesView
from controlplane.alerts.logic.documents import LONGEST
from controlplane.alerts.services import permits, testing
from controlplane.core.access import Action
from controlplane.core.rest import valid_data

EXAMPLE = """\
tests:
  - interval: 1m
    input_series:
      - {series: 'up{broker="2"}', values: 1 0 0}
    alert_rule_test:
      - eval_time: 1m
        alertname: BrokerDown
        exp_alerts: [{exp_labels: {broker: "2", severity: critical}}]
"""
EXAMPLE_RULES = """\
groups:
  - name: example
    rules:
      - {alert: BrokerDown, expr: up == 0, labels: {severity: critical}}
"""


class RuleTestInput(serializers.Serializer[Any]):
    tests = serializers.CharField(
        max_length=LONGEST, trim_whitespace=False, help_text="YAML, as for `promtool test rules`."
    )
    rules = serializers.CharField(
        max_length=LONGEST,
        required=False,
        allow_blank=True,
        trim_whitespace=False,
        help_text="YAML groups of rules; without them the rules of this installation are tested.",
    )


class CheckSerializer(serializers.Serializer[Any]):
    title = serializers.CharField()
    passed = serializers.BooleanField()
    expected = serializers.ListField(child=serializers.CharField())
    got = serializers.ListField(child=serializers.CharField())
    error = serializers.CharField(allow_blank=True)


class CaseSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    passed = serializers.BooleanField()
    checks = CheckSerializer(many=True)


class RuleTestSerializer(serializers.Serializer[Any]):
    passed = serializers.BooleanField()
    cases = CaseSerializer(many=True)


class RuleTestApi(RulesView):
    actions: ClassVar = {"POST": Action.ALERT_VIEW}

    @extend_schema(
        operation_id="test_alert_rules",
        summary="Run unit tests of alert rules",
        description="In Prometheus' notation. `rule_files` of the file is not read. Changes nothing.",
        tags=["alerts"],
        request=RuleTestInput,
        responses={200: RuleTestSerializer},
        examples=[OpenApiExample("a broker", {"tests": EXAMPLE, "rules": EXAMPLE_RULES}, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        data = valid_data(RuleTestInput, request)
        cases = testing.run(data["tests"], data.get("rules", ""), permits.visible_clusters(self.actor))
        return Response(
            {
                "passed": all(each.passed for each in cases),
                "cases": [
                    {
                        "name": case.name,
                        "passed": case.passed,
                        "checks": [
                            {
                                "title": each.title,
                                "passed": each.passed,
                                "expected": list(each.expected),
                                "got": list(each.got),
                                "error": each.error,
                            }
                            for each in case.checks
                        ],
                    }
                    for case in cases
                ],
            }
        )
