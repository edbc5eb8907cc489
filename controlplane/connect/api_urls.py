"""/api/v1/clusters/<cluster>/connect/…"""

from __future__ import annotations

from django.urls import URLPattern, path

from controlplane.connect import api, external_api, operate_api

urlpatterns: list[URLPattern] = [
    path("", external_api.ConnectClustersApi.as_view(), name="connect_clusters"),
    path("<slug:connect>/", external_api.ConnectClusterApi.as_view(), name="connect_cluster"),
    path("<slug:connect>/test/", external_api.TryConnectApi.as_view(), name="try_connect_cluster"),
    path("<slug:connect>/plugins/", api.PluginsApi.as_view(), name="connector_plugins"),
    path("<slug:connect>/plugins/<str:plugin>/", api.PluginDefinitionsApi.as_view(), name="connector_plugin"),
    path("<slug:connect>/loggers/", operate_api.LoggersApi.as_view(), name="connect_loggers"),
    path(
        "<slug:connect>/connectors/<str:connector>/auto-restart/",
        operate_api.AutoRestartApi.as_view(),
        name="connector_auto_restart",
    ),
    path("<slug:connect>/connectors/", api.ConnectorsApi.as_view(), name="connectors"),
    path("<slug:connect>/connectors/<str:connector>/", api.ConnectorApi.as_view(), name="connector"),
    path(
        "<slug:connect>/connectors/<str:connector>/act/",
        api.ConnectorActApi.as_view(),
        name="connector_act",
    ),
    path(
        "<slug:connect>/connectors/<str:connector>/offsets/",
        api.ConnectorOffsetsApi.as_view(),
        name="connector_offsets",
    ),
]
