"""From tree to values: each node gives a scalar per step, or series × steps, or a text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from controlplane.metrics.promql import functions, over_time
from controlplane.metrics.promql.aggregate import aggregate, best_first, count_values, grouped
from controlplane.metrics.promql.binary import negative, operate
from controlplane.metrics.promql.errors import EvaluationError
from controlplane.metrics.promql.evaluation import (
    Evaluation,
    as_samples,
    latest,
    none,
    subquery_steps,
    without_stale,
)
from controlplane.metrics.promql.histogram import histogram_quantile
from controlplane.metrics.promql.model import (
    SUBQUERY_STEP_MS,
    Bools,
    Floats,
    Labels,
    Scalar,
    Value,
    Vector,
    unnamed,
)
from controlplane.metrics.promql.signatures import CALENDAR
from controlplane.metrics.promql.tree import (
    Aggregate,
    Binary,
    Call,
    Minus,
    Node,
    Number,
    Range,
    Selector,
    Subquery,
    Text,
)
from controlplane.metrics.promql.windows import Windows, windows

_COUNTER_ENDINGS: Final = ("_total", "_sum", "_count", "_bucket")
#: What these say of a window follows from its last samples, its extremes and its resets.
_OF_THINNED: Final = frozenset(
    (
        "rate",
        "increase",
        "max_over_time",
        "min_over_time",
        "last_over_time",
        "present_over_time",
        "absent_over_time",
    )
)
_SORTS: Final = frozenset(("sort", "sort_desc", "sort_by_label", "sort_by_label_desc"))


def evaluate(node: Node, ev: Evaluation) -> Value:
    ev.limits.deadline()
    match node:
        case Number(value=value):
            return np.full(len(ev.steps), value)
        case Text(value=text):
            return text
        case Selector():
            return latest(ev, node).vector
        case Minus(expr=expr):
            return negative(evaluate(expr, ev))
        case Binary(left=left, right=right):
            return operate(node, evaluate(left, ev), evaluate(right, ev))
        case Aggregate():
            return _aggregate(node, ev)
        case Call():
            return _call(node, ev)
        case Range() | Subquery():
            raise EvaluationError("a range is no value by itself")


def _vector(node: Node, ev: Evaluation) -> Vector:
    found = evaluate(node, ev)
    assert isinstance(found, Vector), "the parser checked the type"
    return found


def _scalar(node: Node, ev: Evaluation) -> Scalar:
    found = evaluate(node, ev)
    assert isinstance(found, np.ndarray), "the parser checked the type"
    return found


def _text(node: Node) -> str:
    assert isinstance(node, Text), "the parser checked the type"
    return node.value


# Aggregations


def _aggregate(node: Aggregate, ev: Evaluation) -> Vector:
    param = None if node.param is None or isinstance(node.param, Text) else _scalar(node.param, ev)
    vector = _vector(node.expr, ev)
    groups = grouped(vector, node.labels, excluded=node.without)
    if node.op == "count_values":
        assert node.param is not None
        return count_values(_label_name(_text(node.param)), groups)
    if param is not None and node.param is not None:
        _remark(node.op, param, node.param.position, ev)
    found = aggregate(node.op, groups, param)
    return best_first(node.op, found) if node.op in ("topk", "bottomk") and found.steps == 1 else found


def _label_name(name: str) -> str:
    if not name:
        raise EvaluationError(f"invalid label name {name}")
    return name


def _remark(op: str, param: Floats, place: int, ev: Evaluation) -> None:
    if op == "quantile":
        _remark_quantile(param, place, ev)
    if op == "limit_ratio":
        if np.isnan(param).any():
            raise EvaluationError("Ratio value is NaN")
        for bad in param[np.abs(param) > 1][:1]:
            ev.notes.warn(
                f"ratio value should be between -1 and 1, got {_g(bad)}, capping to {np.sign(bad):g}", place
            )


def _remark_quantile(q: Floats, place: int, ev: Evaluation) -> None:
    for bad in q[~((q >= 0) & (q <= 1))][:1]:
        ev.notes.warn(f"quantile value should be between 0 and 1, got {_g(bad)}", place)


def _g(value: float) -> str:
    if np.isinf(value):
        return f"{value:+f}".replace("inf", "Inf")
    return "NaN" if np.isnan(value) else f"{value:g}"


# Ranges


def _windows(node: Node, ev: Evaluation, *, once: bool, thinned: bool = False) -> Windows:
    """`once`: one step stands for all when the range is fixed by `@`."""
    assert isinstance(node, Range | Subquery), "the parser checked the type"
    fixed = node.selector if isinstance(node, Range) else node
    ends = ev.references(fixed.at, fixed.offset)
    steps = ev.steps
    if once and fixed.at is not None:
        ends, steps = ends[:1], steps[:1]
    if isinstance(node, Range):
        samples = without_stale(ev.samples(node.selector, ends, node.length, thinned=thinned))
        return windows(samples, ends, steps, node.length)
    inner = subquery_steps(ev, ends, node.length, node.step or SUBQUERY_STEP_MS)
    if not len(inner):
        return none(ev.at(steps), ends, node.length)
    found = _vector(node.expr, ev.at(inner))
    ev.charge(found.values.size)
    return windows(as_samples(found, inner), ends, steps, node.length)


def _over_time(node: Call, ev: Evaluation) -> Vector:
    place = next(at for at, arg in enumerate(node.args) if isinstance(arg, Range | Subquery))
    plain = node.name in over_time.PLAIN
    w = _windows(node.args[place], ev, once=plain, thinned=node.name in _OF_THINNED)
    if node.name == "absent_over_time":
        return _absence(ev, functions.absent_labels(node.args[place]), np.asarray(w.present.any(axis=0)))
    scalars = [_scalar(arg, ev) for at, arg in enumerate(node.args) if at != place]
    if not len(w.samples.values):
        return Vector([], np.zeros((0, len(ev.steps))), np.zeros((0, len(ev.steps)), dtype=np.bool_))
    if node.name == "quantile_over_time":
        _remark_quantile(scalars[0], node.args[0].position, ev)
    values, present = (
        over_time.PLAIN[node.name](w) if plain else over_time.WITH_SCALARS[node.name](w, *scalars)
    )
    wide = (len(values), len(ev.steps))
    found = Vector(w.samples.labels, np.broadcast_to(values, wide), np.broadcast_to(present, wide))
    if node.name in ("rate", "increase"):
        _remark_counters(found, node.args[0].position, ev)
    return found if node.name in over_time.NAMED else unnamed(found, found.values)


def _remark_counters(found: Vector, place: int, ev: Evaluation) -> None:
    for labels, present in zip(found.labels, found.present, strict=True):
        name = dict(labels).get("__name__", "")
        if name and not name.endswith(_COUNTER_ENDINGS) and present.any():
            ending = "metric might not be a counter, name does not end in _total/_sum/_count/_bucket"
            ev.notes.info(f'{ending}: "{name}"', place)


# Functions


def _call(node: Call, ev: Evaluation) -> Value:
    if node.name in over_time.PLAIN or node.name in over_time.WITH_SCALARS or node.name == "absent_over_time":
        return _over_time(node, ev)
    if node.name in functions.POINTWISE:
        vector, *scalars = (evaluate(arg, ev) for arg in node.args)
        assert isinstance(vector, Vector), "the parser checked the type"
        return unnamed(vector, functions.POINTWISE[node.name](vector.values, *scalars))
    if node.name in CALENDAR:
        return functions.calendar(node.name, _vector(node.args[0], ev))
    if node.name in _SORTS and len(ev.steps) > 1:
        ev.notes.warn(
            "sort is ineffective for range queries since results are always ordered by labels", node.position
        )
    return _CALLS[node.name](node, ev)


def _timestamp(node: Call, ev: Evaluation) -> Vector:
    """Of the sample, when asked about a selector; of the step otherwise."""
    if isinstance(node.args[0], Selector):
        found = latest(ev, node.args[0], thinned=False)
        return unnamed(found.vector, found.times / 1000.0)
    vector = _vector(node.args[0], ev)
    return unnamed(vector, np.broadcast_to(ev.steps / 1000.0, vector.values.shape))


def _to_scalar(node: Call, ev: Evaluation) -> Scalar:
    vector = _vector(node.args[0], ev)
    if not vector.labels:
        return np.full(len(ev.steps), np.nan)
    value = vector.values[vector.present.argmax(axis=0), np.arange(len(ev.steps))]
    return np.where(vector.present.sum(axis=0) == 1, value, np.nan)


def _to_vector(node: Call, ev: Evaluation) -> Vector:
    return _one((), _scalar(node.args[0], ev), np.ones(len(ev.steps), dtype=np.bool_))


def _one(labels: Labels, values: Floats, present: Bools) -> Vector:
    return Vector([labels], values[None, :], present[None, :])


def _absence(ev: Evaluation, labels: Labels, present: Bools) -> Vector:
    gone = np.broadcast_to(~present, len(ev.steps))
    return _one(labels, np.ones(len(ev.steps)), gone)


def _absent(node: Call, ev: Evaluation) -> Vector:
    return _absence(ev, functions.absent_labels(node.args[0]), _vector(node.args[0], ev).anywhere)


def _histogram_quantile(node: Call, ev: Evaluation) -> Vector:
    q, vector = _scalar(node.args[0], ev), _vector(node.args[1], ev)
    _remark_quantile(q, node.args[0].position, ev)
    return histogram_quantile(q, vector, ev.notes, node.args[1].position)


def _label_replace(node: Call, ev: Evaluation) -> Vector:
    vector = _vector(node.args[0], ev)
    target, template, source, pattern = (_text(arg) for arg in node.args[1:])
    return functions.label_replace(vector, target, template, source, pattern)


def _label_join(node: Call, ev: Evaluation) -> Vector:
    target, separator, *sources = (_text(arg) for arg in node.args[1:])
    return functions.label_join(_vector(node.args[0], ev), target, separator, sources)


def _by_label(node: Call, ev: Evaluation) -> Vector:
    names = [_text(arg) for arg in node.args[1:]]
    return functions.by_label(_vector(node.args[0], ev), names, descending=node.name.endswith("_desc"))


def _by_value(node: Call, ev: Evaluation) -> Vector:
    return functions.by_value(_vector(node.args[0], ev), descending=node.name.endswith("_desc"))


def _clamp(node: Call, ev: Evaluation) -> Vector:
    low, high = (_scalar(arg, ev) for arg in node.args[1:])
    return functions.clamp(_vector(node.args[0], ev), low, high)


_CALLS: Final[Mapping[str, Callable[[Call, Evaluation], Value]]] = {
    "time": lambda _, ev: ev.steps / 1000.0,
    "pi": lambda _, ev: np.full(len(ev.steps), np.pi),
    "timestamp": _timestamp,
    "scalar": _to_scalar,
    "vector": _to_vector,
    "absent": _absent,
    "clamp": _clamp,
    "histogram_quantile": _histogram_quantile,
    "label_replace": _label_replace,
    "label_join": _label_join,
    "sort": _by_value,
    "sort_desc": _by_value,
    "sort_by_label": _by_label,
    "sort_by_label_desc": _by_label,
}


def range_windows(node: Node, ev: Evaluation) -> Windows:
    """For an instant query that asks for a range itself."""
    return _windows(node, ev, once=False)
