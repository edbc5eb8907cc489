"""The API of connectors. Secrets go in, never out: a value that is answered as [hidden] keeps what is stored."""

from __future__ import annotations

from dataclasses import asdict
from functools import cached_property
from typing import Any, ClassVar

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.clusters.rest import ClusterApiView, PlanSerializer, change
from controlplane.connect import guarding, selectors, services
from controlplane.connect.forms import STATES
from controlplane.connect.logic.failures import cause_of
from controlplane.connect.logic.offsets import json_of, read
from controlplane.connect.logic.plans import ConnectorAct
from controlplane.connect.measuring import UNKNOWN
from controlplane.connect.selectors import Connect, ConnectorRow
from controlplane.connect.services import PutConnector
from controlplane.core.access import Action
from controlplane.core.errors import Invalid
from controlplane.core.plans import Plan
from controlplane.core.rest import (
    DRY_RUN,
    IF_MATCH,
    check_parameters,
    list_answer,
    list_parameters,
    list_schema,
    or_plan,
    valid_data,
    with_etag,
)
from controlplane.gateways.connect import State, mask

SORTABLE = ("name", "kind", "plugin", "state", "running", "read", "written", "errors")
PLUGINS_BY = ("name", "kind", "version")


class MeasuredSerializer(serializers.Serializer[Any]):
    """Records per second over the last minute. Null where it is not known: not measured, or not yet."""

    read = serializers.FloatField(
        allow_null=True, help_text="Of a source from its system, of a sink from topics."
    )
    written = serializers.FloatField(
        allow_null=True, help_text="Of a source to topics, of a sink to its system."
    )
    errors = serializers.IntegerField(  # type: ignore[assignment]  # a field of that name
        allow_null=True, help_text="In the last five minutes; each attempt counts."
    )
    last_error_at = serializers.DateTimeField(
        allow_null=True, help_text="Since its tasks were started last; null also if there was none."
    )


class ConnectorSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    kind = serializers.CharField(help_text="source or sink.")
    plugin = serializers.CharField()
    topics = serializers.CharField(allow_blank=True, help_text="As its settings name them.")
    state = serializers.CharField(help_text="The worst of connector and tasks.")
    running = serializers.IntegerField(help_text="Tasks that run.")
    tasks = serializers.IntegerField()
    measured = MeasuredSerializer()


class ConnectorTaskSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    state = serializers.CharField()
    worker = serializers.CharField()
    trace = serializers.CharField(allow_blank=True, help_text="Of its failure, without secrets.")
    cause = serializers.CharField(allow_blank=True, help_text="The innermost cause that the trace names.")


class ConnectorDetailSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    kind = serializers.CharField()
    state = serializers.CharField(help_text="Of the connector itself.")
    trace = serializers.CharField(allow_blank=True)
    cause = serializers.CharField(allow_blank=True)
    tasks = ConnectorTaskSerializer(many=True)
    measured = MeasuredSerializer()
    config = serializers.DictField(child=serializers.CharField(), help_text="Secrets are [hidden].")
    topics = serializers.ListField(child=serializers.CharField(), help_text="That it was seen to use.")


class PutConnectorInput(serializers.Serializer[Any]):
    config = serializers.DictField(child=serializers.CharField(allow_blank=True, max_length=100_000))
    initial_state = serializers.ChoiceField(
        choices=[state for state, _ in STATES], required=False, help_text="Of a new connector (KIP-980)."
    )


class ConnectorActInput(serializers.Serializer[Any]):
    act = serializers.ChoiceField(choices=[act.value for act in ConnectorAct])


class ConnectorOffsetSerializer(serializers.Serializer[Any]):
    """Both are the connector's own: a file and a position, a partition of a topic and an offset."""

    partition = serializers.DictField()
    offset = serializers.DictField(allow_null=True)


class ConnectorOffsetsSerializer(serializers.Serializer[Any]):
    offsets = ConnectorOffsetSerializer(many=True)


class PluginSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(help_text="connector.class.")
    kind = serializers.CharField()
    version = serializers.CharField()


class SettingSerializer(serializers.Serializer[Any]):
    """One that the plugin, or Kafka Connect for every connector, defines."""

    name = serializers.CharField()
    type = serializers.CharField()
    required = serializers.BooleanField()  # type: ignore[assignment]  # a field's own attribute has this name
    default = serializers.CharField(allow_null=True)
    importance = serializers.CharField()
    group = serializers.CharField(allow_blank=True)
    documentation = serializers.CharField(allow_blank=True)
    recommended = serializers.ListField(child=serializers.CharField())
    secret = serializers.BooleanField(help_text="It is never shown.")


