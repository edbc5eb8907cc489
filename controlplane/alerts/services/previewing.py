"""A rule on the history of a cluster: when it would have fired. Reads; nothing is kept and nobody is told.

1. The expression is evaluated over the range in steps: ten seconds apart over a day, a minute over a week.
2. The answers are folded by the state machine that judges live (`logic.preview`).
Between two steps a condition can come and go unseen: the live evaluation looks every five seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from controlplane.alerts import selectors
from controlplane.alerts.logic import preview
from controlplane.alerts.logic.preview import Outcome
from controlplane.alerts.logic.seeing import RuleFailed, Words
from controlplane.alerts.logic.states import Timing
from controlplane.alerts.services.ruling import RuleRequest
from controlplane.core.errors import Invalid
from controlplane.metrics import query
from controlplane.metrics.drawing import ChartData, Drawn
from controlplane.metrics.explore import chart_of
from controlplane.metrics.logic.ranges import TimeRange
from controlplane.metrics.promql import EvaluationError, PromQLError

TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Range:
    words: str
    length_ms: int
    step_ms: int


RANGES: Mapping[str, Range] = {
    "24h": Range("last 24 hours", 86_400_000, 10_000),
    "7d": Range("last 7 days", 7 * 86_400_000, 60_000),
}
DEFAULT = "24h"


@dataclass(frozen=True, slots=True)
class Preview:
    """Times in Unix seconds."""

    start: float
    end: float
    step: float
    outcome: Outcome
    spans: tuple[tuple[float, float], ...]
    #: When the history of the cluster begins within the range; None: all of it is dark.
    known_from: float | None


def preview_of(cluster: str, rule: RuleRequest, key: str, now_ms: int) -> Preview:
    """Raises Invalid where the expression cannot be evaluated."""
    wanted = RANGES[key]
    end = now_ms // wanted.step_ms * wanted.step_ms
    start = end - wanted.length_ms
    times = np.arange(start, end + 1, wanted.step_ms, dtype=np.int64)
    words = Words(rule.name or "Preview", cluster, rule.labels, rule.annotations)
    try:
        parsed = query.parse(rule.expr)
        found = query.evaluate_range(cluster, parsed, start, end, wanted.step_ms, timeout=TIMEOUT_S)
        answers = [preview.answer_of(each, times) for each in found.series]
        sights = selectors.sights(cluster, times)
        outcome = preview.fold(
            words, Timing(rule.hold, rule.keep_firing), times, answers, sights, query.deadline(TIMEOUT_S)
        )
    except PromQLError as error:
        raise _invalid(f"{error.message} (at character {error.position + 1})") from error
    except (EvaluationError, RuleFailed) as error:
        raise _invalid(str(error)) from error
    until = datetime.fromtimestamp(end / 1000, UTC)
    spans = tuple(preview.spans(outcome.episodes, until))
    seen = times[~sights.cluster]
    known_from = int(seen[0]) / 1000 if len(seen) else None
    return Preview(start / 1000, end / 1000, wanted.step_ms / 1000, outcome, spans, known_from)


def chart(cluster: str, rule: RuleRequest, found: Preview) -> ChartData:
    """What the condition compares, with its threshold as a line."""
    try:
        measured, threshold = query.measured(query.parse(rule.expr))
        data = chart_of(cluster, measured, TimeRange(round(found.start * 1000), round(found.end * 1000)))
    except (PromQLError, EvaluationError) as error:
        raise _invalid(str(error)) from error
    if threshold is None:
        return data
    ends: list[tuple[float, float | None]] = [(data.start, threshold), (data.end, threshold)]
    line = Drawn("threshold", {}, [(at, threshold) for at, _ in data.lines[0].points] if data.lines else ends)
    return replace(data, lines=(*data.lines, line))


def _invalid(problem: str) -> Invalid:
    return Invalid(fields={"expr": [problem]})
