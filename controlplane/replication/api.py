"""The API of replication flows. A flow stands under its target, named by its source."""

from __future__ import annotations

from typing import Any, ClassVar

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.clusters import selectors as cluster_selectors
from controlplane.clusters.api import JobAccepted, job_answer
from controlplane.clusters.rest import ClusterApiView, PlanSerializer, change
from controlplane.core.access import Action
from controlplane.core.plans import Plan
from controlplane.core.rest import (
    DRY_RUN,
    IF_MATCH,
    list_answer,
    list_parameters,
    list_schema,
    or_plan,
    valid_data,
    with_etag,
)
from controlplane.replication import objectives, selectors, services, verifying, watching
from controlplane.replication.logic.flows import SHORTEST_RPO_S, FlowRequest, Policy, to_json
from controlplane.replication.logic.objectives import compared
from controlplane.replication.logic.plans import FlowAct
from controlplane.replication.models import Flow
from controlplane.replication.views import flow_for, visible
from controlplane.users.services import Issued

SORTABLE = ("source", "target")
LONGEST_NAME = 260


class FlowTaskSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    state = serializers.CharField()
    trace = serializers.CharField(allow_blank=True, help_text="Of its failure, without passwords.")


class FlowConnectorSerializer(serializers.Serializer[Any]):
    part = serializers.CharField(help_text="source, checkpoint or heartbeat.")
    name = serializers.CharField()
    state = serializers.CharField()
    trace = serializers.CharField(allow_blank=True)
    tasks = FlowTaskSerializer(many=True)


class FlowSerializer(serializers.Serializer[Any]):
    """`state` is the worst of its connectors: running, paused, stopped, failed, mixed, incomplete or unknown."""

    source = serializers.CharField()  # type: ignore[assignment]  # a field of that name
    target = serializers.CharField()
    state = serializers.CharField()
    error = serializers.CharField(allow_blank=True, help_text="Why the state is unknown.")
    user = serializers.CharField(allow_blank=True, help_text="Its own user in the source.")
    settings = serializers.DictField(help_text="As it was asked for.")
    connectors = FlowConnectorSerializer(many=True)
    passwords = serializers.DictField(
        child=serializers.CharField(),
        required=False,
        allow_null=True,
        help_text="Of the users that were made in the target, by name: in the answer to making the flow only.",
    )


class FlowInput(serializers.Serializer[Any]):
    """Names that end in * are prefixes, * alone is all, a leading ! leaves out."""

    source = serializers.CharField(  # type: ignore[assignment]  # a field of that name
        max_length=64, help_text="The cluster to copy from."
    )
    topics = serializers.ListField(
        child=serializers.CharField(max_length=LONGEST_NAME), required=False, max_length=500
    )
    groups = serializers.ListField(
        child=serializers.CharField(max_length=LONGEST_NAME), required=False, max_length=500
    )
    policy = serializers.ChoiceField(choices=[each.value for each in Policy], required=False)
    sync_configs = serializers.BooleanField(required=False)
    sync_acls = serializers.BooleanField(required=False)
    sync_offsets = serializers.BooleanField(required=False)
    exactly_once = serializers.BooleanField(required=False)
    copy_users = serializers.BooleanField(
        required=False, help_text="Make SCRAM users that the target lacks, with new passwords."
    )
    copy_quotas = serializers.BooleanField(required=False, help_text="Make quotas that the target lacks.")
    tasks_max = serializers.IntegerField(required=False, min_value=1, max_value=64)
    refresh_s = serializers.IntegerField(required=False, min_value=1, max_value=86_400)
    checkpoint_s = serializers.IntegerField(required=False, min_value=1, max_value=86_400)
    rpo_s = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=SHORTEST_RPO_S,
        max_value=31_536_000,
        help_text="May lose at most.",
    )
    rpo_records = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=10**12, help_text="May lose at most."
    )


class FlowObjectiveInput(serializers.Serializer[Any]):
    """What is not given stays; null takes an objective away."""

    rpo_s = serializers.IntegerField(
        required=False, allow_null=True, min_value=SHORTEST_RPO_S, max_value=31_536_000
    )
    rpo_records = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=10**12)


class FlowActInput(serializers.Serializer[Any]):
    act = serializers.ChoiceField(choices=[each.value for each in FlowAct])


class FlowPartitionSerializer(serializers.Serializer[Any]):
    """`end` is of the source; `position` the next record to copy. Null where nobody could say."""

    topic = serializers.CharField()
    partition = serializers.IntegerField()
    end = serializers.IntegerField(allow_null=True)
    position = serializers.IntegerField(allow_null=True)
    lag = serializers.IntegerField(allow_null=True, help_text="Records that are not in the target yet.")
    copy_end = serializers.IntegerField(allow_null=True)
    waiting_since_ms = serializers.IntegerField(allow_null=True)


