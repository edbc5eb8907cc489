"""Cells of exports: exact for machines, harmless in a spreadsheet."""

from __future__ import annotations

import csv
import io
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.core.access import Role
from controlplane.core.cells import FORMULA, csv_text, escape, plain
from controlplane.core.plans import Json


@pytest.mark.parametrize(
    ("value", "json"),
    [
        (None, None),
        (3, 3),
        (True, True),
        (Role.ADMIN, "admin"),
        (datetime(2026, 3, 1, 13, 5, tzinfo=timezone(timedelta(hours=1))), "2026-03-01T12:05:00.000Z"),
        ({"main": Role.VIEWER}, {"main": "viewer"}),
        ((1, "a"), [1, "a"]),
    ],
)
def test_a_value_is_what_json_has_for_it(value: object, json: Json) -> None:
    assert plain(value) == json


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("@cmd", "'@cmd"),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("-1", "'-1"),
        (-1, "-1"),
        (None, ""),
        (True, "true"),
        (["=a", 1], "'=a; 1"),
        ({"main": "viewer"}, "main=viewer"),
    ],
)
def test_a_cell_is_no_formula(value: Json, cell: str) -> None:
    assert csv_text(["x"], [{"x": value}]).split("\r\n")[1].strip('"') == cell


@given(st.text(min_size=1))
def test_no_text_of_anybody_starts_a_formula(text: str) -> None:
    assert not escape(text).startswith(FORMULA)


@given(st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"]))))
def test_every_text_comes_back(texts: list[str]) -> None:
    read = list(csv.DictReader(io.StringIO(csv_text(["t"], [{"t": text} for text in texts]), newline="")))
    assert [row["t"] for row in read] == [escape(text) for text in texts]
