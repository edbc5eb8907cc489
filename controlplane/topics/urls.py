"""/clusters/<cluster>/topics/…"""

from __future__ import annotations

from django.urls import path

from controlplane.topics import views

app_name = "topics"

urlpatterns = [
    path("", views.topic_list, name="list"),
    path("+new/", views.create, name="create"),  # '+' cannot be in a topic's name
    path("<str:topic>/", views.detail, name="detail"),
    path("<str:topic>/settings/", views.settings, name="settings"),
    path("<str:topic>/settings/alter/", views.alter_config, name="alter_config"),
    path("<str:topic>/consumers/", views.consumers, name="consumers"),
    path("<str:topic>/access/", views.access, name="access"),
    path("<str:topic>/metrics/", views.metrics, name="metrics"),
    path("<str:topic>/copy/", views.copy, name="copy"),
    path("<str:topic>/add-partitions/", views.add_partitions, name="add_partitions"),
    path("<str:topic>/delete/", views.delete, name="delete"),
]