class FlowObjectiveSerializer(serializers.Serializer[Any]):
    """What the flow may lose at most against what it would lose now."""

    verdict = serializers.CharField(help_text="met, missed or unknown.")
    text = serializers.CharField()


class FlowProgressSerializer(serializers.Serializer[Any]):
    lag_records = serializers.IntegerField(allow_null=True)
    lag_seconds = serializers.FloatField(allow_null=True, help_text="Age of the oldest record that waits.")
    heartbeat_age_seconds = serializers.FloatField(allow_null=True)
    objective = FlowObjectiveSerializer(many=True)
    error = serializers.CharField(allow_blank=True)
    partitions = FlowPartitionSerializer(many=True)


class GroupTranslationSerializer(serializers.Serializer[Any]):
    """Where a group would go on. `behind`: records that it would read again; null `translated` with the reason in `why`."""

    group = serializers.CharField()
    topic = serializers.CharField()
    into = serializers.CharField(
        help_text="Its topic in the target: the copy; of a copy that came from there, the original."
    )
    partition = serializers.IntegerField()
    committed = serializers.IntegerField(help_text="In the source.")
    translated = serializers.IntegerField(allow_null=True)
    behind = serializers.IntegerField(allow_null=True)
    checkpoint = serializers.IntegerField(allow_null=True, help_text="MirrorMaker's last word.")
    checkpoint_ms = serializers.IntegerField(
        allow_null=True, help_text="When MirrorMaker last wrote a checkpoint of the group."
    )
    there = serializers.IntegerField(allow_null=True, help_text="Committed in the target.")
    why = serializers.CharField(allow_blank=True)


class FlowGroupsSerializer(serializers.Serializer[Any]):
    error = serializers.CharField(allow_blank=True)
    offsets = GroupTranslationSerializer(many=True)


FLOW_OR_PLAN = or_plan("FlowOrPlan", FlowSerializer)


def flow_json(flow: Flow) -> dict[str, Any]:
    asked = flow.asked
    health = selectors.health(asked, cluster_selectors.get_cluster(flow.target))
    return {
        "source": flow.source,
        "target": flow.target,
        "state": health.state,
        "error": health.error,
        "user": flow.user,
        "settings": to_json(asked),
        "connectors": [
            {
                "part": part.value,
                "name": status.name,
                "state": status.state.value,
                "trace": status.trace,
                "tasks": [
                    {"id": task.id, "state": task.state.value, "trace": task.trace} for task in status.tasks
                ],
            }
            for part, status in health.statuses.items()
        ],
    }


class FlowsApi(ClusterApiView):
    shown_once: ClassVar = frozenset({"passwords"})
    actions: ClassVar = {"GET": Action.FLOW_VIEW, "POST": Action.FLOW_EDIT}

    @extend_schema(
        summary="List the replication flows of a cluster",
        parameters=list_parameters(SORTABLE),
        responses=list_schema(FlowSerializer),
    )
    def get(self, request: Request, cluster: str) -> Response:
        rows = selectors.flows(self.cluster).filter(
            pk__in=[row.pk for row in visible(self.actor, self.cluster)]
        )
        return list_answer(
            request, rows, flow_json, sortable=SORTABLE, default_sort="source", as_of=timezone.now()
        )

    @extend_schema(
        summary="Replicate another cluster into this one",
        parameters=[DRY_RUN],
        request=FlowInput,
        responses={201: FlowSerializer, 200: PlanSerializer},
        examples=[
            OpenApiExample(
                "orders", {"source": "main", "topics": ["orders*"], "groups": ["*"]}, request_only=True
            )
        ],
    )
    def post(self, request: Request, cluster: str) -> Response:
        given = valid_data(FlowInput, request)
        given |= {name: tuple(given[name]) for name in ("topics", "groups") if name in given}
        if "policy" in given:
            given["policy"] = Policy(given["policy"])
        asked = FlowRequest(target=self.cluster.name, **given)
        services.require_source(self.actor, asked)

        def apply(plan: Plan) -> Response:
            issued: list[Issued] = []
            made = services.apply_create(self.actor, asked, plan, told=issued.append)
            passwords = {each.name: each.password for each in issued}
            return Response({**flow_json(made), **({"passwords": passwords} if issued else {})}, status=201)

        return change(request, services.plan_create(asked), apply, conditional=False)


