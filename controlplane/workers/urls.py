"""/clusters/<cluster>/connect-worker/…"""

from __future__ import annotations

from django.urls import path

from controlplane.workers import views

app_name = "workers"

urlpatterns = [
    path("", views.worker, name="worker"),
    path("start/", views.start, name="start"),
    path("<slug:act>/", views.act, name="act"),
]
