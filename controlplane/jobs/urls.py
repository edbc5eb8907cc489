"""/jobs/…"""

from __future__ import annotations

from django.urls import path

from controlplane.jobs import views

app_name = "jobs"

urlpatterns = [
    path("", views.job_list, name="list"),
    path("activity/", views.activity, name="activity"),
    path("<uuid:job_id>/", views.detail, name="detail"),
    path("<uuid:job_id>/cancel/", views.cancel, name="cancel"),
]
