"""Whether a flow is ready for a failover, and what its freeze would deny: live reads."""

from __future__ import annotations

from dataclasses import replace

from controlplane.acls import services as acls
from controlplane.acls.logic.plans import AclChange
from controlplane.clusters.models import Cluster
from controlplane.clusters.principals import ruling_of
from controlplane.clusters.services import gateway_for
from controlplane.gateways.errors import GatewayError
from controlplane.gateways.kafka.access_types import (
    Acl,
    AclOperation,
    AclPermission,
    AclResourceType,
    PatternType,
)
from controlplane.replication import copying, selectors, services, watching
from controlplane.replication.logic.failover_plans import Readiness
from controlplane.replication.logic.flows import WILDCARD, FlowRequest, wanted

EVERYBODY = "User:*"


def of(asked: FlowRequest) -> Readiness:
    source, target = services.ends(asked)
    progress = watching.progress_of(asked, source, target)
    translation = watching.translation_of(asked, source, target)
    lacking = copying.lacking(source, target)
    if progress.known:
        selectors.remember(asked, progress.totals)
    flow = selectors.flow_if_any(asked.source, asked.target)
    return Readiness(
        state=selectors.health(asked, target).state,
        totals=progress.totals if progress.known else replace(progress.totals, records=None, seconds=None),
        source_answers=not progress.error,
        last_known=flow.observation if flow else None,
        super_users=tuple(sorted(ruling_of(source).super_users)),
        users_missing=lacking.user_names,
        quotas_missing=lacking.quota_names,
        active=active_in(target, {row.group for row in translation.rows}),
        untranslated=tuple(sorted({row.group for row in translation.rows if row.translated is None})),
    )


def active_in(target: Cluster, groups: set[str]) -> tuple[str, ...]:
    try:
        found = gateway_for(target).describe_groups(sorted(groups))
    except GatewayError:
        return ()
    return tuple(sorted(group.group for group in found if group.members))


def missing_denials(asked: FlowRequest, source: Cluster) -> AclChange | None:
    """The DENYs that are missing; None where all are there."""
    change = acls.plan_create(source, denials(asked))
    return change if change.add else None


def lift(asked: FlowRequest, source: Cluster) -> AclChange:
    """Takes the freeze away: the very DENYs that it makes."""
    return acls.plan_delete(source, denials(asked))


def denials(asked: FlowRequest) -> tuple[Acl, ...]:
    """WRITE on what the flow copies, for everybody but super users: of all ACLs a DENY wins."""
    found = []
    for name in wanted(asked.topics):
        prefixed = name != WILDCARD and name.endswith(WILDCARD)
        found.append(
            Acl(
                EVERYBODY,
                WILDCARD,
                AclOperation.WRITE,
                AclPermission.DENY,
                AclResourceType.TOPIC,
                name[:-1] if prefixed else name,
                PatternType.PREFIXED if prefixed else PatternType.LITERAL,
            )
        )
    return tuple(found)
