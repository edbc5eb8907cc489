"""The API of a bundled worker's plugins: brought (coordinates or a file), reviewed with every file, installed, removed."""

from __future__ import annotations

from typing import Any, ClassVar, cast

from django.core.files.uploadedfile import UploadedFile
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.parsers import FileUploadParser
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.clusters.api import JobAccepted, job_answer
from controlplane.clusters.rest import ClusterApiView, PlanSerializer, change
from controlplane.core.access import Action
from controlplane.core.errors import Invalid
from controlplane.core.plans import Plan
from controlplane.core.rest import (
    DRY_RUN,
    IF_MATCH,
    list_answer,
    list_parameters,
    list_schema,
    valid_data,
)
from controlplane.gateways import plugins as gateway
from controlplane.gateways.plugin_spec import Plugin
from controlplane.workers import plugins
from controlplane.workers.forms import NAME, NAME_HELP

SORTABLE = ("name", "state", "origin")


class PluginFileSerializer(serializers.Serializer[Any]):
    path = serializers.CharField()
    size = serializers.IntegerField()
    sha256 = serializers.CharField()
    origin = serializers.CharField(help_text="Maven coordinates, where the file came by its own.")


class PluginClassSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    kind = serializers.CharField()


class WorkerPluginSerializer(serializers.Serializer[Any]):
    """`staged` is its place while it waits for a review, and null once it is installed."""

    name = serializers.CharField(help_text="Of its directory on the plugin path.")
    state = serializers.CharField(help_text="installed (locked by SHA-256) or staged.")
    staged = serializers.CharField(allow_null=True)
    origin = serializers.CharField(help_text="Maven coordinates, or the name of the uploaded file.")
    uploaded = serializers.BooleanField()
    size = serializers.IntegerField(help_text="Bytes of its files.")
    archive = PluginFileSerializer(allow_null=True, help_text="What was unpacked.")
    files = PluginFileSerializer(many=True)
    classes = PluginClassSerializer(many=True, help_text="What its jars say that they offer.")
    left_out = serializers.ListField(
        child=serializers.CharField(), help_text="Coordinates that were not taken, since the worker has them."
    )


class PluginInput(serializers.Serializer[Any]):
    coordinates = serializers.CharField(
        max_length=400, help_text="group:artifact[:packaging[:classifier]]:version"
    )
    name = serializers.RegexField(NAME, required=False, max_length=100, help_text=NAME_HELP)


def plugin_json(plugin: Plugin, staged: str | None = None) -> dict[str, object]:
    return {
        **plugin.to_json(),
        "size": plugin.size,
        "state": "staged" if staged else "installed",
        "staged": staged,
    }


class PluginsApi(ClusterApiView):
    actions: ClassVar = {"GET": Action.WORKER_VIEW, "POST": Action.PLUGIN_MANAGE}

    @extend_schema(
        operation_id="list_worker_plugins",
        summary="List the plugins of a bundled Connect worker",
        description="Those that are installed, and those that wait for a review.",
        parameters=list_parameters(SORTABLE),
        responses=list_schema(WorkerPluginSerializer),
    )
    def get(self, request: Request, cluster: str) -> Response:
        search = request.query_params.get("search", "").strip().lower()
        name = self.cluster.name
        rows = [plugin_json(each) for each in gateway.installed(name)]
        rows += [plugin_json(each, place) for place, each in gateway.staged(name).items()]
        found = [row for row in rows if search in f"{row['name']} {row['origin']}".lower()]
        return list_answer(request, found, lambda row: row, sortable=SORTABLE, default_sort="name")

    @extend_schema(
        summary="Bring a plugin by its Maven coordinates",
        description="Downloads and describes it, as a job; nothing is loaded before it is installed.",
        request=PluginInput,
        responses={202: JobAccepted},
        examples=[
            OpenApiExample(
                "Debezium for PostgreSQL",
                {"coordinates": "io.debezium:debezium-connector-postgres:tar.gz:plugin:3.3.1.Final"},
                request_only=True,
            )
        ],
    )
    def post(self, request: Request, cluster: str) -> Response:
        given = valid_data(PluginInput, request)
        return job_answer(
            plugins.stage(self.actor, self.cluster, given["coordinates"], given.get("name", ""))
        )


