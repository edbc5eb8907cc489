"""/clusters/<cluster>/users/…"""

from __future__ import annotations

from django.urls import URLPattern

app_name = "kafka_users"

urlpatterns: list[URLPattern] = []
