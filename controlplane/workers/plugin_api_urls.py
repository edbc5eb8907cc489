"""/api/v1/clusters/<cluster>/connect-worker/plugins/…"""

from __future__ import annotations

from django.urls import path

from controlplane.workers import plugin_api as api

urlpatterns = [
    path("", api.PluginsApi.as_view(), name="worker_plugins"),
    path("uploads/<str:filename>/", api.PluginUploadApi.as_view(), name="worker_plugin_upload"),
    path("staged/<slug:staged>/", api.StagedPluginApi.as_view(), name="worker_plugin_staged"),
    path("staged/<slug:staged>/install/", api.PluginInstallApi.as_view(), name="worker_plugin_install"),
    path("<str:plugin>/", api.PluginApi.as_view(), name="worker_plugin"),
]
