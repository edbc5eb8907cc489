"""The command palette's index: pages, actions and objects that this actor may open, best match first.

Objects come from the snapshot, so that 5,000 of them answer within a key stroke.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.http import HttpRequest, JsonResponse
from django.shortcuts import resolve_url
from django.views.decorators.http import require_safe

from controlplane.certificates.selectors import certificates
from controlplane.clusters import selectors
from controlplane.clusters.models import Cluster
from controlplane.core.access import Action, Actor, can
from controlplane.core.actors import actor_of
from controlplane.manual.selectors import library

LIMIT = 20
OBJECTS = 12


@dataclass(frozen=True, slots=True)
class Item:
    label: str
    kind: str
    url: str


@require_safe
def palette(request: HttpRequest) -> JsonResponse:
    query = request.GET.get("q", "").strip().lower()[:200]
    items = sorted(_matching(request, query), key=lambda item: rank(item.label, query))
    return JsonResponse({"items": [{"label": i.label, "kind": i.kind, "url": i.url} for i in items[:LIMIT]]})


def rank(label: str, query: str) -> tuple[int, int, str]:
    """Equal, then beginning, then inside; shorter first."""
    lower = label.lower()
    place = 0 if lower == query else 1 if lower.startswith(query) else 2
    return (place, len(lower), lower)


def _matching(request: HttpRequest, query: str) -> Iterator[Item]:
    actor = actor_of(request)
    current = request.session.get("cluster")
    for cluster in selectors.clusters():
        if not can(actor, Action.CLUSTER_VIEW, cluster.name).allowed:
            continue
        here = cluster.name == current or current is None
        yield from (item for item in _pages(actor, cluster, here=here) if query in item.label.lower())
        if query:
            yield from _objects(cluster, query)
    yield from (item for item in _general(actor) if query in item.label.lower())


def _pages(actor: Actor, cluster: Cluster, *, here: bool) -> Iterator[Item]:
    suffix = "" if here else f" ({cluster.title})"
    name = cluster.name
    for label, view in (
        ("Dashboard", "clusters:dashboard"),
        ("Brokers", "clusters:brokers"),
        ("Topics", "topics:list"),
        ("Consumer groups", "groups:list"),
        ("ACLs", "acls:list"),
        ("ACLs: explain who may do what", "acls:explain"),
        ("ACLs: recent denials", "acls:denials"),
        ("Metrics", "metrics:page"),
        ("Users (SCRAM)", "kafka_users:list"),
        ("Certificates", "certificates:list"),
        ("Certificate authorities", "certificates:authorities"),
        ("Certificate expiry", "certificates:expiry"),
        ("Quotas", "quotas:list"),
        ("Service accounts", "service_accounts:list"),
        ("Quotas: clients", "quotas:clients"),
        ("Effective quota of a client", "quotas:effective"),
    ):
        yield Item(label + suffix, "page", resolve_url(view, name))
    if can(actor, Action.TOPIC_CREATE, name).allowed:
        yield Item(f"Create topic{suffix}", "action", resolve_url("topics:create", name))
    if can(actor, Action.SERVICE_ACCOUNT_EDIT, name).allowed:
        yield Item(f"Create service account{suffix}", "action", resolve_url("service_accounts:create", name))
    if can(actor, Action.QUOTA_EDIT, name).allowed:
        yield Item(f"Set quota{suffix}", "action", resolve_url("quotas:set", name))
    if can(actor, Action.KAFKA_USER_EDIT, name).allowed:
        yield Item(f"Create SCRAM user{suffix}", "action", resolve_url("kafka_users:create", name))
    if can(actor, Action.CERTIFICATE_ISSUE, name).allowed:
        yield Item(f"Issue certificate{suffix}", "action", resolve_url("certificates:issue", name))
    if can(actor, Action.ACL_EDIT, name).allowed:
        yield Item(f"Create ACLs{suffix}", "action", resolve_url("acls:create", name))


def _objects(cluster: Cluster, query: str) -> Iterator[Item]:
    for name in selectors.topics(cluster, search=query).values_list("name", flat=True)[:OBJECTS]:
        yield Item(name, "topic", resolve_url("topics:detail", cluster.name, name))
    for group in selectors.groups(cluster, search=query).values_list("group", flat=True)[:OBJECTS]:
        yield Item(group, "consumer group", resolve_url("groups:detail", cluster.name, group))
    for serial, name in certificates(cluster, search=query).values_list("serial", "common_name")[:OBJECTS]:
        yield Item(name, "certificate", resolve_url("certificates:detail", cluster.name, serial))
    for broker in selectors.brokers(cluster).values_list("broker_id", flat=True):
        if query in f"broker {broker}":
            yield Item(f"Broker {broker}", "broker", resolve_url("clusters:broker", cluster.name, broker))


def _general(actor: Actor) -> Iterator[Item]:
    yield Item("Operations", "page", resolve_url("audit:list"))
    yield Item("Jobs", "page", resolve_url("jobs:list"))
    yield Item("My account", "page", resolve_url("accounts:account"))
    yield Item("API tokens", "page", resolve_url("accounts:tokens"))
    yield Item("API reference", "page", resolve_url("api:docs"))
    if can(actor, Action.USER_MANAGE, None).allowed:
        yield Item("Users and roles", "page", resolve_url("accounts:users"))
    for document in library().documents:
        yield Item(f"Manual: {document.title}", "manual", document.url)
