"""Rules out of a few questions: each draft is PromQL that means what was asked, and ends in the form of rules."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from controlplane.accounts.models import User
from controlplane.alerts.logic import templates
from controlplane.alerts.logic.common_cases import CASES, Case, Measure, draft, find
from controlplane.alerts.models import Rule
from controlplane.core.access import Role
from controlplane.metrics import promql, query
from controlplane.metrics.promql.tree import Selector
from tests.alerts.scene import Scene
from tests.alerts.test_pages import BASE, as_, walk

EVERY = [pytest.param(case, each, id=f"{case.key}-{each.key}") for case in CASES for each in case.measures]


@pytest.mark.parametrize(("case", "measure"), EVERY)
def test_each_draft_is_a_rule_that_can_be_saved(case: Case, measure: Measure) -> None:
    made = draft(case, measure, measure.limit, 5, "orders" if case.named else "")
    query.check(made.expr)
    templates.parse(made.summary)
    compared, limit = query.measured(promql.parse(made.expr))
    assert limit == pytest.approx(measure.limit * measure.scale)
    assert compared.type == "vector"
    assert made.name.isidentifier()


@given(st.text(max_size=60))
def test_a_name_stays_within_its_quotes(name: str) -> None:
    case = find("topic")
    made = draft(case, case.measure("size"), 1, 0, name)
    ast = promql.parse(made.expr).ast
    selector = ast.left.expr  # type: ignore[union-attr]
    assert isinstance(selector, Selector)
    wanted = [("topic", name)] if name else []
    assert [(each.name, each.value) for each in selector.matchers if each.name != "__name__"] == wanted


def test_the_answers_end_in_the_form_of_rules(client: Client, users: dict[Role, User], scene: Scene) -> None:
    ada = as_(client, users, Role.ADMIN)
    path = f"{BASE}rules/+new/group/"
    assert "Consumer group" in ada.get(path).content.decode()
    asked = {"name": 'a"b', "measure": "seconds", "limit": "90", "minutes": "10"}
    form = ada.get(path, asked)
    assert form.status_code == 302
    drafted = {name: texts[0] for name, texts in parse_qs(urlsplit(form["Location"]).query).items()}
    assert (
        drafted["expr"] == 'max by (consumergroup) (kastellan_group_lag_seconds{consumergroup="a\\"b"}) > 90'
    )
    shown = ada.get(form["Location"]).content.decode()
    assert "kastellan_group_lag_seconds{consumergroup=" in shown
    more = {"labels": "team=payments\ntier = 1", "runbook": "https://wiki.example.org/lag", "enabled": "on"}
    walk(ada, f"{BASE}rules/+new/", {**drafted, "keep_firing": "0s", **more})
    made = Rule.objects.get(group="default")
    assert made.labels == {"severity": "warning", "team": "payments", "tier": "1"}
    assert made.annotations["runbook_url"] == "https://wiki.example.org/lag"
    edit = f"{BASE}rules/{made.pk}/+edit/"
    assert "team=payments" in ada.get(edit).content.decode()
    walk(ada, edit, {**drafted, "keep_firing": "0s", "enabled": "on", "labels": "team=orders"})
    made.refresh_from_db()
    assert (made.labels, made.annotations.get("runbook_url")) == (
        {"severity": "warning", "team": "orders"},
        None,
    )


@pytest.mark.parametrize(
    ("case", "asked", "said"),
    [
        ("topic", {"measure": "bytes", "minutes": "5"}, "This field is required"),
        ("group", {"measure": "teeth", "minutes": "5"}, "Select a valid choice"),
        ("broker", {"measure": "heap", "minutes": "5", "limit": "nan"}, "Enter a number"),
        ("broker", {"measure": "heap", "minutes": "-1"}, "greater than or equal to 0"),
    ],
)
def test_wrong_answers_are_told_at_their_field(
    case: str, asked: dict[str, str], said: str, client: Client, users: dict[Role, User], scene: Scene
) -> None:
    page = as_(client, users, Role.ADMIN).get(f"{BASE}rules/+new/{case}/", asked)
    assert page.status_code == 200
    assert said in page.content.decode()


def test_a_label_that_is_none_is_told(client: Client, users: dict[Role, User], scene: Scene) -> None:
    data = {
        "name": "X",
        "expr": "up == 0",
        "hold": "1m",
        "keep_firing": "0s",
        "severity": "info",
        "summary": "s",
    }
    page = as_(client, users, Role.ADMIN).post(f"{BASE}rules/+new/", {**data, "labels": "team"})
    assert "is no label" in page.content.decode()
