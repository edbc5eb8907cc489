"""Chart lists and measured numbers for templates of other apps that show metrics."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from urllib.parse import urlencode

from django import template
from django.urls import reverse

from controlplane.core.templatetags.kastellan import bytes_, duration_ms, percent, rate, unknown
from controlplane.metrics.boards import BOARDS, IN_SHORT, OF_CLUSTER
from controlplane.metrics.charts import CLOSE_MS, Board, Chart, filled
from controlplane.metrics.logic.ranges import RANGES
from controlplane.metrics.logic.reasons import why_unknown
from controlplane.metrics.names import encoded_user
from controlplane.metrics.selectors import Health, Reading
from controlplane.metrics.sources import is_elsewhere, source_of

register = template.Library()


@dataclass(frozen=True, slots=True)
class Placed:
    """A chart on a page: `data` is the address of its points, `explore` of its PromQL with the page's choices."""

    chart: Chart
    data: str
    explore: str


@register.simple_tag
def board(name: str, cluster: str, **choices: object) -> list[Placed]:
    """The charts of a board; `choices` as the API takes them."""
    given = {key: str(value) for key, value in choices.items() if value}
    texts = {"client": given.get("client_id", ""), **given, "user": encoded_user(given.get("user", ""))}
    explore = reverse("metrics:explore", args=(cluster,))
    return [
        Placed(
            chart,
            f"{reverse('metrics:chart', args=(cluster, chart.id))}?{urlencode(given)}",
            f"{explore}?{urlencode([('q', filled(line.expr, CLOSE_MS, texts)) for line in chart.lines])}",
        )
        for chart in (BOARDS.get(name) or IN_SHORT[name]).charts
    ]


@register.simple_tag
def is_measured(cluster: str) -> bool:
    """Whether brokers' own metrics are kept, here or by a Prometheus server: not of an external cluster without exporters."""
    return is_elsewhere(cluster) or source_of(cluster) is not None


@register.simple_tag
def boards_of_brokers() -> list[Board]:
    return [each for each in OF_CLUSTER if each.has_brokers]


@register.simple_tag
def chart_ranges() -> tuple[tuple[str, str], ...]:
    return tuple((key, label) for key, (label, _) in RANGES.items())


@register.filter
def explained(health: Health) -> dict[str, Explained]:
    """Every reading of a health by its name, with the reason where it is unknown."""
    counts = {"brokers": len(health.brokers), "silent": len(health.silent)}
    readings = {field.name: getattr(health, field.name) for field in fields(health)}
    return {
        name: Explained(each, "" if each.value is not None else health.lacking or why_unknown(name, **counts))
        for name, each in readings.items()
        if isinstance(each, Reading)
    }


@dataclass(frozen=True, slots=True)
class Explained:
    reading: Reading
    reason: str


@register.filter
def measure(value: float | None, kind: str) -> str:
    """A reading in its unit; unknown is a dash, whose reason is the template's."""
    if value is None:
        return unknown("No fresh sample: brokers are polled every ten seconds")
    match kind:
        case "bytes":
            return f"{bytes_(value)}/s"
        case "rate":
            return rate(value)
        case "ms":
            return duration_ms(value)
        case "fraction":
            return percent(value)
        case "count":
            return f"{value:,.0f}"
    return f"{value:.2f}"


@register.filter
def in_unit(value: float | None, unit: str) -> str:
    """A value of a PromQL answer; one that is not there now is a dash."""
    if value is None or math.isnan(value):
        return unknown("No sample at the end of this range")
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    match unit:
        case "bytes":
            return bytes_(value)
        case "bytes/s":
            return f"{bytes_(value)}/s"
        case "ms":
            return duration_ms(value)
        case "s":
            return duration_ms(value * 1000)
        case "fraction":
            return percent(value)
    return f"{value:,.6g}{unit}"


@register.filter
def per_day(per_second: float, unit: str) -> str:
    """A slope as what a day adds, with its sign."""
    value = per_second * 86_400
    if unit == "bytes":
        return f"{'+' if value >= 0 else '−'}{bytes_(abs(value))}"
    return f"{value:+,.0f}".replace("-", "−")


@register.filter
def rounded(value: float) -> str:
    return f"{value:,.0f}"


@register.filter
def in_words(seconds: float) -> str:
    """One unit, the largest that says it: 5 hours, 12 days, 3 years."""
    for name, length in (
        ("year", 31_557_600),
        ("month", 2_629_800),
        ("day", 86_400),
        ("hour", 3_600),
        ("minute", 60),
    ):
        if seconds >= 2 * length or name == "minute":
            count = round(seconds / length)
            return f"{count:,} {name}{'' if count == 1 else 's'}"
    return ""
