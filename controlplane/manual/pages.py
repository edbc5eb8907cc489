"""What the manual's templates are given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from controlplane.core.pages import Page
from controlplane.manual.logic import Document
from controlplane.manual.search import Hit
from controlplane.manual.selectors import Chapter


@dataclass(frozen=True)
class ManualPage(Page):
    """One page, with its neighbours in the order of reading; on the first one, search results too."""

    template: ClassVar[str] = "manual/page.html"
    partials: ClassVar[frozenset[str]] = frozenset({"manual-results"})

    document: Document
    chapters: tuple[Chapter, ...]
    before: Document | None
    after: Document | None
    query: str = ""
    hits: tuple[Hit, ...] = ()


@dataclass(frozen=True)
class ComponentsPage(Page):
    """The living catalogue: every component in every state, from `samples`."""

    template: ClassVar[str] = "manual/components.html"

    samples: dict[str, Any]
