"""The API of brokers: read them, act on bundled ones (as jobs)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from django.shortcuts import resolve_url
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.clusters import operations, present, removal, selectors
from controlplane.clusters.configs import CONFIG_LIST, CONFIG_PARAMETERS, config_list
from controlplane.clusters.logic.broker_plans import BrokerAct
from controlplane.clusters.logic.conditions import Condition
from controlplane.clusters.logic.removal_plans import Removal
from controlplane.clusters.models import BrokerSnapshot, SnapshotPart
from controlplane.clusters.rest import ClusterApiView, PlanSerializer, accepted, change
from controlplane.clusters.services import gateway_for
from controlplane.core.access import Action
from controlplane.core.errors import NotFound
from controlplane.core.plans import Plan
from controlplane.core.rest import (
    DRY_RUN,
    IF_MATCH,
    flag,
    list_answer,
    list_parameters,
    list_schema,
    valid_data,
)
from controlplane.gateways import broker as bundled
from controlplane.gateways.kafka.types import ResourceRef, ResourceType
from controlplane.jobs.models import Job

SORTABLE = ("broker_id", "leaders", "replicas", "in_sync", "size_bytes")


class BrokerSerializer(serializers.Serializer[Any]):
    broker_id = serializers.IntegerField()
    host = serializers.CharField()
    port = serializers.IntegerField()
    rack = serializers.CharField(allow_blank=True)
    condition = serializers.ChoiceField(
        choices=[each.value for each in Condition], help_text="Kafka's word and the supervisor's in one."
    )
    fenced = serializers.BooleanField(help_text="Kafka has noticed that it is away.")
    controller = serializers.BooleanField()
    leaders = serializers.IntegerField()
    replicas = serializers.IntegerField()
    in_sync = serializers.IntegerField()
    size_bytes = serializers.IntegerField(allow_null=True)
    disk_total_bytes = serializers.IntegerField(allow_null=True)
    disk_usable_bytes = serializers.IntegerField(allow_null=True)
    offline_dirs = serializers.ListField(
        child=serializers.CharField(),
        help_text="Log directories that Kafka has taken offline: their disk failed or is full.",
    )


class CrashSerializer(serializers.Serializer[Any]):
    """The last exit that nobody asked for, and the start that follows it."""

    at = serializers.DateTimeField()
    what = serializers.CharField()
    restart = serializers.IntegerField()
    limit = serializers.IntegerField(help_text="So many restarts within two minutes, then it is given up.")
    next_try = serializers.DateTimeField(allow_null=True)


class ProcessSerializer(serializers.Serializer[Any]):
    state = serializers.CharField()
    pid = serializers.IntegerField(allow_null=True)
    restarts = serializers.IntegerField()
    reason = serializers.CharField(allow_null=True)
    hint = serializers.CharField(allow_null=True)
    cause = serializers.CharField(allow_null=True, help_text="A word for the reason, such as `disk_full`.")
    rss_bytes = serializers.IntegerField(allow_null=True)
    crash = CrashSerializer(allow_null=True)


class BrokerDetailSerializer(BrokerSerializer):
    process = ProcessSerializer(allow_null=True)


class ActInput(serializers.Serializer[Any]):
    act = serializers.ChoiceField(choices=[act.value for act in BrokerAct])


class JobAccepted(serializers.Serializer[Any]):
    """The work goes on as a job; its address is also in Location."""

    job = serializers.CharField()
    url = serializers.CharField()
    title = serializers.CharField()


class BrokersApi(ClusterApiView):
    actions: ClassVar = {"GET": Action.BROKER_VIEW, "POST": Action.BROKER_OPERATE}

    @extend_schema(
        summary="List brokers", parameters=list_parameters(SORTABLE), responses=list_schema(BrokerSerializer)
    )
    def get(self, request: Request, cluster: str) -> Response:
        taken = selectors.age(self.cluster, SnapshotPart.BROKERS).taken_at
        conditions = {row.broker.broker_id: row.now.condition for row in present.broker_rows(self.cluster)}
        rows = selectors.brokers(self.cluster)
        return list_answer(
            request,
            rows,
            lambda row: broker_json(row, conditions[row.broker_id]),
            sortable=SORTABLE,
            default_sort="broker_id",
            as_of=taken,
        )

    @extend_schema(
        summary="Add a broker to a bundled cluster",
        parameters=[DRY_RUN],
        request=None,
        responses={202: JobAccepted, 200: PlanSerializer},
    )
    def post(self, request: Request, cluster: str) -> Response:
        def apply(plan: Plan) -> Response:
            return job_answer(operations.apply_add(self.actor, self.cluster, plan))

        return change(request, operations.plan_add(self.cluster), apply, conditional=False)


class RollApi(ClusterApiView):
    actions: ClassVar = {"POST": Action.BROKER_OPERATE}

    @extend_schema(
        summary="Restart all brokers of a bundled cluster, one by one",
        parameters=[DRY_RUN],
        request=None,
        responses={202: JobAccepted, 200: PlanSerializer},
    )
    def post(self, request: Request, cluster: str) -> Response:
        def apply(plan: Plan) -> Response:
            return job_answer(operations.apply_roll(self.actor, self.cluster, plan))

        return change(request, operations.plan_roll(self.cluster), apply, conditional=False)


class BrokerApi(ClusterApiView):
    actions: ClassVar = {
        "GET": Action.BROKER_VIEW,
        "POST": Action.BROKER_OPERATE,
        "DELETE": Action.BROKER_OPERATE,
    }

    @extend_schema(summary="Read a broker", responses=BrokerDetailSerializer)
    def get(self, request: Request, cluster: str, broker: int) -> Response:
        row = selectors.brokers(self.cluster).filter(broker_id=broker).first()
        if row is None:
            raise NotFound(f"There is no broker {broker} in {self.cluster.title}")
        (found,) = present.broker_rows(self.cluster, (row,))
        process = process_json(found.process) if found.process else None
        return Response({**broker_json(row, found.now.condition), "process": process})

    @extend_schema(
        summary="Start, stop or restart a broker of a bundled cluster",
        parameters=[DRY_RUN],
        request=ActInput,
        responses={202: JobAccepted, 200: PlanSerializer},
        examples=[OpenApiExample("restart", {"act": "restart"}, request_only=True)],
    )
    def post(self, request: Request, cluster: str, broker: int) -> Response:
        act = BrokerAct(valid_data(ActInput, request)["act"])
        operations.process_name(bundled.bundled_cluster(self.cluster.name), broker)

        def apply(plan: Plan) -> Response:
            return job_answer(operations.apply_act(self.actor, self.cluster, broker, act, plan))

        return change(request, operations.plan_act(self.cluster, broker, act), apply, conditional=False)

    @extend_schema(
        summary="Remove a broker that was added to a bundled cluster",
        parameters=[
            DRY_RUN,
            IF_MATCH,
            OpenApiParameter("move_replicas", bool, description="First move its replicas to the others."),
            OpenApiParameter("delete_data", bool, description="Delete its data instead of setting it aside."),
        ],
        responses={202: JobAccepted, 200: PlanSerializer},
    )
    def delete(self, request: Request, cluster: str, broker: int) -> Response:
        operations.process_name(bundled.bundled_cluster(self.cluster.name), broker)
        asked = Removal(broker, flag(request, "move_replicas"), flag(request, "delete_data"))

        def apply(plan: Plan) -> Response:
            return job_answer(removal.apply_remove(self.actor, self.cluster, asked, plan))

        return change(request, removal.plan_remove(self.cluster, asked), apply)


class BrokerConfigsApi(ClusterApiView):
    actions: ClassVar = {"GET": Action.BROKER_VIEW}

    @extend_schema(summary="List a broker's settings", parameters=CONFIG_PARAMETERS, responses=CONFIG_LIST)
    def get(self, request: Request, cluster: str, broker: int) -> Response:
        ref = ResourceRef(ResourceType.BROKER, str(broker))
        return config_list(request, gateway_for(self.cluster).describe_configs([ref])[ref])


def job_answer(job: Job) -> Response:
    return accepted(job, resolve_url("api:job", job.pk))


def broker_json(row: BrokerSnapshot, condition: Condition) -> dict[str, Any]:
    kept = (name for name in BrokerSerializer._declared_fields if name != "condition")
    return {"condition": condition.value, **{name: getattr(row, name) for name in kept}}


def process_json(status: bundled.ProcessStatus) -> dict[str, Any]:
    return {
        "state": status.state.value,
        "pid": status.pid,
        "restarts": status.restarts,
        "reason": status.reason,
        "hint": status.hint,
        "cause": status.cause,
        "rss_bytes": status.rss_bytes,
        "crash": crash_json(status.crash) if status.crash else None,
    }


def crash_json(crash: bundled.Crash) -> dict[str, Any]:
    return {
        "at": _iso(crash.at),
        "what": crash.what,
        "restart": crash.restart,
        "limit": crash.limit,
        "next_try": _iso(crash.next_try) if crash.next_try else None,
    }


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
