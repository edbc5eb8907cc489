"""Gateways of registered clusters, registration of the bundled ones, and the snapshot's refresh and patches."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from pathlib import Path

from django.db import transaction
from django.utils import timezone

from controlplane.clusters import snapshots
from controlplane.clusters.connections import allowed_targets, external_connection
from controlplane.clusters.logic.client_config import Endpoint
from controlplane.clusters.models import Cluster, Kind
from controlplane.core.errors import Conflict
from controlplane.gateways import broker as bundled
from controlplane.gateways.errors import GatewayError
from controlplane.gateways.kafka._listeners import guard_of
from controlplane.gateways.kafka._transport import AddressGuard
from controlplane.gateways.kafka.gateway import KafkaGateway
from controlplane.gateways.kafka.security import KafkaConnection, PlainTls, ScramTls, Tls, tls_of

_gateways: dict[str, tuple[tuple[KafkaConnection, float], KafkaGateway]] = {}
_lock = threading.Lock()


def connection_for(cluster: Cluster) -> KafkaConnection:
    """A bundled cluster is reached on INTERNAL with a certificate of our own, an external one as it was registered."""
    if cluster.external:
        return external_connection(cluster)
    spec = bundled.bundled_cluster(cluster.name)
    credentials = bundled.control_credentials(spec)
    return KafkaConnection(
        bootstrap=bundled.bootstrap(spec, "INTERNAL"),
        security=Tls(
            cafile=str(credentials.cafile),
            certfile=str(credentials.certfile),
            keyfile=str(credentials.keyfile),
        ),
    )


def client_endpoint(cluster: Cluster, listener: str) -> Endpoint:
    """Where clients connect (`SSL` by certificate, `SASL_SSL` by password), and what they have to trust.

    Of an external cluster only our own way there is known; other listeners of it may have other ports and authorities.
    """
    if cluster.external:
        connection = external_connection(cluster)
        tls = tls_of(connection.security) or Tls()
        return Endpoint(connection.bootstrap, tls.ca_pem, check_hostname=tls.check_hostname)
    spec = bundled.bundled_cluster(cluster.name)
    ca_pem = bundled.control_credentials(spec).cafile.read_text()
    return Endpoint(bundled.bootstrap(spec, listener), ca_pem)


def takes_passwords(cluster: Cluster) -> bool:
    """Whether `client_endpoint` is where users log in by password: an external cluster has told us our own way only."""
    return not cluster.external or isinstance(connection_for(cluster).security, ScramTls | PlainTls)


def guard_for(cluster: Cluster) -> AddressGuard | None:
    """What each connection to this cluster has to pass; None where private addresses are allowed."""
    return guard_of(connection_for(cluster), allowed_targets())


def gateway_for(cluster: Cluster) -> KafkaGateway:
    """One gateway per cluster and process. A changed connection (a broker was added, a password) or a new certificate
    makes a new one; of an external cluster each connection passes the guard, unless private addresses are allowed.
    """
    connection = connection_for(cluster)
    wanted = (connection, _credentials_changed(connection))
    with _lock:
        known = _gateways.get(cluster.name)
        if known is not None and known[0] == wanted:
            return known[1]
        gateway = KafkaGateway(connection, allowed=allowed_targets())
        _gateways[cluster.name] = (wanted, gateway)
    if known is not None:
        known[1].close()
    return gateway


def _credentials_changed(connection: KafkaConnection) -> float:
    """When the newest of the connection's files was written; clients read them only when they are made."""
    tls = tls_of(connection.security)
    files = [tls.cafile, tls.certfile, tls.keyfile] if tls else []
    return max((Path(file).stat().st_mtime for file in files if file), default=0.0)


def close_gateway(cluster: Cluster) -> None:
    """Ends this process's connections to a cluster that was removed."""
    with _lock:
        known = _gateways.pop(cluster.name, None)
    if known is not None:
        known[1].close()


def close_gateways() -> None:
    """Ends this process's connections to every cluster; the next use makes new ones."""
    with _lock:
        known = [gateway for _, gateway in _gateways.values()]
        _gateways.clear()
    for gateway in known:
        gateway.close()


def register_bundled() -> tuple[Cluster, ...]:
    """Every bundled cluster of the data directory has a row; called at each start."""
    rows = []
    taken = set(Cluster.objects.filter(kind=Kind.EXTERNAL).values_list("name", flat=True))
    for spec in bundled.bundled_clusters():
        if spec.name in taken:
            raise Conflict(
                f"An external cluster is registered as {spec.name}, the name of a bundled one",
                "Remove it from the data directory's clusters, or register the external one under another name.",
            )
        row, _ = Cluster.objects.update_or_create(
            name=spec.name,
            defaults={"cluster_id": spec.cluster_id},
            create_defaults={"cluster_id": spec.cluster_id, "title": spec.name.capitalize()},
        )
        rows.append(row)
    return tuple(rows)


def refresh(cluster: Cluster, parts: Sequence[snapshots.Part] = snapshots.PARTS) -> None:
    """Reads the snapshot anew, part by part; one part's failure leaves the others and is kept with its time."""
    gateway = gateway_for(cluster)
    for part in parts:
        started = timezone.now()
        try:
            part.refresh(cluster, gateway, started)
        except GatewayError as error:
            snapshots.record_failure(cluster, part.name, error, timezone.now())
        else:
            snapshots.record_success(cluster, part.name, started, timezone.now())


def refresh_health(cluster: Cluster) -> None:
    """The parts that change when a broker goes or comes."""
    refresh(cluster, snapshots.HEALTH)


def patch_topics(cluster: Cluster, names: Iterable[str]) -> None:
    """After an own write: the list shows it at once, without waiting for the next refresh."""
    gateway = gateway_for(cluster)
    now = timezone.now()
    with transaction.atomic():
        for name in names:
            snapshots.patch_topic(cluster, gateway, name, now)
