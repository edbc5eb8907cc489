"""What the dashboard and broker templates are given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypedDict

from controlplane.clusters.forms import RemoveBrokerForm
from controlplane.clusters.logic.copies import Copy
from controlplane.clusters.logic.verdict import Tone
from controlplane.clusters.models import BrokerSnapshot, Cluster
from controlplane.clusters.present import BrokerRow
from controlplane.clusters.selectors import Age, ClusterFacts
from controlplane.core.pages import Page
from controlplane.core.tables import Table
from controlplane.gateways.errors import GatewayError
from controlplane.gateways.kafka.types import ConfigEntry, LogDir, ReplicaOnDisk


@dataclass(frozen=True)
class StartStep:
    label: str
    done: bool
    url: str


@dataclass(frozen=True, slots=True)
class LinkedLine:
    text: str
    url: str = ""


@dataclass(frozen=True)
class DashboardPage(Page):
    template: ClassVar[str] = "clusters/dashboard.html"
    partials: ClassVar[frozenset[str]] = frozenset({"dashboard-live"})

    cluster: Cluster
    tone: Tone
    headline: LinkedLine
    reasons: tuple[LinkedLine, ...]
    facts: ClusterFacts
    age: Age
    rows: tuple[BrokerRow, ...]
    first_steps: tuple[StartStep, ...]
    bootstrap: tuple[tuple[str, str], ...]
    client_files: str
    servers: str


@dataclass(frozen=True)
class BrokerListPage(Page):
    template: ClassVar[str] = "clusters/brokers.html"
    partials: ClassVar[frozenset[str]] = frozenset({"broker-table"})

    cluster: Cluster
    table: Table[BrokerSnapshot]
    rows: tuple[BrokerRow, ...]
    age: Age
    can: dict[str, bool]
    bundled: bool


class BrokerHead(TypedDict):
    cluster: Cluster
    row: BrokerRow
    tab: str
    can: dict[str, bool]


@dataclass(frozen=True)
class BrokerPage(Page):
    """What every tab of a broker shows in its head."""

    cluster: Cluster
    row: BrokerRow
    tab: str
    can: dict[str, bool]


@dataclass(frozen=True)
class RemoveBrokerPage(Page):
    template: ClassVar[str] = "clusters/remove.html"

    cluster: Cluster
    broker: int
    form: RemoveBrokerForm
    crumbs: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class BrokerOverviewPage(BrokerPage):
    template: ClassVar[str] = "clusters/broker_overview.html"
    partials: ClassVar[frozenset[str]] = frozenset({"broker-live"})


@dataclass(frozen=True)
class CopyPage(Page):
    """An object as YAML, as command lines, as requests to the API."""

    template: ClassVar[str] = "clusters/copy.html"

    cluster: Cluster
    name: str
    copy: Copy
    crumbs: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class BrokerConfigsPage(BrokerPage):
    template: ClassVar[str] = "clusters/broker_configs.html"
    partials: ClassVar[frozenset[str]] = frozenset({"broker-configs"})

    entries: tuple[tuple[ConfigEntry, str | None], ...]
    error: GatewayError | None
    search: str
    only_changed: bool


@dataclass(frozen=True)
class BrokerLogDirsPage(BrokerPage):
    template: ClassVar[str] = "clusters/broker_log_dirs.html"

    log_dirs: tuple[tuple[LogDir, tuple[ReplicaOnDisk, ...], int], ...]
    error: GatewayError | None
    lost: str


@dataclass(frozen=True)
class BrokerMetricsPage(BrokerPage):
    template: ClassVar[str] = "clusters/broker_metrics.html"


@dataclass(frozen=True)
class BrokerLogsPage(BrokerPage):
    template: ClassVar[str] = "clusters/broker_logs.html"
    partials: ClassVar[frozenset[str]] = frozenset({"broker-log"})

    lines: str
    search: str
