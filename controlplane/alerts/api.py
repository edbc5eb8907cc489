"""The alerts API: alerts and their acknowledgement, rules."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from django.db.models import Prefetch, Q, QuerySet
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.alerts import selectors
from controlplane.alerts.models import Alert, AlertState, Rule
from controlplane.alerts.present import hush
from controlplane.alerts.serializers import (
    AcknowledgeInput,
    AlertSerializer,
    AlterRuleInput,
    RuleInput,
    RuleSerializer,
    alert_json,
    rule_json,
)
from controlplane.alerts.services import permits, ruling, silencing
from controlplane.alerts.services.ruling import RuleRequest
from controlplane.core import durations
from controlplane.core.access import Action
from controlplane.core.errors import Invalid, NotFound
from controlplane.core.plans import Plan
from controlplane.core.rest import (
    DRY_RUN,
    IF_MATCH,
    ApiView,
    PlanSerializer,
    change,
    list_answer,
    list_parameters,
    list_schema,
    or_plan,
    valid_data,
    with_etag,
)

ALERT_SORT = ("name", "cluster", "state", "severity", "active_at", "fired_at", "resolved_at")
RULE_SORT = ("name", "group", "cluster", "updated_at")
ALERT_OR_PLAN = or_plan("AlertOrPlan", AlertSerializer)
RULE_OR_PLAN = or_plan("RuleOrPlan", RuleSerializer)
TAGS = ["alerts"]


class AlertsView(ApiView):
    """What one sees here are the alerts of the clusters that one sees."""

    def alerts(self) -> QuerySet[Alert]:
        return selectors.alerts(permits.visible_clusters(self.actor))

    def alert(self, wanted: str) -> Alert:
        found = selectors.find_alert(self.alerts(), wanted)
        if found is None:
            raise NotFound("There is no such alert")
        return found


class AlertsApi(AlertsView):
    actions: ClassVar = {"GET": Action.ALERT_VIEW}

    @extend_schema(
        operation_id="list_alerts",
        summary="List alerts",
        description="The open ones, unless a state is named.",
        tags=TAGS,
        parameters=[
            *list_parameters(ALERT_SORT, search="Any part of its name, labels or summary."),
            OpenApiParameter("state", str, enum=AlertState.values),
            OpenApiParameter("severity", str),
            OpenApiParameter("cluster", str),
        ],
        responses=list_schema(AlertSerializer),
    )
    def get(self, request: Request) -> Response:
        query, quiet = request.query_params, hush()
        found = self.alerts()
        state = query.get("state")
        found = found.filter(state=state) if state else found.filter(resolved_at=None)
        for name in ("severity", "cluster"):
            if name in query:
                found = found.filter(**{name: query[name].replace("\0", "")})
        search = query.get("search", "").strip()
        listed: Any = [row for row in found if selectors.matches(row, search)] if search else found
        return list_answer(
            request,
            listed,
            lambda row: alert_json(row, quiet.of(row)),
            sortable=ALERT_SORT,
            default_sort="-active_at",
        )


class AlertApi(AlertsView):
    actions: ClassVar = {"GET": Action.ALERT_VIEW}

    @extend_schema(
        operation_id="describe_alert",
        summary="Read an alert",
        description="By its id, or by its fingerprint: then its open episode, else its last.",
        tags=TAGS,
        responses=AlertSerializer,
    )
    def get(self, request: Request, alert: str) -> Response:
        row = self.alert(alert)
        return Response(alert_json(row, hush().of(row)))


class AcknowledgeApi(AlertsView):
    actions: ClassVar = {"POST": Action.ALERT_SILENCE}

    @extend_schema(
        operation_id="acknowledge_alert",
        summary="Acknowledge an alert",
        description="Everybody sees who is on it; it is not repeated, and its end is told.",
        tags=TAGS,
        parameters=[DRY_RUN],
        request=AcknowledgeInput,
        responses={200: ALERT_OR_PLAN},
        examples=[OpenApiExample("on it", {"comment": "Restarting broker 2"}, request_only=True)],
    )
    def post(self, request: Request, alert: str) -> Response:
        row = self.alert(alert)
        comment = valid_data(AcknowledgeInput, request).get("comment", "")

        def apply(plan: Plan) -> Response:
            silencing.apply_acknowledge(self.actor, row, comment, plan)
            fresh = self.alert(str(row.pk))
            return Response(alert_json(fresh, hush().of(fresh)))

        return change(request, silencing.plan_acknowledge(self.actor, row), apply, conditional=False)


# --- Rules ------------------------------------------------------------------------------------------------------------
class RulesView(ApiView):
    def rules(self) -> QuerySet[Rule]:
        """Those of every cluster, and those of the clusters that one sees, with their alerts there."""
        visible = permits.visible_clusters(self.actor)
        opened = Alert.objects.filter(resolved_at=None, cluster__in=visible)
        return Rule.objects.filter(Q(cluster="") | Q(cluster__in=visible)).prefetch_related(
            "evaluations", Prefetch("alerts", opened)
        )

    def rule(self, pk: int) -> Rule:
        row = self.rules().filter(pk=pk).first()
        if row is None:
            raise NotFound("There is no such rule")
        return row

    def answer(self, pk: int, status: int = 200) -> Response:
        row = self.rule(pk)
        return with_etag(Response(rule_json(row), status=status), ruling.digest_of(row))

    def alter(self, request: Request, pk: int, wanted: RuleRequest) -> Response:
        row = self.rule(pk)

        def apply(plan: Plan) -> Response:
            ruling.apply_alter(self.actor, row, wanted, plan)
            return self.answer(pk)

        return change(request, ruling.plan_alter(self.actor, row, wanted), apply)


EXAMPLE_RULE = OpenApiExample(
    "lag",
    {
        "name": "OrdersUnderReplicated",
        "expr": "kafka_server_replicamanager_underreplicatedpartitions > 0",
        "for": "5m",
        "keep_firing_for": "5m",
        "labels": {"severity": "warning", "team": "orders"},
        "annotations": {"summary": "{{ $value }} partitions led by broker {{ $labels.broker }}"},
    },
    request_only=True,
)


class RulesApi(RulesView):
    actions: ClassVar = {"GET": Action.ALERT_VIEW, "POST": Action.ALERT_EDIT_RULES}

    @extend_schema(
        operation_id="list_alert_rules",
        summary="List alert rules",
        tags=TAGS,
        parameters=[
            *list_parameters(RULE_SORT, search="Any part of its name, group or expression."),
            OpenApiParameter("enabled", str, enum=["true", "false"]),
            OpenApiParameter("cluster", str, description="With those of every cluster."),
        ],
        responses=list_schema(RuleSerializer),
    )
    def get(self, request: Request) -> Response:
        query, found = request.query_params, self.rules()
        if search := query.get("search", "").replace("\0", "").strip():
            found = found.filter(
                Q(name__icontains=search) | Q(group__icontains=search) | Q(expr__icontains=search)
            )
        if "enabled" in query:
            found = found.filter(enabled=query["enabled"] == "true")
        if "cluster" in query:
            found = found.filter(cluster__in=["", query["cluster"].replace("\0", "")])
        return list_answer(request, found, rule_json, sortable=RULE_SORT, default_sort="name")

    @extend_schema(
        operation_id="create_alert_rule",
        summary="Create an alert rule",
        tags=TAGS,
        parameters=[DRY_RUN],
        request=RuleInput,
        responses={201: RuleSerializer, 200: PlanSerializer},
        examples=[EXAMPLE_RULE],
    )
    def post(self, request: Request) -> Response:
        data = valid_data(RuleInput, request)
        wanted = wanted_of(RuleRequest(data["name"], data["expr"]), data)

        def apply(plan: Plan) -> Response:
            return self.answer(ruling.apply_create(self.actor, wanted, plan).pk, status=201)

        return change(request, ruling.plan_create(self.actor, wanted), apply, conditional=False)


class RuleApi(RulesView):
    actions: ClassVar = {
        "GET": Action.ALERT_VIEW,
        "PUT": Action.ALERT_EDIT_RULES,
        "PATCH": Action.ALERT_EDIT_RULES,
        "DELETE": Action.ALERT_EDIT_RULES,
    }

    @extend_schema(
        operation_id="describe_alert_rule", summary="Read an alert rule", tags=TAGS, responses=RuleSerializer
    )
    def get(self, request: Request, rule: int) -> Response:
        return self.answer(rule)

    @extend_schema(
        operation_id="replace_alert_rule",
        summary="Replace an alert rule",
        description="What is left out becomes its default.",
        tags=TAGS,
        parameters=[DRY_RUN, IF_MATCH],
        request=RuleInput,
        responses={200: RULE_OR_PLAN},
        examples=[EXAMPLE_RULE],
    )
    def put(self, request: Request, rule: int) -> Response:
        data = valid_data(RuleInput, request)
        return self.alter(request, rule, wanted_of(RuleRequest(data["name"], data["expr"]), data))

    @extend_schema(
        operation_id="alter_alert_rule",
        summary="Change an alert rule",
        tags=TAGS,
        parameters=[DRY_RUN, IF_MATCH],
        request=AlterRuleInput,
        responses={200: RULE_OR_PLAN},
        examples=[OpenApiExample("off", {"enabled": False}, request_only=True)],
    )
    def patch(self, request: Request, rule: int) -> Response:
        data = valid_data(AlterRuleInput, request)
        return self.alter(request, rule, wanted_of(ruling.request_of(self.rule(rule)), data))

    @extend_schema(
        operation_id="delete_alert_rule",
        summary="Delete an alert rule",
        tags=TAGS,
        parameters=[DRY_RUN, IF_MATCH],
        responses={204: None, 200: PlanSerializer},
    )
    def delete(self, request: Request, rule: int) -> Response:
        row = self.rule(rule)

        def apply(plan: Plan) -> Response:
            ruling.apply_delete(self.actor, row, plan)
            return Response(status=204)

        return change(request, ruling.plan_delete(self.actor, row), apply)


def wanted_of(base: RuleRequest, data: dict[str, Any]) -> RuleRequest:
    """The base with what was given over it."""
    renamed = {"for": "hold", "keep_firing_for": "keep_firing"}
    given = {
        renamed.get(name, name): _duration(data, name) if name in renamed else value
        for name, value in data.items()
    }
    return replace(base, **given)


def _duration(data: dict[str, Any], name: str) -> Any:
    try:
        return durations.parse(data[name])
    except durations.BadDuration as error:
        raise Invalid(fields={name: [f"{error}."]}) from error
