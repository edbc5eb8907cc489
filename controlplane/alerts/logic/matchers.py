"""Label matchers in Alertmanager's syntax: `{severity="critical", topic=~"orders.*"}`. An absent label equals "". Pure.

The grammar is Alertmanager's UTF-8 parser (matcher/parse); what it refuses is refused here, with the position.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from controlplane.alerts.logic.labels import Labels
from controlplane.core.regex import BadRegex, Regex, compiled

LONGEST_VALUE = 1000
RESERVED = frozenset("{}!=~,\\\"'`")
TOKEN = re.compile(
    r"\s*(?:(?P<brace>[{}])|(?P<comma>,)|(?P<op>=~|!=|!~|=)|(?P<quoted>\"(?:[^\"\\]|\\.)*\")|(?P<word>[^\s{}!=~,\\\"'`]+))",
    re.DOTALL,
)
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\"}
ESCAPED = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-7][0-9a-fA-F])|(.))", re.DOTALL)


class BadMatcher(ValueError):
    def __init__(self, what: str, position: int = 0) -> None:
        super().__init__(f"{what} (at character {position + 1})")
        self.position = position


class Op(StrEnum):
    EQUAL = "="
    NOT_EQUAL = "!="
    REGEX = "=~"
    NOT_REGEX = "!~"


@dataclass(frozen=True, slots=True)
class Matcher:
    name: str
    op: Op
    value: str
    pattern: Regex | None = field(default=None, compare=False, repr=False)

    def matches(self, labels: Labels) -> bool:
        found = labels.get(self.name, "")
        if self.pattern is not None:
            return self.pattern.matches(found) is (self.op is Op.REGEX)
        return (found == self.value) is (self.op is Op.EQUAL)

    def __str__(self) -> str:
        name = _quoted(self.name) if _needs_quotes(self.name) else self.name
        return f"{name}{self.op.value}{_quoted(self.value)}"


Matchers = tuple[Matcher, ...]


def matcher(name: str, op: Op, value: str) -> Matcher:
    if not name:
        raise BadMatcher("A label name is missing")
    if len(value) > LONGEST_VALUE:
        raise BadMatcher(f"A value is at most {LONGEST_VALUE} characters long")
    regex = op in (Op.REGEX, Op.NOT_REGEX)
    return Matcher(name, op, value, _pattern(value) if regex else None)


def _pattern(value: str) -> Regex:
    try:
        return compiled(value)
    except BadRegex as error:
        raise BadMatcher(str(error)) from error


def matches_all(matchers: Iterable[Matcher], labels: Labels) -> bool:
    return all(each.matches(labels) for each in matchers)


def text_of(matchers: Iterable[Matcher]) -> str:
    """Sorted as Alertmanager sorts them: this text is a part of the group key."""
    ordered = sorted(matchers, key=lambda each: (each.name, each.value, list(Op).index(each.op)))
    return "{" + ",".join(map(str, ordered)) + "}"


def parse(text: str) -> Matchers:
    """One or more matchers, braces optional."""
    tokens = list(_tokens(text))
    if tokens and tokens[0].text == "{" and tokens[0].kind == "brace":
        if tokens[-1].kind != "brace" or tokens[-1].text != "}" or len(tokens) == 1:
            raise BadMatcher("A closing brace is missing", len(text))
        tokens = tokens[1:-1]
    return tuple(_matchers(tokens, text))


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    while text[at:].strip():
        found = TOKEN.match(text, at)
        if found is None or found.lastgroup is None:
            raise BadMatcher(f"{text[at:].strip()[:1]!r} does not belong here", at)
        yield _Token(found.lastgroup, found[found.lastgroup], found.start(found.lastgroup))
        at = found.end()


def _matchers(tokens: list[_Token], text: str) -> Iterator[Matcher]:
    for start in range(0, len(tokens), 4):
        part = tokens[start : start + 4]
        for at, (kinds, missing) in enumerate(EXPECTED):
            if at == 3 and len(part) == 3:
                break
            if at >= len(part) or part[at].kind not in kinds:
                raise BadMatcher(missing, part[at].at if at < len(part) else len(text))
        try:
            yield matcher(_unquoted(part[0]), Op(part[1].text), _unquoted(part[2]))
        except BadMatcher as error:
            raise BadMatcher(str(error).partition(" (at ")[0], part[2].at) from error


EXPECTED: tuple[tuple[tuple[str, ...], str], ...] = (
    (("word", "quoted"), "A label name is expected"),
    (("op",), "One of =, !=, =~ and !~ is expected"),
    (("word", "quoted"), "A value is expected"),
    (("comma",), "A comma is expected"),
)


def _unquoted(token: _Token) -> str:
    if token.kind == "word":
        return token.text

    def plain(found: re.Match[str]) -> str:
        if found[1] or found[2]:
            return chr(int(found[1] or found[2], 16))
        if found[3] not in ESCAPES:
            raise BadMatcher(f"\\{found[3]} is no escape", token.at + found.start())
        return ESCAPES[found[3]]

    return ESCAPED.sub(plain, token.text[1:-1])


def _needs_quotes(name: str) -> bool:
    return any(char.isspace() or char in RESERVED for char in name)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
    return f'"{escaped}"'
