"""Who may change what: an object of one cluster by that cluster's operators, one of every cluster by those of all."""

from __future__ import annotations

from controlplane.clusters.models import Cluster
from controlplane.core.access import EVERY_CLUSTER, Action, Actor, can
from controlplane.core.errors import Forbidden, Invalid


def require(actor: Actor, action: Action, cluster: str) -> None:
    """`cluster` empty: every cluster."""
    decision = can(actor, action, cluster or EVERY_CLUSTER)
    if not decision.allowed:
        raise Forbidden(decision.reason, action=action, cluster=cluster or None)


def known_cluster(name: str) -> str:
    if name and not Cluster.objects.filter(name=name).exists():
        raise Invalid(fields={"cluster": [f"There is no cluster {name!r}; empty means every cluster."]})
    return name


def visible_clusters(actor: Actor) -> list[str]:
    names = Cluster.objects.values_list("name", flat=True)
    return [name for name in names if can(actor, Action.ALERT_VIEW, name).allowed]


def sees_all(actor: Actor) -> bool:
    return can(actor, Action.ALERT_VIEW, EVERY_CLUSTER).allowed
