"""/manual/…"""

from __future__ import annotations

from django.urls import path

from controlplane.manual import views

app_name = "manual"

urlpatterns = [
    path("", views.index, name="index"),
    path("components/", views.components, name="components"),
    path("<slug:slug>/", views.page, name="page"),
]
