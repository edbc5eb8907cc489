"""Whether a flow is ready for a failover: live reads."""

from __future__ import annotations

from dataclasses import replace

from controlplane.clusters.models import Cluster
from controlplane.clusters.principals import ruling_of
from controlplane.clusters.services import gateway_for
from controlplane.gateways.errors import GatewayError
from controlplane.replication import copying, selectors, services, watching
from controlplane.replication.logic.flows import FlowRequest
from controlplane.replication.logic.readiness import Readiness
from controlplane.workers import selectors as worker_selectors


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
        super_users=super_users_of(source),
        users_missing=lacking.user_names,
        quotas_missing=lacking.quota_names,
        active=active_in(target, {row.group for row in translation.rows}),
        way_back=_way_back(asked, source) if not progress.error else "",
        absent=selectors.absent(asked, source, target),
        untranslated=tuple(sorted({row.group for row in translation.rows if row.translated is None})),
    )


def super_users_of(cluster: Cluster) -> tuple[str, ...] | None:
    """None where no broker tells: that there are none would be said as a fact."""
    ruling = ruling_of(cluster)
    return None if ruling.unknown else tuple(sorted(ruling.super_users))


def _way_back(asked: FlowRequest, source: Cluster) -> str:
    """Of what the last step needs: by then the clients have moved."""
    worker = worker_selectors.worker_if_any(source)
    if worker is None:
        return f"there is no Connect worker beside {source.name}"
    if asked.exactly_once and not worker.exactly_once:
        return f"the Connect worker beside {source.name} does not write exactly once"
    return ""


def active_in(target: Cluster, groups: set[str]) -> tuple[str, ...]:
    try:
        found = gateway_for(target).describe_groups(sorted(groups))
    except GatewayError:
        return ()
    return tuple(sorted(group.group for group in found if group.members))
