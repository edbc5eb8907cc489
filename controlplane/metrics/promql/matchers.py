"""Which label values a matcher lets through. Regular expressions are RE2's, matched by Python's engine.

What the two read differently is refused, and so is what would make a backtracking engine slow without bound:
anybody who may query chooses the expression.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

MatchOp = Literal["=", "!=", "=~", "!~"]

#: Unbounded repetitions in one expression; each multiplies the steps of a failing match by the value's length.
MAX_REPEATS = 5
_CLASSES = {
    "alnum": "0-9A-Za-z", "alpha": "A-Za-z", "ascii": r"\x00-\x7F", "blank": r"\t ", "cntrl": r"\x00-\x1F\x7F",
    "digit": "0-9", "graph": "!-~", "lower": "a-z", "print": " -~", "punct": r"!-/:-@\[-`{-~",
    "space": r"\t\n\v\f\r ", "upper": "A-Z", "word": "0-9A-Za-z_", "xdigit": "0-9A-Fa-f",
}  # fmt: skip
_PIECES = re.compile(
    r"\(\?[ims]+\)|\\.|\[\^?\]?(?:\\.|\[:\w+:\]|[^\]\\])*\]|\(|\)|[*+?]|\{\d+(?:,\d*)?\}|\||[^\\]", re.DOTALL
)
_ABSENT_IN_PYTHON = re.compile(r"\\[pPzQECAZ]|\\x\{")


class BadRegex(ValueError):
    """An expression that cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Matcher:
    name: str
    op: MatchOp
    value: str

    def matches(self, value: str) -> bool:
        """The empty value is that of a label which is not there."""
        if self.op in ("=", "!="):
            return (value == self.value) == (self.op == "=")
        return bool(anchored(self.value).fullmatch(value)) == (self.op == "=~")

    def __str__(self) -> str:
        return f'{self.name}{self.op}"{self.value}"'


def chosen(matchers: tuple[Matcher, ...]) -> tuple[str | None, Callable[[Mapping[str, str]], bool]]:
    """For a source of series: the metric's name where it is given, and whether labels pass."""
    name = next((each.value for each in matchers if each.name == "__name__" and each.op == "="), None)

    def passes(labels: Mapping[str, str]) -> bool:
        return all(each.matches(labels.get(each.name, "")) for each in matchers)

    return name, passes


@lru_cache(maxsize=2048)
def anchored(pattern: str) -> re.Pattern[str]:
    """For `fullmatch`. A dot matches line ends too, as in Prometheus 3."""
    _refuse_what_differs(pattern)
    flags = re.DOTALL if "(?i" in pattern else re.DOTALL | re.ASCII
    posix = re.sub(r"\[:(\w+):\]", lambda found: _CLASSES.get(found[1], found[0]), _scoped(pattern))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # "possible nested set": RE2 has none either
            return re.compile(posix, flags)
    except (re.error, OverflowError, RecursionError) as error:
        raise BadRegex(f"regular expression {pattern!r}: {error}") from error


def _scoped(pattern: str) -> str:
    """`(a(?i)b)` as `(a(?i:b))`: Python takes a flag only for the whole or for a group of its own."""
    found, extra = "", [0]
    for piece in _PIECES.findall(pattern):
        text = piece
        if re.fullmatch(r"\(\?[ims]+\)", piece):
            text = piece[:-1] + ":"
            extra[-1] += 1
        elif piece == "(":
            extra.append(0)
        elif piece == ")" and len(extra) > 1:
            text = ")" * (extra.pop() + 1)
        found += text
    return found + ")" * extra[0]


def _refuse_what_differs(pattern: str) -> None:
    if found := _ABSENT_IN_PYTHON.search(pattern):
        raise BadRegex(f"regular expression {pattern!r}: {found[0]} is not supported")
    repeats, before, risky = 0, "", [False]
    for piece in _PIECES.findall(pattern):
        unbounded = piece in ("*", "+") or (piece.startswith("{") and piece.endswith(",}"))
        if unbounded and _ends_repeat(before):
            raise BadRegex(
                f"regular expression {pattern!r}: invalid nested repetition operator {before + piece}"
            )
        if unbounded and before == ")risky":
            raise BadRegex(
                f"regular expression {pattern!r}: a repeated group that itself repeats or alternates"
            )
        repeats += unbounded
        before = _step(piece, unbounded, risky)
    if repeats > MAX_REPEATS:
        raise BadRegex(f"regular expression {pattern!r}: more than {MAX_REPEATS} unbounded repetitions")


def _ends_repeat(piece: str) -> bool:
    return piece in ("*", "+", "?") or (piece.startswith("{") and piece.endswith("}"))


def _step(piece: str, unbounded: bool, risky: list[bool]) -> str:
    """Keeps, per open group, whether repeating it could take exponential time; returns the piece to remember."""
    if piece == "(":
        risky.append(False)
    elif piece == ")" and len(risky) > 1:
        inner = risky.pop()
        risky[-1] |= inner
        return ")risky" if inner else piece
    elif unbounded or piece in ("|", "?") or piece.startswith("{"):
        # `(?:` opens a group and is no repetition.
        risky[-1] |= True
    return piece
