"""What MirrorMaker never mirrors and clients need in the target all the same: SCRAM users and quotas of the source.

Kafka tells nobody a password, so a user that is made in the target gets a new one, which is shown once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from controlplane.audit.services import Entry
from controlplane.clusters.models import Cluster
from controlplane.clusters.services import gateway_for
from controlplane.core.plans import Plan
from controlplane.gateways.errors import GatewayError
from controlplane.quotas import services as quotas
from controlplane.quotas.logic.entities import title
from controlplane.quotas.logic.plans import AlterQuotas
from controlplane.users import services as users
from controlplane.users.logic.plans import SetCredentials
from controlplane.users.services import Issued


@dataclass(frozen=True, slots=True)
class Lacking:
    """Of the source, what the target does not have."""

    users: tuple[SetCredentials, ...] = ()
    quotas: tuple[AlterQuotas, ...] = ()

    @property
    def user_names(self) -> tuple[str, ...]:
        return tuple(each.name for each in self.users)

    @property
    def quota_names(self) -> tuple[str, ...]:
        return tuple(title(each.entity) for each in self.quotas)


def lacking(source: Cluster, target: Cluster) -> Lacking:
    """Of MirrorMaker's own users none. A side that does not answer has nothing to tell."""
    there, wanted = _users(target), _users(source)
    limits, ours = _quotas(target), _quotas(source)
    return Lacking(
        tuple(
            SetCredentials(name, wanted[name])
            for name in sorted(wanted.keys() - there.keys())
            if not name.startswith("mm2-")
        ),
        tuple(ours[name] for name in sorted(ours.keys() - limits.keys()) if not name.startswith("user mm2-")),
    )


def _users(cluster: Cluster) -> dict[str, tuple[str, ...]]:
    """By name the mechanisms of its credentials."""
    try:
        found = gateway_for(cluster).describe_user_scram_credentials()
    except GatewayError:
        return {}
    mechanisms: dict[str, list[str]] = {}
    for each in found:
        mechanisms.setdefault(each.user, []).append(str(each.mechanism))
    return {name: tuple(sorted(known, reverse=True)) for name, known in mechanisms.items()}


def _quotas(cluster: Cluster) -> dict[str, AlterQuotas]:
    try:
        found = gateway_for(cluster).describe_client_quotas()
    except GatewayError:
        return {}
    return {title(quota.entity): AlterQuotas(quota.entity, dict(quota.values)) for quota in found}


def plan_parts(target: Cluster, wanted: Lacking) -> tuple[Plan, ...]:
    """Users first: a quota of a user that is not there yet would be warned of."""
    return (
        *(users.plan_create(target, each, rights_come=True) for each in wanted.users),
        *(quotas.plan_alter(target, each) for each in wanted.quotas),
    )


def carry_out(entry: Entry, target: Cluster, wanted: Lacking, told: Callable[[Issued], None]) -> None:
    """Inside an operation of the caller's. `told` gets each new password, the only time that it is known."""
    for each in wanted.users:
        told(users.set_credentials(entry, target, each))
    for limit in wanted.quotas:
        quotas.carry_out(target, limit)
