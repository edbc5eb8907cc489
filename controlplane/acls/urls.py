"""/clusters/<cluster>/acls/…"""

from __future__ import annotations

from django.urls import path

from controlplane.acls import block_views, change_views, views

app_name = "acls"

urlpatterns = [
    path("", views.acl_list, name="list"),
    path("principals/", views.by_principal, name="principals"),
    path("resources/", views.by_resource, name="resources"),
    path("matrix/", views.matrix, name="matrix"),
    path("explain/", views.explain, name="explain"),
    path("who/", views.who, name="who"),
    path("of-topic/<str:topic>/", views.of_topic, name="of_topic"),
    path("findings/", views.findings, name="findings"),
    path("denials/", views.denials, name="denials"),
    path("export/", views.export, name="export"),
    path("new/", change_views.create, name="create"),
    path("bundle/", change_views.bundle, name="bundle"),
    path("add/", change_views.add, name="add"),
    path("delete/", change_views.delete, name="delete"),
    path("import/", change_views.import_, name="import"),
    path("revert/<uuid:uid>/", change_views.revert, name="revert"),
    path("block/", block_views.block, name="block"),
    path("unblock/", block_views.unblock, name="unblock"),
    path("watch/", change_views.watch, name="watch"),
]
