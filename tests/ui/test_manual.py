"""The manual: markdown without raw HTML, anchors, links that lead somewhere, search."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import resolve
from hypothesis import given
from hypothesis import strategies as st

from controlplane.accounts.models import User
from controlplane.manual.logic import parse
from controlplane.manual.search import search, snippet
from controlplane.manual.selectors import library

SOURCE = """# Topics

A topic is a log. It has partitions.

## The list

Text about ISR and `min.insync.replicas`.

## The list

See [brokers](brokers.md#rolling-restart).

```
kcat -L <x>
```
"""


def test_a_page_has_a_title_a_summary_and_anchors() -> None:
    document = parse("topics", SOURCE)
    assert document.title == "Topics"
    assert document.summary == "A topic is a log."
    assert [heading.anchor for heading in document.headings] == ["the-list", "the-list-2"]
    assert 'href="/manual/brokers/#rolling-restart"' in document.html
    assert "kcat -L &lt;x&gt;" in document.html


@pytest.mark.parametrize(
    "evil", ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "[x](javascript:alert(1))"]
)
def test_markdown_cannot_bring_markup_or_script(evil: str) -> None:
    html = parse("x", f"# X\n\n{evil}\n").html
    assert "<script" not in html
    assert "<img" not in html
    assert 'href="javascript' not in html


def test_search_wants_every_word_and_prefers_headings() -> None:
    document = parse("topics", SOURCE)
    assert [hit.url for hit in search([document], "list")][:1] == ["/manual/topics/#the-list"]
    assert search([document], "isr kcat") == ()
    assert search([document], "  ") == ()
    marked = [piece.text for piece in search([document], "isr")[0].snippet if piece.marked]
    assert marked == ["ISR"]


@given(st.text(max_size=600), st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=3))
def test_a_snippet_is_always_a_piece_of_the_text(text: str, words: list[str]) -> None:
    joined = "".join(piece.text for piece in snippet(text, tuple(words)))
    assert joined.removeprefix("… ").removesuffix(" …").strip() in text


def test_links_between_pages_and_into_the_app_lead_somewhere() -> None:
    anchors = {f"/manual/{d.slug}/": set(re.findall(r' id="([^"]+)"', d.html)) for d in library().documents}
    anchors["/manual/"] = anchors["/manual/index/"]
    for document in library().documents:
        for link in re.findall(r'href="([^"]+)"', document.html):
            page, _, anchor = link.partition("#")
            assert not page.endswith(".md"), f"{document.slug}: {link}"
            if page.startswith("/"):
                resolve(page)
            if page.startswith("/manual/"):
                assert page in anchors, f"{document.slug}: {link}"
                assert not anchor or anchor in anchors[page], f"{document.slug}: {link}"


def test_every_page_is_reached_by_next_from_the_first() -> None:
    books, slug, seen = library(), "index", ["index"]
    while (after := books.neighbours(slug)[1]) is not None:
        slug = after.slug
        seen.append(slug)
    assert seen == [document.slug for document in books.documents]


@pytest.fixture
def client_of_admin(admin: User) -> Client:
    client = Client()
    client.force_login(admin)
    return client


@pytest.mark.django_db
def test_every_page_and_the_catalogue_answer_and_anonymous_is_sent_to_login(client_of_admin: Client) -> None:
    for document in library().documents:
        answer = client_of_admin.get(document.url)
        assert answer.status_code == 200
        assert document.title in answer.content.decode()
    assert client_of_admin.get("/manual/components/").status_code == 200
    assert client_of_admin.get("/manual/no-such-page/").status_code == 404
    assert Client().get("/manual/").status_code == 302


@pytest.mark.django_db
def test_typing_in_the_search_swaps_the_results_only(client_of_admin: Client) -> None:
    headers = {"HX-Request": "true", "HX-Target": "div#manual-results"}
    answer = client_of_admin.get("/manual/", {"q": "partition"}, headers=headers)
    text = answer.content.decode()
    assert text.lstrip().startswith('<div id="manual-results">')
    assert "<mark>" in text
    assert "HX-Request" in answer.headers["Vary"]
