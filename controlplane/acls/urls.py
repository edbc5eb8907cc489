"""/clusters/<cluster>/acls/…"""

from __future__ import annotations

from django.urls import URLPattern

app_name = "acls"

urlpatterns: list[URLPattern] = []
