"""The Forecasts page, and the same in the API."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.clusters.access import cluster_view
from controlplane.clusters.models import Cluster
from controlplane.clusters.rest import ClusterApiView
from controlplane.core.access import Action
from controlplane.core.pages import render_page
from controlplane.metrics import pages
from controlplane.metrics.boards import OF_CLUSTER
from controlplane.metrics.forecast import forecast
from controlplane.metrics.views import now_ms


@require_safe
@cluster_view(Action.METRICS_VIEW)
def page(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    found = forecast(cluster.name, now_ms())
    return render_page(request, pages.ForecastPage(cluster=cluster, boards=OF_CLUSTER, forecast=found))


class DiskSerializer(serializers.Serializer[Any]):
    broker = serializers.CharField()
    dir = serializers.CharField()
    free = serializers.FloatField(help_text="Bytes.")
    total = serializers.FloatField(allow_null=True)
    growth = serializers.FloatField(help_text="Bytes per second that it fills by; negative: it empties.")
    full_in_s = serializers.FloatField(allow_null=True, help_text="Null: not in ten years.")
    full_at = serializers.DateTimeField(allow_null=True, help_text="The same as a time.")
    window_s = serializers.IntegerField(
        help_text="Over how many seconds the growth is: the pace that ends first."
    )


class GrowthSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    now = serializers.FloatField()
    growth = serializers.FloatField(help_text="Per second.")


class ForecastSerializer(serializers.Serializer[Any]):
    window_s = serializers.IntegerField(
        allow_null=True,
        help_text="Seconds of history behind it; null: less than an hour, enough only for disks that are full soon.",
    )
    disks = DiskSerializer(many=True)
    topics = GrowthSerializer(many=True)
    totals = GrowthSerializer(many=True)
    unknown = serializers.ListField(
        child=serializers.CharField(),
        help_text="What the Prometheus server that has the metrics does not have.",
    )
    error = serializers.CharField(
        allow_blank=True, help_text="Why there is none, where it could not be made."
    )


class ForecastApi(ClusterApiView):
    actions: ClassVar = {"GET": Action.METRICS_VIEW}

    @extend_schema(summary="Forecast disks and growth", responses=ForecastSerializer, tags=["metrics"])
    def get(self, request: Request, cluster: str) -> Response:
        return Response(asdict(forecast(self.cluster.name, now_ms())))
