"""/clusters/<cluster>/connect/…"""

from __future__ import annotations

from django.urls import path

from controlplane.connect import external_views, form_views, operate_views, views

app_name = "connect"

urlpatterns = [
    path("", views.home, name="list"),
    path("+add/", external_views.add, name="add"),
    path("<slug:connect>/", views.connector_list, name="connectors"),
    path("<slug:connect>/+new/", form_views.create, name="create"),
    path("<slug:connect>/+plugins/", external_views.plugins, name="plugins"),
    path("<slug:connect>/+log-levels/", operate_views.log_levels, name="log_levels"),
    path("<slug:connect>/+connection/", external_views.connection, name="connection"),
    path("<slug:connect>/+connection/test/", external_views.test, name="connection_test"),
    path("<slug:connect>/+connection/edit/", external_views.edit, name="connection_edit"),
    path("<slug:connect>/+connection/remove/", external_views.remove, name="connection_remove"),
    path("<slug:connect>/<str:connector>/", views.connector, name="connector"),
    path("<slug:connect>/<str:connector>/+edit/", form_views.edit, name="edit"),
    path("<slug:connect>/<str:connector>/+delete/", views.delete, name="delete"),
    path("<slug:connect>/<str:connector>/+reset-offsets/", views.reset_offsets, name="reset_offsets"),
    path("<slug:connect>/<str:connector>/+offsets/", operate_views.alter_offsets, name="alter_offsets"),
    path("<slug:connect>/<str:connector>/+auto-restart/", operate_views.auto_restart, name="auto_restart"),
    path(
        "<slug:connect>/<str:connector>/+auto-restart/off/",
        operate_views.auto_restart_off,
        name="auto_restart_off",
    ),
    path("<slug:connect>/<str:connector>/+act/<slug:act>/", views.act, name="act"),
    path("<slug:connect>/<str:connector>/<slug:tab>/", views.connector, name="connector_tab"),
]
