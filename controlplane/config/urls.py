"""Every address, explicitly. A new route fails tests/web until it is classed there."""

from __future__ import annotations

from django.urls import include, path

from controlplane.certificates import revocation_views
from controlplane.clusters import bundling_views as bundling
from controlplane.clusters import registration_views as registration
from controlplane.clusters import views as clusters
from controlplane.config.palette import palette
from controlplane.config.readiness import readyz
from controlplane.core import views as core
from controlplane.metrics import views as metrics

handler400 = "controlplane.core.views.bad_request"
handler403 = "controlplane.core.views.permission_denied"
handler404 = "controlplane.core.views.not_found"
handler500 = "controlplane.core.views.server_error"

urlpatterns = [
    path("healthz", core.healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("api/v1/", include("controlplane.config.api_urls")),
    path("", clusters.home, name="home"),
    path("palette/", palette, name="palette"),
    path("clusters/", registration.cluster_list, name="cluster_list"),
    path("clusters/+add/", registration.add, name="cluster_add"),
    path("clusters/+bundled/", bundling.create, name="cluster_bundled"),
    path("clusters/<slug:cluster>/", include("controlplane.clusters.urls")),
    path("clusters/<slug:cluster>/topics/<str:topic>/messages/", include("controlplane.records.urls")),
    path("clusters/<slug:cluster>/topics/", include("controlplane.topics.urls")),
    path("clusters/<slug:cluster>/groups/", include("controlplane.groups.urls")),
    path("clusters/<slug:cluster>/users/", include("controlplane.users.urls")),
    path("clusters/<slug:cluster>/acls/", include("controlplane.acls.urls")),
    path("clusters/<slug:cluster>/quotas/", include("controlplane.quotas.urls")),
    path("clusters/<slug:cluster>/certificates/", include("controlplane.certificates.urls")),
    path("clusters/<slug:cluster>/replication/", include("controlplane.replication.urls")),
    path("clusters/<slug:cluster>/connect/", include("controlplane.connect.urls")),
    path("clusters/<slug:cluster>/connect-worker/", include("controlplane.workers.urls")),
    path("clusters/<slug:cluster>/service-accounts/", include("controlplane.service_accounts.urls")),
    path("clusters/<slug:cluster>/alerts/", include("controlplane.alerts.urls")),
    path("clusters/<slug:cluster>/metrics/", include("controlplane.metrics.urls")),
    path("pki/<slug:cluster>/clients.crl", revocation_views.crl, name="crl"),
    path("pki/<slug:cluster>/clients-old.crl", revocation_views.crl_old, name="crl_old"),
    path("metrics", metrics.exposition, name="metrics"),
    path("manual/", include("controlplane.manual.urls")),
    path("operations/", include("controlplane.audit.urls")),
    path("jobs/", include("controlplane.jobs.urls")),
    path("", include("controlplane.accounts.urls")),
]
