"""The topics API: one class per resource, one method per operation. Same services as the pages."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    extend_schema,
)
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.clusters import selectors as clusters
from controlplane.clusters.configs import CONFIG_LIST, CONFIG_PARAMETERS, config_list
from controlplane.clusters.models import SnapshotPart, TopicSnapshot
from controlplane.clusters.rest import ClusterApiView, PlanSerializer, change
from controlplane.core.access import Action
from controlplane.core.plans import Plan
from controlplane.core.rest import (
    DRY_RUN,
    IF_MATCH,
    flag,
    list_answer,
    list_parameters,
    list_schema,
    or_plan,
    valid_data,
    with_etag,
)
from controlplane.topics import selectors, services
from controlplane.topics.logic.plans import MAX_PARTITIONS, AlterConfigs, CreateTopic

SORTABLE = ("name", "partitions", "replication_factor", "out_of_sync", "records", "size_bytes")
PARTITION_SORT = ("partition", "leader", "first_offset", "end_offset", "size_bytes")


class TopicRowSerializer(serializers.Serializer[Any]):
    """A topic in the list; from the snapshot. `records` and `size_bytes` are null while unknown."""

    name = serializers.CharField()
    topic_id = serializers.CharField()
    internal = serializers.BooleanField()
    partitions = serializers.IntegerField()
    replication_factor = serializers.IntegerField()
    out_of_sync = serializers.IntegerField(help_text="Replicas missing from an ISR.")
    under_replicated = serializers.IntegerField(help_text="Partitions with such a replica.")
    leaderless = serializers.IntegerField(help_text="Partitions without a leader.")
    under_min_isr = serializers.IntegerField()
    cleanup_policy = serializers.CharField()
    retention_ms = serializers.IntegerField(allow_null=True)
    records = serializers.IntegerField(allow_null=True, help_text="End minus start offsets: an estimate.")
    size_bytes = serializers.IntegerField(allow_null=True, help_text="All replicas.")


class PartitionSerializer(serializers.Serializer[Any]):
    partition = serializers.IntegerField()
    leader = serializers.IntegerField(allow_null=True)
    replicas = serializers.ListField(child=serializers.IntegerField())
    isr = serializers.ListField(child=serializers.IntegerField())
    first_offset = serializers.IntegerField(allow_null=True)
    end_offset = serializers.IntegerField(allow_null=True)
    size_bytes = serializers.IntegerField(allow_null=True, help_text="The leader's replica.")


class TopicSerializer(serializers.Serializer[Any]):
    """A topic, read live. The answer's ETag is what If-Match takes."""

    name = serializers.CharField()
    topic_id = serializers.CharField()
    internal = serializers.BooleanField()
    partitions = serializers.IntegerField()
    replication_factor = serializers.IntegerField()
    configs = serializers.DictField(child=serializers.CharField(), help_text="Set on the topic itself.")


class CreateTopicInput(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=300)
    partitions = serializers.IntegerField(min_value=1, max_value=MAX_PARTITIONS)
    replication_factor = serializers.IntegerField(min_value=1, max_value=32767)
    configs = serializers.DictField(
        child=serializers.CharField(max_length=20_000, allow_blank=True), required=False
    )


class AlterConfigsInput(serializers.Serializer[Any]):
    set = serializers.DictField(
        child=serializers.CharField(max_length=20_000, allow_blank=True), required=False
    )
    reset = serializers.ListField(
        child=serializers.CharField(max_length=200), required=False, help_text="Back to the default."
    )


class AddPartitionsInput(serializers.Serializer[Any]):
    partitions = serializers.IntegerField(min_value=1, max_value=MAX_PARTITIONS, help_text="In all.")


TOPIC_OR_PLAN = or_plan("TopicOrPlan", TopicSerializer)


class TopicsApi(ClusterApiView):
    actions: ClassVar = {"GET": Action.TOPIC_VIEW, "POST": Action.TOPIC_CREATE}

    @extend_schema(
        summary="List topics",
        parameters=[
            *list_parameters(SORTABLE),
            OpenApiParameter("internal", bool),
            OpenApiParameter(
                "trouble", str, enum=clusters.Trouble.values, description="Only with such partitions."
            ),
        ],
        responses=list_schema(TopicRowSerializer),
    )
    def get(self, request: Request, cluster: str) -> Response:
        internal = flag(request, "internal")
        search = request.query_params.get("search", "").strip()
        trouble = clusters.trouble_of(request.query_params.get("trouble", ""))
        rows = clusters.topics(self.cluster, search=search, internal=internal, trouble=trouble)
        taken = clusters.age(self.cluster, SnapshotPart.TOPICS).taken_at
        return list_answer(request, rows, _row, sortable=SORTABLE, default_sort="name", as_of=taken)

    @extend_schema(
        summary="Create a topic",
        parameters=[DRY_RUN],
        request=CreateTopicInput,
        responses={201: TopicSerializer, 200: PlanSerializer},
        examples=[
            OpenApiExample(
                "orders",
                {
                    "name": "orders",
                    "partitions": 6,
                    "replication_factor": 3,
                    "configs": {"min.insync.replicas": "2", "retention.ms": "86400000"},
                },
                request_only=True,
            )
        ],
    )
    def post(self, request: Request, cluster: str) -> Response:
        data = valid_data(CreateTopicInput, request)
        wanted = CreateTopic(
            data["name"], data["partitions"], data["replication_factor"], data.get("configs", {})
        )

        def apply(plan: Plan) -> Response:
            services.apply_create(self.actor, self.cluster, wanted, plan)
            return _topic(self, wanted.name, status=201)

        return change(request, services.plan_create(self.cluster, wanted), apply, conditional=False)


