"""/clusters/<cluster>/metrics/…"""

from __future__ import annotations

from django.urls import path

from controlplane.metrics import views

app_name = "metrics"

urlpatterns = [
    path("", views.page, name="page"),
    path("health/", views.health, name="health"),
    path("health/<int:broker>/", views.broker_health, name="broker_health"),
    path("charts/<slug:chart>.json", views.chart, name="chart"),
]
