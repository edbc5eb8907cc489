"""The API of failovers: begin, take a step, end, and the report."""

from __future__ import annotations

from typing import Any, ClassVar

from django.shortcuts import resolve_url
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.clusters.api import JobAccepted
from controlplane.clusters.rest import ClusterApiView, PlanSerializer, accepted, change
from controlplane.core.access import Action
from controlplane.core.errors import NotFound
from controlplane.core.plans import Plan
from controlplane.core.rest import DRY_RUN, IF_MATCH, list_answer, list_parameters, list_schema, valid_data
from controlplane.replication import failover, services
from controlplane.replication.failover_views import report_of, run_of, subject
from controlplane.replication.logic.failover import Kind, Step
from controlplane.replication.models import Failover, Flow
from controlplane.replication.views import flow_for


class StepAttemptSerializer(serializers.Serializer[Any]):
    state = serializers.CharField(help_text="running where it was broken off.")
    started_at = serializers.CharField()
    ended_at = serializers.CharField(allow_null=True)
    error = serializers.CharField(allow_blank=True)


class FailoverStepSerializer(serializers.Serializer[Any]):
    step = serializers.CharField()
    title = serializers.CharField()
    state = serializers.CharField(help_text="running, done or failed.")
    started_at = serializers.CharField()
    ended_at = serializers.CharField(allow_null=True)
    error = serializers.CharField(allow_blank=True)
    evidence = serializers.DictField(help_text="What was found and measured.")
    earlier = StepAttemptSerializer(many=True, help_text="Times that it was taken before, the oldest first.")


class FailoverSerializer(serializers.Serializer[Any]):
    """`rpo`: records and seconds as promised by the check, and as lost when the flow stopped; null is unknown."""

    id = serializers.IntegerField()
    flow = serializers.CharField()
    kind = serializers.CharField()
    started_at = serializers.CharField()
    started_by = serializers.CharField()
    ended_at = serializers.CharField(allow_null=True)
    outcome = serializers.CharField()
    rpo = serializers.DictField()
    rto_seconds = serializers.FloatField(allow_null=True)
    steps = FailoverStepSerializer(many=True)


class FailoverInput(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=[each.value for each in Kind])


class FailoverStepInput(serializers.Serializer[Any]):
    step = serializers.ChoiceField(choices=[each.value for each in Step])


class FailoverApi(ClusterApiView):
    actions: ClassVar = {"GET": Action.FLOW_VIEW, "POST": Action.FLOW_EDIT, "DELETE": Action.FLOW_EDIT}

    @extend_schema(
        summary="Read the failover of a flow that is under way, or the last one", responses=FailoverSerializer
    )
    def get(self, request: Request, cluster: str, source: str) -> Response:
        flow = subject(self.actor, self.cluster, source)
        found = Failover.objects.filter(source=flow.source, target=flow.target).first()
        if found is None:
            raise NotFound(f"There was no failover of {flow} yet", hint="Begin one.")
        return Response(failover.report(found))

    @extend_schema(
        summary="Begin a failover of a flow, or a rehearsal",
        description="Nothing is done yet: each step is reviewed and taken on its own.",
        parameters=[DRY_RUN],
        request=FailoverInput,
        responses={201: FailoverSerializer, 200: PlanSerializer},
        examples=[OpenApiExample("rehearsal", {"kind": "rehearsal"}, request_only=True)],
    )
    def post(self, request: Request, cluster: str, source: str) -> Response:
        kind = Kind(valid_data(FailoverInput, request)["kind"])
        flow = flow_for(self.actor, self.cluster, source)
        services.require_both(self.actor, Action.FLOW_EDIT, flow.asked)

        def apply(plan: Plan) -> Response:
            return Response(failover.report(failover.begin(self.actor, flow, kind, plan)), status=201)

        return change(request, failover.plan_begin(flow, kind), apply, conditional=False)

    @extend_schema(
        summary="End the failover that is under way",
        parameters=[DRY_RUN, IF_MATCH],
        responses={204: None, 200: PlanSerializer},
    )
    def delete(self, request: Request, cluster: str, source: str) -> Response:
        run = run_of(self._flow(source))

        def apply(plan: Plan) -> Response:
            failover.apply_end(self.actor, run, plan)
            return Response(status=204)

        return change(request, failover.plan_end(run), apply)

    def _flow(self, source: str) -> Flow:
        flow = subject(self.actor, self.cluster, source)
        services.require_both(self.actor, Action.FLOW_EDIT, flow.asked)
        return flow


class FailoverStepApi(ClusterApiView):
    actions: ClassVar = {"POST": Action.FLOW_EDIT}

    @extend_schema(
        summary="Take a step of the failover that is under way",
        parameters=[DRY_RUN],
        request=FailoverStepInput,
        responses={202: JobAccepted, 200: PlanSerializer},
        examples=[OpenApiExample("check", {"step": "check"}, request_only=True)],
    )
    def post(self, request: Request, cluster: str, source: str) -> Response:
        step = Step(valid_data(FailoverStepInput, request)["step"])
        flow = subject(self.actor, self.cluster, source)
        services.require_both(self.actor, Action.FLOW_EDIT, flow.asked)
        run = run_of(flow)

        def apply(plan: Plan) -> Response:
            job = failover.apply_step(self.actor, run, step, plan)
            return accepted(job, resolve_url("api:job", job.pk))

        return change(request, failover.plan_step(run, step), apply, conditional=False)


class FailoverListApi(ClusterApiView):
    actions: ClassVar = {"GET": Action.FLOW_VIEW}

    @extend_schema(
        summary="List the failovers of a flow, newest first",
        description="Those of a flow that was turned round or deleted too.",
        parameters=list_parameters(("started_at",)),
        responses=list_schema(FailoverSerializer),
    )
    def get(self, request: Request, cluster: str, source: str) -> Response:
        flow = subject(self.actor, self.cluster, source)
        runs = Failover.objects.filter(source=flow.source, target=flow.target)
        return list_answer(
            request, runs, failover.report, sortable=("started_at",), default_sort="-started_at"
        )


class FailoverReportApi(ClusterApiView):
    actions: ClassVar = {"GET": Action.FLOW_VIEW}

    @extend_schema(summary="Read the report of a failover", responses=FailoverSerializer)
    def get(self, request: Request, cluster: str, source: str, run: int) -> Response:
        subject(self.actor, self.cluster, source)
        return Response(failover.report(report_of(self.cluster, source, run)))


class FreezeApi(ClusterApiView):
    actions: ClassVar = {"DELETE": Action.ACL_EDIT}

    @extend_schema(
        summary="Lift the freeze that failovers of a flow have left on its source",
        description="The very ACLs that they made, and no other.",
        parameters=[DRY_RUN, IF_MATCH],
        responses={204: None, 200: PlanSerializer},
    )
    def delete(self, request: Request, cluster: str, source: str) -> Response:
        flow = subject(self.actor, self.cluster, source)
        services.require_both(self.actor, Action.ACL_EDIT, flow.asked)
        thaw = failover.plan_thaw(flow.asked)

        def apply(plan: Plan) -> Response:
            failover.apply_thaw(self.actor, flow.asked, thaw)
            return Response(status=204)

        return change(request, thaw.plan, apply)
