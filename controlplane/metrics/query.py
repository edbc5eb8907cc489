"""PromQL over the history, for whoever asks with text: rules, Explore, the Prometheus API."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from controlplane.core.errors import Invalid, Unavailable


@dataclass(frozen=True, slots=True)
class Point:
    """One series of an instant vector; `labels` hold `__name__` where the expression keeps it."""

    labels: Mapping[str, str]
    value: float


class QueryError(Exception):
    """The expression could not be evaluated."""


def _engine() -> Any:
    try:
        return importlib.import_module("controlplane.metrics.promql")
    except ModuleNotFoundError as error:
        raise Unavailable("PromQL is not part of this build") from error


def check(text: str) -> None:
    """Raises Invalid with the position where the text is no expression that we can evaluate."""
    engine = _engine()
    try:
        engine.parse(text)
    except engine.PromQLError as error:
        raise Invalid(fields={"expr": [f"{error.message} (at character {error.position + 1})"]}) from error


def instant(cluster: str, text: str, at_ms: int) -> list[Point]:
    engine = _engine()
    try:
        result = engine.instant(engine.parse(text), engine.source(cluster), at_ms)
    except engine.PromQLError as error:
        raise QueryError(str(error)) from error
    return [Point(labels, value) for labels, value in result.series]
