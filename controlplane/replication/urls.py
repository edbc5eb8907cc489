"""/clusters/<cluster>/replication/… A flow stands under its target, named by its source."""

from __future__ import annotations

from django.urls import path

from controlplane.replication import failover_views, views

app_name = "replication"

urlpatterns = [
    path("", views.flow_list, name="list"),
    path("+new/", views.create, name="create"),
    path("<slug:source>/", views.flow, name="flow"),
    path("<slug:source>/+delete/", views.delete, name="delete"),
    path("<slug:source>/+objective/", views.objective, name="objective"),
    path("<slug:source>/+compare/", views.compare, name="compare"),
    path("<slug:source>/+act/<slug:act>/", views.act, name="act"),
    path("<slug:source>/failover/", failover_views.runbook, name="failover"),
    path("<slug:source>/failover/begin/<slug:kind>/", failover_views.begin, name="failover_begin"),
    path("<slug:source>/failover/step/<slug:step>/", failover_views.step, name="failover_step"),
    path("<slug:source>/failover/end/", failover_views.end, name="failover_end"),
    path("<slug:source>/failover/thaw/", failover_views.thaw, name="failover_thaw"),
    path("<slug:source>/failover/<int:run>/", failover_views.report, name="report"),
    path("<slug:source>/<slug:tab>/", views.flow, name="flow_tab"),
]
