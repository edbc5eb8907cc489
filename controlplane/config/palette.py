"""The command palette: pages, actions and objects that this actor may open, best match first.

Words are matched one by one, so that `delete orders` finds the action Delete on the topic orders, and `orders delete` too.
An action that still needs its object (`Delete topic …`) is offered with the text to go on typing after.
"""

from __future__ import annotations

from collections.abc import Iterator

from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from controlplane.clusters import selectors
from controlplane.config.palette_items import Item, general, objects, of_account, of_cluster
from controlplane.config.palette_verbs import on_objects
from controlplane.core.access import Action, can
from controlplane.core.actors import actor_of

LIMIT = 20


@require_safe
def palette(request: HttpRequest) -> JsonResponse:
    query = " ".join(request.GET.get("q", "").lower().split())[:200]
    found = dict.fromkeys(_matching(request, query))  # of two clusters, one prompt
    items = sorted(found, key=lambda item: rank(item.label, query))
    return JsonResponse({"items": [item.to_json() for item in items[:LIMIT]]})


def rank(label: str, query: str) -> tuple[int, int, str]:
    """Equal, beginning, inside as a whole, inside word by word, by other words; shorter first."""
    lower = label.lower()
    if lower == query:
        place = 0
    elif lower.startswith(query):
        place = 1
    elif query in lower:
        place = 2
    else:
        place = 3 if all(word in lower for word in query.split()) else 4
    return (place, len(lower), lower)


def _matching(request: HttpRequest, query: str) -> Iterator[Item]:
    actor, words = actor_of(request), query.split()
    visible = [row for row in selectors.clusters() if can(actor, Action.CLUSTER_VIEW, row.name).allowed]
    current = request.session.get("cluster")
    for cluster in visible:
        suffix = "" if cluster.name == current or len(visible) == 1 else f" ({cluster.title})"
        yield from (item for item in of_cluster(actor, cluster, suffix) if item.fits(words))
        if query:
            yield from objects(cluster, query)
            yield from on_objects(actor, cluster, words, suffix)
    yield from (item for item in general(actor) if item.fits(words))
    if query:
        yield from (item for item in of_account(actor) if item.fits(words))
