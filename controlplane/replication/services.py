"""Flows made, operated and deleted: one plan, one operation on either cluster, composed of users, rights and connectors.

1. The user in the source gets its rights and a password; the password goes into a file that only the worker reads.
2. The worker's principal gets its rights in the target.
3. The three connectors are made. What was done before a failure stays; the same request again does the rest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from django.utils import timezone

from controlplane.acls import selectors as acl_selectors
from controlplane.acls import services as acls
from controlplane.acls.logic.plans import AclChange
from controlplane.audit.services import operation
from controlplane.clusters import selectors as cluster_selectors
from controlplane.clusters.models import Cluster
from controlplane.clusters.services import connection_for
from controlplane.core.access import Action, Actor, sees
from controlplane.core.actors import demand_both
from controlplane.core.errors import Conflict, NotFound
from controlplane.core.plans import Plan
from controlplane.core.verify import verify
from controlplane.gateways import broker as bundled
from controlplane.gateways import workers
from controlplane.gateways.connect import ConnectApi, State
from controlplane.gateways.errors import NotFound as NotThere
from controlplane.gateways.kafka.security import KafkaConnection, ScramTls, Tls
from controlplane.replication import copying, making, selectors
from controlplane.replication.logic import flows, plans, rights
from controlplane.replication.logic.connectors import Ends, connectors_of
from controlplane.replication.logic.flows import FlowRequest
from controlplane.replication.logic.plans import FlowAct, FlowState, Part
from controlplane.replication.models import Flow
from controlplane.users import services as users
from controlplane.users.logic.plans import DeleteUser, SetCredentials
from controlplane.users.selectors import user_state
from controlplane.users.services import Issued
from controlplane.workers import selectors as worker_selectors
from controlplane.workers.logic.reach import Reach, reach

MECHANISM = "SCRAM-SHA-512"
RUNS_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class _Parts:
    user: Plan | None
    on_source: AclChange | None
    on_target: AclChange | None
    #: Of the source, made in the target: what MirrorMaker does not copy.
    lacking: copying.Lacking = field(default_factory=copying.Lacking)
    copies: tuple[Plan, ...] = ()

    def of(self, asked: FlowRequest) -> tuple[Part, ...]:
        found = (
            # Its password goes into the worker's file alone: what is said of passwords that are shown is not of this one.
            (asked.source, replace(self.user, warnings=()) if self.user else None),
            (asked.source, self.on_source.plan if self.on_source else None),
            (asked.target, self.on_target.plan if self.on_target else None),
            *((asked.target, plan) for plan in self.copies),
        )
        return tuple(Part(cluster, plan) for cluster, plan in found if plan)


def user_of(asked: FlowRequest) -> str:
    """The flow's own user in the source."""
    return f"mm2-{asked.source}-{asked.target}"


def owner_of(asked: FlowRequest) -> str:
    """Under which the worker finds the flow's secrets."""
    return f"flow-{asked.source}-{asked.target}"


def ends(asked: FlowRequest) -> tuple[Cluster, Cluster]:
    return cluster_selectors.get_cluster(asked.source), cluster_selectors.get_cluster(asked.target)


def require_source(actor: Actor, asked: FlowRequest) -> None:
    """Before anything is read of it: a cluster that the actor may not see looks as if it did not exist."""
    if not sees(actor, asked.source):
        raise NotFound(
            f"There is no cluster {asked.source!r}", hint="The cluster switch lists all that you may see."
        )
    require_both(actor, Action.FLOW_EDIT, asked)


def require_both(actor: Actor, action: Action, asked: FlowRequest) -> None:
    """A flow reads one cluster and writes another: who may not on both, may not at all."""
    demand_both(actor, action, asked.source, asked.target)


def plan_create(asked: FlowRequest, leaving: FlowRequest | None = None) -> Plan:
    """`leaving`: a flow that goes before this one comes, and so is no obstacle."""
    source, target = ends(asked)
    mends = selectors.is_mended(asked, target)
    others = selectors.existing(asked if mends else leaving)
    refusals = flows.refusals(asked, selectors.facts_of(source), selectors.facts_of(target), others)
    worker = worker_selectors.worker_if_any(target)
    status = worker_selectors.status_of(target)
    alive = status is not None and status.state in bundled.ALIVE
    ready = status is not None and status.state is bundled.ProcessState.RUNNING
    state = FlowState(
        worker=worker.process_name if worker and ready else "",
        starting=alive and not ready,
        worker_exactly_once=worker.exactly_once if worker else False,
        outside=target.external,
        begun=selectors.flow_if_any(asked.source, asked.target) is not None,
        mends=mends,
        refusals=refusals,
    )
    if refusals or not state.worker:
        return plans.plan_create(asked, state, (), {})
    missing = copying.lacking(source, target)
    state = replace(
        state,
        copied=selectors.copied(asked, source, target),
        groups=selectors.groups(asked, source),
        users=() if asked.copy_users else missing.user_names,
        quotas=() if asked.copy_quotas else missing.quota_names,
        looked=True,
    )
    parts = _parts(asked, source, target, missing)
    way, _ = source_reach(asked, source, password="")
    return plans.plan_create(asked, state, parts.of(asked), connectors_of(asked, _ends(asked, target, way)))


