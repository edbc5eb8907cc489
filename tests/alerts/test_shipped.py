"""The shipped rules: templates that expand, names that brokers expose, runbooks that are there; what `/metrics` says."""

from __future__ import annotations

import re

import pytest
from prometheus_client import generate_latest

from controlplane.alerts import shipped_rules
from controlplane.alerts.logic import matchers, templates
from controlplane.alerts.models import Alert
from controlplane.core import durations
from controlplane.manual.selectors import library
from controlplane.metrics import query
from controlplane.metrics.instruments import LIVE
from tests.alerts.scene import Scene, Sink, receiver, rule


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
