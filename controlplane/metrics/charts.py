"""What a chart is: PromQL with the page's choices left open. Pure.

An expression may hold `$broker` (a regular expression), `$topic`, `$group`, `$user`, `$client`, `$source`, `$connector`: what the page is about.
`[$window]` is the range of a rate: the distance of the points, and at least six polls. `[$peak]` is the range of an
extreme: the distance of the points; where those are as close as polls, `max_over_time(x[$peak])` is `x` itself.
Grafana gets the same expressions with its own variables.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

#: Of rates: a poll may fail or come late, and still there are two samples.
SHORTEST_WINDOW_MS = 60_000
#: With points as close as this a gauge needs no summary between them.
CLOSE_MS = 60_000
ANY_BROKER = ".*"
_VARIABLE = re.compile(r"\$(broker|topic|group|user|client|source|connector)\b")
_EXTREME = re.compile(r"(?:max|min)_over_time\(([^()]*)\[\$peak\]\)")
_LEGEND = re.compile(r"\{\{\s*(\w+)\s*\}\}")


@dataclass(frozen=True, slots=True)
class Line:
    """One expression, and how its series are called: `broker {{broker}}`, as Grafana writes it."""

    expr: str
    legend: str = "broker {{broker}}"


@dataclass(frozen=True, slots=True)
class Chart:
    """`unit`: bytes, bytes/s, /s, ms, s, fraction, cores or none; `help` says what to think of it."""

    id: str
    title: str
    unit: str
    lines: tuple[Line, ...]
    help: str = ""


@dataclass(frozen=True, slots=True)
class Board:
    """Charts that are looked at together. `about` names the one thing it shows, when it is not the cluster."""

    id: str
    title: str
    charts: tuple[Chart, ...]
    about: tuple[str, ...] = ()

    @property
    def has_brokers(self) -> bool:
        return any("$broker" in line.expr for chart in self.charts for line in chart.lines)


def filled(expr: str, step: int, choices: Mapping[str, str]) -> str:
    """The PromQL of an expression at points `step` milliseconds apart; a choice that is missing is empty."""
    window = max(step, SHORTEST_WINDOW_MS) // 1000
    text = _EXTREME.sub(r"\1", expr) if step <= CLOSE_MS else expr.replace("[$peak]", f"[{step // 1000}s]")
    text = text.replace("[$window]", f"[{window}s]")
    given = {"broker": ANY_BROKER, **{name: value for name, value in choices.items() if value}}
    return _VARIABLE.sub(lambda found: escaped(given.get(found[1], "")), text)


def for_grafana(expr: str) -> str:
    """Grafana fills `$broker` and the like itself, with values that may be several: `=` becomes `=~` there."""
    text = expr.replace("[$window]", "[$__rate_interval]").replace("[$peak]", "[$__rate_interval]")
    return re.sub(r'="(connect-)?\$(topic|group|user|client|source|connector)"', r'=~"\1$\2"', text)


def named(legend: str, labels: Mapping[str, str]) -> str:
    return _LEGEND.sub(lambda found: labels.get(found[1], ""), legend)


def escaped(value: str) -> str:
    """Within the quotes of a PromQL string."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
