"""Registering, changing and removing clusters: plan with a real connection, apply, verify, record.

1. The plan connects with what was given; without an answer there is no cluster id, and no registration.
2. Applying stores the row, its secrets sealed, and reads the cluster through the gateway that everybody will use.
3. What that does not confirm is taken back.
"""

from __future__ import annotations

from django.db import IntegrityError, transaction

from controlplane.accounts.models import RoleGrant
from controlplane.audit.services import operation
from controlplane.clusters import connections, selectors, services, trying
from controlplane.clusters.logic import registration_plans
from controlplane.clusters.logic.connection_steps import Report
from controlplane.clusters.logic.connections import (
    ClusterRequest,
    ConnectionRequest,
    Problems,
    bound_to,
    problems,
)
from controlplane.clusters.logic.registration_plans import Found, Goes, Registered
from controlplane.clusters.models import Cluster, ExternalConnection, Kind, SnapshotPart
from controlplane.clusters.snapshots import PARTS
from controlplane.core.access import Action, Actor
from controlplane.core.errors import Conflict, Invalid, NotFound, NotVerified, StateChanged
from controlplane.core.plans import Json, Plan, Refusal
from controlplane.gateways import broker as bundled
from controlplane.gateways.errors import GatewayError


def row_of(cluster: Cluster) -> ExternalConnection | None:
    return connections.connection_row(cluster) if cluster.external else None


def external_row(cluster: Cluster) -> ExternalConnection:
    row = row_of(cluster)
    if row is None:
        raise NotFound(
            f"{cluster.title} is a bundled cluster",
            hint="Kastellan runs its brokers and knows its own way to them.",
        )
    return row


def registered(cluster: Cluster) -> Registered:
    row = row_of(cluster)
    asked = connections.request_of(row) if row else None
    return Registered(
        ClusterRequest(cluster.name, cluster.title, cluster.colour, asked),
        connections.held_of(row),
        cluster.cluster_id,
        row.version if row else 0,
    )


def check(request: ClusterRequest, row: ExternalConnection | None = None) -> Problems:
    """What can be said without connecting."""
    return problems(request.connection, connections.held_of(row)) if request.connection else {}


def _checked(request: ClusterRequest, row: ExternalConnection | None = None) -> None:
    found = check(request, row)
    if found:
        raise Invalid(fields=found)


def try_connection(request: ConnectionRequest, row: ExternalConnection | None = None) -> Report:
    found = problems(request, connections.held_of(row))
    if found:
        raise Invalid(fields=found)
    return trying.report_on(connections.tried(request, row))


def plan_register(request: ClusterRequest) -> Plan:
    _checked(request)
    taken = {*Cluster.objects.values_list("name", flat=True), *(s.name for s in bundled.bundled_clusters())}
    asked = request.connection or ConnectionRequest()
    return registration_plans.plan_register(request, _ask(asked, None), taken_names=taken)


def _ask(asked: ConnectionRequest, cluster: Cluster | None) -> Found:
    """Who answers there. `cluster` is the one that is changed; None for a new one."""
    found = trying.diagnose(connections.tried(asked, row_of(cluster) if cluster else None))
    if not found.ok:
        return Found(refusal=Refusal(f"connection_{found.cause}", found.what, found.hint))
    if not found.cluster_id:
        return Found(
            refusal=Refusal(
                "connection_id", "The cluster does not tell its id", "Kafka has one since 0.10.1."
            )
        )
    others = Cluster.objects.filter(cluster_id=found.cluster_id)
    other = others.exclude(pk=cluster.pk).first() if cluster else others.first()
    return Found(found.cluster_id, taken_by=other.title if other else "")


def apply_register(actor: Actor, request: ClusterRequest, plan: Plan) -> Cluster:
    with operation(actor, Action.CLUSTER_MANAGE, cluster=request.name, target=request.name, plan=plan):
        cluster = _create(request)
        try:
            cluster_id = services.gateway_for(cluster).describe_cluster().cluster_id
        except GatewayError:
            _forget(cluster)
            raise
        if Cluster.objects.filter(cluster_id=cluster_id).exclude(pk=cluster.pk).exists():
            _forget(cluster)
            raise Conflict("This cluster was registered a moment ago by somebody else", "The list has it.")
        Cluster.objects.filter(pk=cluster.pk).update(cluster_id=cluster_id)
    cluster.refresh_from_db()
    # The rest is read in the background; what the cluster is made of is on its first page.
    services.refresh(cluster, [part for part in PARTS if part.name == SnapshotPart.BROKERS])
    return cluster


