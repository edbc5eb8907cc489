"""The manual in the app: contents, one page, search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from controlplane.core.errors import NotFound
from controlplane.core.pages import Page, render_page
from controlplane.manual import render
from controlplane.manual.render import Hit, ManualPage


@dataclass(frozen=True)
class ManualIndexPage(Page):
    template: ClassVar[str] = "manual/index.html"
    partials: ClassVar[frozenset[str]] = frozenset({"manual-hits"})

    manual_pages: tuple[ManualPage, ...]
    search: str
    hits: tuple[Hit, ...]


@dataclass(frozen=True)
class ManualTextPage(Page):
    template: ClassVar[str] = "manual/page.html"

    text: ManualPage
    manual_pages: tuple[ManualPage, ...]


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    query = request.GET.get("search", "").strip()[:200]
    page = ManualIndexPage(manual_pages=render.pages(), search=query, hits=render.search(query))
    return render_page(request, page)


@require_safe
def page(request: HttpRequest, name: str) -> HttpResponse:
    found = render.page(name)
    if found is None:
        raise NotFound(f"The manual has no page {name!r}", hint="The manual's contents list all.")
    return render_page(request, ManualTextPage(text=found, manual_pages=render.pages()))
