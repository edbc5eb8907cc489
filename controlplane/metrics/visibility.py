"""Series of flows from clusters that somebody does not see: they name the cluster and its topics, as the flow itself does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

from django.conf import settings
from django.utils.module_loading import import_string

from controlplane.core.access import EVERY_CLUSTER, Actor, sees
from controlplane.core.actors import acting

Keep = Callable[[Mapping[str, str]], bool]


def everything(_: Mapping[str, str]) -> bool:
    return True


def keep(cluster: str) -> Keep:
    """Which series of a cluster whoever asks may read; rules and jobs read all."""
    actor = acting()
    if actor is None or EVERY_CLUSTER in actor.roles:
        return everything
    return lambda labels: is_shown(actor, cluster, labels)


def is_shown(actor: Actor, cluster: str, labels: Mapping[str, str]) -> bool:
    """A flow's own metrics say both ends; those of its connectors are known by the connector's name."""
    source = (
        labels.get("source", "")
        if "target" in labels or "kastellan_flow" in labels.get("__name__", "")
        else ""
    )
    if not source and "connector" in labels:
        source = _source_of()(labels["connector"], cluster)
    return not source or sees(actor, source)


@cache
def _source_of() -> Callable[[str, str], str]:
    """Asked for each series."""
    found: Callable[[str, str], str] = import_string(settings.SOURCE_OF_CONNECTOR)
    return found
