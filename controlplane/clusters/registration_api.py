"""The API of clusters: read them, register external ones, change, try and remove registrations. Secrets go in, never out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.clusters import present, registration, selectors
from controlplane.clusters.connections import request_of
from controlplane.clusters.logic.connection_steps import DONE, FAILED, WAITING, Report, steps
from controlplane.clusters.logic.connections import MOST_PEM, ClusterRequest, ConnectionRequest
from controlplane.clusters.logic.verdict import Tone, judge
from controlplane.clusters.models import (
    Cluster,
    Colour,
    ConnectionSecurity,
    ExternalConnection,
    Kind,
    SnapshotPart,
)
from controlplane.clusters.rest import ClusterApiView, PlanSerializer, change
from controlplane.core.access import Action, can
from controlplane.core.errors import Invalid
from controlplane.core.plans import Plan
from controlplane.core.rest import (
    DRY_RUN,
    IF_MATCH,
    ApiView,
    list_answer,
    list_parameters,
    list_schema,
    or_plan,
    valid_data,
    with_etag,
)

CLUSTER_SORT = ("name", "title")
STEP_STATES = [DONE, FAILED, WAITING]
NAME = r"^[a-z0-9][a-z0-9-]{0,39}$"


class VerdictSerializer(serializers.Serializer[Any]):
    """Is it all right? As the dashboard says it."""

    tone = serializers.ChoiceField(choices=[tone.value for tone in Tone])
    sentence = serializers.CharField()
    reasons = serializers.ListField(child=serializers.CharField())


class ConnectionSerializer(serializers.Serializer[Any]):
    """Of an external cluster, without its secrets."""

    bootstrap = serializers.CharField()
    security = serializers.ChoiceField(choices=ConnectionSecurity.choices)
    ca_pem = serializers.CharField(allow_blank=True, help_text="Empty: what this machine trusts.")
    check_hostname = serializers.BooleanField()
    certificate_pem = serializers.CharField(allow_blank=True)
    has_key = serializers.BooleanField()
    username = serializers.CharField(allow_blank=True)
    has_password = serializers.BooleanField()
    allow_private = serializers.BooleanField()
    probe = serializers.BooleanField()


class ClusterSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    title = serializers.CharField()
    colour = serializers.ChoiceField(choices=Colour.choices)
    kind = serializers.ChoiceField(choices=Kind.choices)
    cluster_id = serializers.CharField()
    connection = ConnectionSerializer(allow_null=True, help_text="Null for a bundled cluster.")
    brokers = serializers.IntegerField()
    controller = serializers.IntegerField(allow_null=True)
    topics = serializers.IntegerField()
    partitions = serializers.IntegerField()
    out_of_sync = serializers.IntegerField(help_text="Replicas missing from an ISR.")
    under_replicated = serializers.IntegerField(help_text="Partitions with such a replica.")
    leaderless = serializers.IntegerField()
    under_min_isr = serializers.IntegerField()
    groups = serializers.IntegerField()
    verdict = VerdictSerializer()
    as_of = serializers.DateTimeField(allow_null=True)


class AlterConnectionInput(serializers.Serializer[Any]):
    """What is left out stays as it is. A password that stays does so for the same servers, user and trust only."""

    bootstrap = serializers.CharField(max_length=2000, required=False, help_text="host:port, with commas.")
    security = serializers.ChoiceField(choices=ConnectionSecurity.choices, required=False)
    ca_pem = serializers.CharField(max_length=MOST_PEM, allow_blank=True, required=False)
    check_hostname = serializers.BooleanField(required=False)
    certificate_pem = serializers.CharField(max_length=MOST_PEM, allow_blank=True, required=False)
    key_pem = serializers.CharField(
        max_length=20_000, allow_blank=True, required=False, help_text="Stored sealed; never given out."
    )
    key_password = serializers.CharField(
        max_length=1000, allow_blank=True, required=False, help_text="Opens the key once; not stored."
    )
    username = serializers.CharField(max_length=200, allow_blank=True, required=False)
    password = serializers.CharField(
        max_length=1000,
        allow_blank=True,
        required=False,
        trim_whitespace=False,
        help_text="Stored sealed; never given out.",
    )
    allow_private = serializers.BooleanField(
        required=False, help_text="Private and loopback addresses, also where brokers advertise them."
    )
    probe = serializers.BooleanField(required=False)


class TryConnectionInput(AlterConnectionInput):
    bootstrap = serializers.CharField(max_length=2000, help_text="host:port, with commas.")
    security = serializers.ChoiceField(choices=ConnectionSecurity.choices)


class AlterClusterInput(AlterConnectionInput):
    """`title` and `colour` of any cluster; the rest of external ones."""

    title = serializers.CharField(max_length=80, required=False)
    colour = serializers.ChoiceField(choices=Colour.choices, required=False)


class ClusterInput(TryConnectionInput):
    name = serializers.RegexField(NAME, max_length=40)
    title = serializers.CharField(max_length=80, required=False, help_text="The name, unless told.")
    colour = serializers.ChoiceField(choices=Colour.choices, required=False)


class TryStepSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    state = serializers.ChoiceField(choices=STEP_STATES)
    detail = serializers.CharField(allow_blank=True)


class TriedSerializer(serializers.Serializer[Any]):
    """How far a try came, step by step."""

    ok = serializers.BooleanField()
    cause = serializers.CharField(help_text="`ok`, or why the servers were not reached.")
    cluster_id = serializers.CharField(allow_null=True)
    steps = TryStepSerializer(many=True)


CLUSTER_OR_PLAN = or_plan("ClusterOrPlan", ClusterSerializer)
EXAMPLE = {
    "name": "orders-eu",
    "title": "Orders (EU)",
    "colour": "red",
    "bootstrap": "kafka-1.example.org:9093,kafka-2.example.org:9093",
    "security": "scram-sha-512",
    "username": "kastellan",
    "password": "…",
}
TRY_EXAMPLE = {name: value for name, value in EXAMPLE.items() if name not in ("name", "title", "colour")}


class ClustersApi(ApiView):
    actions: ClassVar = {"POST": Action.CLUSTER_MANAGE}

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

    @extend_schema(
        summary="Add an external cluster",
        description="The plan connects with what is given: a cluster that does not answer, or that is registered already, is refused.",
        parameters=[DRY_RUN],
        request=ClusterInput,
        responses={201: ClusterSerializer, 200: PlanSerializer},
        examples=[OpenApiExample("by user and password", EXAMPLE, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        data = valid_data(ClusterInput, request)
        name, colour = data.pop("name"), data.pop("colour", Colour.NONE.value)
        wanted = ClusterRequest(name, data.pop("title", name), colour, ConnectionRequest(**data))

        def apply(plan: Plan) -> Response:
            return _cluster(registration.apply_register(self.actor, wanted, plan), status=201)

        return change(request, registration.plan_register(wanted), apply, conditional=False)


class ClusterApi(ClusterApiView):
    actions: ClassVar = {
        "GET": Action.CLUSTER_VIEW,
        "PATCH": Action.CLUSTER_MANAGE,
        "DELETE": Action.CLUSTER_MANAGE,
    }

    @extend_schema(summary="Read a cluster", responses=ClusterSerializer)
    def get(self, request: Request, cluster: str) -> Response:
        return _cluster(self.cluster)

    @extend_schema(
        summary="Change a cluster's registration",
        parameters=[DRY_RUN, IF_MATCH],
        request=AlterClusterInput,
        responses={200: CLUSTER_OR_PLAN},
        examples=[OpenApiExample("another colour", {"colour": "amber"}, request_only=True)],
    )
    def patch(self, request: Request, cluster: str) -> Response:
        wanted = _altered(
            registration.registered(self.cluster).request, valid_data(AlterClusterInput, request)
        )

        def apply(plan: Plan) -> Response:
            return _cluster(registration.apply_alter(self.actor, self.cluster, wanted, plan))

        return change(request, registration.plan_alter(self.cluster, wanted), apply)

    @extend_schema(
        summary="Remove an external cluster's registration",
        description="The plan names what goes with it. Kafka itself is not touched.",
        parameters=[DRY_RUN, IF_MATCH],
        responses={204: None, 200: PlanSerializer},
    )
    def delete(self, request: Request, cluster: str) -> Response:
        def apply(plan: Plan) -> Response:
            registration.apply_remove(self.actor, self.cluster, plan)
            return Response(status=204)

        return change(request, registration.plan_remove(self.cluster), apply)


def _altered(before: ClusterRequest, data: dict[str, Any]) -> ClusterRequest:
    title, colour = data.pop("title", before.title), data.pop("colour", before.colour)
    if before.connection is None:
        if data:
            raise Invalid(fields={name: ["A bundled cluster has no connection to change."] for name in data})
        return ClusterRequest(before.name, title, colour)
    return ClusterRequest(before.name, title, colour, replace(before.connection, **data))


class TryConnectionApi(ApiView):
    actions: ClassVar = {"POST": Action.CLUSTER_MANAGE}

    @extend_schema(
        operation_id="try_connection",
        summary="Try a connection without saving it",
        description="Name, TCP, TLS, log-in, protocol, cluster and every advertised broker, each in plain words.",
        request=TryConnectionInput,
        responses={200: TriedSerializer},
        tags=["clusters"],
        examples=[OpenApiExample("by user and password", TRY_EXAMPLE, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        asked = ConnectionRequest(**valid_data(TryConnectionInput, request))
        return _tried(asked, registration.try_connection(asked))


class TryClusterApi(ClusterApiView):
    actions: ClassVar = {"POST": Action.CLUSTER_MANAGE}

    @extend_schema(
        operation_id="try_cluster",
        summary="Try an external cluster's connection as it is stored",
        request=None,
        responses={200: TriedSerializer},
    )
    def post(self, request: Request, cluster: str) -> Response:
        row = registration.external_row(self.cluster)
        asked = request_of(row)
        return _tried(asked, registration.try_connection(asked, row))


def _tried(asked: ConnectionRequest, report: Report) -> Response:
    return Response(
        {
            "ok": report.ok,
            "cause": report.diagnosis.cause.value,
            "cluster_id": report.diagnosis.cluster_id,
            "steps": [
                {"name": step.name, "state": step.state, "detail": step.detail}
                for step in steps(asked, report)
            ],
        }
    )


def _cluster(cluster: Cluster, status: int = 200) -> Response:
    return with_etag(Response(cluster_json(cluster), status=status), registration.registered(cluster).digest)


def cluster_json(cluster: Cluster) -> dict[str, Any]:
    sums = selectors.facts(cluster)
    age = selectors.age(cluster, SnapshotPart.BROKERS)
    row = registration.row_of(cluster)
    return {
        "name": cluster.name,
        "title": cluster.title,
        "colour": cluster.colour,
        "kind": cluster.kind,
        "cluster_id": cluster.cluster_id,
        "connection": connection_json(row) if row else None,
        "brokers": sums.brokers,
        "controller": sums.controller,
        "topics": sums.topics,
        "partitions": sums.partitions,
        "out_of_sync": sums.out_of_sync,
        "under_replicated": sums.under_replicated,
        "leaderless": sums.leaderless,
        "under_min_isr": sums.under_min_isr,
        "groups": sums.groups,
        "verdict": verdict_json(cluster),
        "as_of": age.taken_at.isoformat() if age.taken_at else None,
    }


def connection_json(row: ExternalConnection) -> dict[str, Any]:
    own = (name for name in ConnectionSerializer._declared_fields if not name.startswith("has_"))
    return {
        **{name: getattr(row, name) for name in own},
        "has_key": bool(row.key),
        "has_password": bool(row.password),
    }


def verdict_json(cluster: Cluster) -> dict[str, Any]:
    found = judge(present.cluster_now(cluster), timezone.now())
    return {
        "tone": found.tone.value,
        "sentence": found.sentence,
        "reasons": [line.text for line in found.reasons],
    }
