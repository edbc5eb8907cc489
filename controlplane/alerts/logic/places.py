"""What an alert is about, by its labels: the pages that it leads to. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from controlplane.alerts.logic.labels import BROKER, Labels

_SLUG = re.compile(r"[-a-zA-Z0-9_]+", re.ASCII)
_PART = re.compile(r"[^/]+")
_LINE = re.compile(r".+")


@dataclass(frozen=True, slots=True)
class Place:
    """`page`: the name of its address, `args`: what stands in it."""

    title: str
    page: str
    args: tuple[str, ...]


def places(cluster: str, labels: Labels, *, bundled: bool) -> tuple[Place, ...]:
    """`bundled`: the cluster's own worker is the one that has connectors; elsewhere it may be any of several.

    A flow's alert is of its target; the groups and topics that its labels name are the source's.
    """
    source = labels.get("source", "")
    if labels.get("target") == cluster and _SLUG.fullmatch(source):
        return (_flow(cluster, source, labels),)
    return tuple(_places(cluster, labels, bundled))


def _flow(cluster: str, source: str, labels: Labels) -> Place:
    title = f"flow {source} → {cluster}"
    if labels.get("consumergroup"):
        return Place(f"{title}: groups", "replication:flow_tab", (cluster, source, "groups"))
    return Place(title, "replication:flow", (cluster, source))


def _places(cluster: str, labels: Labels, bundled: bool) -> Iterator[Place]:
    connector, group, topic, broker = (
        labels.get(name, "") for name in ("connector", "consumergroup", "topic", BROKER)
    )
    if bundled and _PART.fullmatch(connector):
        yield Place(f"connector {connector}", "connect:connector", (cluster, "bundled", connector))
    elif connector:
        yield Place("Connect", "connect:list", (cluster,))
    if bundled and labels.get("worker"):
        yield Place("Connect worker", "workers:worker", (cluster,))
    if _LINE.fullmatch(group):
        yield Place(f"group {group}", "groups:detail", (cluster, group))
    if _PART.fullmatch(topic):
        yield Place(f"topic {topic}", "topics:detail", (cluster, topic))
    if broker.isascii() and broker.isdigit():
        yield Place(f"broker {broker}", "clusters:broker", (cluster, broker))
