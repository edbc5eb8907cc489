"""Flows follow the registrations of external clusters: where an address, a password or a key was changed there, their
connectors learn of it; and the authorities of bundled sources, whose roots a client reads once, when it starts. Else a flow
would go on with what was true on the day when it was made, until it fails.
"""

from __future__ import annotations

from collections.abc import Mapping

from controlplane.audit.services import operation
from controlplane.clusters.models import Cluster
from controlplane.core.access import SYSTEM, Action
from controlplane.gateways import workers
from controlplane.gateways.connect import ConnectApi, State
from controlplane.replication import selectors, services
from controlplane.replication.logic.connectors import Ends, registered_anew
from controlplane.replication.models import Flow
from controlplane.workers import selectors as worker_selectors


def follow(flow: Flow) -> bool:
    """Whether something was changed. Raises GatewayError where the worker does not answer: it is tried again."""
    asked = flow.asked
    source, target = services.ends(asked)
    worker = worker_selectors.worker_if_any(target)
    connect = selectors.connect_of(target)
    if worker is None or connect is None:
        return False
    distrusts = _follow_trust(flow, source, target, connect)
    if not (source.external or target.external):
        return distrusts
    way, _ = services.source_reach(asked, source, password="")
    ends = Ends(
        way.settings if source.external else {},
        workers.own_cluster(worker) if target.external else {},
    )
    owner = services.owner_of(asked)
    secrets = dict(way.secrets) if source.external else {}
    anew = bool(secrets) and workers.stored_secrets(target.name, owner) != secrets
    changed = _changed(connect, flow, target, ends)
    if not anew and not changed:
        return distrusts
    with operation(
        SYSTEM, Action.FLOW_EDIT, cluster=target.name, also=source.name, target=asked.name
    ) as entry:
        entry.note(why="a registration was changed", connectors=[*sorted(changed)], secrets=anew)
        if anew:
            workers.store_secrets(target.name, owner, secrets)
        for name in selectors.health(asked, target).by_name:
            if name in changed:
                connect.put_config(name, changed[name])
        # Secrets are read when a connector starts.
        _start_anew(flow, target, connect)
    return True


def _follow_trust(flow: Flow, source: Cluster, target: Cluster, connect: ConnectApi) -> bool:
    trust = services.trust_of(source)
    if trust == flow.trust:
        return False
    with operation(
        SYSTEM, Action.FLOW_EDIT, cluster=target.name, also=source.name, target=flow.asked.name
    ) as entry:
        entry.note(why=f"brokers of {source.name} are trusted by other authorities than before")
        _start_anew(flow, target, connect)
        flow.trust = trust
        flow.save(update_fields=["trust"])
    return True


def _start_anew(flow: Flow, target: Cluster, connect: ConnectApi) -> None:
    """Also what is paused, which would go on with the clients that it has; what was stopped has none."""
    for name, status in selectors.health(flow.asked, target).by_name.items():
        if status.state is not State.STOPPED:
            connect.restart(name)


def _changed(connect: ConnectApi, flow: Flow, target: Cluster, ends: Ends) -> Mapping[str, dict[str, str]]:
    """Connectors whose settings do not say how the external ends are reached now, with those that do."""
    found: dict[str, dict[str, str]] = {}
    for name in selectors.health(flow.asked, target).by_name:
        config = connect.config(name)
        wanted = registered_anew(config, ends)
        if wanted != config:
            found[name] = wanted
    return found