class PluginUploadApi(ClusterApiView):
    """The file is the body: `curl --data-binary @plugin.zip -H 'Content-Type: application/octet-stream' …`."""

    parser_classes = (FileUploadParser,)
    actions: ClassVar = {"POST": Action.PLUGIN_MANAGE}

    @extend_schema(
        summary="Bring a plugin by uploading its archive or jar",
        description="The body is the file (at most 1 GiB); its kind is told by the end of its name.",
        request={"application/octet-stream": OpenApiTypes.BINARY},
        responses={202: JobAccepted},
    )
    def post(self, request: Request, cluster: str, filename: str) -> Response:
        # The parser keeps a file as soon as it is there, in memory or on disk by its size.
        file = cast("UploadedFile | None", request.data.get("file"))
        if file is None or not file.size:
            raise Invalid("The body is empty", hint="Send the file itself as the body.")
        return job_answer(plugins.stage_upload(self.actor, self.cluster, filename, file.size, file.chunks()))


class StagedPluginApi(ClusterApiView):
    actions: ClassVar = {"GET": Action.WORKER_VIEW, "DELETE": Action.PLUGIN_MANAGE}

    @extend_schema(
        operation_id="read_staged_worker_plugin",
        summary="Read a plugin that waits for a review: its files with SHA-256",
        responses=WorkerPluginSerializer,
    )
    def get(self, request: Request, cluster: str, staged: str) -> Response:
        return Response(plugin_json(plugins.staged_of(self.cluster, staged), staged))

    @extend_schema(
        summary="Discard a plugin that waits for a review",
        parameters=[DRY_RUN, IF_MATCH],
        responses={204: None, 200: PlanSerializer},
    )
    def delete(self, request: Request, cluster: str, staged: str) -> Response:
        def apply(plan: Plan) -> Response:
            plugins.apply_discard(self.actor, self.cluster, staged, plan)
            return Response(status=204)

        return change(request, plugins.plan_discard(self.cluster, staged), apply, conditional=False)


class PluginInstallApi(ClusterApiView):
    actions: ClassVar = {"POST": Action.PLUGIN_MANAGE}

    @extend_schema(
        summary="Install a plugin that was reviewed",
        description="Locks its files by SHA-256 and restarts the worker; a worker that does not come up with it gets its old files back.",
        parameters=[DRY_RUN, IF_MATCH],
        request=None,
        responses={202: JobAccepted, 200: PlanSerializer},
    )
    def post(self, request: Request, cluster: str, staged: str) -> Response:
        def apply(plan: Plan) -> Response:
            return job_answer(plugins.apply_install(self.actor, self.cluster, staged, plan))

        return change(request, plugins.plan_install(self.cluster, staged), apply, conditional=False)


class PluginApi(ClusterApiView):
    actions: ClassVar = {"GET": Action.WORKER_VIEW, "DELETE": Action.PLUGIN_MANAGE}

    @extend_schema(
        operation_id="read_worker_plugin",
        summary="Read an installed plugin: its locked files with SHA-256",
        responses=WorkerPluginSerializer,
    )
    def get(self, request: Request, cluster: str, plugin: str) -> Response:
        return Response(plugin_json(plugins.installed_of(self.cluster, plugin)))

    @extend_schema(
        summary="Remove a plugin from a bundled Connect worker",
        description="Restarts the worker; refused while a connector uses the plugin.",
        parameters=[DRY_RUN, IF_MATCH],
        responses={202: JobAccepted, 200: PlanSerializer},
    )
    def delete(self, request: Request, cluster: str, plugin: str) -> Response:
        def apply(plan: Plan) -> Response:
            return job_answer(plugins.apply_remove(self.actor, self.cluster, plugin, plan))

        return change(request, plugins.plan_remove(self.cluster, plugin), apply)