def _parts(asked: FlowRequest, source: Cluster, target: Cluster, missing: copying.Lacking) -> _Parts:
    """`missing`: what the target lacks, of which that is made which was asked for."""
    own = None if source.external else user_of(asked)
    user = on_source = None
    if own:
        credentials = SetCredentials(own, (MECHANISM,))
        # Rights alone may be left over, or have come with the ACLs of topics that a flow follows.
        known = bool(user_state(source, own).credentials)
        user = (
            users.plan_rotate(source, credentials)
            if known
            else users.plan_create(source, credentials, rights_come=True)
        )
        on_source = acls.plan_grant(source, rights.on_source(asked, f"User:{own}"))
    wanted = copying.Lacking(
        missing.users if asked.copy_users else (), missing.quotas if asked.copy_quotas else ()
    )
    return _Parts(
        user,
        on_source,
        # Into an external one the worker comes as Kastellan does, with the rights that were given there.
        None if target.external else acls.plan_grant(target, rights.on_target(asked, workers.PRINCIPAL)),
        wanted,
        copying.plan_parts(target, wanted),
    )


def source_reach(asked: FlowRequest, source: Cluster, password: str) -> tuple[Reach, bool]:
    """How the connectors reach the source, and whether by the flow's own user."""

    def reference(name: str) -> str:
        return workers.secret_reference(asked.target, owner_of(asked), name)

    if source.external:
        return reach(connection_for(source), reference), False
    spec = bundled.bundled_cluster(source.name)
    tls = Tls(cafile=str(workers.trusted_roots(spec)))
    way = KafkaConnection(bundled.bootstrap(spec, "SASL_SSL"), ScramTls(user_of(asked), password, tls=tls))
    return reach(way, reference), True


def trust_of(source: Cluster) -> str:
    """The roots that end in its brokers' certificates, by their SHA-256; empty of an external one, whose are registered."""
    if source.external:
        return ""
    roots = workers.trusted_roots(bundled.bundled_cluster(source.name))
    return hashlib.sha256(roots.read_bytes()).hexdigest()


def _ends(asked: FlowRequest, target: Cluster, way: Reach) -> Ends:
    return Ends(way.settings, workers.own_cluster(worker_selectors.worker_of(target)))


def _nobody(issued: Issued) -> None:
    """Hears no password: there is none to hear."""


def apply_create(
    actor: Actor,
    asked: FlowRequest,
    plan: Plan,
    begin: making.Begin | None = None,
    told: Callable[[Issued], None] = _nobody,
) -> Flow:
    """`told` gets the password of each user that is made in the target: after all else, since it is known only once."""
    require_both(actor, Action.FLOW_EDIT, asked)
    source, target = ends(asked)
    mends = selectors.is_mended(asked, target)
    parts = _parts(asked, source, target, copying.lacking(source, target))
    password = users.generate_password()
    with operation(
        actor,
        plan.action,
        cluster=target.name,
        target=asked.name,
        plan=plan,
        needs=_needs(parts),
    ) as entry:
        flow = _row(actor, asked, mends=mends)
        # Before they start: what changes in between is followed.
        flow.trust = trust_of(source)
        if parts.user or parts.on_source:
            _prepare_source(actor, asked, source, parts, password)
        way, own = source_reach(asked, source, password)
        workers.store_secrets(target.name, owner_of(asked), way.secrets)
        if parts.on_target is not None:
            acls.carry_out(target, parts.on_target)
        connect = connect_to(target)
        making.carry_out(connect, asked, connectors_of(asked, _ends(asked, target, way)), begin)
        flow.anchors = begin.anchors if begin else flow.anchors
        flow.user, flow.complete = (user_of(asked) if own else ""), True
        flow.save(update_fields=["user", "complete", "anchors", "trust"])
        entry.note(user=flow.user)
        verify("its connectors run", lambda: _runs(asked, target), seconds=RUNS_SECONDS)
        copying.carry_out(entry, target, parts.lacking, told)
    return flow


def _needs(parts: _Parts) -> tuple[Action, ...]:
    copied = ((parts.lacking.users, Action.KAFKA_USER_EDIT), (parts.lacking.quotas, Action.QUOTA_EDIT))
    return (Action.ACL_EDIT, *(action for wanted, action in copied if wanted))


