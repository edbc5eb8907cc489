"""Markdown to a page: HTML without raw HTML, anchors, a table of contents and the sections that search reads. Pure.

A link to another page is written `[Topics](topics.md#the-list)`, so that it also works where the files are browsed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict

BASE = "/manual/"
DOCUMENT_LINK = re.compile(r"^([a-z0-9-]+)\.md(#[\w-]+)?$")
TOC_LEVELS = (2, 3)


@dataclass(frozen=True, slots=True)
class Heading:
    level: int
    anchor: str
    text: str


@dataclass(frozen=True, slots=True)
class Section:
    """The plain text below one heading, up to the next."""

    anchor: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Document:
    slug: str
    title: str
    summary: str
    html: str
    headings: tuple[Heading, ...]
    sections: tuple[Section, ...]

    @property
    def url(self) -> str:
        return address(self.slug)


def parse(slug: str, source: str) -> Document:
    """The first line is `# Title`; it becomes the page's own heading and is not repeated in the HTML."""
    first, _, body = source.lstrip().partition("\n")
    title = first.removeprefix("#").strip() or slug
    markdown = _markdown()
    tokens = markdown.parse(body)
    headings = tuple(_anchor_headings(tokens))
    _rewrite_links(tokens)
    sections = tuple(_sections(tokens, title))
    return Document(
        slug=slug,
        title=title,
        summary=_first_sentence(tokens),
        html=markdown.renderer.render(tokens, markdown.options, {}),
        headings=tuple(heading for heading in headings if heading.level in TOC_LEVELS),
        sections=sections,
    )


def address(slug: str, anchor: str = "") -> str:
    page = BASE if slug == "index" else f"{BASE}{slug}/"
    return f"{page}#{anchor}" if anchor else page


def anchor_of(text: str, taken: MutableMapping[str, int]) -> str:
    """`Create a topic` → `create-a-topic`; a repeated heading gets -2, -3, …"""
    plain = re.sub(r"[^\w]+", "-", text.lower()).strip("-") or "section"
    taken[plain] = taken.get(plain, 0) + 1
    return plain if taken[plain] == 1 else f"{plain}-{taken[plain]}"


def plain_text(token: Token) -> str:
    """What a reader sees of an inline token."""
    parts = (
        child.content if child.type in ("text", "code_inline") else " " for child in token.children or ()
    )
    return re.sub(r"\s+", " ", "".join(parts)).strip()


def _markdown() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    markdown.add_render_rule("fence", _fence)
    markdown.add_render_rule("code_block", _fence)
    markdown.add_render_rule("table_open", _table_open)
    markdown.add_render_rule("table_close", _table_close)
    return markdown


def _fence(
    self: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    options: OptionsDict,
    env: MutableMapping[str, Any],
) -> str:
    text = escapeHtml(tokens[index].content.rstrip("\n"))
    return (
        f'<div class="copyable"><pre class="code" tabindex="0"><code>{text}</code></pre>'
        f'<button type="button" class="button small" data-copy="{text}">Copy</button></div>\n'
    )


def _table_open(
    self: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    options: OptionsDict,
    env: MutableMapping[str, Any],
) -> str:
    return '<div class="table-wrap" tabindex="0" role="region" aria-label="Table"><table class="table">'


def _table_close(
    self: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    options: OptionsDict,
    env: MutableMapping[str, Any],
) -> str:
    return "</table></div>\n"


def _anchor_headings(tokens: Sequence[Token]) -> Iterator[Heading]:
    taken: dict[str, int] = {}
    for token, inline in pairwise(tokens):
        if token.type == "heading_open":
            text = plain_text(inline)
            anchor = anchor_of(text, taken)
            token.attrSet("id", anchor)
            yield Heading(int(token.tag[1]), anchor, text)


def _rewrite_links(tokens: Iterable[Token]) -> None:
    for token in tokens:
        for child in token.children or ():
            match = (
                DOCUMENT_LINK.match(str(child.attrGet("href") or "")) if child.type == "link_open" else None
            )
            if match:
                child.attrSet("href", address(match[1], (match[2] or "").removeprefix("#")))


def _sections(tokens: Sequence[Token], title: str) -> Iterator[Section]:
    anchor, heading, texts = "", title, [""]
    for index, token in enumerate(tokens):
        if token.type == "heading_open":
            yield Section(anchor, heading, " ".join(texts).strip())
            anchor, heading, texts = str(token.attrGet("id") or ""), plain_text(tokens[index + 1]), []
        elif token.type == "inline" and tokens[index - 1].type != "heading_open":
            texts.append(plain_text(token))
        elif token.type in ("fence", "code_block"):
            texts.append(re.sub(r"\s+", " ", token.content))
    yield Section(anchor, heading, " ".join(texts).strip())


def _first_sentence(tokens: Iterable[Token]) -> str:
    text = next((plain_text(token) for token in tokens if token.type == "inline"), "")
    return re.split(r"(?<=[.!?])\s", text, maxsplit=1)[0]
