"""The order of words: finds the first word of a query that cannot stand where it stands.

One pass without recursion, so no query is too deep for it. Its other yield is the *anchors*: the places of selectors,
calls, aggregations and literals in the order in which the syntax tree has them, since `promql-parser` keeps none.
It is never stricter than the grammar; what only the grammar sees is placed by `parsing`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NoReturn

from controlplane.metrics.promql.errors import PromQLError
from controlplane.metrics.promql.signatures import AGGREGATIONS, FUNCTIONS, REFUSED
from controlplane.metrics.promql.tokens import Kind, Token, tokens

#: Both bound the depth of the tree, hence of the recursion over it; real rules stay far below.
MAX_NESTING = 60
MAX_OPERATORS = 150
MAX_LENGTH = 64 * 1024

_OPERATORS = frozenset(["+", "-", "*", "/", "%", "^", "==", "!=", "<", "<=", ">", ">="])
_WORD_OPERATORS = frozenset(["and", "or", "unless", "atan2"])
_MATCHES = frozenset(("=", "!=", "=~", "!~"))
_LIST_WORDS = frozenset(("on", "ignoring", "group_left", "group_right"))
_REFUSED_MODIFIERS = frozenset(("anchored", "smoothed"))
_REFUSED_FILLS = frozenset(("fill", "fill_left", "fill_right"))


@dataclass(frozen=True, slots=True)
class Anchor:
    kind: str
    text: str
    position: int


@dataclass(frozen=True, slots=True)
class Opened:
    sign: Token
    #: Where the whole begins: the name of the function, or the parenthesis.
    start: int
    commas: bool


@dataclass
class Reader:
    text: str
    words: list[Token]
    at: int = 0
    anchors: list[Anchor] = field(default_factory=list[Anchor])
    #: Open parentheses, with whether commas may stand in them.
    open: list[Opened] = field(default_factory=list[Opened])
    #: (start, end) of selectors, calls, aggregations and groups: an inner one is before the one around it.
    spans: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    operators: int = 0

    @property
    def word(self) -> Token:
        return self.words[self.at]

    @property
    def plain(self) -> str:
        """The query as `promql-parser` can read it: it does not know `1_000`."""
        return " ".join(w.text.replace("_", "") if w.kind is Kind.NUMBER else w.text for w in self.words)

    def is_sign(self, sign: str, ahead: int = 0) -> bool:
        token = self.words[min(self.at + ahead, len(self.words) - 1)]
        return token.kind is Kind.SIGN and token.text == sign

    def take(self) -> Token:
        token = self.word
        self.at += 1
        return token

    def expect(self, sign: str, context: str) -> Token:
        if not self.is_sign(sign):
            self.unexpected(context, f'expected "{sign}"')
        return self.take()

    def fail(self, message: str, token: Token) -> NoReturn:
        raise PromQLError(message, token.position, self.text)

    def unexpected(self, context: str, wanted: str = "") -> NoReturn:
        tail = f" in {context}" if context else ""
        self.fail(f"unexpected {self.word}{tail}{f', {wanted}' if wanted else ''}", self.word)

    def anchor(self, kind: str, token: Token) -> None:
        self.anchors.append(Anchor(kind, token.text, token.position))

    def enter(self, start: Token, *, commas: bool) -> None:
        if len(self.open) >= MAX_NESTING:
            self.fail(f"more than {MAX_NESTING} nested parentheses", self.word)
        self.open.append(Opened(self.take(), start.position, commas))

    def leave(self) -> None:
        self.end_span(self.open.pop().start)

    def end_span(self, start: int) -> None:
        last = self.take()
        self.spans.append((start, last.position + len(last.text)))

    def count_operator(self, token: Token) -> None:
        self.operators += 1
        if self.operators > MAX_OPERATORS:
            self.fail(f"more than {MAX_OPERATORS} operators in one query", token)


def read(text: str) -> Reader:
    """Raises PromQLError at the first word that is out of place."""
    if len(text) > MAX_LENGTH:
        raise PromQLError(f"a query of more than {MAX_LENGTH} characters", MAX_LENGTH, text)
    reader = Reader(text, list(tokens(text)))
    if reader.word.kind is Kind.END:
        reader.fail("no expression found in input", reader.word)
    _expression(reader)
    return reader


def _expression(reader: Reader) -> None:
    while True:
        if _operand(reader):
            continue
        while _after_operand(reader):
            pass
        if reader.word.kind is Kind.END:
            break
        _operator_or_comma(reader)
    if reader.open:
        reader.fail("unclosed left parenthesis", reader.open[-1].sign)


def _operand(reader: Reader) -> bool:
    """Whether another operand must follow: after a sign, or an opened parenthesis."""
    token = reader.word
    if token.kind in (Kind.NUMBER, Kind.DURATION, Kind.STRING) or token.word in ("inf", "nan"):
        reader.anchor("string" if token.kind is Kind.STRING else "number", reader.take())
        return False
    if token.kind is Kind.NAME:
        return _named(reader)
    return _signed(reader)


def _signed(reader: Reader) -> bool:
    token = reader.word
    if token.text in ("+", "-") and token.kind is Kind.SIGN:
        reader.count_operator(token)
        reader.anchor("unary", reader.take())
        return True
    if reader.is_sign("("):
        reader.enter(token, commas=False)
        return True
    if reader.is_sign("{"):
        reader.anchor("selector", token)
        _braces(reader, token)
        return False
    if reader.open and token.kind is Kind.END:
        reader.fail("unclosed left parenthesis", reader.open[-1].sign)
    return reader.unexpected("")


def _named(reader: Reader) -> bool:
    token = reader.take()
    if token.word in AGGREGATIONS and (reader.is_sign("(") or reader.word.word in ("by", "without")):
        return _aggregation(reader, token)
    if reader.is_sign("("):
        return _call(reader, token)
    reader.anchor("selector", token)
    if reader.is_sign("{"):
        _braces(reader, token)
    return False


def _aggregation(reader: Reader, token: Token) -> bool:
    reader.anchor("aggregate", token)
    if reader.word.word in ("by", "without"):
        reader.take()
        _label_list(reader, "grouping")
    if not reader.is_sign("("):
        reader.unexpected("aggregation", 'expected "("')
    return _open_arguments(reader, token)


def _call(reader: Reader, token: Token) -> bool:
    if token.text in REFUSED:
        reader.fail(f"{token.text}() is not supported: {REFUSED[token.text]}", token)
    if token.text not in FUNCTIONS:
        reader.fail(f'unknown function with name "{token.text}"', token)
    reader.anchor("call", token)
    return _open_arguments(reader, token)


def _open_arguments(reader: Reader, name: Token) -> bool:
    reader.enter(name, commas=True)
    if reader.is_sign(")"):
        reader.leave()
        return False
    return True


def _after_operand(reader: Reader) -> bool:
    """Takes one thing that may follow an operand without asking for another operand."""
    token = reader.word
    if reader.is_sign("["):
        _brackets(reader)
    elif reader.is_sign("@"):
        _at(reader)
    elif reader.is_sign(")"):
        if not reader.open:
            reader.fail('unexpected right parenthesis ")"', token)
        reader.leave()
    elif token.word in ("by", "without"):
        reader.take()
        _label_list(reader, "grouping")
    elif token.word == "offset":
        _offset(reader)
    elif token.word in _REFUSED_MODIFIERS:
        reader.fail(f'the modifier "{token.text}" is experimental in Prometheus and not supported', token)
    else:
        return False
    return True


def _operator_or_comma(reader: Reader) -> None:
    token = reader.word
    if reader.is_sign(",") and reader.open and reader.open[-1].commas:
        reader.take()
        return
    if reader.is_sign("</") or reader.is_sign(">/"):
        reader.fail(f'the operator "{token.text}" is for native histograms and not supported', token)
    if not (token.kind is Kind.SIGN and token.text in _OPERATORS) and token.word not in _WORD_OPERATORS:
        reader.unexpected("")
    reader.count_operator(token)
    reader.take()
    _matching(reader)


def _matching(reader: Reader) -> None:
    if reader.word.word == "bool":
        reader.take()
    while reader.word.word in _LIST_WORDS | _REFUSED_FILLS:
        # A metric may be called `on`: it is the modifier when a list follows, as in Prometheus.
        token = reader.word
        if token.word in _REFUSED_FILLS and reader.is_sign("(", ahead=1):
            reader.fail(f'the modifier "{token.text}" is experimental in Prometheus and not supported', token)
        if token.word in ("group_left", "group_right") and not reader.is_sign("(", ahead=1):
            reader.take()
        elif reader.is_sign("(", ahead=1):
            reader.take()
            _label_list(reader, token.word)
        else:
            return


def _unclosed(reader: Reader, opened: Token, what: str) -> None:
    if reader.word.kind is Kind.END:
        reader.fail(f"unclosed {what}", opened)


def _label_list(reader: Reader, context: str) -> None:
    opened = reader.expect("(", context)
    while not reader.is_sign(")"):
        _unclosed(reader, opened, "left parenthesis")
        if reader.word.kind not in (Kind.NAME, Kind.STRING):
            reader.unexpected(context, "expected label")
        reader.take()
        if reader.is_sign(","):
            reader.take()
        elif not reader.is_sign(")"):
            _unclosed(reader, opened, "left parenthesis")
            reader.unexpected(context, 'expected "," or ")"')
    reader.take()


def _braces(reader: Reader, start: Token) -> None:
    opened = reader.take()
    while not reader.is_sign("}"):
        _unclosed(reader, opened, "left brace")
        _matcher(reader)
        if reader.word.word == "or":
            reader.fail('"or" between matchers is not PromQL', reader.word)
        if reader.is_sign(","):
            reader.take()
        elif not reader.is_sign("}"):
            _unclosed(reader, opened, "left brace")
            reader.unexpected("label matching", 'expected "," or "}"')
    reader.end_span(start.position)


def _matcher(reader: Reader) -> None:
    if reader.word.kind not in (Kind.NAME, Kind.STRING):
        reader.unexpected("label matching", 'expected identifier or "}"')
    name = reader.take()
    if name.kind is Kind.STRING and (reader.is_sign(",") or reader.is_sign("}")):
        return  # {"a.b"} is the metric's name
    if reader.word.text not in _MATCHES:
        reader.unexpected("label matching", "expected label matching operator")
    reader.take()
    if reader.word.kind is not Kind.STRING:
        reader.unexpected("label matching", "expected string")
    reader.take()


def _brackets(reader: Reader) -> None:
    opened = reader.take()
    _duration(reader, opened)
    if reader.is_sign(":"):
        reader.take()
        if not reader.is_sign("]"):
            _duration(reader, opened)
    if not reader.is_sign("]"):
        _bad_duration(reader, opened)
    reader.take()


def _duration(reader: Reader, opened: Token) -> None:
    if reader.word.kind not in (Kind.DURATION, Kind.NUMBER):
        _bad_duration(reader, opened)
    reader.take()


def _bad_duration(reader: Reader, opened: Token) -> NoReturn:
    _unclosed(reader, opened, "left bracket")
    if reader.word.text in ("+", "-", "*", "/", "%", "^", "(") or reader.word.kind is Kind.NAME:
        reader.fail("arithmetic with durations is experimental in Prometheus and not supported", reader.word)
    reader.unexpected("range", "expected a duration such as 5m")


def _offset(reader: Reader) -> None:
    reader.take()
    if reader.is_sign("-") or reader.is_sign("+"):
        reader.take()
    if reader.word.kind not in (Kind.DURATION, Kind.NUMBER):
        if reader.is_sign("(") or reader.word.kind is Kind.NAME:
            reader.fail(
                "arithmetic with durations is experimental in Prometheus and not supported", reader.word
            )
        reader.unexpected("offset", "expected a duration such as 5m")
    reader.take()


def _at(reader: Reader) -> None:
    sign = reader.take()
    if reader.word.word in ("start", "end") and reader.is_sign("(", ahead=1):
        reader.take()
        reader.take()
        reader.expect(")", "@ modifier")
        return
    minus = reader.take().text if reader.is_sign("-") or reader.is_sign("+") else ""
    if reader.word.kind not in (Kind.NUMBER, Kind.DURATION):
        reader.unexpected("@ modifier", "expected a timestamp, start() or end()")
    # `promql-parser` takes a negative one for 0, so the tree has ours.
    reader.anchors.append(Anchor("at", minus + reader.take().text, sign.position))
