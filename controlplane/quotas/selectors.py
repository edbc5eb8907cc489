"""Reads of client quotas, always live, and of what clients use beside them (metric history; unknown stays unknown)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from controlplane.audit.models import Operation, Outcome
from controlplane.clusters import selectors as clusters
from controlplane.clusters.models import Cluster
from controlplane.clusters.principals import own_principals
from controlplane.clusters.services import connection_for, gateway_for
from controlplane.core.access import Action
from controlplane.core.errors import NotFound
from controlplane.gateways import broker as bundled
from controlplane.gateways.kafka.access_types import QuotaEntity
from controlplane.metrics import clients
from controlplane.metrics.clients import ClientUse, Use
from controlplane.quotas.logic.effective import Quotas, by_entity, level_of, sensor_effective
from controlplane.quotas.logic.entities import CLIENT_KEYS, KINDS, query, title
from controlplane.quotas.logic.plans import Own, QuotaState, is_observing

HISTORY = 20


@dataclass(frozen=True, slots=True)
class QuotaRow:
    """An entity in the list; a limit that it does not have is None."""

    entity: QuotaEntity
    values: Mapping[str, float]
    digest: str

    @property
    def name(self) -> str:
        return title(self.entity)

    @property
    def query(self) -> str:
        return query(self.entity)

    @property
    def observing(self) -> bool:
        """All its limits are there only for the sensors."""
        return all(is_observing(key, value) for key, value in self.values.items())

    @property
    def level(self) -> int:
        return level_of(self.entity)

    def __getattr__(self, key: str) -> float | None:
        """Sorting by a limit: the table asks for its key as an attribute."""
        if key.startswith("_"):
            raise AttributeError(key)
        return self.values.get(key)


@dataclass(frozen=True, slots=True)
class LimitedUse:
    """One key of one client: what a broker counts now, beside the limit that holds for that sensor."""

    use: Use | None
    limit: float | None


@dataclass(frozen=True, slots=True)
class ClientRow:
    """A client that quota sensors count. Sorting uses the busiest broker, as limits hold per broker."""

    client: ClientUse
    by_key: Mapping[str, LimitedUse]

    @property
    def user(self) -> str:
        return self.client.user

    @property
    def client_id(self) -> str:
        return self.client.client_id

    @property
    def produce(self) -> float | None:
        return _highest(self.by_key["producer_byte_rate"])

    @property
    def consume(self) -> float | None:
        return _highest(self.by_key["consumer_byte_rate"])

    @property
    def request(self) -> float | None:
        return _highest(self.by_key["request_percentage"])

    @property
    def throttle(self) -> float | None:
        return max((each.use.throttle_ms for each in self.by_key.values() if each.use), default=None)


def _highest(found: LimitedUse) -> float | None:
    return found.use.highest if found.use else None


def quotas(cluster: Cluster) -> Quotas:
    return by_entity(gateway_for(cluster).describe_client_quotas())


def state(cluster: Cluster) -> QuotaState:
    return QuotaState(quotas(cluster), clusters.facts(cluster).brokers, own(cluster))


def own(cluster: Cluster) -> Own:
    """Kastellan as this cluster sees it: what a quota must never shut out."""
    users = frozenset(name.removeprefix("User:") for name in own_principals(cluster))
    client_id = connection_for(cluster).client_id
    if cluster.external:
        # From which address its brokers see us only they know.
        return Own(users, client_id, frozenset())
    host = bundled.bundled_cluster(cluster.name).host
    return Own(users, client_id, frozenset({host, "127.0.0.1", "::1"}))


def quota_rows(cluster: Cluster, *, search: str = "") -> list[QuotaRow]:
    now = state(cluster)
    rows = [QuotaRow(entity, values, now.digest(entity)) for entity, values in now.quotas.items() if values]
    found = [row for row in rows if search.lower() in row.name.lower()]
    return sorted(found, key=lambda row: row.name)


def quota_row(cluster: Cluster, entity: QuotaEntity) -> QuotaRow:
    now = state(cluster)
    if not now.of(entity):
        raise NotFound(f"There is no quota for {title(entity) or 'nobody'} in {cluster.title}")
    return QuotaRow(entity, now.of(entity), now.digest(entity))


def client_rows(cluster: Cluster, found: Quotas, *, search: str = "") -> list[ClientRow]:
    rows = [_client_row(client, found) for client in clients.usage(cluster.name, now_ms())]
    wanted = search.lower()
    return [row for row in rows if wanted in row.user.lower() or wanted in row.client_id.lower()]


def observed(cluster: Cluster, user: str, client_id: str) -> Mapping[str, tuple[Use, str, str]]:
    """Per key the sensor that counts this very client, with the user and client id that the sensor has."""
    found: dict[str, tuple[Use, str, str]] = {}
    for client in clients.usage(cluster.name, now_ms()):
        if client.user in ("", user) and client.client_id in ("", client_id):
            for key, use in client.by_key.items():
                found.setdefault(key, (use, client.user, client.client_id))
    return found


def clients_of(rows: list[ClientRow], found: Quotas, entity: QuotaEntity) -> list[ClientRow]:
    """The observed clients for which this entity decides some limit."""
    return [
        row
        for row in rows
        if any(
            sensor_effective(found, row.user, row.client_id, key).entity == entity
            for key in row.client.by_key
        )
    ]


def _client_row(client: ClientUse, found: Quotas) -> ClientRow:
    by_key = {
        key.name: LimitedUse(
            client.by_key.get(key.name),
            sensor_effective(found, client.user, client.client_id, key.name).value,
        )
        for key in CLIENT_KEYS
    }
    return ClientRow(client, by_key)


def history(cluster: Cluster, entity: QuotaEntity) -> list[Operation]:
    """The newest changes of this entity's quota that Kastellan made, each with its before-image."""
    rows = Operation.objects.filter(
        action=Action.QUOTA_EDIT.value, cluster=cluster.name, target=title(entity), outcome=Outcome.SUCCEEDED
    )
    return list(rows.order_by("-started_at")[:HISTORY])


def before_image(cluster: Cluster, uid: str) -> tuple[QuotaEntity, dict[str, float]]:
    """What a recorded change found; only of quota changes of this cluster."""
    rows = Operation.objects.filter(action=Action.QUOTA_EDIT.value, cluster=cluster.name)
    row = rows.filter(uid=uid).first()
    image = row.before if row else None
    if not isinstance(image, dict) or not {"entity", "quotas"} <= image.keys():
        raise NotFound("There is no such change of a quota", hint="Operations lists all changes.")
    entity = tuple(sorted((kind, name) for kind, name in image["entity"].items() if kind in KINDS))
    return entity, {str(key): float(value) for key, value in image["quotas"].items()}


def now_ms() -> int:
    return time.time_ns() // 1_000_000
