"""A tree back to text, for another server to evaluate: what we have understood, and nothing else of what was typed.

With `only`, every selector is bound to these label values as well. Names of metrics are written as matchers, operations
in parentheses, durations in milliseconds: readable by machines of any version.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

from controlplane.metrics.promql.tree import (
    Aggregate,
    Binary,
    Call,
    Edge,
    Minus,
    Node,
    Number,
    Range,
    Selector,
    Subquery,
    Text,
)

Only = Mapping[str, str]
EVERYTHING: Only = {}
SETS = frozenset(("and", "or", "unless"))
SIDES = {"many-to-one": "group_left", "one-to-many": "group_right"}


def text_of(node: Node, only: Only = EVERYTHING) -> str:
    match node:
        case Number(value=value):
            return _number(value)
        case Text(value=value):
            return quoted(value)
        case Selector():
            return _selector(node, "", only)
        case Range(selector=selector, length=length):
            return _selector(selector, f"[{length}ms]", only)
        case Subquery():
            step = "" if node.step is None else f"{node.step}ms"
            return f"({text_of(node.expr, only)})[{node.length}ms:{step}]{_modifiers(node)}"
        case Minus(expr=expr):
            return f"(-({text_of(expr, only)}))"
        case Binary():
            return _binary(node, only)
        case Aggregate():
            return _aggregate(node, only)
        case Call(name=name, args=args):
            return f"{name}({', '.join(text_of(each, only) for each in args)})"


def quoted(text: str) -> str:
    """Escapes that JSON and Go have in common."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def matchers_of(only: Only) -> str:
    """A selector of everything that is bound to these values; of everything at all without any."""
    found = ",".join(f"{name}={quoted(value)}" for name, value in sorted(only.items()))
    return "{" + (found or '__name__!=""') + "}"


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Inf" if value > 0 else "(-Inf)"
    return repr(value) if value >= 0 and math.copysign(1, value) > 0 else f"({value!r})"


def _selector(node: Selector, window: str, only: Only) -> str:
    parts = [f"{_label(each.name)}{each.op}{quoted(each.value)}" for each in node.matchers]
    parts += [f"{_label(name)}={quoted(value)}" for name, value in sorted(only.items())]
    return "{" + ",".join(parts) + "}" + window + _modifiers(node)


def _modifiers(node: Selector | Subquery) -> str:
    found = ""
    if isinstance(node.at, Edge):
        found += f" @ {node.at.value}()"
    elif node.at is not None:
        found += f" @ {node.at / 1000:.3f}"
    if node.offset:
        found += f" offset {'-' if node.offset < 0 else ''}{abs(node.offset)}ms"
    return found


def _label(name: str) -> str:
    plain = name.isascii() and name.replace("_", "a").isalnum() and not name[0].isdigit()
    return name if plain else quoted(name)


def _binary(node: Binary, only: Only) -> str:
    words = [text_of(node.left, only), node.op]
    if node.as_number:
        words.append("bool")
    matching = node.matching
    if matching.on or matching.labels:
        words.append(f"{'on' if matching.on else 'ignoring'} ({_labels(matching.labels)})")
    if node.op not in SETS and matching.card in SIDES:
        words.append(f"{SIDES[matching.card]} ({_labels(matching.include)})")
    return f"({' '.join(words)} {text_of(node.right, only)})"


def _aggregate(node: Aggregate, only: Only) -> str:
    grouped = (
        f" {'without' if node.without else 'by'} ({_labels(node.labels)})"
        if node.labels or node.without
        else ""
    )
    given = [node.expr] if node.param is None else [node.param, node.expr]
    return f"{node.op}{grouped} ({', '.join(text_of(each, only) for each in given)})"


def _labels(names: tuple[str, ...]) -> str:
    return ", ".join(map(_label, names))
