"""What the templates of connectors are given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from django.forms import Form

from controlplane.clusters.models import Cluster
from controlplane.connect.external_forms import ExternalForm
from controlplane.connect.logic.external import Found
from controlplane.connect.logic.rights import Right
from controlplane.connect.measuring import UNKNOWN, Measured
from controlplane.connect.models import ConnectCluster, RaisedLevel, RestartPolicy
from controlplane.connect.operate_forms import LevelForm
from controlplane.connect.selectors import Connect, ConnectorRow
from controlplane.connect.setting_forms import SettingsForm
from controlplane.core.pages import Page
from controlplane.core.tables import Table
from controlplane.gateways.connect import ConnectorStatus, Plugin
from controlplane.gateways.errors import GatewayError


@dataclass(frozen=True, slots=True)
class Frame:
    """Around every page of a Connect cluster: which one (None: there is none at all), the others, which tab."""

    connect: Connect | None
    others: tuple[Connect, ...]
    tab: str

    @property
    def several(self) -> bool:
        return len(self.others) > 1


@dataclass(frozen=True)
class NoConnectPage(Page):
    """A Kafka cluster without any Connect cluster."""

    template: ClassVar[str] = "connect/none.html"

    cluster: Cluster
    may_manage: bool


@dataclass(frozen=True)
class ConnectorListPage(Page):
    """`measured`: the rows have numbers; `error`: it does not answer."""

    template: ClassVar[str] = "connect/list.html"
    partials: ClassVar[frozenset[str]] = frozenset({"connector-table"})

    cluster: Cluster
    frame: Frame
    table: Table[ConnectorRow]
    can_edit: bool
    may_manage: bool
    measured: bool
    error: GatewayError | None = None


@dataclass(frozen=True)
class ConnectorPage(Page):
    """`tab`: overview, metrics, settings or offsets; what a tab does not show is empty. `lacking`: rights without which it
    failed."""

    template: ClassVar[str] = "connect/connector.html"
    partials: ClassVar[frozenset[str]] = frozenset({"connector-live"})

    cluster: Cluster
    connect: Connect
    status: ConnectorStatus
    tab: str
    can_edit: bool
    can_operate: bool
    can_grant: bool
    measured: Measured = UNKNOWN
    lacking: tuple[Right, ...] = ()
    topics: tuple[str, ...] = ()
    config: tuple[tuple[str, str], ...] = ()
    offsets: tuple[tuple[str, str], ...] = ()
    policy: RestartPolicy | None = None


@dataclass(frozen=True)
class ChoosePage(Page):
    """Of which plugin a new connector is to be."""

    template: ClassVar[str] = "connect/choose.html"

    cluster: Cluster
    connect: Connect
    plugins: tuple[Plugin, ...]


@dataclass(frozen=True)
class ConnectorFormPage(Page):
    """`name` is empty for a new connector. `plugin`: whose definitions the other shape has; `cloned`: whose settings."""

    template: ClassVar[str] = "connect/form.html"

    cluster: Cluster
    connect: Connect
    form: SettingsForm
    name: str
    plugin: str
    cloned: str
    back_url: str


@dataclass(frozen=True)
class PluginsPage(Page):
    template: ClassVar[str] = "connect/plugins.html"

    cluster: Cluster
    frame: Frame
    plugins: tuple[Plugin, ...]
    can_edit: bool


@dataclass(frozen=True)
class ConnectionPage(Page):
    """`tried`: what the test that was just asked for found."""

    template: ClassVar[str] = "connect/connection.html"

    cluster: Cluster
    frame: Frame
    row: ConnectCluster
    ca: str
    tried: Found | None
    may_manage: bool


@dataclass(frozen=True)
class ExternalFormPage(Page):
    """`name` is empty for a new one."""

    template: ClassVar[str] = "connect/external_form.html"

    cluster: Cluster
    form: ExternalForm
    name: str
    back_url: str


@dataclass(frozen=True)
class OperatePage(Page):
    """A small form about one connector."""

    template: ClassVar[str] = "connect/operate.html"

    cluster: Cluster
    connect: Connect
    connector: str
    form: Form
    title: str
    back_url: str


@dataclass(frozen=True)
class LevelsPage(Page):
    """`rows`: (logger, level, the debt where it was set for a time); `others` are at the level of what is above them."""

    template: ClassVar[str] = "connect/levels.html"

    cluster: Cluster
    frame: Frame
    rows: tuple[tuple[str, str, RaisedLevel | None], ...]
    others: int
    form: LevelForm
    may: bool