def _row(actor: Actor, asked: FlowRequest, *, mends: bool) -> Flow:
    """Before anything is made: what is broken off can be seen, gone on with and deleted."""
    flow, _ = Flow.objects.get_or_create(
        source=asked.source,
        target=asked.target,
        defaults={"created_at": timezone.now(), "created_by": actor.name[:240]},
    )
    # Of two who mend it at once the second finds it begun, and goes on with it as with any other.
    if flow.complete and not mends:
        raise Conflict(f"There is a flow {asked.name}", hint="Somebody made it a moment ago.")
    flow.complete = False
    flow.remember(asked)
    flow.save(update_fields=["request", "complete"])
    return flow


def _prepare_source(actor: Actor, asked: FlowRequest, source: Cluster, parts: _Parts, password: str) -> None:
    needs = (Action.KAFKA_USER_EDIT, Action.ACL_EDIT)
    with operation(
        actor,
        Action.FLOW_EDIT,
        cluster=source.name,
        also=asked.target,
        target=asked.name,
        needs=needs,
    ) as entry:
        entry.note(user=user_of(asked))
        if parts.on_source is not None:
            acls.carry_out(source, parts.on_source)
        users.set_credentials(entry, source, SetCredentials(user_of(asked), (MECHANISM,)), password)


def connect_to(target: Cluster) -> ConnectApi:
    found = selectors.connect_of(target)
    if found is None:
        raise Conflict(f"{target.title} has no Connect worker", hint="Start one first.")
    return found


def _runs(asked: FlowRequest, target: Cluster) -> bool:
    health = selectors.health(asked, target)
    return health.state == "running"


def states(asked: FlowRequest, target: Cluster) -> dict[str, str]:
    health = selectors.health(asked, target)
    if health.error:
        raise Conflict(health.error, hint="Start the worker first; then plan it again.")
    return {status.name: status.state.value for status in health.statuses.values()}


def plan_act(flow: Flow, act: FlowAct) -> Plan:
    asked = flow.asked
    return plans.plan_act(act, asked, states(asked, ends(asked)[1]), selectors.moved_at(flow))


def apply_act(actor: Actor, flow: Flow, act: FlowAct, plan: Plan) -> None:
    asked = flow.asked
    _, target = ends(asked)
    require_both(actor, Action.FLOW_OPERATE, asked)
    with operation(actor, plan.action, cluster=target.name, target=asked.name, plan=plan) as entry:
        entry.note(act=act.value)
        connect = connect_to(target)
        does: dict[FlowAct, Callable[[str], None]] = {
            FlowAct.PAUSE: connect.pause,
            FlowAct.RESUME: connect.resume,
            FlowAct.RESTART: connect.restart,
        }
        names = list(states(asked, target))
        for name in names:
            does[act](name)
        wanted = State.PAUSED if act is FlowAct.PAUSE else State.RUNNING
        verify(
            f"every connector is {wanted.value.lower()}",
            lambda: all(connect.status(name).state is wanted for name in names),
            seconds=RUNS_SECONDS,
        )


def plan_delete(flow: Flow) -> Plan:
    asked = flow.asked
    _, target = ends(asked)
    found = _removed(flow)
    left = selectors.left_by_failovers(flow)
    return plans.plan_delete(asked, states(asked, target), found.of(asked), left)


def _removed(flow: Flow) -> _Parts:
    """What was made for the flow alone, as far as it is there still."""
    asked = flow.asked
    source, target = ends(asked)
    own = user_of(asked)
    user = None
    if not source.external and user_state(source, own).exists:
        user = users.plan_delete(source, DeleteUser(own, (MECHANISM,), acls=True))
    # Rights that another flow into the same target has as well stay with it.
    others = [each.asked for each in Flow.objects.filter(target=asked.target).exclude(pk=flow.pk)]
    kept = {acl for each in others for acl in rights.on_target(each, workers.PRINCIPAL)}
    there = set() if target.external else set(acl_selectors.bindings(target))
    gone = tuple(acl for acl in rights.on_target(asked, workers.PRINCIPAL) if acl in there - kept)
    return _Parts(user, None, acls.plan_delete(target, gone) if gone else None)


def apply_delete(actor: Actor, flow: Flow, plan: Plan) -> None:
    """Connectors first: nobody reads while rights are taken away. Offsets stay, so that a flow made again goes on."""
    asked = flow.asked
    require_both(actor, Action.FLOW_EDIT, asked)
    source, target = ends(asked)
    found = _removed(flow)
    needs = (Action.ACL_EDIT, Action.KAFKA_USER_EDIT)
    with operation(actor, plan.action, cluster=target.name, target=asked.name, plan=plan, needs=needs):
        connect = connect_to(target)
        for name in states(asked, target):
            try:
                connect.delete(name)
            except NotThere:
                continue
        verify("its connectors are gone", lambda: not states(asked, target), seconds=RUNS_SECONDS)
        if found.on_target is not None:
            acls.carry_out(target, found.on_target)
        if found.user is not None:
            users.apply_delete(actor, source, DeleteUser(user_of(asked), (MECHANISM,), acls=True), found.user)
        workers.forget_secrets(target.name, owner_of(asked))
        flow.delete()