class FlowApi(ClusterApiView):
    actions: ClassVar = {"GET": Action.FLOW_VIEW, "PATCH": Action.FLOW_EDIT, "DELETE": Action.FLOW_EDIT}

    @extend_schema(summary="Read a replication flow", responses=FlowSerializer)
    def get(self, request: Request, cluster: str, source: str) -> Response:
        return Response(flow_json(flow_for(self.actor, self.cluster, source)))

    @extend_schema(
        summary="Change what a replication flow may lose",
        parameters=[DRY_RUN, IF_MATCH],
        request=FlowObjectiveInput,
        responses={200: FLOW_OR_PLAN},
        examples=[OpenApiExample("a minute", {"rpo_s": 60}, request_only=True)],
    )
    def patch(self, request: Request, cluster: str, source: str) -> Response:
        found = flow_for(self.actor, self.cluster, source)
        services.require_both(self.actor, Action.FLOW_EDIT, found.asked)
        given = valid_data(FlowObjectiveInput, request)
        names = FlowObjectiveInput._declared_fields
        wanted = {name: given.get(name, getattr(found.asked, name)) for name in names}

        def apply(plan: Plan) -> Response:
            objectives.apply(self.actor, found, **wanted, plan=plan)
            return Response(flow_json(found))

        return change(request, objectives.plan(found, **wanted), apply)

    @extend_schema(
        summary="Delete a replication flow; copies stay",
        parameters=[DRY_RUN, IF_MATCH],
        responses={204: None, 200: PlanSerializer},
    )
    def delete(self, request: Request, cluster: str, source: str) -> Response:
        found = flow_for(self.actor, self.cluster, source)
        services.require_both(self.actor, Action.FLOW_EDIT, found.asked)

        def apply(plan: Plan) -> Response:
            services.apply_delete(self.actor, found, plan)
            return Response(status=204)

        return change(request, services.plan_delete(found), apply)


class FlowActApi(ClusterApiView):
    actions: ClassVar = {"POST": Action.FLOW_OPERATE}

    @extend_schema(
        summary="Pause, resume or restart a replication flow",
        parameters=[DRY_RUN],
        request=FlowActInput,
        responses={200: FlowSerializer},
        examples=[OpenApiExample("pause", {"act": "pause"}, request_only=True)],
    )
    def post(self, request: Request, cluster: str, source: str) -> Response:
        act = FlowAct(valid_data(FlowActInput, request)["act"])
        found = flow_for(self.actor, self.cluster, source)
        services.require_both(self.actor, Action.FLOW_OPERATE, found.asked)

        def apply(plan: Plan) -> Response:
            services.apply_act(self.actor, found, act, plan)
            return with_etag(Response(flow_json(found)), services.plan_act(found, act).digest)

        return change(request, services.plan_act(found, act), apply, conditional=False)


class FlowCompareApi(ClusterApiView):
    actions: ClassVar = {"POST": Action.FLOW_OPERATE}

    @extend_schema(
        summary="Compare both sides of a replication flow",
        description="A job that only reads: the newest records of each partition of the source are looked for in the copy, by "
        "key, value, headers and time. Its result counts what is compared and names what is missing.",
        parameters=[DRY_RUN],
        request=None,
        responses={202: JobAccepted, 200: PlanSerializer},
    )
    def post(self, request: Request, cluster: str, source: str) -> Response:
        found = flow_for(self.actor, self.cluster, source)
        services.require_both(self.actor, Action.FLOW_OPERATE, found.asked)

        def apply(plan: Plan) -> Response:
            return job_answer(verifying.apply(self.actor, found, plan))

        return change(request, verifying.plan(found), apply, conditional=False)


class FlowProgressApi(ClusterApiView):
    actions: ClassVar = {"GET": Action.FLOW_VIEW}

    @extend_schema(summary="Read what a replication flow has still to copy", responses=FlowProgressSerializer)
    def get(self, request: Request, cluster: str, source: str) -> Response:
        found = flow_for(self.actor, self.cluster, source)
        progress = watching.progress_of(found.asked, cluster_selectors.get_cluster(source), self.cluster)
        names = FlowPartitionSerializer._declared_fields
        return Response(
            {
                "lag_records": progress.totals.records,
                "lag_seconds": progress.totals.seconds,
                "heartbeat_age_seconds": progress.heartbeat_age_s,
                "objective": [
                    {"verdict": each.verdict.value, "text": each.text}
                    for each in compared(found.asked, progress.totals, known=progress.known)
                ],
                "error": progress.error,
                "partitions": [{name: getattr(row, name) for name in names} for row in progress.rows],
            }
        )


class FlowGroupsApi(ClusterApiView):
    actions: ClassVar = {"GET": Action.FLOW_VIEW}

    @extend_schema(summary="Translate the offsets of groups", responses=FlowGroupsSerializer)
    def get(self, request: Request, cluster: str, source: str) -> Response:
        found = flow_for(self.actor, self.cluster, source)
        told = watching.translation_of(found.asked, cluster_selectors.get_cluster(source), self.cluster)
        names = GroupTranslationSerializer._declared_fields
        offsets = [{name: getattr(row, name) for name in names} for row in told.rows]
        return Response({"error": told.error, "offsets": offsets})
