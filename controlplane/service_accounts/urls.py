"""/clusters/<cluster>/service-accounts/…"""

from __future__ import annotations

from django.urls import path

from controlplane.service_accounts import views

app_name = "service_accounts"

urlpatterns = [
    path("", views.account_list, name="list"),
    path("+new/", views.create, name="create"),
    path("<path:account>/+delete/", views.remove, name="remove"),
    path("<path:account>/", views.detail, name="detail"),
]
