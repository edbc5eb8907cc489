"""Reads of ACLs, always live: a stale security list would be worse than none. Also what the answers depend on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from controlplane.acls.logic.authorize import Authorizer, Question, is_allowed
from controlplane.acls.logic.authorizer_log import Denial, Judged, denials, judged
from controlplane.acls.logic.findings import Finding, Usage, findings
from controlplane.acls.models import AclWatch
from controlplane.clusters.credentials import accepted_certificates
from controlplane.clusters.models import Cluster
from controlplane.clusters.principals import ruling_of
from controlplane.clusters.services import gateway_for
from controlplane.gateways import broker as bundled
from controlplane.gateways.errors import GatewayError
from controlplane.gateways.kafka.access_types import Acl, AclOperation, AclResourceType

LOG_BYTES = 2_000_000


@dataclass(frozen=True, slots=True)
class DenialReport:
    """`silent`: brokers whose log could not be read; `watched` is False where the logs are out of our reach."""

    rows: tuple[Denial, ...]
    silent: tuple[int, ...] = ()
    watched: bool = True


def bindings(cluster: Cluster) -> tuple[Acl, ...]:
    return gateway_for(cluster).describe_acls()


def authorizer(cluster: Cluster) -> Authorizer:
    ruling = ruling_of(cluster)
    return Authorizer(bindings(cluster), ruling.super_users, ruling.allow_everyone, ruling.unknown)


def authorizer_if_known(cluster: Cluster) -> Authorizer | None:
    """None where the cluster does not answer now: what it refused is told from its logs all the same."""
    try:
        return authorizer(cluster)
    except GatewayError:
        return None


def lacking(
    cluster: Cluster, principal: str, wanted: Iterable[tuple[str, str, str]]
) -> tuple[tuple[str, str, str], ...]:
    """Of (operation, resource type, name) those that the principal may not from anywhere; none where nobody can tell.
    For domains that do not import this one (`settings.LACKING_RIGHTS`)."""
    known = authorizer_if_known(cluster)
    if known is None or known.unknown:
        return ()
    return tuple(
        each
        for each in wanted
        if not is_allowed(
            Question(principal, AclOperation(each[0]), AclResourceType(each[1]), each[2]), known
        )
    )


def super_users(cluster: Cluster) -> frozenset[str]:
    return ruling_of(cluster).super_users


def scram_principals(cluster: Cluster) -> frozenset[str] | None:
    """None where they cannot be read now."""
    try:
        credentials = gateway_for(cluster).describe_user_scram_credentials()
    except GatewayError:
        return None
    return frozenset(f"User:{credential.user}" for credential in credentials)


def all_findings(cluster: Cluster) -> tuple[Finding, ...]:
    return findings(
        authorizer(cluster),
        scram_users=scram_principals(cluster),
        certificates=frozenset(accepted_certificates(cluster)),
        usage=last_usage(cluster),
    )


def open_watch(cluster: Cluster) -> AclWatch | None:
    return AclWatch.objects.filter(cluster=cluster.name, restored_at=None).first()


def last_usage(cluster: Cluster) -> Usage | None:
    """The last window that ended in order."""
    row = AclWatch.objects.filter(cluster=cluster.name, error="").exclude(restored_at=None).first()
    if row is None or row.restored_at is None:
        return None
    return Usage(row.started_at, row.restored_at, row.used, row.complete)


def recent_denials(cluster: Cluster, limit: int = LOG_BYTES) -> DenialReport:
    """From the newest part of each broker's log; only the brokers that we run let us read theirs."""
    if cluster.external:
        return DenialReport((), watched=False)
    spec = bundled.bundled_cluster(cluster.name)
    found: list[Judged] = []
    silent = []
    for node in spec.nodes:
        try:
            found += judged(bundled.broker_log(spec, node.id, limit).splitlines())
        except (GatewayError, OSError):
            silent.append(node.id)
    return DenialReport(denials(found, bundled.probe_principals()), tuple(silent))
