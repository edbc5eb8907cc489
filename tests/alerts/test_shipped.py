"""The shipped rules: templates that expand, names that brokers expose, runbooks that are there; what `/metrics` says."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from django.utils import timezone
from prometheus_client import generate_latest

from controlplane.alerts import shipped, shipped_rules
from controlplane.alerts.logic import matchers, templates
from controlplane.alerts.models import Alert, Beat, Rule
from controlplane.core import durations
from controlplane.manual.selectors import library
from controlplane.metrics import query
from controlplane.metrics.instruments import LIVE
from controlplane.metrics.promql.tree import Aggregate, Binary, Node, children, type_of
from tests.alerts.rows import BESIDE, OFF, ROWS
from tests.alerts.scene import Scene, Sink, receiver, rule
from tests.environment import ROOT


@pytest.mark.parametrize("each", shipped_rules.RULES, ids=lambda each: each.name)
def test_a_shipped_rule_is_whole(each: shipped_rules.Shipped) -> None:
    durations.parse(each.hold)
    durations.parse(each.keep)
    labels = dict.fromkeys(("broker", "cluster", "node", "consumergroup", "name", "user", "client_id", "worker", "connector", "source",
         "target", "state"), "1",
    )  # fmt: skip
    for text in (each.summary, each.description):
        expanded = templates.expand(text, labels, 3.0)
        assert "error expanding" not in expanded
        assert "{" not in expanded
    query.check(each.expr)


def loses_the_cluster(node: Node) -> Iterator[Node]:
    """Parts after which alerts of several clusters would be one, or a series would meet another cluster's."""
    match node:
        case Aggregate(labels=labels, without=without) if ("cluster" in labels) is without:
            yield node
        case Binary(matching=matching) if "vector" == type_of(node.left) == type_of(node.right):
            if ("cluster" in matching.labels) is not matching.on:
                yield node
        case _:
            pass
    for child in children(node):
        yield from loses_the_cluster(child)


@pytest.mark.parametrize("each", shipped_rules.RULES, ids=lambda each: each.name)
def test_a_shipped_rule_keeps_its_cluster(each: shipped_rules.Shipped) -> None:
    assert list(loses_the_cluster(query.parse(each.expr).ast)) == []


@pytest.mark.parametrize(
    ("expr", "loses"),
    [
        ("sum(x) != 1", True), ("sum by (broker) (x)", True), ("sum by (cluster) (x)", False),
        ("sum without (cluster) (x)", True), ("sum without (broker) (x)", False), ("a and b", False),
        ("a and on (broker) b", True), ("a and on (broker, cluster) b", False), ("a / ignoring (cluster) b", True),
        ("a / ignoring (broker) b", False), ("max(increase(x[5m])) > 2", True), ("1 - a > 2", False),
        ("a unless on (cluster) count by (cluster) (max(b)) > 1", True),
    ],
)  # fmt: skip
def test_it_is_noticed_where_an_expression_loses_the_cluster(expr: str, loses: bool) -> None:
    assert bool(list(loses_the_cluster(query.parse(expr).ast))) is loses


def test_names_are_there_once_and_broker_down_does_not_wait() -> None:
    names = [each.name for each in shipped_rules.RULES]
    assert len(names) == len(set(names))
    (down,) = [each for each in shipped_rules.RULES if each.name == "BrokerDown"]
    assert (down.hold, down.expr) == ("0s", "up == 0")


def test_inhibitions_name_rules_that_are_there() -> None:
    names = {each.name for each in shipped_rules.RULES}
    for _, source, target, _ in shipped_rules.INHIBITIONS:
        for each in (*matchers.parse(source), *matchers.parse(target)):
            assert each.name != "alertname" or set(each.value.split("|")) <= names


def test_every_row_of_the_table_has_its_rules_and_every_rule_its_row() -> None:
    names = {each.name for each in shipped_rules.RULES}
    wanted = {name for rules in ROWS.values() for name in rules.split()}
    assert wanted | BESIDE == names
    assert not wanted & BESIDE


def test_what_is_not_shipped_belongs_to_a_row_and_stands_in_the_manual() -> None:
    text = (ROOT / "templates/docs/alerts.md").read_text()
    for row, what, why in shipped_rules.NOT_SHIPPED:
        assert row in ROWS
        assert f"| {row} | {what} | {why} |" in text


@pytest.mark.django_db
def test_rules_whose_number_is_the_users_come_switched_off_and_stay_as_somebody_left_them() -> None:
    def off() -> set[str]:
        return set(Rule.objects.filter(enabled=False).values_list("name", flat=True))

    assert shipped.sync(timezone.now())
    assert off() == OFF
    Rule.objects.filter(name="TopicSilent").update(enabled=True, expr="old")
    Beat.objects.update(shipped="")
    assert shipped.sync(timezone.now())
    assert off() == OFF - {"TopicSilent"}
    assert Rule.objects.get(name="TopicSilent").expr != "old"


def test_every_rule_has_its_runbook_in_the_manual() -> None:
    (page,) = [document for document in library().documents if document.slug == "alerts"]
    for each in shipped_rules.RULES:
        assert f'id="{each.name.lower()}"' in page.html


def test_metrics_say_that_the_evaluator_is_alive(scene: Scene, sink: Sink) -> None:
    rule()
    receiver(sink.url)
    scene.answers = {"x": [{"broker": "1"}]}
    scene.cycle()
    text = generate_latest(LIVE).decode()
    said = re.search(r"^kastellan_alerts_last_evaluation_timestamp_seconds (\S+)$", text, re.MULTILINE)
    assert said is not None
    assert float(said[1]) == scene.now.timestamp()
    assert 'kastellan_alerts{cluster="main",severity="critical",state="firing"} 1.0' in text
    assert "kastellan_notifications_waiting 1.0" in text
    assert Alert.objects.count() == 1
