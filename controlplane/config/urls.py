"""Every address, explicitly. A new route fails tests/web until it is classed there."""

from __future__ import annotations

from django.urls import include, path

from controlplane.core import views as core

handler400 = "controlplane.core.views.bad_request"
handler403 = "controlplane.core.views.permission_denied"
handler404 = "controlplane.core.views.not_found"
handler500 = "controlplane.core.views.server_error"

urlpatterns = [
    path("healthz", core.healthz, name="healthz"),
    path("api/v1/", include("controlplane.config.api_urls")),
    path("operations/", include("controlplane.audit.urls")),
    path("jobs/", include("controlplane.jobs.urls")),
    path("", include("controlplane.accounts.urls")),
]
