"""Who there is on a cluster: every name with credentials, rights or quotas, read live from its parts."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable

from django.utils import timezone

from controlplane.certificates.models import Certificate
from controlplane.certificates.trust import accepted, trust_of
from controlplane.clusters.logic import blocks
from controlplane.clusters.models import Cluster
from controlplane.clusters.principals import own_principals
from controlplane.clusters.services import gateway_for
from controlplane.core.errors import NotFound
from controlplane.gateways.errors import GatewayError
from controlplane.gateways.kafka.access_types import Acl
from controlplane.gateways.kafka.gateway import KafkaGateway
from controlplane.service_accounts.logic.compose import AccountFacts, accounts_of

PREFIX = "User:"
EVERYONE = "*"


def accounts(cluster: Cluster, *, search: str = "") -> list[AccountFacts]:
    """The users must be readable; ACLs and quotas that are not are unknown, never 0."""
    gateway = gateway_for(cluster)
    scram: defaultdict[str, list[str]] = defaultdict(list)
    for credential in gateway.describe_user_scram_credentials():
        scram[credential.user].append(str(credential.mechanism))
    acls = _rights(gateway)
    blocked = blocks.blocked_in(acls or ())
    found = accounts_of(
        dict(scram),
        dict(Counter(_certificate_names(cluster, revoked=False))),
        None if acls is None else _counted(_bare(acl.principal) for acl in blocks.apart(acls, blocked)[1]),
        _count(lambda: (dict(quota.entity).get("user") for quota in gateway.describe_client_quotas())),
        reserved={_bare(name) or "" for name in _super_users(cluster)} | {EVERYONE},
        revoked=dict(Counter(_certificate_names(cluster, revoked=True))),
        blocked={name for each in blocked if (name := _bare(each))},
    )
    return [account for account in found if search.lower() in account.name.lower()]


def account(cluster: Cluster, name: str) -> AccountFacts:
    for found in accounts(cluster):
        if found.name == name:
            return found
    raise NotFound(f"Nothing on {cluster.title} belongs to {name!r}", hint="The list shows every name.")


def valid_certificates(cluster: Cluster, name: str) -> list[Certificate]:
    rows = accepted(cluster, trust_of(cluster), timezone.now())
    return list(rows.filter(common_name=name, revoked_at=None).order_by("pk"))


def nobody_yet(cluster: Cluster, name: str) -> bool:
    """Whether no client can be slowed by a limit of this name: nobody logs in as it."""
    rows = accepted(cluster, trust_of(cluster), timezone.now()).filter(common_name=name)
    if rows.exists():
        return False
    return all(each.user != name for each in gateway_for(cluster).describe_user_scram_credentials())


def _certificate_names(cluster: Cluster, *, revoked: bool) -> list[str]:
    rows = accepted(cluster, trust_of(cluster), timezone.now()).filter(revoked_at__isnull=not revoked)
    return list(rows.values_list("common_name", flat=True))


def _count(read: Callable[[], Iterable[str | None]]) -> dict[str, int] | None:
    try:
        return _counted(read())
    except GatewayError:
        return None


def _counted(names: Iterable[str | None]) -> dict[str, int]:
    return dict(Counter(name for name in names if name))


def _rights(gateway: KafkaGateway) -> tuple[Acl, ...] | None:
    try:
        return gateway.describe_acls()
    except GatewayError:
        return None


def _bare(principal: str) -> str | None:
    """The name in `User:name`; None for principals of another type."""
    return principal.removeprefix(PREFIX) if principal.startswith(PREFIX) else None


def _super_users(cluster: Cluster) -> frozenset[str]:
    return own_principals(cluster)
