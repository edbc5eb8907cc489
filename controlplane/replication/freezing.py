"""The freeze of a flow's source: made, kept in mind with the failover that made it, and lifted, that and nothing else.

A flow that follows the ACLs of its topics would copy the freeze itself into the target, where the clients are to write:
so it does not follow them any more before anything is denied, until the freeze is lifted.
"""

from __future__ import annotations

from controlplane.acls import selectors as acl_selectors
from controlplane.acls import services as acls
from controlplane.acls.logic.plans import AclChange
from controlplane.clusters.models import Cluster
from controlplane.clusters.services import gateway_for
from controlplane.core.access import Actor
from controlplane.core.errors import NotVerified
from controlplane.core.verify import verify
from controlplane.gateways.connect import State
from controlplane.gateways.errors import GatewayError
from controlplane.gateways.errors import NotFound as NotThere
from controlplane.gateways.kafka.access_types import Acl
from controlplane.replication import selectors, services
from controlplane.replication.logic import freezing
from controlplane.replication.logic.connectors import ACL_SYNC, Part, connector_name
from controlplane.replication.logic.flows import FlowRequest
from controlplane.replication.models import Failover


def denials(asked: FlowRequest, source: Cluster) -> tuple[Acl, ...]:
    names = {topic.name for topic in gateway_for(source).list_topics()}
    return freezing.denials(asked, names)


def missing(source: Cluster, wanted: tuple[Acl, ...]) -> AclChange | None:
    """Those that are not there yet; None where all are."""
    change = acls.plan_create(source, wanted) if wanted else None
    return change if change and change.add else None


def carry_out(run: Failover, source: Cluster, change: AclChange) -> None:
    """Written down first: whatever ends this process, what it made is known."""
    kept = [*run.denied, *freezing.stored(change.add)]
    run.denied = [list(each) for each in dict.fromkeys(map(tuple, kept))]
    run.save(update_fields=["denied"])
    acls.carry_out(source, change)


def made(asked: FlowRequest) -> tuple[Acl, ...]:
    """What failovers of this flow have denied and nobody has lifted."""
    runs = Failover.objects.filter(source=asked.source, target=asked.target).exclude(denied=[])
    return tuple(dict.fromkeys(acl for run in runs for acl in freezing.restored(run.denied)))


def standing(asked: FlowRequest, source: Cluster) -> tuple[Acl, ...] | None:
    """Of these, what stands in the source now; None where it does not answer."""
    wanted = made(asked)
    if not wanted:
        return ()
    try:
        there = set(acl_selectors.bindings(source))
    except GatewayError:
        return None
    return tuple(acl for acl in wanted if acl in there)


def plan_lift(asked: FlowRequest, source: Cluster) -> AclChange:
    return acls.plan_delete(source, made(asked))


def lift(asked: FlowRequest, source: Cluster, change: AclChange) -> None:
    """Inside an operation of the caller's."""
    acls.carry_out(source, change)
    _lifted(asked)


def apply_lift(actor: Actor, asked: FlowRequest, source: Cluster, target: Cluster, change: AclChange) -> None:
    acls.apply(actor, source, change)
    _lifted(asked)
    try:
        follow_acls(asked, target, follow=True)
    except (GatewayError, OSError) as error:
        raise NotVerified(
            f"The freeze is lifted, but {asked.name} does not follow the ACLs of topics again: {error}",
            hint=f"Set {ACL_SYNC} to true in the settings of its source connector when the worker answers.",
        ) from error


def _lifted(asked: FlowRequest) -> None:
    Failover.objects.filter(source=asked.source, target=asked.target).update(denied=[])


def follow_acls(asked: FlowRequest, target: Cluster, *, follow: bool) -> bool:
    """Whether something was changed: of a flow that follows none, or is gone, nothing is."""
    connect = selectors.connect_of(target)
    if not asked.sync_acls or connect is None:
        return False
    name = connector_name(asked, Part.SOURCE)
    try:
        config = connect.config(name)
    except NotThere:
        return False
    wanted = {**config, ACL_SYNC: "true" if follow else "false"}
    if config == wanted:
        return False
    before = connect.status(name).state
    connect.put_config(name, wanted)
    if before is State.RUNNING:
        # It answers when the connector runs with its new settings.
        connect.restart(name)
        verify(
            f"{name} runs", lambda: connect.status(name).state is State.RUNNING, seconds=services.RUNS_SECONDS
        )
    return True


def denied_to_clients(asked: FlowRequest, target: Cluster, topics: tuple[str, ...]) -> tuple[str, ...]:
    """Topics of the target that clients will write to and that an ACL denies to everybody."""
    try:
        there = acl_selectors.bindings(target)
    except GatewayError:
        return ()
    return tuple(topic for topic in topics if freezing.binds(there, topic))
