"""/clusters/<cluster>/metrics/…"""

from __future__ import annotations

from django.urls import path

from controlplane.metrics import (
    event_views,
    explore_views,
    export_views,
    forecast_views,
    mbean_views,
    source_views,
    views,
)

app_name = "metrics"

urlpatterns = [
    path("", views.page, name="page"),
    path("boards/<slug:board>/", views.page, name="board"),
    path("explore/", explore_views.page, name="explore"),
    path("explore/data.json", explore_views.data, name="explore_data"),
    path("explore/data.csv", explore_views.download, name="explore_csv"),
    path("export/", export_views.page, name="export"),
    path("export/grafana.zip", export_views.grafana_files, name="grafana"),
    path("export/prometheus.yml", export_views.scrape_config, name="scrape_config"),
    path("mbeans/<int:broker>/", mbean_views.page, name="mbeans"),
    path("events/", event_views.fragment, name="events"),
    path("forecasts/", forecast_views.page, name="forecasts"),
    path("health/", views.health, name="health"),
    path("health/<int:broker>/", views.broker_health, name="broker_health"),
    path("source/", source_views.section, name="source"),
    path("source/edit/", source_views.edit, name="source_edit"),
    path("source/remove/", source_views.remove, name="source_remove"),
    path("charts/<slug:chart>.json", views.chart, name="chart"),
]