class DefinitionsSerializer(serializers.Serializer[Any]):
    plugin = serializers.CharField()
    groups = serializers.ListField(child=serializers.CharField())
    settings = SettingSerializer(many=True)


OFFSETS_OR_PLAN = or_plan("ConnectorOffsetsOrPlan", ConnectorOffsetsSerializer)
CONNECTOR_OR_PLAN = or_plan("ConnectorOrPlan", ConnectorDetailSerializer)


def row_json(row: ConnectorRow) -> dict[str, Any]:
    found = {name: getattr(row, name) for name in ConnectorSerializer._declared_fields}
    return found | {"measured": asdict(row.measured)}


class ConnectView(ClusterApiView):
    """`self.connect` is the Connect cluster of the path; a connector of the path is guarded, whatever is asked of it."""

    #: Methods that make the connector of the path where it is not there.
    making: ClassVar[frozenset[str]] = frozenset()

    def check_action(self, request: Request, action: Action) -> None:
        super().check_action(request, action)
        name = self.kwargs.get("connector")
        if name is None:
            return
        # A misspelt parameter is told before anything is looked up.
        check_parameters(self, request)
        if request.method in self.making:
            guarding.require_name(self.actor, self.connect, name)
        else:
            guarding.require(self.actor, self.connect, name, action)

    @cached_property
    def connect(self) -> Connect:
        return selectors.connect_of(self.cluster, str(self.kwargs["connect"]))


def detail(connect: Connect, name: str) -> Response:
    status, config = connect.api.status(name), connect.api.config(name)
    found = {
        "name": status.name,
        "kind": status.kind,
        "state": status.state.value,
        **_failure(status.trace),
        "tasks": [
            {"id": task.id, "state": task.state.value, "worker": task.worker, **_failure(task.trace)}
            for task in status.tasks
        ],
        "measured": asdict(connect.measured().get(name, UNKNOWN)),
        "config": mask(config, selectors.passwords_of(connect.api, config)),
        "topics": list(connect.api.topics(name)),
    }
    return with_etag(Response(found), selectors.known_of(config, status).digest)


def _failure(trace: str) -> dict[str, str]:
    return {"trace": trace, "cause": cause_of(trace)}


class ConnectorsApi(ConnectView):
    actions: ClassVar = {"GET": Action.CONNECTOR_VIEW}

    @extend_schema(
        summary="List connectors",
        parameters=list_parameters(SORTABLE),
        responses=list_schema(ConnectorSerializer),
    )
    def get(self, request: Request, cluster: str, connect: str) -> Response:
        rows = guarding.rows(self.actor, self.connect, request.query_params.get("search", "").strip())
        return list_answer(
            request, rows, row_json, sortable=SORTABLE, default_sort="name", as_of=timezone.now()
        )


class ConnectorApi(ConnectView):
    making: ClassVar = frozenset({"PUT"})
    actions: ClassVar = {
        "GET": Action.CONNECTOR_VIEW,
        "PUT": Action.CONNECTOR_EDIT,
        "DELETE": Action.CONNECTOR_EDIT,
    }

    @extend_schema(summary="Read a connector", responses=ConnectorDetailSerializer)
    def get(self, request: Request, cluster: str, connect: str, connector: str) -> Response:
        return detail(self.connect, connector)

    @extend_schema(
        summary="Make a connector, or change it",
        description="The plan asks the plugin to validate the settings, and shows each that changes.",
        parameters=[DRY_RUN, IF_MATCH],
        request=PutConnectorInput,
        responses={200: CONNECTOR_OR_PLAN},
        examples=[
            OpenApiExample(
                "a file",
                {"config": {"connector.class": "FileStreamSource", "file": "in.txt", "topic": "lines"}},
                request_only=True,
            )
        ],
    )
    def put(self, request: Request, cluster: str, connect: str, connector: str) -> Response:
        given = valid_data(PutConnectorInput, request)
        asked = PutConnector(
            connector, given["config"], State.of(given.get("initial_state", State.RUNNING.value))
        )

        def apply(plan: Plan) -> Response:
            services.apply_put(self.actor, self.connect, asked, plan)
            return detail(self.connect, connector)

        return change(request, services.plan_put(self.actor, self.connect, asked), apply, conditional=False)

    @extend_schema(
        summary="Delete a connector; its offsets stay",
        parameters=[DRY_RUN, IF_MATCH],
        responses={204: None, 200: PlanSerializer},
    )
    def delete(self, request: Request, cluster: str, connect: str, connector: str) -> Response:
        def apply(plan: Plan) -> Response:
            services.apply_delete(self.actor, self.connect, connector, plan)
            return Response(status=204)

        return change(request, services.plan_delete(self.connect, connector), apply)


