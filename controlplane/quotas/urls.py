"""/clusters/<cluster>/quotas/… An entity is in the query: a part that is there and empty is the default."""

from __future__ import annotations

from django.urls import path

from controlplane.quotas import views

app_name = "quotas"

urlpatterns = [
    path("", views.quota_list, name="list"),
    path("entity/", views.detail, name="detail"),
    path("set/", views.set_quota, name="set"),
    path("delete/", views.delete, name="delete"),
    path("revert/<uuid:uid>/", views.revert, name="revert"),
    path("effective/", views.effective, name="effective"),
    path("clients/", views.clients, name="clients"),
    path("observe/", views.observe, name="observe"),
    path("observe/stop/", views.stop_observing, name="stop_observing"),
]
