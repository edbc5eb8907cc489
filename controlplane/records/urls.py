"""/clusters/<cluster>/topics/<topic>/messages/…"""

from __future__ import annotations

from django.urls import path

from controlplane.records import views

app_name = "records"

urlpatterns = [
    path("", views.browse, name="browse"),
    path("produce/", views.produce, name="produce"),
]
