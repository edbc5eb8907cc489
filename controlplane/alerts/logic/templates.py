"""The part of Go's templates that annotations and labels of alert rules use. Pure.

`{{ $labels.x }}`, `{{ .Labels.x }}`, `{{ $value }}`, `{{ .Value }}`, pipes, Prometheus' text functions, `if`/`else`/`end`,
comparisons, comments and `{{- -}}`. Anything else is refused when it is parsed, with its position: never silently empty.
A label that an alert does not have is empty, as in Prometheus.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from controlplane.alerts.logic import humanize
from controlplane.alerts.logic.functions import ANY, FUNCTIONS, LABELS, Function
from controlplane.alerts.logic.humanize import BadValue, Value
from controlplane.alerts.logic.labels import Labels

LONGEST, LONGEST_RESULT, DEEPEST = 5000, 10_000, 20
ACTION = re.compile(r"\{\{(-(?=\s))?(.*?)((?<=\s)-)?\}\}", re.DOTALL)
COMMENT = re.compile(r"\s*/\*.*?\*/\s*", re.DOTALL)
TOKEN = re.compile(
    r"""\s*(?:(?P<string>"(?:[^"\\\n]|\\.)*")|(?P<raw>`[^`]*`)|(?P<number>-?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)"""
    r"|(?P<path>\$[A-Za-z]\w*(?:\.\w+)*|(?:\.[A-Za-z_]\w*)+)|(?P<word>[A-Za-z]\w*)|(?P<punct>[|()]))",
    re.ASCII,
)
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\"}
SUPPORTED = "Supported are $labels, $value, if/else/end and: " + ", ".join(sorted(FUNCTIONS))


class TemplateError(ValueError):
    """`position` counts characters from 0."""

    def __init__(self, what: str, position: int) -> None:
        super().__init__(f"{what} (at character {position + 1})")
        self.position = position


@dataclass(frozen=True, slots=True)
class Scope:
    labels: Labels
    value: float


Expr = Callable[[Scope], Any]


@dataclass(slots=True)
class _Branch:
    """An open `if`: what it holds so far."""

    condition: Expr
    at: int
    then: list[Expr] = field(default_factory=list)
    otherwise: list[Expr] | None = None


class Template:
    def __init__(self, parts: list[Expr]) -> None:
        self._parts = parts

    def render(self, scope: Scope) -> str:
        return "".join(str(part(scope)) for part in self._parts)[:LONGEST_RESULT]


@lru_cache(maxsize=1024)
def parse(text: str) -> Template:
    if len(text) > LONGEST:
        raise TemplateError(f"A template is at most {LONGEST} characters long", LONGEST)
    return _Parser(text).template()


def expand(text: str, labels: Labels, value: float) -> str:
    """As Prometheus: a template that fails says so in its place, and the alert still goes out."""
    try:
        return parse(text).render(Scope(labels, value))
    except (TemplateError, BadValue) as error:
        return f"<error expanding template: {error}>"


def expand_all(texts: Mapping[str, str], labels: Labels, value: float) -> dict[str, str]:
    return {name: expand(text, labels, value) if "{{" in text else text for name, text in texts.items()}


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.root: list[Expr] = []
        self.open: list[_Branch] = []

    def template(self) -> Template:
        at, trim = 0, False
        for found in ACTION.finditer(self.text):
            self._text(self.text[at : found.start()], trim, bool(found[1]))
            self._action(found[2], found.start(2))
            at, trim = found.end(), bool(found[3])
        rest = self.text[at:]
        if "{{" in rest:
            raise TemplateError("{{ is not closed", at + rest.index("{{"))
        self._text(rest, trim, False)
        if self.open:
            raise TemplateError("This if has no end", self.open[-1].at)
        return Template(self.root)

    @property
    def _here(self) -> list[Expr]:
        if not self.open:
            return self.root
        branch = self.open[-1]
        return branch.then if branch.otherwise is None else branch.otherwise

    def _text(self, text: str, trim_left: bool, trim_right: bool) -> None:
        text = text.lstrip() if trim_left else text
        text = text.rstrip() if trim_right else text
        if text:
            self._here.append(lambda _: text)

    def _action(self, source: str, at: int) -> None:
        if COMMENT.fullmatch(source):
            return
        tokens = list(_tokens(source, at))
        if not tokens:
            raise TemplateError("There is nothing between {{ and }}", at)
        word = tokens[0].text if tokens[0].kind == "word" else ""
        match word:
            case "if":
                if len(self.open) >= DEEPEST:
                    raise TemplateError(f"At most {DEEPEST} ifs within each other", tokens[0].at)
                condition = _pipeline(tokens[1:], tokens[0].at, labels=True)
                self.open.append(_Branch(condition, tokens[0].at))
            case "else" | "end":
                self._close(word, tokens)
            case _:
                value = _pipeline(tokens, at, labels=True)
                self._here.append(lambda scope: humanize.go_text(value(scope)))

    def _close(self, word: str, tokens: list[_Token]) -> None:
        if len(tokens) > 1:
            raise TemplateError(f"{word} stands alone", tokens[1].at)
        if not self.open:
            raise TemplateError(f"{word} without if", tokens[0].at)
        branch = self.open[-1]
        if word == "else":
            if branch.otherwise is not None:
                raise TemplateError("A second else", tokens[0].at)
            branch.otherwise = []
            return
        self.open.pop()
        self._here.append(_conditional(branch))


def _conditional(branch: _Branch) -> Expr:
    condition, then, otherwise = branch.condition, branch.then, branch.otherwise or []

    def run(scope: Scope) -> str:
        return "".join(str(part(scope)) for part in (then if condition(scope) else otherwise))

    return run


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int


