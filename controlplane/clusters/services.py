"""Gateways of registered clusters, registration of the bundled ones, and the snapshot's refresh and patches."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from pathlib import Path

from django.db import transaction
from django.utils import timezone

from controlplane.clusters import snapshots
from controlplane.clusters.logic.client_config import Endpoint
from controlplane.clusters.models import Cluster
from controlplane.gateways import broker as bundled
from controlplane.gateways.errors import GatewayError
from controlplane.gateways.kafka.gateway import KafkaGateway
from controlplane.gateways.kafka.security import KafkaConnection, Tls, tls_of

_gateways: dict[str, tuple[tuple[KafkaConnection, float], KafkaGateway]] = {}
_lock = threading.Lock()


def connection_for(cluster: Cluster) -> KafkaConnection:
    """The control plane reaches a bundled cluster on INTERNAL with its own certificate."""
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
    """Where clients connect (`SSL` by certificate, `SASL_SSL` by password), and what they have to trust."""
    spec = bundled.bundled_cluster(cluster.name)
    ca_pem = bundled.control_credentials(spec).cafile.read_text()
    return Endpoint(bundled.bootstrap(spec, listener), ca_pem)


def gateway_for(cluster: Cluster) -> KafkaGateway:
    """One gateway per cluster and process. A changed connection (a broker was added) or a new certificate makes a new one."""
    connection = connection_for(cluster)
    wanted = (connection, _credentials_changed(connection))
    with _lock:
        known = _gateways.get(cluster.name)
        if known is not None and known[0] == wanted:
            return known[1]
        gateway = KafkaGateway(connection)
        _gateways[cluster.name] = (wanted, gateway)
    if known is not None:
        known[1].close()
    return gateway


def _credentials_changed(connection: KafkaConnection) -> float:
    """When the newest of the connection's files was written; clients read them only when they are made."""
    tls = tls_of(connection.security)
    files = [tls.cafile, tls.certfile, tls.keyfile] if tls else []
    return max((Path(file).stat().st_mtime for file in files if file), default=0.0)


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
    for spec in bundled.bundled_clusters():
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
