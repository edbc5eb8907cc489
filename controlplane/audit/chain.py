"""The hash chain over sealed operations. Pure: rows in, digests and findings out.

Each hash covers the row's content, its place and the hash before it. That finds edits, deletions and reordering;
truncation and a rewrite of the whole chain are found by the signed head that is kept outside the database.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

GENESIS = "0" * 64
#: The order is part of the format: new fields go to the end, with a new VERSION. `cluster` is one name, or the list of both
#: where a row is about two: a text and a list are never the same JSON, so neither can be passed off as the other.
FIELDS = (
    "uid", "seq", "started_at", "sealed_at", "duration_ms", "actor", "actor_kind", "action", "cluster", "target",
    "outcome", "plan", "before", "details", "error", "request_id",
)  # fmt: skip
VERSION = "1"


class Tampering(StrEnum):
    EDITED = "edited"
    MISSING = "missing"
    RELINKED = "relinked"
    TRUNCATED = "truncated"
    REWRITTEN = "rewritten"
    HEAD_FORGED = "head_forged"

    @property
    def sentence(self) -> str:
        return {
            "edited": "A row was changed after it was sealed.",
            "missing": "A row between two others is gone.",
            "relinked": "A row does not continue the one before it.",
            "truncated": "The newest rows are gone.",
            "rewritten": "The chain is not the one whose head was signed.",
            "head_forged": "The signed head was not signed with this installation's key.",
        }[self.value]


@dataclass(frozen=True, slots=True)
class Head:
    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class Link:
    """A sealed row as the chain sees it."""

    seq: int
    previous_hash: str
    hash: str
    content: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Finding:
    kind: Tampering
    seq: int

    @property
    def sentence(self) -> str:
        return f"{self.kind.sentence} (number {self.seq})"


@dataclass(frozen=True, slots=True)
class Verification:
    rows: int
    head: Head
    findings: tuple[Finding, ...]

    @property
    def intact(self) -> bool:
        return not self.findings


def link_hash(previous_hash: str, content: Mapping[str, object]) -> str:
    values = [VERSION, previous_hash, *(content[name] for name in FIELDS)]
    canonical = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def verify(links: Iterable[Link], *, database_head: Head, signed_head: Head | None) -> Verification:
    """Walks the chain in order of seq. `signed_head` may lie behind the newest row, never beyond it."""
    findings: list[Finding] = []
    expected, previous, rows = 1, GENESIS, 0
    seen_signed = signed_head is None or signed_head.seq == 0
    for link in links:
        rows += 1
        if link.seq != expected:
            findings.append(Finding(Tampering.MISSING, expected))
        elif link.previous_hash != previous:
            findings.append(Finding(Tampering.RELINKED, link.seq))
        if link_hash(link.previous_hash, link.content) != link.hash:
            findings.append(Finding(Tampering.EDITED, link.seq))
        if signed_head is not None and link.seq == signed_head.seq:
            seen_signed = True
            if link.hash != signed_head.hash:
                findings.append(Finding(Tampering.REWRITTEN, link.seq))
        expected, previous = link.seq + 1, link.hash
    last = Head(expected - 1, previous)
    if not seen_signed and signed_head is not None:
        findings.append(Finding(Tampering.TRUNCATED, signed_head.seq))
    elif last != database_head:
        findings.append(Finding(Tampering.TRUNCATED, database_head.seq))
    return Verification(rows, last, tuple(findings))
