"""The manual's pages, its search, and the catalogue of components."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_safe

from controlplane.core.pages import render_page
from controlplane.manual.pages import ComponentsPage, ManualPage
from controlplane.manual.samples import samples
from controlplane.manual.search import search
from controlplane.manual.selectors import INDEX, library


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    query = request.GET.get("q", "").strip()[:200]
    return _answer(request, INDEX, query)


@require_safe
def page(request: HttpRequest, slug: str) -> HttpResponse:
    return redirect("manual:index") if slug == INDEX else _answer(request, slug)


@require_safe
def components(request: HttpRequest) -> HttpResponse:
    return render_page(request, ComponentsPage(samples=samples(request.GET, timezone.now())))


def _answer(request: HttpRequest, slug: str, query: str = "") -> HttpResponse:
    books = library()
    before, after = books.neighbours(books.get(slug).slug)
    return render_page(
        request,
        ManualPage(
            document=books.get(slug),
            chapters=books.chapters,
            before=before,
            after=after,
            query=query,
            hits=search(books.documents, query),
        ),
    )
