"""The functions of templates: Prometheus' text functions and Go's own comparisons. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from controlplane.alerts.logic import humanize
from controlplane.alerts.logic.humanize import BadValue, Value, go_text
from controlplane.core.regex import BadRegex, Regex, TooLong, compiled

ANY = 1000
VALUES, LABELS = "values", "labels"
Literals = Sequence[Value | None]


@dataclass(frozen=True, slots=True)
class Function:
    """`check` sees the constants among the arguments when a template is parsed, None for those that are none."""

    call: Callable[..., Any]
    least: int = 1
    most: int = 1
    takes: str = VALUES
    check: Callable[[Literals], str | None] | None = None


def re_replace_all(pattern: str, replacement: str, text: str) -> str:
    """`$1`, `${1}` and `${name}` stand for groups, `$$` for a dollar; a group that is not there is empty."""
    try:
        return _pattern(pattern).sub(str(replacement), go_text(text))
    except TooLong as error:
        raise BadValue(f"reReplaceAll gives {error}") from error


def _pattern(text: str) -> Regex:
    try:
        return compiled(str(text))
    except BadRegex as error:
        raise BadValue(str(error)) from error


def _check_pattern(given: Literals) -> str | None:
    if given[0] is None:
        return None
    try:
        _pattern(str(given[0]))
    except BadValue as error:
        return str(error)
    return None


def _check_printf(given: Literals) -> str | None:
    form = given[0]
    if not isinstance(form, str):
        return "its format has to be written out"
    return humanize.check_printf(form, len(given) - 1)


def _order(compare: Callable[[Any, Any], bool]) -> Callable[[Value, Value], bool]:
    def run(left: Value, right: Value) -> bool:
        if isinstance(left, str) and isinstance(right, str):
            return compare(left, right)
        return compare(humanize.number(left), humanize.number(right))

    return run


def _equal(left: Value, right: Value) -> bool:
    if isinstance(left, str) is not isinstance(right, str):
        raise BadValue(f"{left!r} and {right!r} are of different kinds")
    return left == right


def strip_port(text: Value) -> str:
    found = re.fullmatch(r"(?:\[([^\[\]]*)\]|([^:\[\]]*)):[^:]*", go_text(text))
    return go_text(text) if found is None else found[1] if found[1] is not None else found[2]


def _all(*given: Any) -> Any:
    return next((each for each in given if not each), given[-1])


def _any(*given: Any) -> Any:
    return next((each for each in given if each), given[-1])


FUNCTIONS: dict[str, Function] = {
    "humanize": Function(humanize.humanize),
    "humanize1024": Function(humanize.humanize1024),
    "humanizeDuration": Function(humanize.humanize_duration),
    "humanizePercentage": Function(humanize.humanize_percentage),
    "humanizeTimestamp": Function(humanize.humanize_timestamp),
    "title": Function(humanize.title),
    "toUpper": Function(lambda text: go_text(text).upper()),
    "toLower": Function(lambda text: go_text(text).lower()),
    "stripPort": Function(strip_port),
    "reReplaceAll": Function(re_replace_all, 3, 3, check=_check_pattern),
    "match": Function(
        lambda pattern, text: _pattern(pattern).found_in(go_text(text)), 2, 2, check=_check_pattern
    ),
    "printf": Function(lambda form, *values: humanize.printf(form, values), 1, ANY, check=_check_printf),
    "index": Function(lambda labels, name: labels.get(go_text(name), ""), 2, 2, takes=LABELS),
    "eq": Function(_equal, 2, 2),
    "ne": Function(lambda left, right: not _equal(left, right), 2, 2),
    "lt": Function(_order(lambda left, right: left < right), 2, 2),
    "le": Function(_order(lambda left, right: left <= right), 2, 2),
    "gt": Function(_order(lambda left, right: left > right), 2, 2),
    "ge": Function(_order(lambda left, right: left >= right), 2, 2),
    "and": Function(_all, 1, ANY),
    "or": Function(_any, 1, ANY),
    "not": Function(lambda value: not value),
}
