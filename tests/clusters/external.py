"""The session's real cluster once more, as somebody would register it who does not run it: through its client listeners."""

from __future__ import annotations

from pathlib import Path

from broker import cluster as clusters_
from broker.paths import DataPaths
from broker.spec import ClusterSpec
from controlplane.clusters.logic.connections import ClusterRequest, ConnectionRequest
from controlplane.clusters.models import Cluster
from controlplane.clusters.registration import apply_register, plan_register
from controlplane.core.access import SYSTEM

NAME = "outside"


def admin_files(spec: ClusterSpec, paths: DataPaths) -> Path:
    return paths.cluster(spec.name).clients / "admin"


def password_of(spec: ClusterSpec, paths: DataPaths) -> str:
    """Of the user admin, out of its own files."""
    text = (admin_files(spec, paths) / "client.properties").read_text()
    return text.split('password="')[1].split('"')[0]


def by_password(spec: ClusterSpec, paths: DataPaths, **changed: object) -> ConnectionRequest:
    given: dict[str, object] = {
        "bootstrap": clusters_.bootstrap(spec, "SASL_SSL"),
        "security": "scram-sha-512",
        "ca_pem": (admin_files(spec, paths) / "ca.pem").read_text(),
        "username": "admin",
        "password": password_of(spec, paths),
        "allow_private": True,
    }
    return ConnectionRequest(**{**given, **changed})  # type: ignore[arg-type]  # fields of the request


def by_certificate(spec: ClusterSpec, paths: DataPaths, **changed: object) -> ConnectionRequest:
    files = admin_files(spec, paths)
    given: dict[str, object] = {
        "bootstrap": clusters_.bootstrap(spec, "SSL"),
        "security": "tls",
        "ca_pem": (files / "ca.pem").read_text(),
        "certificate_pem": (files / "certificate.pem").read_text(),
        "key_pem": (files / "key.pem").read_text(),
        "allow_private": True,
    }
    return ConnectionRequest(**{**given, **changed})  # type: ignore[arg-type]  # fields of the request


def register(connection: ConnectionRequest, name: str = NAME) -> Cluster:
    """The bundled row goes first: no cluster is registered twice."""
    Cluster.objects.exclude(name=name).delete()
    wanted = ClusterRequest(name, "Outside", connection=connection)
    plan = plan_register(wanted)
    assert plan.allowed, plan.refusals
    return apply_register(SYSTEM, wanted, plan)
