"""Full-text search over the sections of the manual: every word must occur; titles weigh more than text. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from controlplane.manual.logic import Document, Section, address

SNIPPET = 180
LIMIT = 30


@dataclass(frozen=True, slots=True)
class Piece:
    text: str
    marked: bool


@dataclass(frozen=True, slots=True)
class Hit:
    document: str
    section: str
    url: str
    snippet: tuple[Piece, ...]
    score: int


def search(documents: Iterable[Document], query: str) -> tuple[Hit, ...]:
    words = tuple(dict.fromkeys(query.lower().split()))[:8]
    if not words:
        return ()
    hits = [
        hit
        for document in documents
        for section in document.sections
        if (hit := _hit(document, section, words)) is not None
    ]
    return tuple(sorted(hits, key=lambda hit: (-hit.score, hit.document, hit.url))[:LIMIT])


def _hit(document: Document, section: Section, words: tuple[str, ...]) -> Hit | None:
    title, heading, text = document.title.lower(), section.title.lower(), section.text.lower()
    if not all(word in title or word in heading or word in text for word in words):
        return None
    if not any(word in heading or word in text for word in words):
        return None  # only the page's title matches: its first section stands for it
    score = sum(8 * (word in title) + 12 * (word in heading) + min(text.count(word), 5) for word in words)
    url = address(document.slug, section.anchor)
    return Hit(document.title, section.title, url, snippet(section.text, words), score)


def snippet(text: str, words: tuple[str, ...]) -> tuple[Piece, ...]:
    """About one line around the first word found, the words marked."""
    pattern = re.compile("|".join(re.escape(word) for word in words), re.IGNORECASE)
    first = pattern.search(text)
    start = max((first.start() if first else 0) - SNIPPET // 3, 0)
    start = text.rfind(" ", 0, start) + 1 if start else 0
    cut = text[start : start + SNIPPET]
    pieces = [Piece("… ", False)] if start else []
    position = 0
    for match in pattern.finditer(cut):
        pieces += [Piece(cut[position : match.start()], False), Piece(match[0], True)]
        position = match.end()
    pieces.append(Piece(cut[position:] + (" …" if start + SNIPPET < len(text) else ""), False))
    return tuple(piece for piece in pieces if piece.text)
