"""The shared includes, rendered with the catalogue's values."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.http import QueryDict
from django.template.loader import render_to_string
from django.test import RequestFactory

from controlplane.manual.samples import samples

NOW = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
VALUES = samples(QueryDict(), NOW)
ALTER, DELETE, REFUSED = VALUES["plans"]


def component(name: str, path: str = "/", **context: Any) -> str:
    request = RequestFactory().get(path)
    request.csp_nonce = "fresh-nonce"  # type: ignore[attr-defined]
    return render_to_string(f"components/{name}.html", context, request)


def test_a_plan_shows_old_and_new_risk_effects_and_commands() -> None:
    html = component("plan", plan=ALTER)
    for text in (
        "<del>604800000</del>",
        "<ins>86400000</ins>",
        "Disruptive",
        "billing",
        "kafka-configs.sh",
        "1 to alter",
    ):
        assert text in html


def test_a_destructive_plan_says_so_in_words() -> None:
    html = component("plan", plan=DELETE)
    assert "Destructive" in html
    assert "It cannot be undone." in html


def test_a_refused_plan_gives_the_reason_and_what_to_do() -> None:
    html = component("plan", plan=REFUSED)
    assert 'role="alert"' in html
    assert "Kafka cannot take partitions away." in html


def test_a_table_head_links_keep_the_filter_and_turn_the_order() -> None:
    html = component("table_head", "/?search=pay", table=VALUES["table"], target="topic-table")
    assert 'href="?search=pay&amp;sort=name"' in html
    assert 'aria-sort="descending"' in html
    assert 'hx-target="#topic-table"' in html


def test_a_pager_says_where_one_is() -> None:
    html = component("pager", table=VALUES["table"], target="topic-table", noun="topics")
    assert "51–100 of 251 topics" in html
    assert 'rel="prev"' in html
    assert 'rel="next"' in html


@pytest.mark.parametrize(
    ("name", "context", "text"),
    [
        (
            "empty",
            {"icon_name": "topic", "title": "No topics yet", "text": "…", "manual": "topics"},
            "/manual/topics/",
        ),
        ("error", {"what": "No broker answers", "hint": "Are they running?", "retry": "?"}, "Try again"),
        ("denied", {"what": "delete topics", "role": "operator", "who": "alice"}, "alice can do it"),
        ("loading", {"what": "Reading topics"}, "Reading topics …"),
        ("age", {"age": VALUES["ages"][1]}, "stale: no broker answers"),
    ],
)
def test_every_state_says_what_it_is(name: str, context: dict[str, Any], text: str) -> None:
    assert text in component(name, **context)


def test_a_field_shows_its_problem_where_screen_readers_look() -> None:
    html = component("form", form=VALUES["broken_form"])
    assert 'aria-invalid="true"' in html
    assert 'role="alert"' in html
    for token in ("broken_name_error", "broken_name_helptext"):
        assert f'id="{token}"' in html


@pytest.mark.parametrize("name", ["search", "table_head", "pager"])
def test_htmx_elements_carry_the_nonce_even_in_includes_with_only(name: str) -> None:
    html = component(name, table=VALUES["table"], target="t", value="", label="Filter", noun="topics")
    assert html.count("hx-get=") == html.count('hx-nonce="fresh-nonce"') > 0
