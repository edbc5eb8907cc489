"""Unit tests of alert rules in the notation of `promtool test rules`, run over our own PromQL and state machine. Pure.

1. `input_series` become samples from the epoch on, `interval` apart.
2. Every rule is evaluated each `evaluation_interval` up to the last `eval_time` that is asked about.
3. `alert_rule_test` compares what fires then, labels and annotations; `promql_expr_test` compares samples.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from controlplane.alerts.logic import documents, seeing, states
from controlplane.alerts.logic.documents import BadDocument
from controlplane.alerts.logic.labels import ALERT_NAME
from controlplane.alerts.logic.labels import text_of as label_text
from controlplane.alerts.logic.preview import EPOCH
from controlplane.alerts.logic.rule_files import FileRule
from controlplane.alerts.logic.seeing import Words
from controlplane.alerts.logic.states import CLEAR, Instance, State, Timing
from controlplane.core import durations
from controlplane.metrics import promql
from controlplane.metrics.promql import EvaluationError, Limits, PromQLError
from controlplane.metrics.promql.notation import Memory, NotationError, parse_line
from controlplane.metrics.promql.rendering import number

MOST_TESTS, MOST_SERIES, MOST_CHECKS = 100, 1000, 1000
#: Evaluations of all rules of a file together, each series of an answer counted.
MOST_WORK = 200_000
FILE_FIELDS = frozenset({"rule_files", "evaluation_interval", "group_eval_order", "tests", "fuzzy_compare"})
TEST_FIELDS = frozenset(
    {
        "name", "interval", "input_series", "alert_rule_test", "promql_expr_test", "external_labels",
        "external_url",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Check:
    """One expectation. `expected` and `got` are lines, sorted, so that they compare by eye."""

    title: str
    expected: tuple[str, ...] = ()
    got: tuple[str, ...] = ()
    error: str = ""

    @property
    def passed(self) -> bool:
        return not self.error and self.expected == self.got


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        return all(each.passed for each in self.checks)


@dataclass(slots=True)
class _Work:
    left: int = MOST_WORK

    def spend(self, count: int) -> None:
        self.left -= count
        if self.left < 0:
            raise BadDocument("This is too much work for one file: shorter times, fewer series or rules")


def run(text: str, rules: Sequence[FileRule], limits: Limits | None = None) -> list[Case]:
    """Raises BadDocument where the file cannot be read."""
    top = documents.mapping(documents.read(text), "The file", FILE_FIELDS)
    every = _span(top, "evaluation_interval", "1m")
    work = _Work()
    cases = []
    for place, each in enumerate(documents.listed(top.get("tests"), "tests", MOST_TESTS)):
        test = documents.mapping(each, f"tests[{place}]", TEST_FIELDS)
        cases.append(_Test(test, place, every, rules, work, limits or Limits()).run())
    if not cases:
        raise BadDocument("There is no test in it: tests is empty")
    return cases


class _Test:
    def __init__(
        self,
        test: Mapping[str, Any],
        place: int,
        every: timedelta,
        rules: Sequence[FileRule],
        work: _Work,
        limits: Limits,
    ) -> None:
        self.test, self.every, self.rules, self.work, self.limits = test, every, rules, work, limits
        self.name = documents.text(test.get("name"), "name", "") or f"test {place + 1}"
        self.memory = Memory(self._series())

    def _series(self) -> list[promql.Series]:
        interval = _span(self.test, "interval", "1m")
        found = []
        for each in documents.listed(self.test.get("input_series"), "input_series", MOST_SERIES):
            line = documents.mapping(each, "A series", frozenset({"series", "values"}))
            name = documents.text(line.get("series"), "series")
            try:
                parsed = parse_line(f"{name} {documents.text(line.get('values'), 'values')}")
            except NotationError as error:
                raise BadDocument(f"{name}: {error}") from error
            self.work.spend(len(parsed.values) // 10)
            found.append(parsed.series(0, _ms(interval)))
        return found

    def run(self) -> Case:
        alerts = documents.listed(self.test.get("alert_rule_test"), "alert_rule_test", MOST_CHECKS)
        exprs = documents.listed(self.test.get("promql_expr_test"), "promql_expr_test", MOST_CHECKS)
        return Case(self.name, (*self._alerts(alerts), *map(self._expr, exprs)))

    # Alerts

    def _alerts(self, tests: list[Any]) -> list[Check]:
        fields = frozenset({"eval_time", "alertname", "exp_alerts"})
        read = [documents.mapping(each, "An alert_rule_test", fields) for each in tests]
        times = sorted({_ms(_span(each, "eval_time", None)) for each in read})
        fired: dict[tuple[str, int], list[str]] = {}
        errors: dict[str, str] = {}
        for rule in self.rules if times else ():
            try:
                for at, instance in self._fires(rule, times):
                    fired.setdefault((rule.name, at), []).append(_alert_line(instance))
            except (PromQLError, EvaluationError, seeing.RuleFailed) as error:
                errors[rule.name] = str(error)
        return [self._alert(each, fired, errors) for each in read]

    def _alert(
        self, test: Mapping[str, Any], fired: Mapping[tuple[str, int], list[str]], errors: Mapping[str, str]
    ) -> Check:
        name, at = documents.text(test.get("alertname"), "alertname"), _span(test, "eval_time", None)
        expected = [
            _expected_line(each, name)
            for each in documents.listed(test.get("exp_alerts"), "exp_alerts", MOST_CHECKS)
        ]
        title = f"{name} at {durations.text_of(at)}"
        if name in errors:
            return Check(title, tuple(sorted(expected)), error=errors[name])
        got = fired.get((name, _ms(at)), [])
        known = any(each.name == name for each in self.rules)
        error = "" if known or not expected else f"There is no rule {name!r}"
        return Check(title, tuple(sorted(expected)), tuple(sorted(got)), error)

    def _fires(self, rule: FileRule, times: list[int]) -> Iterable[tuple[int, Instance]]:
        """What fires at each time: the state after the last evaluation until then."""
        step = _ms(self.every)
        self.work.spend(times[-1] // step + 1)
        answers = promql.ranged(rule.expr, self.memory, 0, times[-1], step, limits=self.limits)
        by_time: dict[int, list[tuple[Mapping[str, str], float]]] = {}
        for series in answers.series:
            self.work.spend(len(series.times))
            for at, value in zip(series.times, series.values, strict=True):
                by_time.setdefault(int(at), []).append((series.labels, float(value)))
        words = Words(rule.name, "", rule.labels, rule.annotations)
        timing, opened = Timing(rule.hold, rule.keep_firing), dict[str, Instance]()
        wanted = list(times)
        for at in range(0, times[-1] + 1, step):
            seen = seeing.seen(words, by_time.get(at, ()), self.limits.deadline)
            done = states.step(timing, opened, seen, CLEAR, EPOCH + timedelta(milliseconds=at))
            opened = {each.key: each for each in done.instances if each.state is not State.RESOLVED}
            while wanted and at <= wanted[0] < at + step:
                now = wanted.pop(0)
                yield from ((now, each) for each in opened.values() if each.state is State.FIRING)

    # Expressions

    def _expr(self, each: Any) -> Check:
        test = documents.mapping(each, "A promql_expr_test", frozenset({"expr", "eval_time", "exp_samples"}))
        expr, at = documents.text(test.get("expr"), "expr"), _span(test, "eval_time", None)
        samples = documents.listed(test.get("exp_samples"), "exp_samples", MOST_CHECKS)
        expected = tuple(sorted(map(_expected_sample, samples)))
        title = f"{expr} at {durations.text_of(at)}"
        try:
            found = promql.instant(expr, self.memory, _ms(at), limits=self.limits)
        except (PromQLError, EvaluationError) as error:
            return Check(title, expected, error=str(error))
        if found.type == "scalar":
            return Check(title, expected, (_sample_line({}, found.value),))
        if found.type != "vector":
            return Check(title, expected, error=f"A {found.type} has no samples to compare")
        got = (_sample_line(one.labels, float(one.values[-1])) for one in found.series)
        return Check(title, expected, tuple(sorted(got)))


def _alert_line(each: Instance) -> str:
    return _line(each.labels, each.annotations)


def _line(labels: Mapping[str, str], annotations: Mapping[str, str]) -> str:
    said = f" says {label_text(annotations)}" if annotations else ""
    return f"{label_text(labels)}{said}"


def _expected_line(each: Any, name: str) -> str:
    fields = frozenset({"exp_labels", "exp_annotations"})
    found = documents.mapping(each, "An expected alert", fields)
    labels = documents.texts(found.get("exp_labels"), "exp_labels")
    annotations = documents.texts(found.get("exp_annotations"), "exp_annotations")
    return _line({label: text for label, text in labels.items() if text} | {ALERT_NAME: name}, annotations)


def _expected_sample(each: Any) -> str:
    found = documents.mapping(each, "An expected sample", frozenset({"labels", "value", "histogram"}))
    if "histogram" in found:
        raise BadDocument("Native histograms are not supported")
    text = documents.text(found.get("labels"), "labels", "{}").strip() or "{}"
    try:
        labels = parse_line(f"{text} 0").labels
        value = float(documents.text(found.get("value"), "value"))
    except (NotationError, ValueError) as error:
        raise BadDocument(f"{text}: {error}") from error
    return _sample_line(labels, value)


def _sample_line(labels: Mapping[str, str], value: float) -> str:
    # Adding up in another order may change the last digit or two: nobody means those.
    return f"{label_text(labels)} {number(value if not math.isfinite(value) else float(f'{value:.12g}'))}"


def _span(test: Mapping[str, Any], name: str, default: str | None) -> timedelta:
    try:
        found = durations.parse(documents.text(test.get(name), name, default))
    except durations.BadDuration as error:
        raise BadDocument(f"{name}: {error}") from error
    if name != "eval_time" and not found:
        raise BadDocument(f"{name} has to be longer than nothing")
    return found


def _ms(length: timedelta) -> int:
    return length // timedelta(milliseconds=1)
