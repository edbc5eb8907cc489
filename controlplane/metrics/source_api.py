"""The API of an external cluster's source of metrics: read, set, try, remove. Its secret goes in and never out."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.clusters.logic.connections import MOST_PEM
from controlplane.clusters.rest import ClusterApiView, PlanSerializer, change
from controlplane.core.access import Action
from controlplane.core.plans import Plan
from controlplane.core.rest import DRY_RUN, IF_MATCH, or_plan, valid_data, with_etag
from controlplane.metrics import configuring
from controlplane.metrics.logic.sources import MOST_URLS, SourceRequest
from controlplane.metrics.models import MetricSource, SourceKind

TAGS = ["metrics"]


class SourceInput(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=SourceKind.choices)
    urls = serializers.ListField(
        child=serializers.CharField(max_length=2000),
        max_length=MOST_URLS,
        help_text="Of a server its address. Of text `1=http://…` per broker, or one address with {broker} or {host}.",
    )
    matchers = serializers.DictField(
        child=serializers.CharField(max_length=200),
        required=False,
        help_text="Labels of this cluster's series.",
    )
    username = serializers.CharField(max_length=200, allow_blank=True, required=False)
    secret = serializers.CharField(
        max_length=4000,
        allow_blank=True,
        required=False,
        trim_whitespace=False,
        help_text="With a user a password, alone a bearer token. Left out, it stays for the same addresses and user.",
    )
    allow_private = serializers.BooleanField(required=False)
    ca_pem = serializers.CharField(
        max_length=MOST_PEM,
        allow_blank=True,
        required=False,
        help_text="Of the authority that signed its certificate, in PEM. Empty: what this machine trusts.",
    )


class SourceSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=SourceKind.choices)
    urls = serializers.ListField(child=serializers.CharField())
    matchers = serializers.DictField(child=serializers.CharField())
    username = serializers.CharField(allow_blank=True)
    has_secret = serializers.BooleanField()
    allow_private = serializers.BooleanField()
    ca_pem = serializers.CharField(allow_blank=True)


class TriedBrokerSerializer(serializers.Serializer[Any]):
    broker = serializers.IntegerField()
    samples = serializers.IntegerField()
    error = serializers.CharField(allow_blank=True)


class TriedSourceSerializer(serializers.Serializer[Any]):
    """What would be read, and which charts and rules would stay empty."""

    ok = serializers.BooleanField()
    error = serializers.CharField(allow_blank=True)
    series = serializers.IntegerField()
    brokers = TriedBrokerSerializer(many=True)
    known = serializers.ListField(child=serializers.CharField())
    empty_charts = serializers.ListField(child=serializers.CharField())
    empty_rules = serializers.ListField(child=serializers.CharField())


SOURCE_OR_PLAN = or_plan("MetricSourceOrPlan", SourceSerializer)
EXAMPLES = [
    OpenApiExample(
        "exporters",
        {"kind": "scrape", "urls": ["http://kafka-{broker}.example.org:9404/metrics"]},
        request_only=True,
    ),
    OpenApiExample(
        "a server",
        {"kind": "server", "urls": ["https://prometheus.example.org"], "matchers": {"cluster": "orders"}},
        request_only=True,
    ),
]


class SourceApi(ClusterApiView):
    actions: ClassVar = {
        "GET": Action.METRICS_VIEW,
        "PUT": Action.CLUSTER_MANAGE,
        "DELETE": Action.CLUSTER_MANAGE,
    }

    @extend_schema(
        summary="Read an external cluster's source of metrics", tags=TAGS, responses=SourceSerializer
    )
    def get(self, request: Request, cluster: str) -> Response:
        return self._answer(configuring.source_row(self.cluster))

    @extend_schema(
        summary="Set an external cluster's source of metrics",
        description="Prometheus text of each broker, or a Prometheus server that has its metrics already.",
        tags=TAGS,
        parameters=[DRY_RUN, IF_MATCH],
        request=SourceInput,
        responses={200: SOURCE_OR_PLAN},
        examples=EXAMPLES,
    )
    def put(self, request: Request, cluster: str) -> Response:
        wanted = _request(request)

        def apply(plan: Plan) -> Response:
            return self._answer(configuring.apply_set(self.actor, self.cluster, wanted, plan))

        return change(request, configuring.plan_set(self.cluster, wanted), apply)

    @extend_schema(
        summary="Remove an external cluster's source of metrics",
        tags=TAGS,
        parameters=[DRY_RUN, IF_MATCH],
        responses={204: None, 200: PlanSerializer},
    )
    def delete(self, request: Request, cluster: str) -> Response:
        def apply(plan: Plan) -> Response:
            configuring.apply_unset(self.actor, self.cluster, plan)
            return Response(status=204)

        return change(request, configuring.plan_unset(self.cluster), apply)

    def _answer(self, row: MetricSource) -> Response:
        return with_etag(Response(source_json(row)), configuring.digest_of(self.cluster, row))


class TrySourceApi(ClusterApiView):
    actions: ClassVar = {"POST": Action.CLUSTER_MANAGE}

    @extend_schema(
        operation_id="try_metric_source",
        summary="Try a source of metrics without saving it",
        tags=TAGS,
        request=SourceInput,
        responses={200: TriedSourceSerializer},
        examples=EXAMPLES,
    )
    def post(self, request: Request, cluster: str) -> Response:
        found = configuring.try_source(self.cluster, _request(request))
        return Response({**asdict(found), "ok": found.ok})


def _request(request: Request) -> SourceRequest:
    data = valid_data(SourceInput, request)
    return SourceRequest(**{**data, "urls": tuple(data["urls"])})


def source_json(row: MetricSource) -> dict[str, Any]:
    return {
        "kind": row.kind,
        "urls": row.urls.split("\n"),
        "matchers": row.matchers,
        "username": row.username,
        "has_secret": bool(row.secret),
        "allow_private": row.allow_private,
        "ca_pem": row.ca_pem,
    }
