"""Functions of instant vectors: value by value, of dates, of labels, sorting."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np

from controlplane.core.regex import LONGEST_RESULT, BadRegex, Regex, TooLong, expanded
from controlplane.metrics.promql.errors import EvaluationError
from controlplane.metrics.promql.matchers import Matcher, anchored
from controlplane.metrics.promql.model import Floats, Ints, Labels, Vector, merged, unnamed
from controlplane.metrics.promql.tree import Node, Range, Selector

_DAY_MS: Final = 86_400_000


def _round(values: Floats, to: Floats | None = None) -> Floats:
    # Multiplying with the inverse, as Prometheus does, gives the same last digit.
    inverse = 1.0 / (np.ones(1) if to is None else to)
    return np.floor(values * inverse + 0.5) / inverse


POINTWISE: Final[Mapping[str, Callable[..., Floats]]] = {
    "abs": np.abs, "ceil": np.ceil, "floor": np.floor, "exp": np.exp, "sqrt": np.sqrt, "sgn": np.sign,
    "ln": np.log, "log2": np.log2, "log10": np.log10, "deg": np.degrees, "rad": np.radians, "round": _round,
    "sin": np.sin, "cos": np.cos, "tan": np.tan, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan,
    "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh, "asinh": np.arcsinh, "acosh": np.arccosh,
    "atanh": np.arctanh,
    "clamp_min": np.maximum,
    "clamp_max": np.minimum,
}  # fmt: skip


def clamp(vector: Vector, low: Floats, high: Floats) -> Vector:
    """No value at all where the bounds are the wrong way round."""
    values = np.maximum(low, np.minimum(high, vector.values))
    return unnamed(vector, values, vector.present & ~(high < low))


# Dates


def calendar(name: str, vector: Vector) -> Vector:
    known = np.isfinite(vector.values) & (np.abs(vector.values) < 1e11)
    seconds = np.where(known, np.trunc(vector.values), 0).astype("datetime64[s]")
    return unnamed(vector, np.where(known, _CALENDAR[name](seconds).astype(np.float64), np.nan))


def _since(times: Ints, unit: str, part: str) -> Ints:
    """How many `part`s since the beginning of the `unit`."""
    whole = times.astype(f"datetime64[{unit}]").astype(f"datetime64[{part}]")
    return np.asarray((times.astype(f"datetime64[{part}]") - whole).astype(np.int64))


def _days_in_month(times: Ints) -> Ints:
    month = times.astype("datetime64[M]")
    return np.asarray(((month + 1).astype("datetime64[D]") - month.astype("datetime64[D]")).astype(np.int64))


_CALENDAR: Final[Mapping[str, Callable[[Ints], Ints]]] = {
    "minute": lambda times: _since(times, "h", "m"),
    "hour": lambda times: _since(times, "D", "h"),
    # 1 January 1970 was a Thursday.
    "day_of_week": lambda times: (times.astype("datetime64[D]").astype(np.int64) + 4) % 7,
    "day_of_month": lambda times: _since(times, "M", "D") + 1,
    "day_of_year": lambda times: _since(times, "Y", "D") + 1,
    "days_in_month": _days_in_month,
    "month": lambda times: _since(times, "Y", "M") + 1,
    "year": lambda times: times.astype("datetime64[Y]").astype(np.int64) + 1970,
}


# Labels


def label_replace(vector: Vector, target: str, template: str, source: str, pattern: str) -> Vector:
    try:
        regex = anchored(pattern)
    except BadRegex as error:
        raise EvaluationError(f"invalid regular expression in label_replace(): {pattern}") from error
    _check_name(target, "label_replace")
    labels = [_replaced(each, target, template, source, regex) for each in vector.labels]
    return merged(Vector(labels, vector.values, vector.present))


def _replaced(labels: Labels, target: str, template: str, source: str, regex: Regex) -> Labels:
    found = regex.fullmatch(dict(labels).get(source, ""))
    if found is None:
        return labels
    try:
        return _set(labels, target, expanded(template, found))
    except TooLong as error:
        raise EvaluationError(f"label_replace() would give a label of {error}") from error


def label_join(vector: Vector, target: str, separator: str, sources: Sequence[str]) -> Vector:
    _check_name(target, "label_join")
    labels = [
        _set(each, target, separator.join(dict(each).get(source, "") for source in sources))
        for each in vector.labels
    ]
    return merged(Vector(labels, vector.values, vector.present))


def _check_name(name: str, function: str) -> None:
    if not name:
        what = "destination label name" if function == "label_replace" else "label name"
        raise EvaluationError(f"invalid {what} in {function}(): {name}")


def _set(labels: Labels, name: str, value: str) -> Labels:
    if len(value) > LONGEST_RESULT:
        raise EvaluationError(f"a label would have more than {LONGEST_RESULT:,} characters")
    kept = [pair for pair in labels if pair[0] != name]
    return tuple(sorted([*kept, (name, value)])) if value else tuple(kept)


# Order: only an instant query shows it


def by_value(vector: Vector, *, descending: bool) -> Vector:
    if vector.steps != 1:
        return vector
    values = vector.values[:, 0]
    return vector.take(np.lexsort((-values if descending else values, np.isnan(values))))


def by_label(vector: Vector, names: Sequence[str], *, descending: bool) -> Vector:
    def key(row: int) -> tuple[list[list[tuple[int, int, str]]], Labels]:
        labels = dict(vector.labels[row])
        return [_natural(labels.get(name, "")) for name in names], vector.labels[row]

    return vector.take(sorted(range(len(vector.labels)), key=key, reverse=descending))


def _natural(value: str) -> list[tuple[int, int, str]]:
    """`broker-10` after `broker-9`: digits compare as numbers."""
    chunks = re.findall(r"\d+|\D+", value)
    return [(0, int(chunk), chunk) if chunk.isdecimal() else (1, 0, chunk) for chunk in chunks]


# Absence


def absent_labels(node: Node) -> Labels:
    """What `absent` may say about the series that is not there: its equality matchers."""
    selector = node.selector if isinstance(node, Range) else node
    if not isinstance(selector, Selector):
        return ()
    found: dict[str, str] = {}
    seen: set[str] = set()
    for matcher in selector.matchers:
        _note_matcher(matcher, found, seen)
    return tuple(sorted((name, value) for name, value in found.items() if value))


def _note_matcher(matcher: Matcher, found: dict[str, str], seen: set[str]) -> None:
    if matcher.name == "__name__":
        return
    if matcher.op == "=" and matcher.name not in seen:
        seen.add(matcher.name)
        found[matcher.name] = matcher.value
    else:
        found.pop(matcher.name, None)
