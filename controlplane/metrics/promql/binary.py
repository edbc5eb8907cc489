"""Operators between two sides: arithmetic, comparisons as filters or as numbers, and set operators.

Series find their partners once, by labels; values of all pairs and steps are then one numpy operation. Which side may
have several partners is Prometheus' rule, with its error texts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from controlplane.metrics.promql.errors import EvaluationError
from controlplane.metrics.promql.model import (
    Bools,
    Floats,
    Labels,
    Scalar,
    Value,
    Vector,
    empty,
    merged,
    nameless,
    only,
    unnamed,
    without,
    words,
)  # fmt: skip
from controlplane.metrics.promql.tree import Binary, Matching

_ARITHMETIC: Final[Mapping[str, np.ufunc]] = {
    "+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide, "%": np.fmod, "^": np.power,
    "atan2": np.arctan2,
}  # fmt: skip
_COMPARISONS: Final[Mapping[str, np.ufunc]] = {
    "==": np.equal, "!=": np.not_equal, ">": np.greater, "<": np.less, ">=": np.greater_equal, "<=": np.less_equal,
}  # fmt: skip


def operate(node: Binary, left: Value, right: Value) -> Value:
    assert not isinstance(left, str), "the parser lets no text through"
    assert not isinstance(right, str), "the parser lets no text through"
    if isinstance(left, Vector) and isinstance(right, Vector):
        if node.op in _SETS:
            return _SETS[node.op](left, right, node.matching)
        return _pairs(node, left, right)
    if isinstance(left, Vector):
        assert not isinstance(right, Vector)
        return _with_scalar(node, left, left.values, right, left)
    if isinstance(right, Vector):
        return _with_scalar(node, right, left, right.values, right)
    return _numbers(node.op, left, right)


def _numbers(op: str, left: Floats, right: Floats) -> Floats:
    ufunc = _ARITHMETIC.get(op) or _COMPARISONS[op]
    return np.asarray(ufunc(left, right), dtype=np.float64)


def _with_scalar(node: Binary, vector: Vector, left: Floats, right: Floats, kept: Vector) -> Vector:
    found = _numbers(node.op, left, right)
    if node.op in _COMPARISONS and not node.as_number:
        return kept.keep(kept.present & (found != 0))
    return unnamed(vector, found)


# One to one, many to one


def _key(matching: Matching) -> Callable[[Labels], Labels]:
    names = frozenset(matching.labels if matching.on else (*matching.labels, "__name__"))
    pick = only if matching.on else without
    return lambda labels: pick(labels, names)


def _by_key(vector: Vector, matching: Matching) -> dict[Labels, list[int]]:
    key = _key(matching)
    rows: dict[Labels, list[int]] = {}
    for row, labels in enumerate(vector.labels):
        rows.setdefault(key(labels), []).append(row)
    return rows


def _pairs(node: Binary, left: Vector, right: Vector) -> Vector:
    matching = node.matching
    if not left.labels or not right.labels:
        return empty(left.steps)
    swapped = matching.card == "one-to-many"
    many, one = (right, left) if swapped else (left, right)
    ones, manies = _by_key(one, matching), _by_key(many, matching)
    _check_one_side(one, ones, many.anywhere, "left" if swapped else "right")
    pairs = [(row, other) for key, rows in manies.items() for row in rows for other in ones.get(key, ())]
    if not pairs:
        return empty(left.steps)
    pairs.sort()
    rows, others = np.array(pairs, dtype=np.int64).T
    both = many.present[rows] & one.present[others]
    labels = [_result_labels(node, many.labels[row], one.labels[other]) for row, other in pairs]
    keys = [_key(matching)(many.labels[row]) for row, _ in pairs]
    _check_many_side(matching, keys, labels, both)
    sides = (one.values[others], many.values[rows]) if swapped else (many.values[rows], one.values[others])
    found = _numbers(node.op, *sides)
    if node.op in _COMPARISONS and not node.as_number:
        return merged(Vector(labels, sides[0], both & (found != 0)))
    return merged(Vector(labels, found, both))


def _check_one_side(one: Vector, keys: Mapping[Labels, list[int]], wanted: Bools, side: str) -> None:
    for key, rows in keys.items():
        if len(rows) < 2:
            continue
        twice = np.flatnonzero((one.present[rows].sum(axis=0) > 1) & wanted)
        if len(twice):
            present = [words(one.labels[row]) for row in rows if one.present[row, twice[0]]]
            first, second = sorted(present[:2])
            raise EvaluationError(
                f"found duplicate series for the match group {words(key)} on the {side} hand-side of the operation:"
                f" [{first}, {second}];many-to-many matching not allowed: matching labels must be unique on one side"
            )


def _check_many_side(matching: Matching, keys: list[Labels], labels: list[Labels], both: Bools) -> None:
    one_to_one = matching.card == "one-to-one"
    places: dict[tuple[Labels, Labels | None], list[int]] = {}
    for row, key in enumerate(keys):
        places.setdefault((key, None if one_to_one else labels[row]), []).append(row)
    for rows in places.values():
        if len(rows) > 1 and (both[rows].sum(axis=0) > 1).any():
            rule = (
                "many-to-one matching must be explicit (group_left/group_right)"
                if one_to_one
                else "grouping labels must ensure unique matches"
            )
            raise EvaluationError(f"multiple matches for labels: {rule}")


def _result_labels(node: Binary, many: Labels, one: Labels) -> Labels:
    matching = node.matching
    found = nameless(many) if node.op in _ARITHMETIC or node.as_number else many
    if matching.card == "one-to-one":
        return only(found, matching.labels) if matching.on else without(found, matching.labels)
    if not matching.include:
        return found
    taken = only(one, matching.include)
    return tuple(sorted((*without(found, matching.include), *taken)))


# Sets


def _there(vector: Vector, other: Vector, matching: Matching) -> Bools:
    """For each row of `vector` and step: whether `other` has a series of the same labels there."""
    keys, key = _by_key(other, matching), _key(matching)
    nowhere = np.zeros(vector.steps, dtype=np.bool_)
    found = {each: other.present[rows].any(axis=0) for each, rows in keys.items()}
    if not vector.labels:
        return vector.present
    return np.stack([found.get(key(labels), nowhere) for labels in vector.labels])


def _and(left: Vector, right: Vector, matching: Matching) -> Vector:
    return left.keep(left.present & _there(left, right, matching))


def _unless(left: Vector, right: Vector, matching: Matching) -> Vector:
    return left.keep(left.present & ~_there(left, right, matching))


def _or(left: Vector, right: Vector, matching: Matching) -> Vector:
    rest = right.keep(right.present & ~_there(right, left, matching))
    return merged(
        Vector(
            [*left.labels, *rest.labels],
            np.concatenate((left.values, rest.values)),
            np.concatenate((left.present, rest.present)),
        )
    )


_SETS: Final[Mapping[str, Callable[[Vector, Vector, Matching], Vector]]] = {
    "and": _and,
    "or": _or,
    "unless": _unless,
}


def negative(value: Value) -> Value:
    if isinstance(value, Vector):
        return unnamed(value, -value.values)
    assert not isinstance(value, str), "the parser lets no text through"
    scalar: Scalar = -value
    return scalar
