"""PromQL over the history of a cluster, for whoever asks with text: rules, Explore, the Prometheus API.

The history is in the store here; of an external cluster it may be on a Prometheus server, which then evaluates (`remote`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from controlplane.core.errors import Invalid
from controlplane.metrics import promql, visibility
from controlplane.metrics.promql import EvaluationError, Limits, Matcher, PromQLError, Query, Result
from controlplane.metrics.promql.matchers import chosen
from controlplane.metrics.promql.model import LOOKBACK_MS
from controlplane.metrics.promql.queries import check_steps
from controlplane.metrics.promql.tree import Binary, Number, Selector, type_of
from controlplane.metrics.remote import TimedOut as TimedOut
from controlplane.metrics.remote import server_of
from controlplane.metrics.selectors import retention, store
from controlplane.metrics.store import Series

TIMEOUT_S = 30.0
#: Of the answer which series there are.
SERIES_TIMEOUT_S = 10.0
#: Of a rule: a cycle evaluates them all.
INSTANT_TIMEOUT_S = 4.0
#: An instant value is found in thinned data too: over this many distances of its samples.
LOOKBACK_DISTANCES = 2.5
COMPARISONS = frozenset({"==", "!=", "<", ">", "<=", ">="})


@dataclass(frozen=True, slots=True)
class Point:
    """One series of an instant vector; `labels` hold `__name__` where the expression keeps it."""

    labels: Mapping[str, str]
    value: float


class QueryError(Exception):
    """The expression could not be evaluated; the message says why."""


@dataclass(frozen=True, slots=True)
class ClusterSource:
    """The series of one cluster, as PromQL reads them."""

    cluster: str

    def select(self, matchers: tuple[Matcher, ...], start: int, end: int, distance: int = 0) -> list[Series]:
        found = store().fetch(self.cluster, *chosen(matchers), start, end, distance)
        kept = visibility.keep(self.cluster)
        return found if kept is visibility.everything else [each for each in found if kept(each.labels)]


def known(
    cluster: str, matchers: tuple[Matcher, ...], start: int | None, end: int
) -> list[Mapping[str, str]]:
    """Labels of series that pass; those that had samples in the time, where its beginning is given."""
    server = server_of(cluster)
    if server is not None:
        return list(server.known(matchers, start, end, SERIES_TIMEOUT_S))
    within = None if start is None else (start, end)
    kept = visibility.keep(cluster)
    return [each for each in store().known(cluster, *chosen(matchers), within=within) if kept(each)]


def metric_names(cluster: str, now: int) -> tuple[str, ...]:
    server = server_of(cluster)
    return server.names(now, SERIES_TIMEOUT_S) if server else store().metric_names(cluster)


def parse(text: str) -> Query:
    """Raises PromQLError with the place of what is wrong."""
    return promql.parse(text)


def selector(query: Query) -> tuple[Matcher, ...] | None:
    """The matchers of a query that only selects, with no modifier."""
    ast = query.ast
    if isinstance(ast, Selector) and ast.offset == 0 and ast.at is None:
        return ast.matchers
    return None


def check(text: str) -> None:
    """Raises Invalid with the position where the text is no expression that we can evaluate."""
    try:
        parse(text)
    except PromQLError as error:
        raise Invalid(fields={"expr": [f"{error.message} (at character {error.position + 1})"]}) from error


def evaluate(
    cluster: str, query: Query, at: int, *, lookback: int | None = None, timeout: float = TIMEOUT_S
) -> Result:
    """At one time, Unix milliseconds. Raises PromQLError, EvaluationError."""
    server = server_of(cluster)
    if server is not None:
        return server.instant(query, at, lookback=lookback, timeout=timeout)
    return promql.instant(
        query, ClusterSource(cluster), at, lookback_ms=lookback or _lookback(at), limits=_limits(timeout)
    )


def evaluate_range(
    cluster: str,
    query: Query,
    start: int,
    end: int,
    step: int,
    *,
    lookback: int | None = None,
    timeout: float = TIMEOUT_S,
) -> Result:
    """At steps, all in milliseconds. Raises PromQLError, EvaluationError."""
    server = server_of(cluster)
    if server is not None:
        check_steps(query, start, end, step)
        return server.ranged(query, start, end, step, lookback=lookback, timeout=timeout)
    return promql.ranged(
        query,
        ClusterSource(cluster),
        start,
        end,
        step,
        lookback_ms=lookback or _lookback(start),
        limits=_limits(timeout),
    )


def measured(query: Query) -> tuple[Query, float | None]:
    """What a condition compares, and with which number: `lag > 5` is `lag` and 5. Otherwise the query itself."""
    ast = query.ast
    if (
        isinstance(ast, Binary)
        and ast.op in COMPARISONS
        and not ast.as_number
        and isinstance(ast.right, Number)
        and type_of(ast.left) == "vector"
    ):
        return Query(query.text, ast.left, "vector"), ast.right.value
    return query, None


def instant(cluster: str, text: str, at: int) -> list[Point]:
    """What a rule sees: the vector at `at` (Unix milliseconds); a scalar is a vector of one without labels."""
    try:
        found = evaluate(cluster, parse(text), at, timeout=INSTANT_TIMEOUT_S)
    except (PromQLError, EvaluationError) as error:
        raise QueryError(str(error)) from error
    if found.type == "scalar":
        return [Point({}, found.value)]
    if found.type != "vector":
        raise QueryError(f"A {found.type} is no condition: the expression has to give an instant vector")
    return [Point(each.labels, float(each.values[-1])) for each in found.series]


def _lookback(start: int) -> int:
    age = time.time_ns() // 1_000_000 - start
    return max(LOOKBACK_MS, int(retention().resolution(age) * LOOKBACK_DISTANCES))


def _limits(timeout: float) -> Limits:
    return Limits(deadline=deadline(timeout))


def deadline(seconds: float) -> Callable[[], None]:
    """Raises TimedOut when it is called after so long."""
    ends = time.monotonic() + seconds

    def check() -> None:
        if time.monotonic() > ends:
            raise TimedOut("query timed out in expression evaluation")

    return check