class ConnectorActApi(ConnectView):
    actions: ClassVar = {"POST": Action.CONNECTOR_OPERATE}

    @extend_schema(
        summary="Pause, resume, stop or restart a connector",
        parameters=[DRY_RUN],
        request=ConnectorActInput,
        responses={200: CONNECTOR_OR_PLAN},
        examples=[OpenApiExample("restart what failed", {"act": "restart-failed"}, request_only=True)],
    )
    def post(self, request: Request, cluster: str, connect: str, connector: str) -> Response:
        act = ConnectorAct(valid_data(ConnectorActInput, request)["act"])

        def apply(plan: Plan) -> Response:
            services.apply_act(self.actor, self.connect, connector, act, plan)
            return detail(self.connect, connector)

        return change(request, services.plan_act(self.connect, connector, act), apply, conditional=False)


class ConnectorOffsetsApi(ConnectView):
    actions: ClassVar = {
        "GET": Action.CONNECTOR_VIEW,
        "PATCH": Action.CONNECTOR_EDIT,
        "DELETE": Action.CONNECTOR_EDIT,
    }

    @extend_schema(summary="Read where a connector stands", responses=ConnectorOffsetsSerializer)
    def get(self, request: Request, cluster: str, connect: str, connector: str) -> Response:
        return Response({"offsets": json_of(self.connect.api.offsets(connector))})

    @extend_schema(
        summary="Set offsets of a stopped connector",
        description="Partitions that are not named stay where they are; an offset of null forgets one (KIP-875).",
        parameters=[DRY_RUN, IF_MATCH],
        request=ConnectorOffsetsSerializer,
        responses={200: OFFSETS_OR_PLAN},
        examples=[
            OpenApiExample(
                "of a file",
                {"offsets": [{"partition": {"filename": "in.txt"}, "offset": {"position": 0}}]},
                request_only=True,
            )
        ],
    )
    def patch(self, request: Request, cluster: str, connect: str, connector: str) -> Response:
        try:
            wanted = read(request.data.get("offsets") if isinstance(request.data, dict) else None)
        except ValueError as error:
            raise Invalid(fields={"offsets": [str(error)]}) from error

        def apply(plan: Plan) -> Response:
            services.apply_alter_offsets(self.actor, self.connect, connector, wanted, plan)
            return self.get(request, cluster, connect, connector)

        return change(request, services.plan_alter_offsets(self.connect, connector, wanted), apply)

    @extend_schema(
        summary="Forget the offsets of a stopped connector",
        description="Resumed, a source copies everything again.",
        parameters=[DRY_RUN, IF_MATCH],
        responses={204: None, 200: PlanSerializer},
    )
    def delete(self, request: Request, cluster: str, connect: str, connector: str) -> Response:
        def apply(plan: Plan) -> Response:
            services.apply_reset_offsets(self.actor, self.connect, connector, plan)
            return Response(status=204)

        return change(request, services.plan_reset_offsets(self.connect, connector), apply)


class PluginsApi(ConnectView):
    actions: ClassVar = {"GET": Action.CONNECTOR_VIEW}

    @extend_schema(
        summary="List the connector plugins of a Connect cluster",
        parameters=list_parameters(PLUGINS_BY),
        responses=list_schema(PluginSerializer),
    )
    def get(self, request: Request, cluster: str, connect: str) -> Response:
        search = request.query_params.get("search", "").strip().lower()
        found = [each for each in self.connect.api.plugins() if search in each.name.lower()]
        return list_answer(
            request,
            found,
            lambda each: {"name": each.name, "kind": each.kind, "version": each.version},
            sortable=PLUGINS_BY,
            default_sort="name",
            as_of=timezone.now(),
        )


class PluginDefinitionsApi(ConnectView):
    actions: ClassVar = {"GET": Action.CONNECTOR_VIEW}

    @extend_schema(summary="Read the settings that a plugin takes", responses=DefinitionsSerializer)
    def get(self, request: Request, cluster: str, connect: str, plugin: str) -> Response:
        found = self.connect.api.validation(plugin, {"connector.class": plugin, "name": "x"})
        names = SettingSerializer._declared_fields
        settings = [{name: getattr(each, name) for name in names} for each in found.settings]
        return Response({"plugin": plugin, "groups": found.groups, "settings": settings})
