"""Connectors of replication flows among all others. A flow reads one cluster and writes another: whoever touches its
connectors needs, beside what connectors need anyhow, what the flow's own pages demand, on both clusters.

Who does not see both finds no such connector. Its name tells, whether it is there or not: so no answer tells either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from django.conf import settings
from django.utils.module_loading import import_string

from controlplane.clusters.models import Cluster
from controlplane.connect import selectors
from controlplane.connect.selectors import Connect, ConnectorRow
from controlplane.core.access import Action, Actor, can, sees
from controlplane.core.actors import demand_both
from controlplane.core.errors import Forbidden, NotFound
from controlplane.core.plans import Plan

#: What the flow needs for what is done to one of its connectors.
OF_FLOWS = {
    Action.CONNECTOR_OPERATE: Action.FLOW_OPERATE,
    Action.CONNECTOR_EDIT: Action.FLOW_EDIT,
}


def ends_of(connect: Connect, name: str) -> tuple[str, ...]:
    """Source and target of the flow whose connector has this name; empty where it is of none. Flows run on workers of ours."""
    return _ends(connect.worker, name) if connect.worker else ()


def _ends(worker: str, name: str) -> tuple[str, ...]:
    source_of: Callable[[str, str], str] = import_string(settings.SOURCE_OF_CONNECTOR)
    source = source_of(name, worker)
    return (source, worker) if source else ()


def is_shown(actor: Actor, connect: Connect, name: str) -> bool:
    """A worker may be registered beside a third cluster: there its flows are not shown at all."""
    ends = ends_of(connect, name)
    return not ends or (connect.cluster.name in ends and all(sees(actor, end) for end in ends))


def allows(actor: Actor, connect: Connect, name: str, action: Action) -> bool:
    """Whether a flow leaves it to this actor; always so of what is of no flow."""
    wanted = OF_FLOWS.get(action)
    ends = ends_of(connect, name)
    return wanted is None or all(can(actor, wanted, end).allowed for end in ends)


def require(actor: Actor, connect: Connect, name: str, action: Action) -> None:
    """Of a connector that is there, or is said to be."""
    if not is_shown(actor, connect, name):
        raise NotFound(f"There is no connector {name}", hint="Connect lists those that you may see.")
    _require_ends(actor, connect, name, action)


def require_name(actor: Actor, connect: Connect, name: str) -> None:
    """To make a connector, or to write over one: names of flows are theirs, and what is hidden is not written over."""
    _require_ends(actor, connect, name, Action.CONNECTOR_EDIT)
    if not is_shown(actor, connect, name):
        raise Forbidden(
            f"{name} is the name of a flow's connector", "Take another name.", action=Action.CONNECTOR_EDIT
        )


def _require_ends(actor: Actor, connect: Connect, name: str, action: Action) -> None:
    wanted, ends = OF_FLOWS.get(action), ends_of(connect, name)
    if wanted is not None and ends:
        demand_both(actor, wanted, *ends)


def reached(actor: Actor, cluster: Cluster, connect: str, name: str, action: Action) -> Connect:
    """The Connect cluster, for who may do this to this connector of it."""
    found = selectors.connect_of(cluster, connect)
    require(actor, found, name, action)
    return found


def rows(actor: Actor, connect: Connect, search: str = "") -> list[ConnectorRow]:
    return [row for row in selectors.rows(connect, search) if is_shown(actor, connect, row.name)]


def shown(actor: Actor, cluster: Cluster, names: Iterable[str]) -> list[str]:
    """Of connectors on the worker beside the cluster."""
    return [name for name in names if all(sees(actor, end) for end in _ends(cluster.name, name))]


def needs(connect: Connect, name: str, action: Action) -> tuple[Action, ...]:
    """Beside the action itself, for the operation that carries a plan out: it asks on both clusters that the plan names."""
    return (OF_FLOWS[action],) if action in OF_FLOWS and ends_of(connect, name) else ()


def about(connect: Connect, name: str, plan: Plan) -> Plan:
    """The plan with the other cluster that it is about."""
    others = [end for end in ends_of(connect, name) if end != connect.cluster.name]
    return replace(plan, also=others[0]) if others else plan
