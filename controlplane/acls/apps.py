from __future__ import annotations

from django.apps import AppConfig


class AclsConfig(AppConfig):
    name = "controlplane.acls"
    label = "acls"
    verbose_name = "ACLs"
