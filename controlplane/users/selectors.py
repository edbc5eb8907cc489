"""Reads of SCRAM users, always live: a stale list of who may log in would be worse than none."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass

from controlplane.clusters import selectors as clusters
from controlplane.clusters.credentials import accepted_of
from controlplane.clusters.logic import blocks
from controlplane.clusters.models import Cluster
from controlplane.clusters.principals import is_reserved
from controlplane.clusters.services import gateway_for
from controlplane.gateways.errors import GatewayError, NotFound
from controlplane.gateways.kafka.access_types import AclFilter, ClientQuota, ScramCredential
from controlplane.gateways.kafka.types import ResourceRef, ResourceType
from controlplane.metrics import clients
from controlplane.users.logic.state import UserState

REAUTH = "connections.max.reauth.ms"


@dataclass(frozen=True, slots=True)
class UserRow:
    """A user in the list. `acls`, `quotas` and `blocked` are None where they could not be read; a block counts as no ACL."""

    name: str
    credentials: tuple[ScramCredential, ...]
    acls: int | None
    quotas: int | None
    reserved: bool
    blocked: bool | None = None

    @property
    def mechanisms(self) -> str:
        return ", ".join(str(credential.mechanism) for credential in self.credentials)

    @property
    def iterations(self) -> int:
        """The fewest: what the weakest of the credentials has."""
        return min(credential.iterations for credential in self.credentials)


def user_rows(cluster: Cluster, *, search: str = "") -> list[UserRow]:
    """Three calls for the whole list; without ACLs or quotas the users still appear, with unknown counts."""
    by_name: dict[str, list[ScramCredential]] = {}
    for credential in gateway_for(cluster).describe_user_scram_credentials():
        by_name.setdefault(credential.user, []).append(credential)
    (acls, blocked), quotas = _acl_counts(cluster), _quota_counts(cluster)
    return [
        UserRow(
            name=name,
            credentials=tuple(credentials),
            acls=None if acls is None else acls[f"User:{name}"],
            quotas=None if quotas is None else quotas[name],
            reserved=reserved(cluster, name),
            blocked=None if blocked is None else f"User:{name}" in blocked,
        )
        for name, credentials in sorted(by_name.items())
        if search.lower() in name.lower()
    ]


def user_state(cluster: Cluster, name: str) -> UserState:
    """Of any name, also one that nobody has yet; what cannot be read fails the whole: plans must not guess."""
    gateway = gateway_for(cluster)
    quotas = gateway.describe_client_quotas()
    return UserState(
        name=name,
        credentials=gateway.describe_user_scram_credentials([name]) if name else (),
        acls=gateway.describe_acls(AclFilter(principal=f"User:{name}")) if name else (),
        quotas=tuple(quota for quota in quotas if _is_of(quota, name)),
        reserved=reserved(cluster, name),
        reauth_ms=_reauth_ms(cluster),
        seen_ms=clients.last_seen(cluster.name, name, time.time_ns() // 1_000_000),
        accepted=accepted_of(cluster, f"User:{name}"),
    )


def existing(cluster: Cluster, name: str) -> UserState:
    """Also a name that has lost its credentials but not yet its ACLs or quotas: a deletion can be finished."""
    state = user_state(cluster, name)
    if not state.exists:
        raise NotFound(f"There is no SCRAM user {name!r} in {cluster.title}")
    return state


def reserved(cluster: Cluster, name: str) -> bool:
    return is_reserved(cluster, name)


def _is_of(quota: ClientQuota, name: str) -> bool:
    return ("user", name) in quota.entity


def _acl_counts(cluster: Cluster) -> tuple[Counter[str] | None, frozenset[str] | None]:
    """(per principal, who is blocked)"""
    try:
        found = gateway_for(cluster).describe_acls()
    except GatewayError:
        return None, None
    blocked = blocks.blocked_in(found)
    return Counter(acl.principal for acl in found if not blocks.is_part(acl, blocked)), blocked


def _quota_counts(cluster: Cluster) -> Counter[str] | None:
    try:
        found = gateway_for(cluster).describe_client_quotas()
    except GatewayError:
        return None
    return Counter(
        name for quota in found for kind, name in quota.entity if kind == "user" and name is not None
    )


def _reauth_ms(cluster: Cluster) -> int | None:
    """The brokers' own setting, or the one of the SASL_SSL listener; None where it cannot be read."""
    broker = clusters.brokers(cluster).values_list("broker_id", flat=True).first()
    if broker is None:
        return None
    ref = ResourceRef(ResourceType.BROKER, str(broker))
    try:
        entries = gateway_for(cluster).describe_configs([ref])[ref]
    except GatewayError:
        return None
    values = {entry.name: entry.value for entry in entries}
    raw = values.get(f"listener.name.sasl_ssl.{REAUTH}") or values.get(REAUTH) or ""
    return int(raw) if raw.isdigit() else None
