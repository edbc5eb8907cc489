"""/clusters/<cluster>/connect-worker/…"""

from __future__ import annotations

from django.urls import path

from controlplane.workers import plugin_views, views

app_name = "workers"

urlpatterns = [
    path("", views.worker, name="worker"),
    path("start/", views.start, name="start"),
    path("plugins/", plugin_views.plugins, name="plugins"),
    path("plugins/new/", plugin_views.bring, name="plugin_bring"),
    path("plugins/staged/<slug:staged>/", plugin_views.install, name="plugin_install"),
    path("plugins/staged/<slug:staged>/discard/", plugin_views.discard, name="plugin_discard"),
    path("plugins/installed/<str:plugin>/", plugin_views.plugin, name="plugin"),
    path("plugins/installed/<str:plugin>/remove/", plugin_views.remove, name="plugin_remove"),
    path("<slug:act>/", views.act, name="act"),
]
