"""The API of Connect clusters: all of a Kafka cluster, external ones registered, changed, tried and removed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.clusters.rest import ClusterApiView, PlanSerializer, change
from controlplane.connect import external, selectors
from controlplane.connect.api import ConnectView
from controlplane.connect.logic.external import MOST_PEM, ExternalRequest
from controlplane.connect.selectors import Connect
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

SORTABLE = ("name", "url")
NAME = r"^[a-z0-9][a-z0-9-]{0,39}$"


class ConnectClusterSerializer(serializers.Serializer[Any]):
    """`bundled` is the worker that Kastellan runs. A password is never given out."""

    name = serializers.CharField()
    bundled = serializers.BooleanField()
    url = serializers.CharField()
    username = serializers.CharField(allow_blank=True)
    has_password = serializers.BooleanField()
    ca_pem = serializers.CharField(allow_blank=True, help_text="Empty: what this machine trusts.")
    allow_private = serializers.BooleanField()


class AlterConnectClusterInput(serializers.Serializer[Any]):
    """What is left out stays as it is. A password stays for the same address, user and trust only."""

    url = serializers.CharField(max_length=500, required=False)
    username = serializers.CharField(max_length=200, allow_blank=True, required=False)
    password = serializers.CharField(
        max_length=1000,
        allow_blank=True,
        required=False,
        trim_whitespace=False,
        help_text="Basic authentication. Stored sealed; never given out.",
    )
    ca_pem = serializers.CharField(max_length=MOST_PEM, allow_blank=True, required=False)
    allow_private = serializers.BooleanField(
        required=False, help_text="A private or loopback address, which is refused otherwise."
    )


class ConnectClusterInput(AlterConnectClusterInput):
    name = serializers.RegexField(NAME, max_length=40)
    url = serializers.CharField(max_length=500)


class TriedConnectSerializer(serializers.Serializer[Any]):
    """What answers there."""

    ok = serializers.BooleanField()
    error = serializers.CharField(allow_blank=True)
    hint = serializers.CharField(allow_blank=True)
    version = serializers.CharField(allow_blank=True)
    kafka_cluster_id = serializers.CharField(allow_blank=True)
    connectors = serializers.IntegerField()


CONNECT_OR_PLAN = or_plan("ConnectClusterOrPlan", ConnectClusterSerializer)
EXAMPLE = {
    "name": "eu-1",
    "url": "https://connect.example.org:8083",
    "username": "kastellan",
    "password": "…",
}


def connect_json(connect: Connect) -> dict[str, Any]:
    row = connect.row
    return {
        "name": connect.name,
        "bundled": row is None,
        "url": connect.url,
        "username": row.username if row else "",
        "has_password": bool(row.password) if row else True,
        "ca_pem": row.ca_pem if row else "",
        "allow_private": row.allow_private if row else True,
    }


def _answer(connect: Connect, status: int = 200) -> Response:
    answer = Response(connect_json(connect), status=status)
    return with_etag(answer, external.registered(connect.row).digest) if connect.row else answer


class ConnectClustersApi(ClusterApiView):
    actions: ClassVar = {"GET": Action.CONNECTOR_VIEW, "POST": Action.CLUSTER_MANAGE}

    @extend_schema(
        summary="List the Connect clusters of a Kafka cluster",
        parameters=list_parameters(SORTABLE),
        responses=list_schema(ConnectClusterSerializer),
    )
    def get(self, request: Request, cluster: str) -> Response:
        search = request.query_params.get("search", "").strip().lower()
        found = [each for each in selectors.connects(self.cluster) if search in each.name]
        return list_answer(request, found, connect_json, sortable=SORTABLE, default_sort="name")

    @extend_schema(
        summary="Add an external Connect cluster",
        description="The plan asks what answers there: without an answer of Kafka Connect nothing is added.",
        parameters=[DRY_RUN],
        request=ConnectClusterInput,
        responses={201: ConnectClusterSerializer, 200: PlanSerializer},
        examples=[OpenApiExample("by user and password", EXAMPLE, request_only=True)],
    )
    def post(self, request: Request, cluster: str) -> Response:
        wanted = ExternalRequest(**valid_data(ConnectClusterInput, request))

        def apply(plan: Plan) -> Response:
            external.apply_add(self.actor, self.cluster, wanted, plan)
            return _answer(selectors.connect_of(self.cluster, wanted.name), 201)

        return change(request, external.plan_add(self.cluster, wanted), apply, conditional=False)


class ConnectClusterApi(ConnectView):
    actions: ClassVar = {
        "GET": Action.CONNECTOR_VIEW,
        "PATCH": Action.CLUSTER_MANAGE,
        "DELETE": Action.CLUSTER_MANAGE,
    }

    @extend_schema(summary="Read a Connect cluster's registration", responses=ConnectClusterSerializer)
    def get(self, request: Request, cluster: str, connect: str) -> Response:
        return _answer(self.connect)

    @extend_schema(
        summary="Change an external Connect cluster's registration",
        parameters=[DRY_RUN, IF_MATCH],
        request=AlterConnectClusterInput,
        responses={200: CONNECT_OR_PLAN},
        examples=[
            OpenApiExample("another address", {"url": "https://connect.example.net"}, request_only=True)
        ],
    )
    def patch(self, request: Request, cluster: str, connect: str) -> Response:
        row = external.row_of(self.cluster, connect)
        wanted = replace(external.request_of(row), **valid_data(AlterConnectClusterInput, request))

        def apply(plan: Plan) -> Response:
            external.apply_alter(self.actor, row, wanted, plan)
            return _answer(selectors.connect_of(self.cluster, connect))

        return change(request, external.plan_alter(row, wanted), apply)

    @extend_schema(
        summary="Remove an external Connect cluster's registration",
        description="Kafka Connect itself is not touched: its connectors run on.",
        parameters=[DRY_RUN, IF_MATCH],
        responses={204: None, 200: PlanSerializer},
    )
    def delete(self, request: Request, cluster: str, connect: str) -> Response:
        row = external.row_of(self.cluster, connect)

        def apply(plan: Plan) -> Response:
            external.apply_remove(self.actor, row, plan)
            return Response(status=204)

        return change(request, external.plan_remove(row), apply)


class TryConnectApi(ConnectView):
    actions: ClassVar = {"POST": Action.CLUSTER_MANAGE}

    @extend_schema(
        operation_id="try_connect_cluster",
        summary="Try a Connect cluster as it is registered",
        request=None,
        responses={200: TriedConnectSerializer},
    )
    def post(self, request: Request, cluster: str, connect: str) -> Response:
        found = external.ask(self.connect.api)
        refusal = found.refusal
        return Response(
            {
                "ok": refusal is None,
                "error": refusal.what if refusal else "",
                "hint": refusal.hint if refusal else "",
                "version": found.version,
                "kafka_cluster_id": found.kafka_cluster_id,
                "connectors": found.connectors,
            }
        )
