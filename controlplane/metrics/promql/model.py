"""What an evaluation reads and answers: series, the source of them, limits, the result.

Times are Unix milliseconds. A label set is a sorted tuple of pairs, so that it can be a key.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

import numpy as np
import numpy.typing as npt

from controlplane.metrics.promql.errors import EvaluationError, line_and_column
from controlplane.metrics.promql.matchers import Matcher

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Labels = tuple[tuple[str, str], ...]

LOOKBACK_MS: Final = 300_000
#: The step of a subquery that names none: Prometheus' default evaluation interval.
SUBQUERY_STEP_MS: Final = 60_000
#: Prometheus' mark for "this series ended here"; any other NaN is a value.
STALE_BITS: Final = 0x7FF0000000000002
STALE: Final[float] = struct.unpack("<d", struct.pack("<Q", STALE_BITS))[0]


class SeriesLike(Protocol):
    """Labels with `__name__`; times in order, values beside them: `array`, numpy or anything with a buffer."""

    @property
    def labels(self) -> Mapping[str, str]: ...
    @property
    def times(self) -> Sequence[int] | Ints: ...
    @property
    def values(self) -> Sequence[float] | Floats: ...


@dataclass(frozen=True, slots=True)
class Series:
    labels: Mapping[str, str]
    times: Sequence[int] | Ints
    values: Sequence[float] | Floats


class Source(Protocol):
    def select(
        self, matchers: tuple[Matcher, ...], start: int, end: int, distance: int
    ) -> Sequence[SeriesLike]:
        """Series that pass all matchers, with their samples of start <= time <= end. Where samples are kept thinned,
        those at most `distance` milliseconds apart do: with the last of each such interval, extremes and resets."""
        ...


def is_stale(values: Floats) -> Bools:
    """By bits: an ordinary NaN is a value, not an end."""
    return np.asarray(values.view(np.uint64) == np.uint64(STALE_BITS))


def _never() -> None:
    """No deadline."""


@dataclass(frozen=True, slots=True)
class Limits:
    samples: int = 50_000_000
    #: Steps of a range query.
    points: int = 11_000
    #: Called before every node; raises to stop the evaluation.
    deadline: Callable[[], None] = _never


ResultType = Literal["vector", "matrix", "scalar", "string"]


@dataclass(frozen=True, slots=True)
class Result:
    type: ResultType
    series: list[Series] = field(default_factory=list[Series])
    #: Of a scalar (one time, one value) or a string.
    at: int = 0
    value: float = 0.0
    text: str = ""
    warnings: list[str] = field(default_factory=list[str])
    infos: list[str] = field(default_factory=list[str])


@dataclass
class Notes:
    """Remarks of an evaluation, each once, ending with the place of what they are about."""

    text: str
    warnings: dict[str, None] = field(default_factory=dict[str, None])
    infos: dict[str, None] = field(default_factory=dict[str, None])

    def warn(self, message: str, position: int) -> None:
        self.warnings[self._placed("warning", message, position)] = None

    def info(self, message: str, position: int) -> None:
        self.infos[self._placed("info", message, position)] = None

    def _placed(self, kind: str, message: str, position: int) -> str:
        line, column = line_and_column(self.text, position)
        return f"PromQL {kind}: {message} ({line}:{column})"


@dataclass(frozen=True, slots=True)
class Vector:
    """Series × steps. NaN is a value, so `present` says where there is one."""

    labels: list[Labels]
    values: Floats
    present: Bools

    @property
    def steps(self) -> int:
        return int(self.values.shape[1])

    @property
    def anywhere(self) -> Bools:
        """Per step: whether there is any value."""
        return np.asarray(self.present.any(axis=0))

    def keep(self, present: Bools) -> Vector:
        return Vector(self.labels, self.values, present)

    def take(self, rows: Sequence[int] | Ints) -> Vector:
        index = np.asarray(rows, dtype=np.int64)
        return Vector([self.labels[row] for row in index], self.values[index], self.present[index])


@dataclass(frozen=True, slots=True)
class Samples:
    """Raw samples of many series, one after the other; series `i` is `bounds[i]:bounds[i + 1]`."""

    labels: list[Labels]
    times: Ints
    values: Floats
    bounds: Ints


Scalar = Floats
Value = Vector | Scalar | str


def empty(steps: int) -> Vector:
    return Vector([], np.zeros((0, steps)), np.zeros((0, steps), dtype=np.bool_))


def labels_of(labels: Mapping[str, str]) -> Labels:
    """A label with the empty value is one that is not there."""
    return tuple(sorted((name, value) for name, value in labels.items() if value))


def without(labels: Labels, names: Iterable[str]) -> Labels:
    return tuple(pair for pair in labels if pair[0] not in names)


def only(labels: Labels, names: Iterable[str]) -> Labels:
    return tuple(pair for pair in labels if pair[0] in names)


def nameless(labels: Labels) -> Labels:
    return without(labels, ("__name__",))


def words(labels: Labels) -> str:
    return "{" + ", ".join(f'{name}="{value}"' for name, value in labels) + "}"


def merged(vector: Vector, message: str = "vector cannot contain metrics with the same labelset") -> Vector:
    """Rows of the same labels become one row; two values at one step are an error."""
    if len(set(vector.labels)) == len(vector.labels):
        return vector
    rows: dict[Labels, list[int]] = {}
    for row, labels in enumerate(vector.labels):
        rows.setdefault(labels, []).append(row)
    values, present = vector.values.copy(), vector.present.copy()
    for first, *others in rows.values():
        for other in others:
            if (present[first] & present[other]).any():
                raise EvaluationError(message)
            values[first] = np.where(present[other], values[other], values[first])
            present[first] |= present[other]
    index = np.array([each[0] for each in rows.values()], dtype=np.int64)
    return Vector(list(rows), values[index], present[index])


def unnamed(vector: Vector, values: Floats, present: Bools | None = None) -> Vector:
    """New values under the same labels without the metric's name."""
    labels = [nameless(each) for each in vector.labels]
    return merged(Vector(labels, values, vector.present if present is None else present))