def _tokens(source: str, start: int) -> Iterator[_Token]:
    at = 0
    while source[at:].strip():
        found = TOKEN.match(source, at)
        if found is None or found.lastgroup is None:
            at += len(source[at:]) - len(source[at:].lstrip())
            raise TemplateError(
                f"{source[at : at + 20].split()[0]!r} is not supported. {SUPPORTED}", start + at
            )
        kind = found.lastgroup
        yield _Token(kind, found[kind], start + found.start(kind))
        at = found.end()


def _pipeline(tokens: list[_Token], at: int, *, labels: bool = False) -> Expr:
    """Commands between `|`; each takes the result of the one before as its last argument. `labels`: all of them will do."""
    commands: list[list[_Token]] = [[]]
    depth = 0
    for token in tokens:
        depth += {"(": 1, ")": -1}.get(token.text, 0) if token.kind == "punct" else 0
        if token.kind == "punct" and token.text == "|" and depth == 0:
            commands.append([])
        else:
            commands[-1].append(token)
    if depth != 0:
        raise TemplateError("A parenthesis is left open, or closed too often", at)
    value: _Operand | None = None
    for command in commands:
        if not command:
            raise TemplateError("There is nothing to do here", at)
        value = _command(command, value)
    assert value is not None
    return value.run if labels else _plain(value, at)


@dataclass(frozen=True, slots=True)
class _Operand:
    """`literal` is what a constant is, for checks at parse time; `is_labels`: the whole set, only `index` takes it."""

    run: Expr
    literal: Value | None = None
    is_labels: bool = False


def _plain(operand: _Operand, at: int) -> Expr:
    if operand.is_labels:
        raise TemplateError("Name one label: $labels.topic", at)
    return operand.run


def _command(tokens: list[_Token], piped: _Operand | None) -> _Operand:
    first = tokens[0]
    if first.kind == "word" and first.text not in ("true", "false"):
        given = _operands(tokens[1:]) + ([piped] if piped else [])
        return _call(first, given)
    operands = _operands(tokens)
    if len(operands) > 1 or piped is not None:
        raise TemplateError("Only a function takes arguments", first.at)
    return operands[0]


def _call(name: _Token, given: list[_Operand]) -> _Operand:
    function = FUNCTIONS.get(name.text)
    if function is None:
        raise TemplateError(f"{name.text!r} is not supported. {SUPPORTED}", name.at)
    problem = _misuse(function, given)
    if problem:
        raise TemplateError(f"{name.text}: {problem}", name.at)
    call = function.call
    return _Operand(lambda scope: call(*(each.run(scope) for each in given)))


def _misuse(function: Function, given: list[_Operand]) -> str | None:
    if not function.least <= len(given) <= function.most:
        most = (
            ""
            if function.most == function.least
            else " or more"
            if function.most == ANY
            else f" to {function.most}"
        )
        return f"it takes {function.least}{most} arguments, not {len(given)}"
    wants_labels = function.takes == LABELS
    if any(each.is_labels is not (wants_labels and at == 0) for at, each in enumerate(given)):
        return "index takes $labels and a name" if wants_labels else "name one label, such as $labels.topic"
    return function.check([each.literal for each in given]) if function.check else None


def _operands(tokens: list[_Token]) -> list[_Operand]:
    found: list[_Operand] = []
    at = 0
    while at < len(tokens):
        token = tokens[at]
        if token.kind == "punct":
            end = _closing(tokens, at)
            inner = tokens[at + 1 : end]
            run = _pipeline(inner, token.at)
            found.append(_Operand(run))
            at = end
        else:
            found.append(_operand(token))
        at += 1
    return found


def _closing(tokens: list[_Token], start: int) -> int:
    depth = 0
    for at in range(start, len(tokens)):
        if tokens[at].kind == "punct":
            depth += {"(": 1, ")": -1}.get(tokens[at].text, 0)
        if depth == 0:
            return at
    raise TemplateError("A parenthesis is left open", tokens[start].at)


def _operand(token: _Token) -> _Operand:
    match token.kind:
        case "string" | "raw":
            return _constant(_string(token))
        case "number":
            return _constant(float(token.text) if set(token.text) & set(".eE") else int(token.text))
        case "word" if token.text in ("true", "false"):
            return _constant(token.text == "true")
        case "path":
            return _path(token)
    raise TemplateError(f"{token.text!r} is not supported here. {SUPPORTED}", token.at)


def _constant(value: Value) -> _Operand:
    return _Operand(lambda _: value, literal=value)


def _string(token: _Token) -> str:
    if token.kind == "raw":
        return token.text[1:-1]

    def plain(found: re.Match[str]) -> str:
        if found[1] not in ESCAPES:
            raise TemplateError(f"\\{found[1]} is not supported", token.at + 1 + found.start())
        return ESCAPES[found[1]]

    return re.sub(r"\\(.)", plain, token.text[1:-1])


def _path(token: _Token) -> _Operand:
    root, _, name = token.text.removeprefix(".").partition(".")
    if root in ("$value", "Value") and not name and (root[0] == "$") == (token.text[0] == "$"):
        return _Operand(lambda scope: scope.value)
    if root in ("$labels", "Labels") and "." not in name:
        if not name:
            return _Operand(lambda scope: scope.labels, is_labels=True)
        return _Operand(lambda scope: scope.labels.get(name, ""))
    raise TemplateError(f"{token.text!r} is not supported. {SUPPORTED}", token.at)
