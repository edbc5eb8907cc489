"""The syntax tree that the engine walks. Every node knows where it begins in the text of the query.

Durations and times are milliseconds. Parentheses are not kept: they have done their work.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

from controlplane.metrics.promql.matchers import Matcher

Type = Literal["scalar", "vector", "matrix", "string"]
Card = Literal["one-to-one", "many-to-one", "one-to-many", "many-to-many"]


class Edge(Enum):
    """`@ start()` and `@ end()`: of the whole query, also in a subquery."""

    START = "start"
    END = "end"


@dataclass(frozen=True, slots=True)
class Number:
    position: int
    value: float


@dataclass(frozen=True, slots=True)
class Text:
    position: int
    value: str


@dataclass(frozen=True, slots=True)
class Selector:
    position: int
    matchers: tuple[Matcher, ...]
    offset: int = 0
    at: int | Edge | None = None

    @property
    def name(self) -> str:
        """Of the metric; empty when the selector does not name exactly one."""
        names = [each.value for each in self.matchers if each.name == "__name__" and each.op == "="]
        return names[0] if len(names) == 1 else ""


@dataclass(frozen=True, slots=True)
class Range:
    position: int
    selector: Selector
    length: int


@dataclass(frozen=True, slots=True)
class Subquery:
    position: int
    expr: Node
    length: int
    step: int | None
    offset: int = 0
    at: int | Edge | None = None


@dataclass(frozen=True, slots=True)
class Minus:
    position: int
    expr: Node


@dataclass(frozen=True, slots=True)
class Matching:
    """How series of two sides find each other: `on` or `ignoring` these labels."""

    on: bool = False
    labels: tuple[str, ...] = ()
    card: Card = "one-to-one"
    include: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Binary:
    position: int
    op: str
    left: Node
    right: Node
    matching: Matching
    #: `bool`: 0 or 1 instead of a filter.
    as_number: bool = False


@dataclass(frozen=True, slots=True)
class Aggregate:
    position: int
    op: str
    expr: Node
    param: Node | None = None
    labels: tuple[str, ...] = ()
    without: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    position: int
    name: str
    args: tuple[Node, ...] = field(default=())


Node = Number | Text | Selector | Range | Subquery | Minus | Binary | Aggregate | Call


def type_of(node: Node) -> Type:
    match node:
        case Number():
            return "scalar"
        case Text():
            return "string"
        case Range() | Subquery():
            return "matrix"
        case Minus(expr=expr):
            return type_of(expr)
        case Binary(left=left, right=right):
            return "scalar" if type_of(left) == type_of(right) == "scalar" else "vector"
        case Call(name="time" | "pi" | "scalar"):
            return "scalar"
        case _:
            return "vector"


def children(node: Node) -> tuple[Node, ...]:
    match node:
        case Range(selector=selector):
            return (selector,)
        case Subquery(expr=expr) | Minus(expr=expr):
            return (expr,)
        case Binary(left=left, right=right):
            return (left, right)
        case Aggregate(expr=expr, param=param):
            return (expr,) if param is None else (param, expr)
        case Call(args=args):
            return args
        case _:
            return ()


def selectors(node: Node) -> Iterator[Selector]:
    if isinstance(node, Selector):
        yield node
    for child in children(node):
        yield from selectors(child)
