"""/clusters/<cluster>/users/…"""

from __future__ import annotations

from django.urls import path

from controlplane.users import views

app_name = "kafka_users"

# Names made by other tools may hold a '/'; ours cannot, and none may begin with '+'.
urlpatterns = [
    path("", views.user_list, name="list"),
    path("+new/", views.create, name="create"),
    path("<path:user>/rotate/", views.rotate, name="rotate"),
    path("<path:user>/delete/", views.delete, name="delete"),
    path("<path:user>/", views.detail, name="detail"),
]
