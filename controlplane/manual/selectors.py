"""The manual's pages in their order, read from templates/docs and parsed again only when a file changed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from controlplane.core.errors import NotFound
from controlplane.manual.logic import Document, parse

DOCS: Path = settings.ROOT / "templates" / "docs"
INDEX = "index"
#: The order of reading. A page that is not named here still appears, at the end.
CONTENTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Start", (INDEX, "getting-started", "keyboard")),
    (
        "Kafka",
        (
            "dashboard",
            "bundled-cluster",
            "external-clusters",
            "connect",
            "connect-worker",
            "replication",
            "brokers",
            "topics",
            "messages",
            "groups",
        ),
    ),
    ("Security", ("users", "acls", "certificates", "quotas", "service-accounts")),
    ("Observe", ("metrics", "promql", "alerts")),
    ("Operate", ("plans", "operations", "jobs", "processes")),
    ("Administer", ("settings", "accounts", "tokens", "api", "security", "configuration")),
)
REST = "More"


@dataclass(frozen=True, slots=True)
class Chapter:
    label: str
    documents: tuple[Document, ...]


@dataclass(frozen=True, slots=True)
class Library:
    chapters: tuple[Chapter, ...]

    @property
    def documents(self) -> tuple[Document, ...]:
        return tuple(document for chapter in self.chapters for document in chapter.documents)

    def get(self, slug: str) -> Document:
        for document in self.documents:
            if document.slug == slug:
                return document
        raise NotFound(f"The manual has no page {slug!r}", hint="Its first page lists them all.")

    def neighbours(self, slug: str) -> tuple[Document | None, Document | None]:
        slugs = [document.slug for document in self.documents]
        at = slugs.index(slug)
        before = self.documents[at - 1] if at else None
        after = self.documents[at + 1] if at + 1 < len(slugs) else None
        return before, after


def library() -> Library:
    files = tuple(sorted(DOCS.glob("*.md")))
    return _read(tuple((path, path.stat().st_mtime_ns) for path in files))


@lru_cache(maxsize=2)
def _read(files: tuple[tuple[Path, int], ...]) -> Library:
    found = {path.stem: parse(path.stem, path.read_text(encoding="utf-8")) for path, _ in files}
    chapters = [
        Chapter(label, tuple(found.pop(slug) for slug in slugs if slug in found)) for label, slugs in CONTENTS
    ]
    chapters.append(Chapter(REST, tuple(found.values())))
    return Library(tuple(chapter for chapter in chapters if chapter.documents))
