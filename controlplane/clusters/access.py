"""The first line of every view of a cluster: which cluster, and may this actor do this there.

A cluster that the actor may not see answers 404, as one that does not exist: names are not leaked.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.http import HttpRequest, HttpResponse

from controlplane.accounts.services import actor_of
from controlplane.clusters import selectors
from controlplane.clusters.models import Cluster
from controlplane.core.access import Action, can, sees
from controlplane.core.actors import demand
from controlplane.core.errors import NotFound

P = ParamSpec("P")
ClusterView = Callable[Concatenate[HttpRequest, Cluster, P], HttpResponse]


def cluster_view(action: Action) -> Callable[[ClusterView[P]], Callable[..., HttpResponse]]:
    """Turns `view(request, cluster: Cluster, …)` into one that takes the cluster's name from the URL."""

    def decorate(view: ClusterView[P]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def guarded(request: HttpRequest, cluster: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            found = require(request, action, cluster)
            return view(request, found, *args, **kwargs)

        guarded.action = action  # type: ignore[attr-defined]  # read by the authorisation matrix test
        return guarded

    return decorate


def require(request: HttpRequest, action: Action, name: str) -> Cluster:
    actor = actor_of(request)
    if not sees(actor, name):
        raise NotFound(f"There is no cluster {name!r}", hint="The cluster switch lists all that you may see.")
    found = selectors.get_cluster(name)
    demand(actor, action, name)
    return found


def allowed(request: HttpRequest, cluster: Cluster, *actions: Action) -> dict[str, bool]:
    """For templates: which buttons to offer, keyed by the action's last word (`topic.edit` → `edit`)."""
    actor = actor_of(request)
    return {action.value.rpartition(".")[2]: can(actor, action, cluster.name).allowed for action in actions}
