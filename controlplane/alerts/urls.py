"""/clusters/<cluster>/alerts/…"""

from __future__ import annotations

from django.urls import path

from controlplane.alerts import (
    dashboard_views,
    delivery_views,
    file_views,
    preview_views,
    routing_views,
    timeline_views,
    views,
)

app_name = "alerts"

urlpatterns = [
    path("", views.alert_list, name="list"),
    path("summary/", dashboard_views.summary, name="summary"),
    path("changes.json", timeline_views.changes, name="changes"),
    path("rules/", views.rule_list, name="rules"),
    path("rules/+new/", views.rule_create, name="rule_create"),
    path("rules/+new/<slug:case>/", views.rule_build, name="rule_build"),
    path("rules/+preview/", preview_views.preview, name="rule_preview"),
    path("rules/+test/", file_views.rule_tests, name="rule_tests"),
    path("rules/+import/", file_views.rule_import, name="rule_import"),
    path("rules/+export/", file_views.rule_export, name="rule_export"),
    path("rules/<int:rule>/", views.rule_detail, name="rule"),
    path("rules/<int:rule>/+edit/", views.rule_edit, name="rule_edit"),
    path("rules/<int:rule>/+preview/", preview_views.preview, name="rule_edit_preview"),
    path("rules/<int:rule>/+history/", preview_views.history, name="rule_history"),
    path("rules/<int:rule>/+delete/", views.rule_delete, name="rule_delete"),
    path("silences/", views.silence_list, name="silences"),
    path("silences/+new/", views.silence_create, name="silence_create"),
    path("silences/<uuid:silence>/+end/", views.silence_end, name="silence_end"),
    path("routing/", routing_views.page, name="routing"),
    path("routing/+export/", routing_views.export, name="routing_export"),
    path("routing/+import/", routing_views.import_, name="routing_import"),
    path("routing/routes/<slug:node>/+edit/", routing_views.route_edit, name="route_edit"),
    path("routing/routes/<slug:node>/+add/", routing_views.route_add, name="route_add"),
    path("routing/routes/<slug:node>/+delete/", routing_views.route_delete, name="route_delete"),
    path("routing/routes/<slug:node>/+up/", routing_views.route_up, name="route_up"),
    path("routing/<slug:kind>/+new/", routing_views.item_add, name="routing_item_add"),
    path("routing/<slug:kind>/<str:name>/+edit/", routing_views.item_edit, name="routing_item_edit"),
    path("routing/<slug:kind>/<str:name>/+delete/", routing_views.item_delete, name="routing_item_delete"),
    path("receivers/", delivery_views.receiver_list, name="receivers"),
    path("receivers/+new/", delivery_views.receiver_create, name="receiver_create"),
    path("receivers/<int:receiver>/+edit/", delivery_views.receiver_edit, name="receiver_edit"),
    path("receivers/<int:receiver>/+test/", delivery_views.receiver_test, name="receiver_test"),
    path("receivers/<int:receiver>/+delete/", delivery_views.receiver_delete, name="receiver_delete"),
    path("notifications/", delivery_views.notification_list, name="notifications"),
    path("notifications/<int:notification>/", delivery_views.notification, name="notification"),
    path("notifications/<int:notification>/+replay/", delivery_views.replay, name="replay"),
    path("<uuid:alert>/", views.detail, name="detail"),
    path("<uuid:alert>/+acknowledge/", views.acknowledge, name="acknowledge"),
]
