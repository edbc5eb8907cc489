"""Users' unit tests of rules: which rules, how long they may take, and what is told where. Reads only."""

from __future__ import annotations

import time
from collections.abc import Sequence

from django.db.models import Q

from controlplane.alerts.logic import rule_files, rule_tests
from controlplane.alerts.logic.documents import BadDocument
from controlplane.alerts.logic.rule_files import FileRule
from controlplane.alerts.logic.rule_tests import Case
from controlplane.alerts.models import Rule
from controlplane.core.errors import Invalid
from controlplane.metrics.promql import EvaluationError, Limits

TIMEOUT_S = 10.0


def run(tests: str, rules: str, clusters: Sequence[str]) -> list[Case]:
    """`rules` empty: those that are set up for these clusters. Raises Invalid."""
    try:
        wanted = rule_files.parse(rules) if rules.strip() else installed(clusters)
    except BadDocument as error:
        raise Invalid(fields={"rules": [f"{error}."]}) from error
    wrong = [f"{each.name}: {each.problem}." for each in wanted if each.problem]
    if wrong:
        raise Invalid(fields={"rules": wrong[:10]})
    ends = time.monotonic() + TIMEOUT_S

    def deadline() -> None:
        if time.monotonic() > ends:
            raise EvaluationError("the tests took too long")

    try:
        return rule_tests.run(
            tests, [each for each in wanted if not each.recording], Limits(deadline=deadline)
        )
    except BadDocument as error:
        raise Invalid(fields={"tests": [f"{error}."]}) from error


def installed(clusters: Sequence[str]) -> list[FileRule]:
    found = Rule.objects.filter(Q(cluster="") | Q(cluster__in=list(clusters)))
    return [file_rule(row) for row in found]


def file_rule(row: Rule) -> FileRule:
    return FileRule(
        row.group, row.name, row.expr, row.hold, row.keep_firing, dict(row.labels), dict(row.annotations)
    )
