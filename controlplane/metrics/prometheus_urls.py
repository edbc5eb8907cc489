"""/api/v1/clusters/<cluster>/prometheus/…: as Prometheus has them, without a slash at the end."""

from __future__ import annotations

from django.urls import path

from controlplane.metrics import prometheus_api as api

urlpatterns = [
    path("api/v1/query", api.QueryApi.as_view(), name="query"),
    path("api/v1/query_range", api.QueryRangeApi.as_view(), name="query_range"),
    path("api/v1/query_exemplars", api.ExemplarsApi.as_view(), name="query_exemplars"),
    path("api/v1/series", api.SeriesApi.as_view(), name="series"),
    path("api/v1/labels", api.LabelsApi.as_view(), name="labels"),
    path("api/v1/label/<str:label>/values", api.LabelValuesApi.as_view(), name="label_values"),
    path("api/v1/metadata", api.MetadataApi.as_view(), name="metadata"),
    path("api/v1/status/buildinfo", api.BuildInfoApi.as_view(), name="buildinfo"),
    path("federate", api.FederateApi.as_view(), name="federate"),
]
