"""What the templates of the list of clusters, of a registration and of its form are given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from controlplane.clusters.logic.connection_steps import Step
from controlplane.clusters.logic.verdict import Tone
from controlplane.clusters.models import Cluster, ExternalConnection
from controlplane.clusters.registration_forms import TitleForm
from controlplane.core.pages import Page
from controlplane.core.tables import Table


@dataclass(frozen=True, slots=True)
class ClusterRow:
    """`sentence` is the verdict of its dashboard."""

    cluster: Cluster
    tone: Tone
    sentence: str
    brokers: int
    topics: int
    servers: str

    @property
    def name(self) -> str:
        return self.cluster.name

    @property
    def kind(self) -> str:
        return self.cluster.kind


@dataclass(frozen=True)
class ClusterListPage(Page):
    template: ClassVar[str] = "clusters/list.html"
    partials: ClassVar[frozenset[str]] = frozenset({"cluster-table"})

    table: Table[ClusterRow]
    may_add: bool


@dataclass(frozen=True, slots=True)
class Tried:
    """A try of a connection: `ok`, and how far it came."""

    ok: bool
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class ClusterFormPage(Page):
    """`cluster` None: a new one. `tried`: what the test that was just asked for gave."""

    template: ClassVar[str] = "clusters/form.html"

    cluster: Cluster | None
    form: TitleForm
    tried: Tried | None
    back_url: str


@dataclass(frozen=True)
class ConnectionPage(Page):
    """`row` None: a bundled cluster. `certificates` are what stands in its PEMs, in words."""

    template: ClassVar[str] = "clusters/connection.html"

    cluster: Cluster
    row: ExternalConnection | None
    certificates: tuple[tuple[str, str], ...]
    bootstrap: tuple[tuple[str, str], ...]
    tried: Tried | None
    may_manage: bool
