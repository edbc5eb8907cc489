"""What the consumer group templates are given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from controlplane.clusters.models import Cluster, GroupSnapshot
from controlplane.clusters.selectors import Age
from controlplane.core.pages import Page
from controlplane.core.tables import Table
from controlplane.groups.selectors import GroupDetail, TopicGroup


@dataclass(frozen=True)
class GroupListPage(Page):
    template: ClassVar[str] = "groups/list.html"
    partials: ClassVar[frozenset[str]] = frozenset({"group-table"})

    cluster: Cluster
    table: Table[GroupSnapshot]
    age: Age


@dataclass(frozen=True)
class GroupPage(Page):
    template: ClassVar[str] = "groups/detail.html"
    partials: ClassVar[frozenset[str]] = frozenset({"group-live"})

    cluster: Cluster
    detail: GroupDetail


@dataclass(frozen=True)
class TopicGroupsPage(Page):
    """The Consumers tab of a topic, swapped in by the topic's page."""

    template: ClassVar[str] = "groups/of_topic.html"

    cluster: Cluster
    topic: str
    rows: tuple[TopicGroup, ...]
