"""/operations/…"""

from __future__ import annotations

from django.urls import path

from controlplane.audit import views

app_name = "audit"

urlpatterns = [
    path("", views.operation_list, name="list"),
    path("<uuid:uid>/", views.detail, name="detail"),
]
