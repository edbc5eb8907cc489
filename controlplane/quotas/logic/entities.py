"""Quota entities and keys: whom a quota is for, which limits it may hold (org.apache.kafka.server.config.QuotaConfig)."""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Mapping
from urllib.parse import urlencode

from controlplane.clusters.logic.quota_words import BY_NAME as BY_NAME
from controlplane.clusters.logic.quota_words import CLIENT_ID as CLIENT_ID
from controlplane.clusters.logic.quota_words import IP as IP
from controlplane.clusters.logic.quota_words import KEYS as KEYS
from controlplane.clusters.logic.quota_words import KINDS as KINDS
from controlplane.clusters.logic.quota_words import USER as USER
from controlplane.clusters.logic.quota_words import QuotaKey as QuotaKey
from controlplane.clusters.logic.quota_words import title as title
from controlplane.core.plans import Refusal
from controlplane.gateways.kafka.access_types import QuotaEntity

#: In forms and addresses.
FIELDS = {USER: "user", CLIENT_ID: "client_id", IP: "ip"}
MAX_NAME = 400
CLIENT_KEYS = KEYS[:4]
IP_KEYS = KEYS[4:]


def entity_of(parts: Mapping[str, str | None]) -> QuotaEntity:
    """None is the default entity of its kind."""
    return tuple(sorted(parts.items()))


def keys_for(entity: QuotaEntity) -> tuple[QuotaKey, ...]:
    return IP_KEYS if any(kind == IP for kind, _ in entity) else CLIENT_KEYS


def query(entity: QuotaEntity) -> str:
    """An entity as the query of an address: an empty part is the default."""
    return urlencode([(FIELDS[kind], name or "") for kind, name in entity])


def check_entity(entity: QuotaEntity) -> Refusal | None:
    kinds = {kind for kind, _ in entity}
    if not kinds or kinds - set(KINDS):
        return Refusal(
            "entity", "A quota is for a user, a client id, both, or an address", "Name at least one."
        )
    if IP in kinds and len(kinds) > 1:
        return Refusal(
            "entity_mixed", "An address cannot be combined with a user or client id", "Use one of the two."
        )
    for kind, name in entity:
        refusal = None if name is None else _check_name(kind, name)
        if refusal:
            return refusal
    return None


def _check_name(kind: str, name: str) -> Refusal | None:
    if not name:
        return Refusal("name_empty", f"The {kind} is empty", "Name it, or choose the default.")
    if len(name) > MAX_NAME:
        return Refusal("name_too_long", f"The {kind} has {len(name)} characters", f"At most {MAX_NAME}.")
    if any(not char.isprintable() for char in name):
        return Refusal("name_control", f"The {kind} contains a character that cannot be seen", "Remove it.")
    if name == "<default>":
        return Refusal(
            "name_default", "<default> is Kafka's word for the default entity", "Choose the default instead."
        )
    if kind == USER and name.startswith("User:"):
        return Refusal(
            "name_principal", "Quotas take the bare name", f"Write {name.removeprefix('User:')!r}."
        )
    return _check_address(name) if kind == IP else None


def _check_address(name: str) -> Refusal | None:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return Refusal("address", f"{name!r} is not an IP address", "Write it as 192.0.2.7 or 2001:db8::7.")
    return None


def check_value(entity: QuotaEntity, key: str, value: float) -> Refusal | None:
    known = BY_NAME.get(key)
    if known is None:
        return Refusal("key", f"Kafka knows no quota {key!r}", f"One of {', '.join(BY_NAME)}.")
    if known not in keys_for(entity):
        legal = ", ".join(each.name for each in keys_for(entity))
        return Refusal("key_entity", f"{key} is not for {title(entity)}", f"There it may be {legal}.")
    if not math.isfinite(value) or value <= 0:
        return Refusal(
            "value", f"{known.label} must be greater than 0", "Remove the limit if there should be none."
        )
    if known.whole and (value != int(value) or value > known.most):
        return Refusal(
            "value_whole", f"{known.label} must be a whole number up to {known.most:.0f}", "Round it."
        )
    return None
