"""The API of the Connect worker beside a cluster."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.clusters.api import JobAccepted, ProcessSerializer, job_answer, process_json
from controlplane.clusters.rest import ClusterApiView, PlanSerializer, change
from controlplane.connect import guarding
from controlplane.core.access import Action
from controlplane.core.plans import Plan
from controlplane.core.rest import DRY_RUN, IF_MATCH, valid_data
from controlplane.gateways import workers
from controlplane.workers import selectors, services
from controlplane.workers.logic.plans import WorkerAct, WorkerRequest


class WorkerSerializer(serializers.Serializer[Any]):
    """`process` is null where no worker was ever started; `connectors` while the worker does not answer."""

    name = serializers.CharField()
    url = serializers.CharField(help_text="Of its REST API, on the machine that Kastellan runs on.")
    principal = serializers.CharField(
        allow_blank=True,
        help_text="Who its connectors are for the cluster's authorizer; empty where the registration of an external one names "
        "nobody.",
    )
    own_principal = serializers.CharField(
        allow_blank=True,
        help_text="Who the worker itself is, which alone gets to its topics; empty beside an external cluster.",
    )
    heap_mb = serializers.IntegerField()
    exactly_once = serializers.BooleanField(help_text="exactly.once.source.support (KIP-618).")
    files = serializers.CharField(help_text="Where relative paths of file connectors begin.")
    connectors = serializers.ListField(child=serializers.CharField(), allow_null=True)
    process = ProcessSerializer(allow_null=True)


class WorkerActInput(serializers.Serializer[Any]):
    act = serializers.ChoiceField(choices=[act.value for act in WorkerAct])
    exactly_once = serializers.BooleanField(
        required=False, allow_null=True, default=None, help_text="With start and restart; null leaves it."
    )
    connectors_stopped = serializers.BooleanField(
        required=False,
        default=False,
        help_text="With start, of a worker that was there before: its connectors are stopped first, where one may be what ends it.",
    )


class WorkerApi(ClusterApiView):
    actions: ClassVar = {"GET": Action.WORKER_VIEW, "POST": Action.WORKER_OPERATE}

    @extend_schema(summary="Read the Connect worker beside a cluster", responses=WorkerSerializer)
    def get(self, request: Request, cluster: str) -> Response:
        status = selectors.status_of(self.cluster)
        state = selectors.worker_state(self.cluster, status)
        return Response(
            {
                "name": state.name,
                "url": state.url,
                "principal": state.principal,
                "own_principal": state.own_principal,
                "heap_mb": state.heap_mb,
                "exactly_once": state.exactly_once,
                "files": str(workers.files_directory(self.cluster.name)),
                "connectors": None
                if state.connectors is None
                else guarding.shown(self.actor, self.cluster, state.connectors),
                "process": process_json(status) if status else None,
            }
        )

    @extend_schema(
        summary="Start, stop, restart or remove the Connect worker beside a cluster",
        description="The first start makes it: beside a bundled cluster with certificates and the ACLs of its principals, beside an "
        "external one it logs in as was registered. Removing it needs If-Match.",
        parameters=[DRY_RUN, IF_MATCH],
        request=WorkerActInput,
        responses={202: JobAccepted, 200: PlanSerializer},
        examples=[OpenApiExample("start", {"act": "start", "exactly_once": False}, request_only=True)],
    )
    def post(self, request: Request, cluster: str) -> Response:
        given = valid_data(WorkerActInput, request)
        asked = WorkerRequest(
            WorkerAct(given["act"]), given["exactly_once"], connectors_stopped=given["connectors_stopped"]
        )

        def apply(plan: Plan) -> Response:
            return job_answer(services.apply(self.actor, self.cluster, asked, plan))

        plan = services.plan(self.cluster, asked)
        return change(request, plan, apply, conditional=asked.act is WorkerAct.REMOVE)
