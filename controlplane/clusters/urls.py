"""/clusters/<cluster>/…: the dashboard, the registration and the brokers."""

from __future__ import annotations

from django.urls import path

from controlplane.clusters import bundling_views, registration_views, views

app_name = "clusters"

urlpatterns = [
    path("", views.dashboard, name="dashboard"),
    path("connection/", registration_views.connection, name="connection"),
    path("connection/edit/", registration_views.edit, name="connection_edit"),
    path("connection/test/", registration_views.connection_test, name="connection_test"),
    path("remove/", registration_views.remove, name="remove"),
    path("bundled/remove/", bundling_views.remove, name="bundled_remove"),
    path("bundled/<slug:act>/", bundling_views.whole_act, name="bundled_act"),
    path("brokers/", views.brokers, name="brokers"),
    path("brokers/roll/", views.roll, name="roll"),
    path("brokers/add/", views.add_broker, name="add_broker"),
    path("brokers/<int:broker>/", views.broker, name="broker"),
    path("brokers/<int:broker>/configs/", views.broker_configs, name="broker_configs"),
    path("brokers/<int:broker>/copy/", views.broker_copy, name="broker_copy"),
    path("brokers/<int:broker>/log-dirs/", views.broker_log_dirs, name="broker_log_dirs"),
    path("brokers/<int:broker>/metrics/", views.broker_metrics, name="broker_metrics"),
    path("brokers/<int:broker>/logs/", views.broker_logs, name="broker_logs"),
    path("brokers/<int:broker>/remove/", views.remove_broker, name="remove_broker"),
    path("brokers/<int:broker>/<slug:act>/", views.broker_act, name="broker_act"),
]
