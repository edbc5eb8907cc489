"""One way to answer with HTML: a frozen page with its template; whole, or the one partial that htmx asked for.

The one rule: partial name = element id = hx-target.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.cache import patch_vary_headers

from controlplane.core.tables import Table, export_format, exported


@dataclass(frozen=True)
class Page:
    """The typed context of a template: its fields, and itself as `page`."""

    template: ClassVar[str]
    partials: ClassVar[frozenset[str]] = frozenset()

    def context(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)} | {"page": self}


def is_htmx(request: HttpRequest) -> bool:
    """An htmx request that swaps a part of the page; boosted navigation gets whole pages."""
    return request.headers.get("HX-Request") == "true" and request.headers.get("HX-Boosted") != "true"


def htmx_target(request: HttpRequest) -> str:
    """The id of the element to be swapped; htmx 4 sends `tag#id`."""
    return request.headers.get("HX-Target", "").rpartition("#")[2]


def partial_for(request: HttpRequest, page: Page) -> str | None:
    target = htmx_target(request)
    return target if is_htmx(request) and target in page.partials else None


def render_page(request: HttpRequest, page: Page, *, status: int = 200) -> HttpResponse:
    wanted = export_format(request)
    table = next((value for value in page.context().values() if isinstance(value, Table)), None)
    if wanted is not None and table is not None and request.method == "GET":
        return exported(table, wanted, _file_name(request))
    partial = partial_for(request, page)
    name = f"{page.template}#{partial}" if partial else page.template
    response = HttpResponse(render_to_string(name, page.context(), request), status=status)
    patch_vary_headers(response, ["HX-Request", "HX-Target"])
    return response


def _file_name(request: HttpRequest) -> str:
    """What the address is about: /clusters/main/topics/ becomes main-topics."""
    parts = [part for part in request.path.split("/") if part and part != "clusters"]
    return re.sub(r"[^A-Za-z0-9._-]+", "-", "-".join(parts)) or "table"
