"""The API of automatic restarts of a connector, and of the log levels of Connect workers."""

from __future__ import annotations

from typing import Any, ClassVar

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.clusters.rest import PlanSerializer, change
from controlplane.connect import levels, restarting
from controlplane.connect.api import ConnectView
from controlplane.connect.logic.levels import LEVELS, MINUTES
from controlplane.connect.logic.restarts import DEFAULT, LONGEST_S, MOST_ATTEMPTS, SHORTEST_S, Policy
from controlplane.connect.models import RestartPolicy
from controlplane.core.access import Action
from controlplane.core.errors import NotFound
from controlplane.core.plans import Plan
from controlplane.core.rest import (
    DRY_RUN,
    IF_MATCH,
    list_answer,
    list_parameters,
    list_schema,
    or_plan,
    valid_data,
)
from controlplane.gateways.connect import Logger

LOGGERS_BY = ("name", "level")


class AutoRestartInput(serializers.Serializer[Any]):
    most = serializers.IntegerField(
        min_value=1, max_value=MOST_ATTEMPTS, default=DEFAULT.most, help_text="Then it is given up."
    )
    first_s = serializers.IntegerField(
        min_value=SHORTEST_S,
        max_value=LONGEST_S,
        default=DEFAULT.first_s,
        help_text="The first restart is at once; the wait for the next begins so, and doubles.",
    )
    longest_s = serializers.IntegerField(min_value=SHORTEST_S, max_value=LONGEST_S, default=DEFAULT.longest_s)


class AutoRestartSerializer(AutoRestartInput):
    attempts = serializers.IntegerField(help_text="Since it was last well for long.")
    last_at = serializers.DateTimeField(allow_null=True)
    given_up_at = serializers.DateTimeField(allow_null=True)


class LoggerSerializer(serializers.Serializer[Any]):
    logger = serializers.CharField()
    level = serializers.CharField()
    until = serializers.DateTimeField(allow_null=True, help_text="When it goes back; null: it stays.")


class LevelInput(serializers.Serializer[Any]):
    logger = serializers.CharField(max_length=300)
    level = serializers.ChoiceField(choices=list(LEVELS))
    minutes = serializers.ChoiceField(
        choices=list(MINUTES), required=False, allow_null=True, help_text="Null: until the workers restart."
    )


AUTO_OR_PLAN = or_plan("AutoRestartOrPlan", AutoRestartSerializer)
LOGGER_OR_PLAN = or_plan("LoggerOrPlan", LoggerSerializer)


OF_POLICY = ("most", "first_s", "longest_s", "attempts", "last_at", "given_up_at")


def policy_json(row: RestartPolicy) -> dict[str, Any]:
    return {name: getattr(row, name) for name in OF_POLICY}


class AutoRestartApi(ConnectView):
    actions: ClassVar = {
        "GET": Action.CONNECTOR_VIEW,
        "PUT": Action.CONNECTOR_OPERATE,
        "DELETE": Action.CONNECTOR_OPERATE,
    }

    @extend_schema(summary="Read a connector's policy of automatic restarts", responses=AutoRestartSerializer)
    def get(self, request: Request, cluster: str, connect: str, connector: str) -> Response:
        row = restarting.row_of(self.connect, connector)
        if row is None:
            raise NotFound(f"{connector} is not restarted automatically", hint="PUT a policy.")
        return Response(policy_json(row))

    @extend_schema(
        summary="Restart failed tasks of a connector automatically",
        parameters=[DRY_RUN, IF_MATCH],
        request=AutoRestartInput,
        responses={200: AUTO_OR_PLAN},
        examples=[OpenApiExample("three times", {"most": 3, "first_s": 60}, request_only=True)],
    )
    def put(self, request: Request, cluster: str, connect: str, connector: str) -> Response:
        wanted = Policy(**valid_data(AutoRestartInput, request))

        def apply(plan: Plan) -> Response:
            return Response(
                policy_json(restarting.apply_set(self.actor, self.connect, connector, wanted, plan))
            )

        return change(request, restarting.plan_set(self.connect, connector, wanted), apply, conditional=False)

    @extend_schema(
        summary="No longer restart a connector automatically",
        parameters=[DRY_RUN, IF_MATCH],
        responses={204: None, 200: PlanSerializer},
    )
    def delete(self, request: Request, cluster: str, connect: str, connector: str) -> Response:
        def apply(plan: Plan) -> Response:
            restarting.apply_unset(self.actor, self.connect, connector, plan)
            return Response(status=204)

        return change(request, restarting.plan_unset(self.connect, connector), apply, conditional=False)


class LoggersApi(ConnectView):
    actions: ClassVar = {"GET": Action.WORKER_VIEW, "PUT": Action.WORKER_OPERATE}

    @extend_schema(
        summary="List the log levels of a Connect cluster's workers",
        parameters=list_parameters(LOGGERS_BY),
        responses=list_schema(LoggerSerializer),
    )
    def get(self, request: Request, cluster: str, connect: str) -> Response:
        debts = levels.raised(self.connect)
        search = request.query_params.get("search", "").strip().lower()
        found = [
            Logger(name, level)
            for name, level in levels.levels_of(self.connect).items()
            if search in name.lower()
        ]

        def row(each: Logger) -> dict[str, Any]:
            until = debts[each.name].until if each.name in debts else None
            return {"logger": each.name, "level": each.level, "until": until}

        return list_answer(
            request, found, row, sortable=LOGGERS_BY, default_sort="name", as_of=timezone.now()
        )

    @extend_schema(
        summary="Set a log level on every worker, for a time or until they restart",
        parameters=[DRY_RUN, IF_MATCH],
        request=LevelInput,
        responses={200: LOGGER_OR_PLAN},
        examples=[
            OpenApiExample(
                "for a quarter of an hour",
                {"logger": "org.apache.kafka.connect", "level": "DEBUG", "minutes": 15},
                request_only=True,
            )
        ],
    )
    def put(self, request: Request, cluster: str, connect: str) -> Response:
        data = valid_data(LevelInput, request)
        asked = (data["logger"], data["level"], data.get("minutes"))

        def apply(plan: Plan) -> Response:
            levels.apply_set(self.actor, self.connect, *asked, plan, timezone.now())
            row = levels.raised(self.connect).get(asked[0])
            return Response({"logger": asked[0], "level": asked[1], "until": row.until if row else None})

        return change(request, levels.plan_set(self.connect, *asked), apply, conditional=False)
