"""The one rule of fragments: partial name = element id = hx-target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest
from django.test import RequestFactory

from controlplane.core.pages import Page, partial_for
from controlplane.core.tables import Column, page_request, table_of


@dataclass(frozen=True)
class ThingsPage(Page):
    template: ClassVar[str] = "things.html"
    partials: ClassVar[frozenset[str]] = frozenset({"thing-table"})


@pytest.mark.parametrize(
    ("headers", "partial"),
    [
        ({}, None),
        ({"HX-Request": "true", "HX-Target": "thing-table"}, "thing-table"),
        ({"HX-Request": "true", "HX-Target": "div#thing-table"}, "thing-table"),
        ({"HX-Request": "true", "HX-Target": "div#other"}, None),
        ({"HX-Request": "true", "HX-Target": "thing-table", "HX-Boosted": "true"}, None),
        ({"HX-Target": "thing-table"}, None),
    ],
)
def test_it_answers_with_the_partial_that_was_asked_for(
    rf: RequestFactory, headers: dict[str, str], partial: str | None
) -> None:
    assert partial_for(rf.get("/", headers=headers), ThingsPage()) == partial


@dataclass
class Row:
    name: str
    size: int | None


ROWS = [Row("b", 2), Row("a", None), Row("c", 1)]
COLUMNS = (Column("name", "Name"), Column("size", "Size"), Column("secret", "No", sortable=False))


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", "abc"),
        ("sort=-name", "cba"),
        ("sort=size", "cba"),
        ("sort=-size", "bca"),
        ("sort=nonsense", "abc"),
        ("sort=secret", "abc"),
        ("page_size=2", "ab"),
        ("page_size=2&page=2", "c"),
        ("page_size=2&page=99", "c"),
        ("page=-1&page_size=x", "abc"),
    ],
)
def test_a_table_is_what_its_url_says(rf: RequestFactory, query: str, names: str) -> None:
    table = table_of(rf.get(f"/?{query}"), ROWS, COLUMNS, default_sort="name")
    assert "".join(row.name for row in table.rows) == names
    assert table.count == 3


def test_unknown_values_come_last_in_both_directions(rf: RequestFactory) -> None:
    for sort in ("size", "-size"):
        table = table_of(rf.get(f"/?sort={sort}"), ROWS, COLUMNS, default_sort="name")
        assert table.rows[-1].size is None


def test_a_huge_number_does_not_reach_the_database(rf: RequestFactory) -> None:
    wanted = page_request(rf.get(f"/?page={'9' * 400}&page_size=100000").GET, ["name"], "name")
    assert wanted.page == 1
    assert wanted.page_size == 1000
