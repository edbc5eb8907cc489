"""Prometheus' notation of series for tests: `metric{a="b"} 0+10x3 _ stale` is 0 10 20 30, a gap, the series' end.

`a+bxn` and `a-bxn` are n + 1 values, `axn` the same value n + 1 times, `_xn` n gaps.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from controlplane.metrics.promql.errors import PromQLError
from controlplane.metrics.promql.matchers import Matcher
from controlplane.metrics.promql.model import STALE, Series
from controlplane.metrics.promql.parsing import parse

# Each digit can be read in one way only: otherwise a long word takes cubic time to be refused.
_UNSIGNED = r"(?:inf|nan|(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?)"
_NUMBER = rf"[+-]?{_UNSIGNED}"
_GAP = re.compile(r"_(?:x(\d+))?", re.IGNORECASE)
_VALUES = re.compile(rf"({_NUMBER}|stale)(?:([+-]{_UNSIGNED}))?(?:x(\d+))?", re.IGNORECASE)
_METRIC = re.compile(
    r"\s*([A-Za-z_:][\w:]*)?\s*(\{(?!\{)(?:[^\"'`}]|\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|`[^`]*`)*\})?\s*"
)
#: Values that one word may stand for: it is typed by people.
MAX_VALUES = 100_000
LONGEST_WORD = 100


class NotationError(ValueError):
    """A line that cannot be read; the message names the part."""


@dataclass(frozen=True, slots=True)
class Line:
    labels: Mapping[str, str]
    #: None is a gap.
    values: tuple[float | None, ...]

    def series(self, start: int, interval: int) -> Series:
        """With the first value at `start`, all in milliseconds."""
        points = [(start + at * interval, value) for at, value in enumerate(self.values) if value is not None]
        return Series(self.labels, [at for at, _ in points], [value for _, value in points])


def parse_line(text: str) -> Line:
    found = _METRIC.match(text)
    if found is None or not found.end() or not found[0].strip():
        raise NotationError(f'expected a metric such as up{{job="kafka"}}: {text.strip()!r}')
    return Line(_labels(found[0]), parse_values(text[found.end() :]))


def _labels(metric: str) -> Mapping[str, str]:
    if metric.replace(" ", "") == "{}":
        return {}
    try:
        (selector,) = parse(metric.strip()).selectors()
    except (PromQLError, ValueError) as error:
        raise NotationError(f'expected a metric such as up{{job="kafka"}}: {metric.strip()!r}') from error
    if any(matcher.op != "=" for matcher in selector.matchers):
        raise NotationError(f"a series has labels with =, not matchers: {metric.strip()!r}")
    return {matcher.name: matcher.value for matcher in selector.matchers if matcher.value}


def parse_values(text: str) -> tuple[float | None, ...]:
    found: list[float | None] = []
    for word in text.split():
        found.extend(_word(word))
        if len(found) > MAX_VALUES:
            raise NotationError(f"more than {MAX_VALUES} values")
    return tuple(found)


def _word(word: str) -> Sequence[float | None]:
    if len(word) > LONGEST_WORD:
        raise NotationError(f"a value is at most {LONGEST_WORD} characters long: {word[:20]!r} …")
    if word.startswith("{{"):
        raise NotationError("native histograms are not supported")
    if gap := _GAP.fullmatch(word):
        return [None] * _times(gap[1] or "1")
    found = _VALUES.fullmatch(word)
    if found is None:
        raise NotationError(f"not a value: {word!r}")
    first = STALE if found[1].lower() == "stale" else float(found[1])
    if not found[3]:
        return [first]
    step = float(found[2] or 0)
    # Added one by one, as Prometheus does: the last digit is the same.
    values = [first]
    for _ in range(_times(found[3])):
        values.append(values[-1] + step if found[2] else first)
    return values


def _times(count: str) -> int:
    if len(count) > 6 or int(count) > MAX_VALUES:
        raise NotationError(f"more than {MAX_VALUES} values")
    return int(count)


class Memory:
    """Series held in memory as a `Source`: for tests of rules, and ours."""

    def __init__(self, series: Sequence[Series]) -> None:
        self._series = list(series)

    def select(self, matchers: tuple[Matcher, ...], start: int, end: int, distance: int = 0) -> list[Series]:
        chosen = (
            each
            for each in self._series
            if all(matcher.matches(each.labels.get(matcher.name, "")) for matcher in matchers)
        )
        cut = (_between(each, start, end) for each in chosen)
        return [each for each in cut if len(each.times)]


def _between(series: Series, start: int, end: int) -> Series:
    pairs = [(at, value) for at, value in zip(series.times, series.values, strict=True) if start <= at <= end]
    return Series(series.labels, [at for at, _ in pairs], [value for _, value in pairs])
