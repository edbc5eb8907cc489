"""Text to tree. `promql-parser` is the grammar and checks types; `syntax` gives places and bounds what it is given.

1. `syntax.read` refuses what is out of place, unknown or too deep: the parser's own stack would overflow on it.
2. `promql-parser` builds its tree. What it refuses is placed at the innermost part that it refuses alone as well.
3. The tree is copied into ours, taking places from the anchors, which come in the same order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from typing import Any, Final, NoReturn

import promql_parser as grammar

from controlplane.core.regex import BadRegex
from controlplane.metrics.promql import syntax, tree
from controlplane.metrics.promql.errors import PromQLError
from controlplane.metrics.promql.matchers import Matcher, MatchOp, anchored
from controlplane.metrics.promql.signatures import CALENDAR

_OPS: Final[dict[str, MatchOp]] = {"Equal": "=", "NotEqual": "!=", "Re": "=~", "NotRe": "!~"}
_CARDS: Final[dict[str, tree.Card]] = {
    "OneToOne": "one-to-one",
    "ManyToOne": "many-to-one",
    "OneToMany": "one-to-many",
    "ManyToMany": "many-to-many",
}
_SET_OPERATORS: Final = frozenset(("and", "or", "unless"))


@dataclass(frozen=True, slots=True)
class Query:
    text: str
    ast: tree.Node
    type: tree.Type

    def selectors(self) -> tuple[tree.Selector, ...]:
        """Every metric that the query reads, in the order of its text."""
        return tuple(tree.selectors(self.ast))


@lru_cache(maxsize=512)
def parse(text: str) -> Query:
    reader = syntax.read(text)
    try:
        parsed = grammar.parse(reader.plain)
    except ValueError as error:
        _refuse(reader, str(error))
    ast = _Copy(text, list(reader.anchors)).node(parsed)
    return Query(text, ast, tree.type_of(ast))


def _refuse(reader: syntax.Reader, message: str) -> NoReturn:
    """Places the parser's complaint at the innermost part that gets the same complaint alone."""
    for start, end in reader.spans:
        if _complaint(reader.text[start:end]) == message:
            raise PromQLError(message, start, reader.text)
    raise PromQLError(message, reader.words[0].position, reader.text)


def _complaint(text: str) -> str:
    try:
        grammar.parse(text)
    except ValueError as error:
        return str(error)
    return ""


def _milliseconds(length: timedelta | None) -> int:
    return 0 if length is None else length // timedelta(milliseconds=1)


def _timestamp(text: str) -> int:
    """`@ 1.5` and `@ 1m30s`, both since 1970."""
    sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text.lstrip("+"))
    try:
        return sign * round(float(digits) * 1000)
    except ValueError:
        return sign * _milliseconds(grammar.parse_duration(digits))


@dataclass
class _Copy:
    text: str
    anchors: list[syntax.Anchor]
    _at: int = field(default=0)

    def node(self, parsed: Any) -> tree.Node:
        name = type(parsed).__name__
        found: tree.Node = getattr(self, f"_{name.lower()}")(parsed)
        return found

    def _anchor(self, *kinds: str) -> syntax.Anchor:
        """The next of these kinds. Signs that the parser folded into a number or dropped are passed over."""
        while self.anchors[self._at].kind not in kinds:
            self._at += 1
        self._at += 1
        return self.anchors[self._at - 1]

    def _numberliteral(self, parsed: grammar.NumberLiteral) -> tree.Node:
        return tree.Number(self._anchor("number").position, parsed.val)

    def _stringliteral(self, parsed: grammar.StringLiteral) -> tree.Node:
        return tree.Text(self._anchor("string").position, parsed.val)

    def _parenexpr(self, parsed: grammar.ParenExpr) -> tree.Node:
        return self.node(parsed.expr)

    def _unaryexpr(self, parsed: grammar.UnaryExpr) -> tree.Node:
        start = self.anchors[self._at].position
        return tree.Minus(start, self.node(parsed.expr))

    def _vectorselector(self, parsed: grammar.VectorSelector) -> tree.Selector:
        place = self._anchor("selector").position
        return tree.Selector(
            place,
            tuple(self._matchers(parsed, place)),
            _milliseconds(parsed.offset),
            self._fixed(parsed.at),
        )

    def _matchers(self, parsed: grammar.VectorSelector, place: int) -> Iterator[Matcher]:
        if parsed.name:
            yield Matcher("__name__", "=", parsed.name)
        for each in parsed.matchers.matchers:
            matcher = Matcher(each.name, _OPS[str(each.op).rpartition(".")[2]], each.value)
            self._check_regex(matcher, place)
            yield matcher

    def _check_regex(self, matcher: Matcher, place: int) -> None:
        if matcher.op in ("=~", "!~"):
            try:
                anchored(matcher.value)
            except BadRegex as error:
                raise PromQLError(str(error), place, self.text) from error

    def _fixed(self, at: grammar.AtModifier | None) -> int | tree.Edge | None:
        if at is None:
            return None
        kind = str(at.type).rpartition(".")[2]
        if kind == "At":
            return _timestamp(self._anchor("at").text)
        return tree.Edge.START if kind == "Start" else tree.Edge.END

    def _matrixselector(self, parsed: grammar.MatrixSelector) -> tree.Node:
        selector = self._vectorselector(parsed.vector_selector)
        return tree.Range(selector.position, selector, _milliseconds(parsed.range))

    def _subqueryexpr(self, parsed: grammar.SubqueryExpr) -> tree.Node:
        expr = self.node(parsed.expr)
        step = None if parsed.step is None else _milliseconds(parsed.step)
        length, offset = _milliseconds(parsed.range), _milliseconds(parsed.offset)
        return tree.Subquery(expr.position, expr, length, step, offset, self._fixed(parsed.at))

    def _binaryexpr(self, parsed: grammar.BinaryExpr) -> tree.Node:
        left, right = self.node(parsed.lhs), self.node(parsed.rhs)
        op, modifier = str(parsed.op).lower(), parsed.modifier
        as_number = modifier is not None and modifier.return_bool
        return tree.Binary(left.position, op, left, right, _matching(op, modifier), as_number)

    def _aggregateexpr(self, parsed: grammar.AggregateExpr) -> tree.Node:
        place = self._anchor("aggregate").position
        param = None if parsed.param is None else self.node(parsed.param)
        expr = self.node(parsed.expr)
        modifier = parsed.modifier
        labels = () if modifier is None else tuple(modifier.labels)
        without = modifier is not None and str(modifier.type).endswith("Without")
        return tree.Aggregate(place, str(parsed.op).lower(), expr, param, labels, without)

    def _call(self, parsed: grammar.Call) -> tree.Node:
        place, name = self._anchor("call").position, parsed.func.name
        args = tuple(self.node(each) for each in parsed.args)
        if name in CALENDAR and not args:
            args = (tree.Call(place, "vector", (tree.Call(place, "time"),)),)
        return tree.Call(place, name, args)


def _matching(op: str, modifier: grammar.BinModifier | None) -> tree.Matching:
    if modifier is None:
        return tree.Matching(card="many-to-many" if op in _SET_OPERATORS else "one-to-one")
    labels = modifier.matching
    return tree.Matching(
        on=labels is not None and str(labels.type).endswith("Include"),
        labels=() if labels is None else tuple(labels.labels),
        card=_CARDS[str(modifier.card).rpartition(".")[2]],
        include=tuple(modifier.group_labels or ()),
    )
