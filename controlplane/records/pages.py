"""What the templates of the Messages tab are given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from controlplane.clusters.models import Cluster
from controlplane.core.pages import Page
from controlplane.gateways.errors import GatewayError
from controlplane.records.forms import BrowseForm, ProduceForm
from controlplane.records.logic.seek import Browse
from controlplane.records.selectors import Browsed


@dataclass(frozen=True)
class RecordsPage(Page):
    """`browsed` is None when the form has errors or Kafka did not answer (`error`)."""

    template: ClassVar[str] = "records/browse.html"
    partials: ClassVar[frozenset[str]] = frozenset({"record-table"})

    cluster: Cluster
    topic: str
    form: BrowseForm
    browse: Browse | None
    browsed: Browsed | None
    error: GatewayError | None
    partitions: tuple[int, ...]
    total: int
    can: dict[str, bool]
    tab: str = "messages"


@dataclass(frozen=True)
class ProducePage(Page):
    template: ClassVar[str] = "records/produce.html"

    cluster: Cluster
    topic: str
    form: ProduceForm
