"""The manual: templates/docs/*.md rendered by CommonMark without raw HTML, with anchors, contents and search.

The order of pages is explicit; a page that is missing from it, or the other way round, fails a test.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from markdown_it import MarkdownIt
from markdown_it.token import Token

PAGES = (
    "getting-started",
    "topics",
    "messages",
    "groups",
    "brokers",
    "processes",
    "metrics",
    "operations",
    "api",
    "security",
    "settings",
    "keyboard",
)
SNIPPET = 160


@dataclass(frozen=True, slots=True)
class Heading:
    level: int
    text: str
    anchor: str


@dataclass(frozen=True, slots=True)
class ManualPage:
    name: str
    title: str
    html: str
    headings: tuple[Heading, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Hit:
    page: ManualPage
    snippet: str


def directory() -> Path:
    return Path(settings.ROOT) / "templates" / "docs"


@lru_cache(maxsize=64)
def page(name: str) -> ManualPage | None:
    if name not in PAGES:
        return None
    source = (directory() / f"{name}.md").read_text(encoding="utf-8")
    return render(name, source)


def render(name: str, source: str) -> ManualPage:
    """The first heading is the title and is left out of the HTML: the page's own title row shows it."""
    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    tokens = parser.parse(source)
    title, tokens = _take_title(tokens)
    headings = tuple(_anchor(tokens))
    html = str(parser.renderer.render(tokens, parser.options, {}))
    return ManualPage(name, title, html, headings, re.sub(r"[#*`|>\-]+", " ", source))


def _take_title(tokens: list[Token]) -> tuple[str, list[Token]]:
    if len(tokens) >= 3 and tokens[0].type == "heading_open" and tokens[0].tag == "h1":
        return tokens[1].content, tokens[3:]
    raise ValueError("a manual page starts with a heading of the first level")


def _anchor(tokens: list[Token]) -> list[Heading]:
    found = []
    for token, inline in zip(tokens, tokens[1:], strict=False):
        if token.type == "heading_open":
            anchor = re.sub(r"[^a-z0-9]+", "-", inline.content.lower()).strip("-")
            token.attrSet("id", anchor)
            found.append(Heading(int(token.tag[1]), inline.content.replace("`", ""), anchor))
    return found


def pages() -> tuple[ManualPage, ...]:
    return tuple(found for name in PAGES if (found := page(name)))


def search(query: str) -> tuple[Hit, ...]:
    """Pages that hold every word, titles first."""
    words = query.lower().split()
    if not words:
        return ()
    hits = [
        Hit(each, _snippet(each.text, words[0]))
        for each in pages()
        if all(word in f"{each.title} {each.text}".lower() for word in words)
    ]
    return tuple(sorted(hits, key=lambda hit: words[0] not in hit.page.title.lower()))


def _snippet(text: str, word: str) -> str:
    at = max(text.lower().find(word) - 40, 0)
    return " ".join(text[at : at + SNIPPET].split())
