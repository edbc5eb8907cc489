"""The API of clusters and brokers: read both, act on bundled brokers (as jobs)."""

from __future__ import annotations

from typing import Any, ClassVar

from django.shortcuts import resolve_url
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.clusters import facts, operations, selectors
from controlplane.clusters.configs import CONFIG_LIST, CONFIG_PARAMETERS, config_list
from controlplane.clusters.logic.broker_plans import BrokerAct
from controlplane.clusters.models import BrokerSnapshot, Cluster, SnapshotPart
from controlplane.clusters.rest import ClusterApiView, PlanSerializer, accepted, change
from controlplane.clusters.services import gateway_for
from controlplane.core.access import Action, can
from controlplane.core.errors import NotFound
from controlplane.core.plans import Plan
from controlplane.core.rest import (
    DRY_RUN,
    ApiView,
    list_answer,
    list_parameters,
    list_schema,
    valid_data,
)
from controlplane.gateways import broker as bundled
from controlplane.gateways.kafka.types import ResourceRef, ResourceType
from controlplane.jobs.models import Job

CLUSTER_SORT = ("name", "title")
SORTABLE = ("broker_id", "leaders", "replicas", "in_sync", "size_bytes")


class ClusterSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    title = serializers.CharField()
    cluster_id = serializers.CharField()
    brokers = serializers.IntegerField()
    controller = serializers.IntegerField(allow_null=True)
    topics = serializers.IntegerField()
    partitions = serializers.IntegerField()
    out_of_sync = serializers.IntegerField()
    leaderless = serializers.IntegerField()
    under_min_isr = serializers.IntegerField()
    groups = serializers.IntegerField()
    as_of = serializers.DateTimeField(allow_null=True)


class BrokerSerializer(serializers.Serializer[Any]):
    broker_id = serializers.IntegerField()
    host = serializers.CharField()
    port = serializers.IntegerField()
    rack = serializers.CharField(allow_blank=True)
    fenced = serializers.BooleanField()
    controller = serializers.BooleanField()
    leaders = serializers.IntegerField()
    replicas = serializers.IntegerField()
    in_sync = serializers.IntegerField()
    size_bytes = serializers.IntegerField(allow_null=True)
    disk_total_bytes = serializers.IntegerField(allow_null=True)
    disk_usable_bytes = serializers.IntegerField(allow_null=True)


class ProcessSerializer(serializers.Serializer[Any]):
    state = serializers.CharField()
    pid = serializers.IntegerField(allow_null=True)
    restarts = serializers.IntegerField()
    reason = serializers.CharField(allow_null=True)
    hint = serializers.CharField(allow_null=True)
    rss_bytes = serializers.IntegerField(allow_null=True)


class BrokerDetailSerializer(BrokerSerializer):
    process = ProcessSerializer(allow_null=True)


class ActInput(serializers.Serializer[Any]):
    act = serializers.ChoiceField(choices=[act.value for act in BrokerAct])


class JobAccepted(serializers.Serializer[Any]):
    """The work goes on as a job; its address is also in Location."""

    job = serializers.CharField()
    url = serializers.CharField()
    title = serializers.CharField()


class ClustersApi(ApiView):
    @extend_schema(
        summary="List clusters",
        parameters=list_parameters(CLUSTER_SORT),
        responses=list_schema(ClusterSerializer),
    )
    def get(self, request: Request) -> Response:
        search = request.query_params.get("search", "").strip().lower()
        rows = [
            row
            for row in selectors.clusters()
            if can(self.actor, Action.CLUSTER_VIEW, row.name).allowed
            and (search in row.name.lower() or search in row.title.lower())
        ]
        return list_answer(request, rows, cluster_json, sortable=CLUSTER_SORT, default_sort="name")


class ClusterApi(ClusterApiView):
    actions: ClassVar = {"GET": Action.CLUSTER_VIEW}

    @extend_schema(summary="Read a cluster", responses=ClusterSerializer)
    def get(self, request: Request, cluster: str) -> Response:
        return Response(cluster_json(self.cluster))


class BrokersApi(ClusterApiView):
    actions: ClassVar = {"GET": Action.BROKER_VIEW, "POST": Action.BROKER_OPERATE}

    @extend_schema(
        summary="List brokers", parameters=list_parameters(SORTABLE), responses=list_schema(BrokerSerializer)
    )
    def get(self, request: Request, cluster: str) -> Response:
        taken = selectors.age(self.cluster, SnapshotPart.BROKERS).taken_at
        rows = selectors.brokers(self.cluster)
        return list_answer(
            request, rows, broker_json, sortable=SORTABLE, default_sort="broker_id", as_of=taken
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
    actions: ClassVar = {"GET": Action.BROKER_VIEW, "POST": Action.BROKER_OPERATE}

    @extend_schema(summary="Read a broker", responses=BrokerDetailSerializer)
    def get(self, request: Request, cluster: str, broker: int) -> Response:
        row = selectors.brokers(self.cluster).filter(broker_id=broker).first()
        if row is None:
            raise NotFound(f"There is no broker {broker} in {self.cluster.title}")
        status = facts.process_status(self.cluster, broker)
        return Response({**broker_json(row), "process": process_json(status) if status else None})

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


class BrokerConfigsApi(ClusterApiView):
    actions: ClassVar = {"GET": Action.BROKER_VIEW}

    @extend_schema(summary="List a broker's settings", parameters=CONFIG_PARAMETERS, responses=CONFIG_LIST)
    def get(self, request: Request, cluster: str, broker: int) -> Response:
        ref = ResourceRef(ResourceType.BROKER, str(broker))
        return config_list(request, gateway_for(self.cluster).describe_configs([ref])[ref])


def job_answer(job: Job) -> Response:
    return accepted(job, resolve_url("api:job", job.pk))


def cluster_json(cluster: Cluster) -> dict[str, Any]:
    sums = selectors.facts(cluster)
    age = selectors.age(cluster, SnapshotPart.BROKERS)
    return {
        "name": cluster.name,
        "title": cluster.title,
        "cluster_id": cluster.cluster_id,
        "brokers": sums.brokers,
        "controller": sums.controller,
        "topics": sums.topics,
        "partitions": sums.partitions,
        "out_of_sync": sums.out_of_sync,
        "leaderless": sums.leaderless,
        "under_min_isr": sums.under_min_isr,
        "groups": sums.groups,
        "as_of": age.taken_at.isoformat() if age.taken_at else None,
    }


def broker_json(row: BrokerSnapshot) -> dict[str, Any]:
    return {name: getattr(row, name) for name in BrokerSerializer._declared_fields}


def process_json(status: bundled.ProcessStatus) -> dict[str, Any]:
    return {
        "state": status.state.value,
        "pid": status.pid,
        "restarts": status.restarts,
        "reason": status.reason,
        "hint": status.hint,
        "rss_bytes": status.rss_bytes,
    }
