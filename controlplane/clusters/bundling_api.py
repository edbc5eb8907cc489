"""The API of whole bundled clusters: make one, start, stop and remove it (as jobs)."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.clusters import bundling
from controlplane.clusters.api import JobAccepted, job_answer
from controlplane.clusters.logic.bundling_plans import MOST_BROKERS, NewCluster, WholeAct
from controlplane.clusters.models import Colour
from controlplane.clusters.registration_api import NAME
from controlplane.clusters.rest import ClusterApiView, PlanSerializer, change
from controlplane.core.access import Action
from controlplane.core.plans import Plan
from controlplane.core.rest import DRY_RUN, IF_MATCH, ApiView, valid_data


class BundledClusterInput(serializers.Serializer[Any]):
    name = serializers.RegexField(NAME, max_length=40)
    title = serializers.CharField(max_length=80, required=False, help_text="The name, unless told.")
    brokers = serializers.IntegerField(min_value=1, max_value=MOST_BROKERS, required=False)
    colour = serializers.ChoiceField(choices=Colour.choices, required=False)


class WholeActInput(serializers.Serializer[Any]):
    act = serializers.ChoiceField(choices=[each.value for each in WholeAct])
    delete_data = serializers.BooleanField(
        required=False, help_text="With remove: delete it instead of setting it aside."
    )


class BundledClustersApi(ApiView):
    actions: ClassVar = {"POST": Action.CLUSTER_MANAGE}

    @extend_schema(
        operation_id="make_bundled_cluster",
        summary="Make a bundled cluster beside the first one",
        parameters=[DRY_RUN],
        request=BundledClusterInput,
        responses={202: JobAccepted, 200: PlanSerializer},
        tags=["clusters"],
        examples=[OpenApiExample("for replication", {"name": "dr", "brokers": 1}, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        data = valid_data(BundledClusterInput, request)
        asked = NewCluster(
            data["name"], data.get("title", data["name"]), data.get("brokers", 1), data.get("colour", "")
        )

        def apply(plan: Plan) -> Response:
            return job_answer(bundling.apply_create(self.actor, asked, plan))

        return change(request, bundling.plan_create(asked), apply, conditional=False)


class BundledClusterApi(ClusterApiView):
    actions: ClassVar = {"POST": Action.CLUSTER_MANAGE}

    @extend_schema(
        summary="Start, stop or remove a whole bundled cluster",
        parameters=[DRY_RUN, IF_MATCH],
        request=WholeActInput,
        responses={202: JobAccepted, 200: PlanSerializer},
        examples=[OpenApiExample("stop", {"act": "stop"}, request_only=True)],
    )
    def post(self, request: Request, cluster: str) -> Response:
        data = valid_data(WholeActInput, request)
        act, delete_data = WholeAct(data["act"]), data.get("delete_data", False)

        def apply(plan: Plan) -> Response:
            return job_answer(
                bundling.apply_whole(self.actor, self.cluster, act, plan, delete_data=delete_data)
            )

        plan = bundling.plan_whole(self.cluster, act, delete_data=delete_data)
        return change(request, plan, apply, conditional=act is not WholeAct.START)
