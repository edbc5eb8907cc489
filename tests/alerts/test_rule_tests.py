"""Users' rule tests: the shipped rules' own pass with us and with promtool, and both refuse the same wrong ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from controlplane.accounts.models import User
from controlplane.alerts.logic import documents, rule_files, rule_tests
from controlplane.alerts.logic.documents import BadDocument
from controlplane.alerts.logic.rule_files import FileRule
from controlplane.alerts.shipped_rules import RULES
from controlplane.core import durations
from controlplane.core.access import Role
from tests.alerts import real
from tests.alerts.scene import Scene, rule
from tests.conftest import Api

FILES = sorted((Path(__file__).parent / "rule_tests").glob("*.yml"))
#: Without annotations: promtool wants them spelt out, and they are texts for people.
SHIPPED = [
    FileRule("kastellan", each.name, each.expr, durations.parse(each.hold), durations.parse(each.keep), {"severity": each.severity})
    for each in RULES
]  # fmt: skip


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_shipped_rules_do_what_their_tests_say(path: Path) -> None:
    cases = rule_tests.run(path.read_text(), SHIPPED)
    failed = [(each.name, check) for each in cases for check in each.checks if not check.passed]
    assert failed == []


@real.needs("promtool")
def test_promtool_says_the_same_of_them(tmp_path: Path) -> None:
    (tmp_path / "rules.yml").write_text(rule_files.write(SHIPPED))
    for path in FILES:
        (tmp_path / path.name).write_text(path.read_text())
    content, said = real.run("promtool", "test", "rules", *(tmp_path / path.name for path in FILES))
    assert content, said


RULE = """
groups:
  - name: g
    rules:
      - alert: Late
        expr: lag > 5
        for: 2m
        keep_firing_for: 2m
        labels: {severity: page, where: "{{ $labels.topic }}"}
        annotations: {summary: "{{ $labels.topic }} is {{ $value | humanize }} behind"}
"""


def file_of(series: str, expected: str, *, kind: str = "alert_rule_test", every: str = "1m") -> str:
    return f"""
rule_files: [rules.yml]
evaluation_interval: {every}
tests:
  - interval: 1m
    input_series: [{{series: 'lag{{topic="a"}}', values: '{series}'}}]
    {kind}: [{expected}]
