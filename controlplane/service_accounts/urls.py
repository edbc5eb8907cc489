"""/clusters/<cluster>/service-accounts/…"""

from __future__ import annotations

from django.urls import URLPattern

app_name = "service_accounts"

urlpatterns: list[URLPattern] = []
