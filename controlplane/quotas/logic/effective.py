"""Which quota holds for a client: Kafka's precedence, as org.apache.kafka.server.quota.ClientQuotaManager has it.

1. Each key (produce, consume, request time, mutations) is decided on its own: a user quota that only limits producing
   says nothing about consuming.
2. The first level that has a value decides, most specific user first; all user levels go before client-id levels.
3. A client without a client id is matched by user levels only (3 and 6): Kafka looks for no client id then.
4. The deciding level also says who shares the limit: a level without client id is one budget for all of them.
Invariant: at most one level of a ladder decides. Limits hold on each broker by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from controlplane.gateways.kafka.access_types import ClientQuota, QuotaEntity
from controlplane.quotas.logic.entities import (
    BY_NAME,
    CLIENT_ID,
    CLIENT_KEYS,
    IP,
    IP_KEYS,
    USER,
    QuotaKey,
    entity_of,
)

Quotas = Mapping[QuotaEntity, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Rung:
    """One level of the ladder for one key; `value` is None where nothing is set there."""

    level: int
    entity: QuotaEntity
    value: float | None
    decides: bool


@dataclass(frozen=True, slots=True)
class Effective:
    """`value` None: no limit. `shared` says in words who else draws on the same budget."""

    key: QuotaKey
    value: float | None
    entity: QuotaEntity | None
    ladder: tuple[Rung, ...]

    @property
    def shared(self) -> str:
        return sharing(self.entity) if self.entity is not None else ""


def by_entity(quotas: Sequence[ClientQuota]) -> Quotas:
    return {quota.entity: quota.values for quota in quotas}


def client_levels(user: str, client_id: str) -> tuple[tuple[int, QuotaEntity], ...]:
    """The eight levels in Kafka's order, or those that a client without a client id has."""
    levels: list[dict[str, str | None]] = [
        {USER: user, CLIENT_ID: client_id},
        {USER: user, CLIENT_ID: None},
        {USER: user},
        {USER: None, CLIENT_ID: client_id},
        {USER: None, CLIENT_ID: None},
        {USER: None},
        {CLIENT_ID: client_id},
        {CLIENT_ID: None},
    ]
    numbered = [(number, entity_of(parts)) for number, parts in enumerate(levels, 1)]
    return tuple(numbered) if client_id else (numbered[2], numbered[5])


def effective(quotas: Quotas, user: str, client_id: str, key: str) -> Effective:
    return _climb(quotas, client_levels(user, client_id), key)


def effective_for_ip(quotas: Quotas, ip: str, key: str = IP_KEYS[0].name) -> Effective:
    return _climb(quotas, ((1, entity_of({IP: ip})), (2, entity_of({IP: None}))), key)


def all_effective(quotas: Quotas, user: str, client_id: str) -> tuple[Effective, ...]:
    return tuple(effective(quotas, user, client_id, key.name) for key in CLIENT_KEYS)


def sensor_effective(quotas: Quotas, user: str, client_id: str, key: str) -> Effective:
    """What decides for a broker's sensor: one that counts a user or a client id alone has only the levels of its kind."""
    numbers = {1, 2, 4, 5} if user and client_id else {3, 6} if user else {7, 8}
    levels = client_levels(user, client_id or "-")
    return _climb(quotas, tuple(each for each in levels if each[0] in numbers), key)


def _climb(quotas: Quotas, levels: Sequence[tuple[int, QuotaEntity]], key: str) -> Effective:
    rungs: list[Rung] = []
    winner: Rung | None = None
    for level, entity in levels:
        value = quotas.get(entity, {}).get(key)
        rung = Rung(level, entity, value, winner is None and value is not None)
        winner = rung if rung.decides else winner
        rungs.append(rung)
    return Effective(
        BY_NAME[key], winner.value if winner else None, winner.entity if winner else None, tuple(rungs)
    )


def sharing(entity: QuotaEntity) -> str:
    parts = dict(entity)
    if IP in parts:
        return "All connections from the address share it."
    if USER in parts and CLIENT_ID in parts:
        return "Each pair of user and client id has it for itself; all its connections share it."
    if USER in parts:
        return "All client ids of the user share it."
    return "All users with the client id share it."


def level_of(entity: QuotaEntity) -> int:
    """1 to 8; 0 for addresses, which are decided apart."""
    parts = dict(entity)
    if IP in parts:
        return 0
    if USER not in parts:
        return 8 if parts[CLIENT_ID] is None else 7
    base = 1 if parts[USER] is not None else 4
    return base + (2 if CLIENT_ID not in parts else 1 if parts[CLIENT_ID] is None else 0)


def covers(one: QuotaEntity, other: QuotaEntity) -> bool:
    """Whether `one`, where it has a value, always decides before `other`: every client of `other` is also one of `one`."""
    if not 0 < level_of(one) < level_of(other):
        return False
    ours, theirs = dict(one), dict(other)
    user = USER not in ours or ours[USER] is None or ours[USER] == theirs.get(USER, ...)
    client = CLIENT_ID not in ours or ours[CLIENT_ID] is None or ours[CLIENT_ID] == theirs.get(CLIENT_ID, ...)
    return user and client