class TopicApi(ClusterApiView):
    actions: ClassVar = {"GET": Action.TOPIC_VIEW, "DELETE": Action.TOPIC_DELETE}

    @extend_schema(summary="Read a topic", responses=TopicSerializer)
    def get(self, request: Request, cluster: str, topic: str) -> Response:
        return _topic(self, topic)

    @extend_schema(
        summary="Delete a topic", parameters=[DRY_RUN, IF_MATCH], responses={204: None, 200: PlanSerializer}
    )
    def delete(self, request: Request, cluster: str, topic: str) -> Response:
        def apply(plan: Plan) -> Response:
            services.apply_delete(self.actor, self.cluster, topic, plan)
            return Response(status=204)

        return change(request, services.plan_delete(self.cluster, topic), apply)


class TopicConfigsApi(ClusterApiView):
    actions: ClassVar = {"GET": Action.TOPIC_VIEW, "PATCH": Action.TOPIC_EDIT}

    @extend_schema(summary="List a topic's settings", parameters=CONFIG_PARAMETERS, responses=CONFIG_LIST)
    def get(self, request: Request, cluster: str, topic: str) -> Response:
        state = selectors.topic_state(self.cluster, topic)
        entries = selectors.config_entries(self.cluster, topic)
        return with_etag(config_list(request, entries), state.digest)

    @extend_schema(
        summary="Change a topic's settings",
        parameters=[DRY_RUN, IF_MATCH],
        request=AlterConfigsInput,
        responses={200: TOPIC_OR_PLAN},
        examples=[OpenApiExample("an hour", {"set": {"retention.ms": "3600000"}}, request_only=True)],
    )
    def patch(self, request: Request, cluster: str, topic: str) -> Response:
        data = valid_data(AlterConfigsInput, request)
        wanted = AlterConfigs(data.get("set", {}), tuple(data.get("reset", ())))

        def apply(plan: Plan) -> Response:
            services.apply_alter_configs(self.actor, self.cluster, topic, wanted, plan)
            return _topic(self, topic)

        return change(request, services.plan_alter_configs(self.cluster, topic, wanted), apply)


class TopicPartitionsApi(ClusterApiView):
    actions: ClassVar = {"GET": Action.TOPIC_VIEW, "PATCH": Action.TOPIC_EDIT}

    @extend_schema(
        summary="List a topic's partitions",
        parameters=[
            *list_parameters(PARTITION_SORT, search=None),
            OpenApiParameter("out_of_sync", bool, description="Only those with a replica out of sync."),
        ],
        responses=list_schema(PartitionSerializer),
    )
    def get(self, request: Request, cluster: str, topic: str) -> Response:
        described = selectors.describe(self.cluster, topic)
        rows = [_partition(row) for row in selectors.partition_rows(self.cluster, described)]
        if flag(request, "out_of_sync"):
            rows = [row for row in rows if len(row["isr"]) < len(row["replicas"])]
        answer = list_answer(request, rows, dict, sortable=PARTITION_SORT, default_sort="partition")
        return with_etag(answer, selectors.topic_state(self.cluster, topic).digest)

    @extend_schema(
        summary="Add partitions",
        parameters=[DRY_RUN, IF_MATCH],
        request=AddPartitionsInput,
        responses={200: TOPIC_OR_PLAN},
        examples=[OpenApiExample("twelve in all", {"partitions": 12}, request_only=True)],
    )
    def patch(self, request: Request, cluster: str, topic: str) -> Response:
        count = valid_data(AddPartitionsInput, request)["partitions"]

        def apply(plan: Plan) -> Response:
            services.apply_add_partitions(self.actor, self.cluster, topic, count, plan)
            return _topic(self, topic)

        return change(request, services.plan_add_partitions(self.cluster, topic, count), apply)


def _topic(view: ClusterApiView, name: str, status: int = 200) -> Response:
    state = selectors.topic_state(view.cluster, name)
    body = {
        "name": state.name,
        "topic_id": state.topic_id,
        "internal": state.internal,
        "partitions": state.partitions,
        "replication_factor": state.replication_factor,
        "configs": dict(state.configs),
    }
    return with_etag(Response(body, status=status), state.digest)


def _row(row: TopicSnapshot) -> dict[str, Any]:
    return {name: getattr(row, name) for name in TopicRowSerializer._declared_fields}


def _partition(row: selectors.PartitionRow) -> dict[str, Any]:
    partition = row.partition
    return {
        "partition": partition.index,
        "leader": partition.leader,
        "replicas": list(partition.replicas),
        "isr": list(partition.isr),
        "first_offset": row.first_offset,
        "end_offset": row.end_offset,
        "size_bytes": row.size_bytes,
    }
