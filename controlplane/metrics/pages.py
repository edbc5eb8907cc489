"""What the metric templates are given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from controlplane.clusters.models import Cluster
from controlplane.core.pages import Page
from controlplane.gateways.errors import GatewayError
from controlplane.metrics.charts import Board
from controlplane.metrics.configuring import Tried
from controlplane.metrics.explore import Panel
from controlplane.metrics.forecast import Forecast
from controlplane.metrics.mbeans import MBean
from controlplane.metrics.models import MetricSource
from controlplane.metrics.selectors import Health
from controlplane.metrics.source_forms import SourceForm


@dataclass(frozen=True)
class MetricsPage(Page):
    template: ClassVar[str] = "metrics/page.html"

    cluster: Cluster
    boards: tuple[Board, ...]
    board: Board
    brokers: tuple[int, ...]
    broker: str
    ranges: tuple[tuple[str, str], ...]
    current_range: str
    sampled: bool


@dataclass(frozen=True)
class ExplorePage(Page):
    template: ClassVar[str] = "metrics/explore.html"

    cluster: Cluster
    boards: tuple[Board, ...]
    queries: tuple[str, ...]
    panels: tuple[Panel, ...]
    examples: tuple[tuple[str, str], ...]
    ranges: tuple[tuple[str, str], ...]
    current_range: str
    from_s: int
    to_s: int
    api: str


@dataclass(frozen=True)
class ExportPage(Page):
    """`source` is the address of the Prometheus API, `scrape` the text of a configuration."""

    template: ClassVar[str] = "metrics/export.html"

    cluster: Cluster
    boards: tuple[Board, ...]
    dashboards: tuple[Board, ...]
    source: str
    scrape: str


@dataclass(frozen=True)
class MBeansPage(Page):
    """`found` counts the names that match, `names` are the first of them; `opened` is the one that is read."""

    template: ClassVar[str] = "metrics/mbeans.html"
    partials: ClassVar[frozenset[str]] = frozenset({"mbeans"})

    cluster: Cluster
    broker: int
    brokers: tuple[int, ...]
    search: str
    found: int
    names: tuple[str, ...]
    opened: MBean | None
    error: GatewayError | None


@dataclass(frozen=True)
class EventsPage(Page):
    """The timeline of one topic or group, swapped in."""

    template: ClassVar[str] = "metrics/events.html"

    cluster: Cluster
    rows: tuple[dict[str, Any], ...]
    of_group: bool


@dataclass(frozen=True)
class ForecastPage(Page):
    template: ClassVar[str] = "metrics/forecast.html"

    cluster: Cluster
    boards: tuple[Board, ...]
    forecast: Forecast


@dataclass(frozen=True)
class HealthPage(Page):
    """The dashboard's live numbers; swapped in, and polled by itself."""

    template: ClassVar[str] = "metrics/health.html"

    cluster: Cluster
    health: Health
    broker: str
    polled: bool
    elsewhere: bool
    error: str


@dataclass(frozen=True)
class SourceSection(Page):
    template: ClassVar[str] = "metrics/source.html"

    cluster: Cluster
    row: MetricSource | None
    authority: str
    may_manage: bool


@dataclass(frozen=True)
class SourceFormPage(Page):
    """`tried`: what a try that was just asked for found."""

    template: ClassVar[str] = "metrics/source_form.html"

    cluster: Cluster
    row: MetricSource | None
    form: SourceForm
    tried: Tried | None
