"""The words of a query with their places. `promql-parser` says that a query is wrong, these say where.

Pure. Reads strings, numbers, durations, names and signs; knows nothing of their order (`syntax` does).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from controlplane.metrics.promql.errors import PromQLError

_UNITS = r"(?:ms|[smhdwy])"
_PATTERN = re.compile(
    r"(?P<space>\s+|\#[^\n]*)"
    r"|(?P<string>\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|`[^`]*`)"
    rf"|(?P<duration>(?:\d+{_UNITS})+(?![\w.]))"
    r"|(?P<number>(?:0[xX][0-9a-fA-F_]+|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d[\d_]*)?)(?![\w.]))"
    r"|(?P<bad>\.?\d[\w.]*)"
    r"|(?P<name>[A-Za-z_:][A-Za-z0-9_:]*)"
    r"|(?P<sign>==|!=|=~|!~|<=|>=|</|>/|[-+*/%^<>=@,:(){}\[\]])"
)


class Kind(Enum):
    STRING = "string"
    NUMBER = "number"
    DURATION = "duration"
    NAME = "identifier"
    SIGN = "character"
    END = "end of input"


@dataclass(frozen=True, slots=True)
class Token:
    kind: Kind
    text: str
    position: int

    @property
    def word(self) -> str:
        """As a keyword: they are the same in capitals."""
        return self.text.lower() if self.kind is Kind.NAME else ""

    def __str__(self) -> str:
        if self.kind is Kind.END:
            return "end of input"
        return (
            f'"{self.text}"' if self.kind is Kind.SIGN else f'{self.kind.value} "{self.text.strip(chr(34))}"'
        )


def tokens(text: str) -> Iterator[Token]:
    """Ends with one END token."""
    at, brackets = 0, 0
    while at < len(text):
        token, end = _next(text, at, in_brackets=brackets > 0)
        if token is not None:
            brackets += {"[": 1, "]": -1}.get(token.text, 0)
            yield token
        at = end
    yield Token(Kind.END, "", len(text))


def _next(text: str, at: int, *, in_brackets: bool) -> tuple[Token | None, int]:
    # A colon is part of a metric's name, but in brackets it parts a subquery's range from its step.
    if in_brackets and text[at] == ":":
        return Token(Kind.SIGN, ":", at), at + 1
    found = _PATTERN.match(text, at)
    if found is None:
        raise PromQLError(_unreadable(text[at]), at, text)
    kind, word = str(found.lastgroup), found.group()
    if kind == "space":
        return None, found.end()
    if kind == "bad":
        raise PromQLError(f'bad number or duration syntax: "{word}"', at, text)
    return Token(Kind["NAME" if kind == "name" else kind.upper()], word, at), found.end()


def _unreadable(character: str) -> str:
    if character in "\"'`":
        return "unterminated quoted string"
    return f"unexpected character: {character!r}"
