"""What each topic template is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypedDict

from controlplane.clusters.models import Cluster, TopicSnapshot
from controlplane.clusters.selectors import Age, Trouble
from controlplane.core.pages import Page
from controlplane.core.tables import Table
from controlplane.gateways.kafka.types import ConfigEntry, TopicDescription
from controlplane.topics.forms import AddPartitionsForm, AlterConfigForm, CreateTopicForm
from controlplane.topics.selectors import PartitionRow


@dataclass(frozen=True)
class TopicListPage(Page):
    template: ClassVar[str] = "topics/list.html"
    partials: ClassVar[frozenset[str]] = frozenset({"topic-table"})

    cluster: Cluster
    table: Table[TopicSnapshot]
    age: Age
    show_internal: bool
    trouble: Trouble | None
    troubles: tuple[tuple[Trouble, str, int], ...]
    internal_count: int
    can_create: bool


class TopicHead(TypedDict):
    cluster: Cluster
    topic: TopicDescription
    snapshot: TopicSnapshot | None
    tab: str
    can: dict[str, bool]


@dataclass(frozen=True)
class TopicPage(Page):
    """What every tab of a topic shows in its head; `snapshot` is None for a topic younger than the last refresh."""

    cluster: Cluster
    topic: TopicDescription
    snapshot: TopicSnapshot | None
    tab: str
    can: dict[str, bool]


@dataclass(frozen=True)
class TopicOverviewPage(TopicPage):
    template: ClassVar[str] = "topics/overview.html"
    partials: ClassVar[frozenset[str]] = frozenset({"topic-partitions"})

    rows: tuple[PartitionRow, ...]
    dead: frozenset[int]


@dataclass(frozen=True)
class TopicSettingsPage(TopicPage):
    template: ClassVar[str] = "topics/settings.html"
    partials: ClassVar[frozenset[str]] = frozenset({"topic-settings"})

    entries: tuple[ConfigEntry, ...]
    search: str
    only_changed: bool
    changed_count: int
    editing: AlterConfigForm | None = None


@dataclass(frozen=True)
class TopicConsumersPage(TopicPage):
    template: ClassVar[str] = "topics/consumers.html"


@dataclass(frozen=True)
class TopicAccessPage(TopicPage):
    template: ClassVar[str] = "topics/access.html"


@dataclass(frozen=True)
class TopicMetricsPage(TopicPage):
    template: ClassVar[str] = "topics/metrics.html"


@dataclass(frozen=True)
class CreateTopicPage(Page):
    template: ClassVar[str] = "topics/create.html"

    cluster: Cluster
    form: CreateTopicForm


@dataclass(frozen=True)
class AddPartitionsPage(Page):
    template: ClassVar[str] = "topics/add_partitions.html"

    cluster: Cluster
    topic: TopicDescription
    form: AddPartitionsForm
