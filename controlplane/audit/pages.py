"""What the Operations templates are given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from controlplane.audit.models import Operation
from controlplane.audit.selectors import Filters
from controlplane.core.pages import Page
from controlplane.core.plans import Plan
from controlplane.core.tables import Table


@dataclass(frozen=True)
class OperationListPage(Page):
    template: ClassVar[str] = "audit/list.html"
    partials: ClassVar[frozenset[str]] = frozenset({"operation-table"})

    table: Table[Operation]
    filters: Filters
    outcomes: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class OperationPage(Page):
    template: ClassVar[str] = "audit/detail.html"

    operation: Operation
    plan: Plan | None
    before_text: str
    before_title: str
    facts: tuple[tuple[str, object], ...]
    revert_url: str = ""
