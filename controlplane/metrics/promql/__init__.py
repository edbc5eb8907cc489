"""PromQL, evaluated here: text to `Query`, `Query` and a `Source` of series to a `Result`.

Pure: no Django, no socket, no clock; the time is an argument. Semantics are Prometheus 3's.
"""

from __future__ import annotations

from controlplane.metrics.promql.errors import EvaluationError, PromQLError
from controlplane.metrics.promql.matchers import Matcher
from controlplane.metrics.promql.model import STALE, Limits, Result, Series, Source
from controlplane.metrics.promql.parsing import Query, parse
from controlplane.metrics.promql.queries import instant, ranged
from controlplane.metrics.promql.rendering import to_json

__all__ = [
    "STALE", "EvaluationError", "Limits", "Matcher", "PromQLError", "Query", "Result", "Series", "Source",
    "instant", "parse", "ranged", "to_json",
]  # fmt: skip
