"""/api/v1/clusters/<cluster>/prometheus/…: what the Prometheus API says of rules and alerts."""

from __future__ import annotations

from django.urls import path

from controlplane.alerts import prometheus_api as api

urlpatterns = [
    path("api/v1/rules", api.RulesApi.as_view(), name="rules"),
    path("api/v1/alerts", api.AlertsApi.as_view(), name="alerts"),
]