def _create(request: ClusterRequest) -> Cluster:
    try:
        with transaction.atomic():
            cluster = Cluster.objects.create(
                name=request.name, title=request.title, colour=request.colour, kind=Kind.EXTERNAL
            )
            connections.store(cluster, request.connection or ConnectionRequest())
    except IntegrityError:
        raise Conflict(f"There is a cluster {request.name}", "Take another name.") from None
    return cluster


def _forget(cluster: Cluster) -> None:
    services.close_gateway(cluster)
    Cluster.objects.filter(pk=cluster.pk).delete()


def plan_alter(cluster: Cluster, request: ClusterRequest) -> Plan:
    """Only what changes the way to the cluster is tried: a title can be changed while it is down."""
    row, now = row_of(cluster), registered(cluster)
    _checked(request, row)
    asked, before = request.connection, now.request.connection
    moved = asked is not None and before is not None and _moves(asked, before)
    found = _ask(asked, cluster) if moved and asked else Found()
    return registration_plans.plan_alter(now, request, found)


def _moves(asked: ConnectionRequest, before: ConnectionRequest) -> bool:
    ways = [(*bound_to(each), each.certificate_pem, each.allow_private) for each in (asked, before)]
    return ways[0] != ways[1] or asked.key_pem is not None or asked.password is not None


def apply_alter(actor: Actor, cluster: Cluster, request: ClusterRequest, plan: Plan) -> Cluster:
    before: Json = dict(registered(cluster).document)
    with operation(
        actor, Action.CLUSTER_MANAGE, cluster=cluster.name, target=cluster.name, plan=plan, before=before
    ):
        with transaction.atomic():
            locked = Cluster.objects.select_for_update().get(pk=cluster.pk)
            if registered(locked).digest != plan.digest:
                raise StateChanged(f"{cluster.title} was changed a moment ago by somebody else")
            Cluster.objects.filter(pk=cluster.pk).update(title=request.title, colour=request.colour)
            if request.connection is not None:
                connections.store(locked, request.connection, row_of(locked))
        if request.connection is not None and _reconnects(plan):
            _verify(cluster)
    cluster.refresh_from_db()
    return cluster


def _reconnects(plan: Plan) -> bool:
    ours = {"title", "colour", "probe"}
    return any(change.field not in ours for step in plan.steps for change in step.changes)


def _verify(cluster: Cluster) -> None:
    """The plan connected with the same settings a moment ago, so the new ones stay whatever this says."""
    try:
        found = services.gateway_for(Cluster.objects.get(pk=cluster.pk)).describe_cluster().cluster_id
    except GatewayError as error:
        raise NotVerified(
            f"The change is stored, but {cluster.title} does not answer: {error.what}", error.hint
        ) from error
    if found != cluster.cluster_id:
        raise NotVerified(f"The change is stored, but another cluster answers: {found}", "Change it back.")


def plan_remove(cluster: Cluster) -> Plan:
    return registration_plans.plan_remove(
        registered(cluster),
        goes(cluster),
        bundled=not cluster.external,
        needed_by=selectors.needed_by(cluster),
    )


def goes(cluster: Cluster) -> tuple[Goes, ...]:
    """What is lost with the registration, and what stays."""
    found = []
    for part, rows in (("topics", selectors.topics(cluster)), ("groups", selectors.groups(cluster))):
        if count := rows.count():
            found.append(Goes("list", f"{count} {part}", "as last read; Kafka keeps them"))
    for related in Cluster._meta.related_objects:
        model = related.field.model._meta
        if model.app_label == Cluster._meta.app_label:
            continue
        if count := related.field.model._default_manager.filter(**{related.field.name: cluster}).count():
            found.append(Goes(str(model.verbose_name_plural), str(count), "deleted with it"))
    if grants := RoleGrant.objects.filter(cluster=cluster.name).count():
        found.append(Goes("roles", f"{grants} on this cluster alone", "taken away: they are by name"))
    found.append(Goes("metric history", cluster.name, "is no longer shown, and ages out"))
    found.append(Goes("operations", "the audit", "stays as it is"))
    return tuple(found)


def apply_remove(actor: Actor, cluster: Cluster, plan: Plan) -> None:
    before: Json = dict(registered(cluster).document)
    with operation(
        actor, Action.CLUSTER_MANAGE, cluster=cluster.name, target=cluster.name, plan=plan, before=before,
        atomic=True,
    ):  # fmt: skip
        locked = Cluster.objects.select_for_update().filter(pk=cluster.pk).first()
        if locked is None or registered(locked).digest != plan.digest:
            raise StateChanged(f"{cluster.title} was changed a moment ago by somebody else")
        # A role is by name: whoever had one here must not get it on the next cluster of that name.
        RoleGrant.objects.filter(cluster=cluster.name).delete()
        locked.delete()
    services.close_gateway(cluster)
