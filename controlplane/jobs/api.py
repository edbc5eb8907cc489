"""/api/v1/jobs/."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.audit.models import Outcome
from controlplane.audit.selectors import of_job
from controlplane.core.access import Action, Actor
from controlplane.core.rest import (
    DRY_RUN,
    ApiView,
    PlanSerializer,
    is_dry_run,
    list_answer,
    list_parameters,
    list_schema,
    plan_answer,
)
from controlplane.jobs import selectors, services
from controlplane.jobs.models import Job, JobState

SORT = ("created_at", "title", "actor_name", "cluster", "state", "ended_at")
STEP_STATES = ("running", "done", "failed", "cancelled")


class StepSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    state = serializers.ChoiceField(STEP_STATES)
    started_at = serializers.CharField()
    ended_at = serializers.CharField(allow_null=True)


class JobSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    kind = serializers.CharField()
    title = serializers.CharField()
    cluster = serializers.CharField(allow_blank=True)
    also = serializers.CharField(allow_blank=True, help_text="The other cluster, of work that is about two.")
    actor = serializers.CharField(source="actor_name")
    state = serializers.ChoiceField(JobState.choices)
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    attempt = serializers.IntegerField()
    done = serializers.IntegerField()
    total = serializers.IntegerField(allow_null=True)
    percent = serializers.IntegerField(allow_null=True)
    message = serializers.CharField(allow_blank=True)
    error = serializers.CharField(allow_blank=True)
    hint = serializers.CharField(allow_blank=True)


class JobOperationSerializer(serializers.Serializer[Any]):
    """What the job did, as the audit has it under operations/."""

    id = serializers.UUIDField(source="uid")
    title = serializers.CharField()
    outcome = serializers.ChoiceField(Outcome.choices)


class JobDetailSerializer(JobSerializer):
    args = serializers.DictField()
    steps = StepSerializer(many=True)
    log = serializers.CharField(allow_blank=True)
    result = serializers.DictField(allow_null=True)
    operations = serializers.SerializerMethodField()

    @extend_schema_field(JobOperationSerializer(many=True))
    def get_operations(self, job: Job) -> list[dict[str, Any]]:
        found = of_job(self.context["actor"], str(job.pk), job.created_at)
        return [dict(JobOperationSerializer(row).data) for row in found]


def job_detail(actor: Actor, job: Job) -> dict[str, Any]:
    return dict(JobDetailSerializer(job, context={"actor": actor}).data)


def job_json(job: Job) -> dict[str, Any]:
    return dict(JobSerializer(job).data)


class Jobs(ApiView):
    actions: ClassVar = {"GET": Action.JOB_VIEW}

    @extend_schema(
        operation_id="list_jobs",
        summary="List jobs",
        tags=["jobs"],
        parameters=[
            *list_parameters(SORT),
            OpenApiParameter("state", str, enum=JobState.values),
            OpenApiParameter("cluster", str, description="A cluster's name."),
        ],
        responses=list_schema(JobSerializer),
    )
    def get(self, request: Request) -> Response:
        query = request.query_params
        search, state, cluster = (query.get(name, "") for name in ("search", "state", "cluster"))
        rows = selectors.jobs(self.actor, search=search, state=state, cluster=cluster)
        return list_answer(request, rows, job_json, sortable=SORT, default_sort="-created_at")


class JobDetail(ApiView):
    actions: ClassVar = {"GET": Action.JOB_VIEW}

    @extend_schema(
        operation_id="describe_job",
        summary="Describe a job: steps, progress, log, result",
        tags=["jobs"],
        responses=JobDetailSerializer,
    )
    def get(self, request: Request, job_id: uuid.UUID) -> Response:
        return Response(job_detail(self.actor, selectors.get_job(self.actor, job_id)))


class JobCancel(ApiView):
    """The permission depends on the job's cluster, so the service checks it."""

    actions: ClassVar = {"POST": Action.JOB_VIEW}

    @extend_schema(
        operation_id="cancel_job",
        summary="Cancel a job",
        description="A queued job ends at once, a running one at its next step.",
        tags=["jobs"],
        parameters=[DRY_RUN],
        request=None,
        responses={202: JobDetailSerializer, 200: PlanSerializer},
    )
    def post(self, request: Request, job_id: uuid.UUID) -> Response:
        job = selectors.get_job(self.actor, job_id)
        if is_dry_run(request):
            return plan_answer(services.plan_cancel(job))
        return Response(job_detail(self.actor, services.cancel(self.actor, job)), status=202)
