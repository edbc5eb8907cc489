"""What each template of the quotas is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from controlplane.audit.models import Operation
from controlplane.clusters.models import Cluster
from controlplane.core.pages import Page
from controlplane.core.tables import Table
from controlplane.gateways.errors import GatewayError
from controlplane.metrics.clients import Use
from controlplane.quotas.forms import EffectiveForm, QuotaForm
from controlplane.quotas.logic.effective import Effective
from controlplane.quotas.logic.entities import QuotaKey
from controlplane.quotas.selectors import ClientRow, QuotaRow


@dataclass(frozen=True)
class QuotaListPage(Page):
    """`error`: the cluster did not answer; then there is no list rather than an empty one."""

    template: ClassVar[str] = "quotas/list.html"
    partials: ClassVar[frozenset[str]] = frozenset({"quota-table"})

    cluster: Cluster
    table: Table[QuotaRow]
    error: GatewayError | None
    keys: tuple[QuotaKey, ...]
    can_edit: bool


@dataclass(frozen=True)
class QuotaPage(Page):
    template: ClassVar[str] = "quotas/detail.html"

    cluster: Cluster
    row: QuotaRow
    limits: tuple[tuple[QuotaKey, float], ...]
    shared: str
    first: tuple[str, ...]
    clients: tuple[ClientRow, ...]
    history: tuple[Operation, ...]
    can_edit: bool


@dataclass(frozen=True)
class SetQuotaPage(Page):
    template: ClassVar[str] = "quotas/set.html"

    cluster: Cluster
    form: QuotaForm
    scope: str


@dataclass(frozen=True)
class ClientListPage(Page):
    template: ClassVar[str] = "quotas/clients.html"
    partials: ClassVar[frozenset[str]] = frozenset({"client-table"})

    cluster: Cluster
    table: Table[ClientRow]
    error: GatewayError | None
    observing: bool
    can_edit: bool


@dataclass(frozen=True)
class Decided:
    """One key on the effective page: the decision, and what a sensor counts, if one does."""

    effective: Effective
    use: Use | None


@dataclass(frozen=True)
class EffectivePage(Page):
    template: ClassVar[str] = "quotas/effective.html"

    cluster: Cluster
    form: EffectiveForm
    asked: bool
    decided: tuple[Decided, ...]
    sensor: tuple[str, str] | None
    error: GatewayError | None
