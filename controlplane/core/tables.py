"""Server-side tables: search, sort and page from the URL, over querysets and lists alike. State is the address bar."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict

from controlplane.core.cells import csv_text, plain
from controlplane.core.downloads import attachment

Row = TypeVar("Row")
PAGE_SIZES = (25, 50, 100, 250)
DEFAULT_PAGE_SIZE = 50
MAX_PAGE_SIZE = 1000
MAX_EXPORT = 100_000
EXPORT_FORMATS = {"csv": "text/csv; charset=utf-8", "json": "application/json"}


@dataclass(frozen=True, slots=True)
class Column:
    """`key` is the field (or attribute) to sort by; it stands in the URL."""

    key: str
    label: str
    numeric: bool = False
    title: str = ""
    sortable: bool = True
    #: The cell of an export, where the row has no attribute of the key's name.
    value: Callable[[Any], object] | None = None

    def cell(self, row: Any) -> object:
        return self.value(row) if self.value else value_of(row, self.key)


@dataclass(frozen=True, slots=True)
class Table(Generic[Row]):
    rows: tuple[Row, ...]
    columns: tuple[Column, ...]
    count: int
    page: int
    pages: int
    page_size: int
    sort: str
    search: str

    @property
    def sort_key(self) -> str:
        return self.sort.removeprefix("-")

    @property
    def descending(self) -> bool:
        return self.sort.startswith("-")

    @property
    def first(self) -> int:
        return (self.page - 1) * self.page_size + 1 if self.count else 0

    @property
    def last(self) -> int:
        return min(self.page * self.page_size, self.count)


@dataclass(frozen=True, slots=True)
class PageRequest:
    """What the URL asks for, made legal: an unknown sort is the default, a page beyond the end is the last."""

    sort: str
    page: int
    page_size: int
    search: str

    @property
    def field(self) -> str:
        return self.sort.removeprefix("-")

    @property
    def descending(self) -> bool:
        return self.sort.startswith("-")


def page_request(query: QueryDict, sortable: Sequence[str], default_sort: str) -> PageRequest:
    sort = query.get("sort") or default_sort
    if sort.removeprefix("-") not in sortable:
        sort = default_sort
    return PageRequest(
        sort=sort,
        page=_whole(query.get("page"), 1, 1, 10**6),
        page_size=_whole(query.get("page_size"), DEFAULT_PAGE_SIZE, 1, MAX_PAGE_SIZE),
        search=(query.get("search") or "").strip(),
    )


def table_of(
    request: HttpRequest,
    rows: QuerySet[Any] | Sequence[Any],
    columns: Sequence[Column],
    *,
    default_sort: str,
) -> Table[Any]:
    wanted = page_request(request.GET, [c.key for c in columns if c.sortable], default_sort)
    if export_format(request) is not None:
        wanted = replace(wanted, page=1, page_size=MAX_EXPORT)
    count = rows.count() if isinstance(rows, QuerySet) else len(rows)
    pages = max(-(-count // wanted.page_size), 1)
    page = min(wanted.page, pages)
    start = (page - 1) * wanted.page_size
    return Table(
        rows=tuple(sort_rows(rows, wanted)[start : start + wanted.page_size]),
        columns=tuple(columns),
        count=count,
        page=page,
        pages=pages,
        page_size=wanted.page_size,
        sort=wanted.sort,
        search=wanted.search,
    )


def export_format(request: HttpRequest) -> str | None:
    """`?format=csv` or `json`: the table as a file, all its pages, under the same filter and order."""
    wanted = request.GET.get("format")
    return wanted if wanted in EXPORT_FORMATS else None


def exported(table: Table[Any], wanted: str, name: str) -> HttpResponse:
    keys = [column.key for column in table.columns]
    rows = [{column.key: plain(column.cell(row)) for column in table.columns} for row in table.rows]
    text = csv_text(keys, rows) if wanted == "csv" else json.dumps(rows, ensure_ascii=False, indent=1)
    response = attachment(text, EXPORT_FORMATS[wanted], f"{name}.{wanted}")
    if table.count > len(rows):
        response.headers["X-Truncated"] = f"{len(rows)} of {table.count}"
    return response


def sort_rows(rows: QuerySet[Any] | Sequence[Any], wanted: PageRequest) -> QuerySet[Any] | Sequence[Any]:
    """Unknown values come last in either direction; equal rows keep a stable order."""
    if isinstance(rows, QuerySet):
        field = F(wanted.field)
        order = field.desc(nulls_last=True) if wanted.descending else field.asc(nulls_last=True)
        return rows.order_by(order, "pk")
    value: Callable[[Any], Any] = lambda row: value_of(row, wanted.field)  # noqa: E731
    known = sorted((row for row in rows if value(row) is not None), key=value, reverse=wanted.descending)
    return [*known, *(row for row in rows if value(row) is None)]


def value_of(row: Any, field: str) -> Any:
    """Of an object or of a row that is a mapping already."""
    return row[field] if isinstance(row, Mapping) else getattr(row, field)


def with_query(query: QueryDict, **changes: object) -> str:
    """The query string with some parameters replaced; None removes one."""
    copy = query.copy()
    for name, value in changes.items():
        if value is None:
            copy.pop(name, None)
        else:
            copy[name] = str(value)
    return f"?{copy.urlencode()}"


def _whole(raw: str | None, default: int, low: int, high: int) -> int:
    if raw is None or not raw.isascii() or not raw.isdigit() or len(raw) > 9:
        return default
    return min(max(int(raw), low), high)
