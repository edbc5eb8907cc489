"""What every page's frame needs: menu with counts, cluster switch, theme, the actor and what they may open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.conf import settings
from django.http import HttpRequest
from django.shortcuts import resolve_url

from controlplane.accounts.services import actor_of, preferences_of
from controlplane.alerts import present as alerts
from controlplane.clusters import selectors
from controlplane.clusters.models import Cluster
from controlplane.core.access import Action, Actor, can
from controlplane.jobs.pages import activity_of

METRICS = "controlplane.metrics"
#: Pages of the list of clusters, wherever their addresses stand.
REGISTRATION = frozenset(
    {
        "cluster_list",
        "cluster_add",
        *(f"clusters:{name}" for name in ("connection", "connection_edit", "connection_test", "remove")),
    }
)


@dataclass(frozen=True, slots=True)
class NavItem:
    label: str
    url: str
    icon: str
    count: int | None = None
    current: bool = False


@dataclass(frozen=True, slots=True)
class NavGroup:
    label: str
    items: tuple[NavItem, ...]


def frame(request: HttpRequest) -> dict[str, Any]:
    actor = actor_of(request)
    if actor.kind == "anonymous":
        return {
            "actor": actor,
            "insecure": settings.INSECURE,
            "theme": request.COOKIES.get("theme", "system"),
            "density": "compact",
        }
    clusters = [row for row in selectors.clusters() if can(actor, Action.CLUSTER_VIEW, row.name).allowed]
    current = _current(request, clusters)
    preferences = preferences_of(request)
    return {
        "actor": actor,
        "insecure": settings.INSECURE,
        "clusters": clusters,
        "current_cluster": current,
        "activity": activity_of(actor) if can(actor, Action.JOB_VIEW, None).allowed else None,
        "nav": tuple(_groups(request, current, actor)),
        "theme": preferences.theme,
        "density": preferences.density,
        "shortcuts": preferences.shortcuts,
        "time_zone": preferences.time_zone,
        "manages_clusters": can(actor, Action.CLUSTER_MANAGE, None).allowed,
        "manages_users": can(actor, Action.USER_MANAGE, None).allowed,
    }


def _current(request: HttpRequest, clusters: list[Cluster]) -> Cluster | None:
    match = request.resolver_match
    name = match.kwargs.get("cluster") if match else None
    if name is None:
        name = request.session.get("cluster")
    else:
        request.session["cluster"] = name
    return next((row for row in clusters if row.name == name), selectors.first_of(clusters))


def _groups(request: HttpRequest, cluster: Cluster | None, actor: Actor) -> list[NavGroup]:
    path = request.path
    groups = []
    if cluster is not None:
        groups.append(NavGroup("", _cluster_items(path, cluster)))
        groups.append(NavGroup("Security", _security_items(path, cluster)))
    operate = [_item(path, "Operations", "audit:list", "operation")]
    operate.append(
        NavItem("Clusters", resolve_url("cluster_list"), "broker", current=_is_registration(request))
    )
    operate.append(_item(path, "Settings", "accounts:account", "settings", prefix="/settings/"))
    operate.append(_item(path, "Manual", "manual:index", "manual"))
    groups.append(NavGroup("Operate", tuple(operate)))
    return groups


def _is_registration(request: HttpRequest) -> bool:
    match = request.resolver_match
    return match is not None and match.view_name in REGISTRATION


def _cluster_items(path: str, cluster: Cluster) -> tuple[NavItem, ...]:
    facts = selectors.facts(cluster)
    # What the list shows: Kafka's own topics are hidden there unless asked for.
    listed = facts.topics - facts.internal_topics
    home = resolve_url("clusters:dashboard", cluster.name)
    return (
        NavItem("Dashboard", home, "dashboard", current=path == home),
        _item(path, "Brokers", "clusters:brokers", "broker", cluster.name, count=facts.brokers),
        _item(path, "Topics", "topics:list", "topic", cluster.name, count=listed),
        _item(path, "Consumer groups", "groups:list", "group", cluster.name, count=facts.groups),
        # A page appears in the menu only when it works.
        *(
            (_item(path, "Metrics", "metrics:page", "metrics", cluster.name),)
            if apps.is_installed(METRICS)
            else ()
        ),
        # The pages of the worker that is ours are `connect-worker/`.
        _item(path, "Connect", "connect:list", "connect", cluster.name, prefix=f"{home}connect"),
        *(
            (_item(path, "Replication", "replication:list", "replication", cluster.name),)
            if _several()
            else ()
        ),
        _item(
            path, "Alerts", "alerts:list", "alert", cluster.name, count=alerts.open_counts(cluster)[0] or None
        ),
    )


def _several() -> bool:
    """A page appears in the menu only when it can be of use: replication needs two clusters."""
    return selectors.clusters().count() > 1


def _security_items(path: str, cluster: Cluster) -> tuple[NavItem, ...]:
    """In the order Users, ACLs, Certificates, Quotas; what composes them last."""
    items = (
        ("Users", "kafka_users:list", "user"),
        ("ACLs", "acls:list", "lock"),
        # Of an external cluster we issue none: what is left of these pages is when what it presents ends.
        ("Certificates", "certificates:expiry" if cluster.external else "certificates:list", "certificate"),
        ("Quotas", "quotas:list", "quota"),
        ("Service accounts", "service_accounts:list", "key"),
    )
    return tuple(_item(path, label, name, icon, cluster.name) for label, name, icon in items)


def _item(
    path: str, label: str, name: str, icon: str, *args: str, count: int | None = None, prefix: str = ""
) -> NavItem:
    url = resolve_url(name, *args)
    return NavItem(label, url, icon, count, current=path.startswith(prefix or url))
