"""The stored connection of an external cluster: sealed, opened for the clients, and as the request that made it."""

from __future__ import annotations

from dataclasses import replace

from django.conf import settings

from controlplane.clusters.logic.connections import (
    NOTHING_HELD,
    ConnectionRequest,
    Held,
    kafka_connection,
    keeps_key,
    keeps_password,
    normal,
)
from controlplane.clusters.models import Cluster, ExternalConnection
from controlplane.core.errors import NotFound
from controlplane.core.secrets import context_for, decrypt, encrypt
from controlplane.gateways.addresses import Allowed
from controlplane.gateways.kafka.security import KafkaConnection

SEALED = ("key", "password")


def connection_row(cluster: Cluster) -> ExternalConnection:
    row = ExternalConnection.objects.filter(cluster=cluster).first()
    if row is None:
        raise NotFound(f"{cluster.title} has no connection", hint="It was removed a moment ago.")
    return row


def external_connection(cluster: Cluster) -> KafkaConnection:
    """With its secrets opened: for the Kafka clients, and never for a page or an answer."""
    row = connection_row(cluster)
    request = request_of(row)
    opened = {name: _opened(row, name) for name in SEALED}
    return kafka_connection(filled(request, key=opened["key"], password=opened["password"]))


def filled(request: ConnectionRequest, *, key: str, password: str) -> ConnectionRequest:
    """The request with stored secrets in the places where it keeps them."""
    return replace(
        request,
        key_pem=key if request.key_pem is None else request.key_pem,
        password=password if request.password is None else request.password,
    )


def request_of(row: ExternalConnection) -> ConnectionRequest:
    """As it is stored, its secrets left out."""
    return ConnectionRequest(
        bootstrap=row.bootstrap,
        security=row.security,
        ca_pem=row.ca_pem,
        check_hostname=row.check_hostname,
        certificate_pem=row.certificate_pem,
        username=row.username,
        allow_private=row.allow_private,
        probe=row.probe,
    )


def held_of(row: ExternalConnection | None) -> Held:
    if row is None:
        return NOTHING_HELD
    return Held(request_of(row), key=bool(row.key), password=bool(row.password))


def tried(request: ConnectionRequest, row: ExternalConnection | None) -> KafkaConnection:
    """For a test or a plan: what would be used, stored secrets only where they would be kept."""
    held, wanted = held_of(row), normal(request)
    return kafka_connection(
        filled(
            wanted,
            key=_opened(row, "key") if row and keeps_key(held, wanted) else "",
            password=_opened(row, "password") if row and keeps_password(held, wanted) else "",
        )
    )


def store(cluster: Cluster, request: ConnectionRequest, row: ExternalConnection | None = None) -> None:
    """Inside the caller's transaction. What is not kept and not given is forgotten."""
    wanted, held = normal(request), held_of(row)
    kept = {"key": keeps_key(held, wanted), "password": keeps_password(held, wanted)}
    saved = row or ExternalConnection(cluster=cluster, version=0)
    for name in ("bootstrap", "security", "ca_pem", "check_hostname", "certificate_pem", "username",
                 "allow_private", "probe"):  # fmt: skip
        setattr(saved, name, getattr(wanted, name))
    saved.version += 1
    saved.save()
    for name, given in (("key", wanted.key_pem), ("password", wanted.password)):
        if not kept[name]:
            setattr(saved, name, encrypt(given, context=secret_context(saved, name)) if given else "")
    saved.save(update_fields=list(SEALED))


def allowed_targets() -> Allowed:
    """What the installation allows beyond the public internet, on every external cluster."""
    return Allowed.of(settings.ALLOWED_TARGETS)


def _opened(row: ExternalConnection, name: str) -> str:
    stored = getattr(row, name)
    return decrypt(stored, context=secret_context(row, name)) if stored else ""


def secret_context(row: ExternalConnection, name: str) -> str:
    return context_for("clusters_externalconnection", row.pk, name)
