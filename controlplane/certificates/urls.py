"""/clusters/<cluster>/certificates/… Serials are hexadecimal, so that no word below is ever one."""

from __future__ import annotations

from django.urls import path

from controlplane.certificates import revocation_views, rotation_views, views, watch_views

app_name = "certificates"

urlpatterns = [
    path("", views.certificate_list, name="list"),
    path("+issue/", views.issue, name="issue"),
    path("own/", views.own, name="own"),
    path("authorities/", views.authorities, name="authorities"),
    path("authorities/<slug:purpose>/", rotation_views.authority, name="authority"),
    path("authorities/<slug:purpose>/+begin/", rotation_views.begin, name="rotation_begin"),
    path("authorities/<slug:purpose>/request.csr", rotation_views.signing_request, name="signing_request"),
    path("authorities/<slug:purpose>/<slug:step>/", rotation_views.step, name="rotation_step"),
    path("authorities/<slug:purpose>/<slug:generation>.pem", views.authority_chain, name="authority_chain"),
    path("truststores/<str:name>", views.truststore, name="truststore"),
    path("expiry/", watch_views.expiry, name="expiry"),
    path("expiry/+watch/", watch_views.watch, name="watch"),
    path("expiry/<int:pk>/unwatch/", watch_views.unwatch, name="unwatch"),
    path("expiry/<int:pk>/ask/", watch_views.ask, name="ask"),
    path("<str:serial>/", views.detail, name="detail"),
    path("<str:serial>/chain.pem", views.chain, name="chain"),
    path("<str:serial>/without-key.zip", views.without_key, name="without_key"),
    path("<str:serial>/renew/", views.renew, name="renew"),
    path("<str:serial>/revoke/", revocation_views.revoke, name="revoke"),
    path("<str:serial>/block/", revocation_views.block, name="block"),
    path("<str:serial>/unblock/", revocation_views.unblock, name="unblock"),
]