"""


FIRES = "{exp_labels: {severity: page, topic: a, where: a}, exp_annotations: {summary: 'a is 9 behind'}}"
#: The test, and whether it passes: with promtool as well.
JUDGED = [
    (file_of("9+0x10", f"{{eval_time: 2m, alertname: Late, exp_alerts: [{FIRES}]}}"), True),
    (file_of("9+0x10", f"{{eval_time: 1m, alertname: Late, exp_alerts: [{FIRES}]}}"), False),
    (file_of("9+0x10", "{eval_time: 1m, alertname: Late}"), True),
    (file_of("9+0x10", "{eval_time: 5m, alertname: Late}"), False),
    (file_of("9+0x10", f"{{eval_time: 5m, alertname: Late, exp_alerts: [{FIRES}, {FIRES}]}}"), False),
    (file_of("9 9 9 9 1+0x10", f"{{eval_time: 5m, alertname: Late, exp_alerts: [{FIRES}]}}"), True),
    (file_of("9 9 9 9 1+0x10", "{eval_time: 6m, alertname: Late}"), True),
    (file_of("9 9 9 9 1 1 9 1 1 1", f"{{eval_time: 7m, alertname: Late, exp_alerts: [{FIRES}]}}"), True),
    (file_of("9 9 _ _ _ _ _ _ _ _", f"{{eval_time: 5m, alertname: Late, exp_alerts: [{FIRES}]}}"), True),
    (file_of("9 stale 9 9 9", "{eval_time: 2m, alertname: Late}"), True),
    (file_of("9+0x10", f"{{eval_time: 2m30s, alertname: Late, exp_alerts: [{FIRES}]}}", every="1m"), True),
    (file_of("9+0x10", "{eval_time: 3m, alertname: Late, exp_alerts: [{exp_labels: {severity: page, topic: a, where: a}}]}"), False),
    (file_of("1 2 3", "{expr: lag, eval_time: 1m, exp_samples: [{labels: 'lag{topic=\"a\"}', value: 2}]}", kind="promql_expr_test"), True),
    (file_of("1 2 3", "{expr: lag, eval_time: 1m, exp_samples: [{labels: 'lag{topic=\"b\"}', value: 2}]}", kind="promql_expr_test"), False),
    (file_of("1 2 3", "{expr: 2 * sum(lag), eval_time: 2m, exp_samples: [{labels: '{}', value: 6}]}", kind="promql_expr_test"), True),
    (file_of("1 2 3", "{expr: lag > 9, eval_time: 2m}", kind="promql_expr_test"), True),
]  # fmt: skip


@pytest.mark.parametrize(("text", "passes"), JUDGED)
def test_a_test_passes_or_fails(text: str, passes: bool) -> None:
    cases = rule_tests.run(text, rule_files.parse(RULE))
    assert all(each.passed for each in cases) is passes, cases


@real.needs("promtool")
def test_promtool_judges_them_the_same(tmp_path: Path) -> None:
    (tmp_path / "rules.yml").write_text(RULE)
    for place, (text, passes) in enumerate(JUDGED):
        (tmp_path / "test.yml").write_text(text)
        content, said = real.run("promtool", "test", "rules", tmp_path / "test.yml")
        assert content is passes, f"{place}: {said}\n{text}"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("tests: []", "no test"),
        ("tests: 5", "tests is a list"),
        ("- a", "The file is an object"),
        ("{", "Not YAML"),
        ("a: &a [1]\nb: *a", "Aliases"),
        ("tests: [{wrong: 1}]", "no field 'wrong'"),
        ("tests: [{interval: soon, input_series: []}]", "interval"),
        ("tests: [{input_series: [{series: 'a', values: 'x'}]}]", "not a value"),
        ("tests: [{input_series: [{series: 'a', values: '1x99999999'}]}]", "more than"),
        ("tests: [{alert_rule_test: [{eval_time: 10y, alertname: A}]}]\nevaluation_interval: 1s", "too much work"),
        ("tests: [{promql_expr_test: [{expr: a, eval_time: 1m, exp_samples: [{labels: 'a{', value: 1}]}]}]", "a{"),
    ],
)  # fmt: skip
def test_what_is_no_test_file_says_where(text: str, what: str) -> None:
    with pytest.raises(BadDocument, match=what.replace("{", r"\{")):
        rule_tests.run(text, SHIPPED)


def test_scalars_are_read_as_gos_yaml_reads_them() -> None:
    found = documents.read("a: no\nb: 09:30\nc: 2026-01-01\nd: true\ne: 1.5\nf: ~\ng: 010")
    assert found == {"a": "no", "b": "09:30", "c": "2026-01-01", "d": True, "e": 1.5, "f": None, "g": 8}


# --- API and page -----------------------------------------------------------------------------------------------------
def test_the_api_says_what_was_expected_and_what_came(scene: Scene, api: Callable[[Role], Api]) -> None:
    body = {"rules": RULE, "tests": JUDGED[1][0]}
    answer = api(Role.VIEWER)("POST", "alerts/rules/test/", body)
    assert answer.status_code == 200, answer.content
    found = answer.json()
    assert found["passed"] is False
    (check,) = found["cases"][0]["checks"]
    assert (check["title"], check["got"], len(check["expected"])) == ("Late at 1m", [], 1)


def test_without_rules_those_of_the_installation_are_tested(scene: Scene, api: Callable[[Role], Api]) -> None:
    rule("Late", expr="lag > 5", hold=120, labels={"severity": "page", "where": "{{ $labels.topic }}"}, annotations={"summary": "{{ $labels.topic }} is {{ $value | humanize }} behind"})  # fmt: skip
    assert api(Role.VIEWER)("POST", "alerts/rules/test/", {"tests": JUDGED[0][0]}).json()["passed"] is True


@pytest.mark.parametrize(
    ("body", "field"),
    [({"tests": "{"}, "tests"), ({"tests": JUDGED[0][0], "rules": "[]"}, "rules"), ({}, "tests")],
)
def test_what_cannot_be_read_is_told_at_its_field(
    body: dict[str, Any], field: str, scene: Scene, api: Callable[[Role], Api]
) -> None:
    answer = api(Role.VIEWER)("POST", "alerts/rules/test/", body)
    assert answer.status_code in (400, 422)
    assert field in answer.json()["errors"]


def test_the_page_shows_expected_beside_got(scene: Scene, client: Client, users: dict[Role, User]) -> None:
    client.force_login(users[Role.VIEWER])
    path = "/clusters/main/alerts/rules/+test/"
    assert client.get(path).status_code == 200
    page = client.post(path, {"rules": RULE, "tests": JUDGED[1][0]}).content.decode()
    assert "Late at 1m" in page
    assert "a is 9 behind" in page
    assert client.post(path, {"rules": "", "tests": "{"}).status_code == 422


@pytest.mark.parametrize(
    "text",
    [
        "a: !!int '1:1:1'",
        "a: !!python/name:os.system x",
        "a: &x 1\nb: *x",
        "a: " + "7" * 60,
        "x: " + "y" * 200_001,
    ],
)
def test_yaml_that_costs_more_than_it_says_is_refused(text: str) -> None:
    if "7" * 60 in text:
        assert isinstance(documents.read(text)["a"], float), "no arithmetic with numbers of any length"
        return
    with pytest.raises(BadDocument):
        documents.read(text)
