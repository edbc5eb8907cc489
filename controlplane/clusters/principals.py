"""Whom no ACL binds on a cluster, what holds where no ACL matches, and which names Kastellan itself needs.

Of a bundled cluster its specification says so. Of an external one a broker is asked, which tells as much as it wants to:
what it does not tell is unknown, with the reason, and never taken for "nobody".
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from controlplane.clusters.connections import connection_row
from controlplane.clusters.logic.connections import certificates
from controlplane.clusters.models import Cluster
from controlplane.clusters.services import gateway_for
from controlplane.gateways import broker as bundled
from controlplane.gateways.errors import GatewayError
from controlplane.gateways.kafka.types import ConfigEntry, ResourceRef, ResourceType

SUPER_USERS = "super.users"
ALLOW_EVERYONE = "allow.everyone.if.no.acl.found"
RULES = "ssl.principal.mapping.rules"
AUTHORIZER = "authorizer.class.name"
#: They are in a broker's file: a restart changes them, nothing else.
KEPT_S = 60.0
_kept: dict[tuple[str, str], tuple[float, Ruling]] = {}


@dataclass(frozen=True, slots=True)
class Ruling:
    """`unknown` says what a broker did not tell; empty where all is known. `rules` make principals of certificates."""

    super_users: frozenset[str] = frozenset()
    allow_everyone: bool = False
    rules: str = ""
    unknown: str = ""


def ruling_of(cluster: Cluster) -> Ruling:
    if not cluster.external:
        return _of_spec(bundled.bundled_cluster(cluster.name))
    key = (cluster.name, cluster.cluster_id)
    until, known = _kept.get(key, (0.0, Ruling()))
    if time.monotonic() < until:
        return known
    try:
        found = told(_settings(cluster))
    except GatewayError as error:
        return Ruling(unknown=f"Super users and defaults could not be read from a broker: {error.what}")
    _kept[key] = (time.monotonic() + KEPT_S, found)
    return found


def _of_spec(spec: bundled.ClusterSpec) -> Ruling:
    own = spec.overrides.get(SUPER_USERS)
    return Ruling(
        super_users=bundled.super_users(spec) if own is None else _split(own),
        allow_everyone=spec.overrides.get(ALLOW_EVERYONE, "false").lower() == "true",
        rules=bundled.principal_rules(spec),
    )


def _settings(cluster: Cluster) -> dict[str, ConfigEntry]:
    gateway = gateway_for(cluster)
    alive = [node.id for node in gateway.describe_cluster().brokers if not node.fenced]
    if not alive:
        return {}
    ref = ResourceRef(ResourceType.BROKER, str(min(alive)))
    return {entry.name: entry for entry in gateway.describe_configs([ref], documentation=False)[ref]}


def told(settings: dict[str, ConfigEntry]) -> Ruling:
    """Of what a broker describes. A value that it withholds (it calls names of an authorizer sensitive) is unknown."""
    values = {name: entry.value for name, entry in settings.items()}
    unknown = []
    if not settings:
        unknown.append("No broker described its settings")
    elif not values.get(AUTHORIZER) and AUTHORIZER in settings:
        return Ruling(allow_everyone=True, rules=values.get(RULES) or "")
    else:
        withheld = [name for name in (SUPER_USERS, ALLOW_EVERYONE) if name in settings and not values[name]]
        if withheld:
            unknown.append(f"The brokers do not tell {' and '.join(withheld)}")
    return Ruling(
        super_users=_split(values.get(SUPER_USERS) or ""),
        allow_everyone=(values.get(ALLOW_EVERYONE) or "false").lower() == "true",
        rules=values.get(RULES) or "",
        unknown=unknown[0] if unknown else "",
    )


def _split(text: str) -> frozenset[str]:
    return frozenset(filter(None, (part.strip() for part in text.split(";"))))


def own_principals(cluster: Cluster) -> frozenset[str]:
    """Who must not lose its rights here: super users, and on an external cluster the user that we log in as."""
    if not cluster.external:
        return bundled.super_users(bundled.bundled_cluster(cluster.name))
    row = connection_row(cluster)
    names = [row.username, *(each.subject.rfc4514_string() for each in certificates(row.certificate_pem)[:1])]
    return ruling_of(cluster).super_users | {f"User:{name}" for name in names if name}


def is_reserved(cluster: Cluster, name: str) -> bool:
    """A SCRAM user or a certificate of this name would be a super user, or be Kastellan."""
    if not cluster.external:
        return bundled.reserved_name(bundled.bundled_cluster(cluster.name), name)
    wanted = name.strip().casefold().removeprefix("cn=")
    own = own_principals(cluster)
    return wanted in {each.removeprefix("User:").removeprefix("CN=").casefold() for each in own}
