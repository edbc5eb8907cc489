"""/clusters/<cluster>/groups/…"""

from __future__ import annotations

from django.urls import path

from controlplane.groups import views

app_name = "groups"

# A group's name may hold any character, slashes too: <path:…>, and nothing below it.
urlpatterns = [
    path("", views.group_list, name="list"),
    path("of-topic/<str:topic>/", views.of_topic, name="of_topic"),
    path("group/<path:group>/", views.detail, name="detail"),
]
