"""Where an alert leads: the page of what its labels name."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controlplane.accounts.models import User
from controlplane.alerts.logic.places import places
from controlplane.alerts.models import Rule
from controlplane.core.access import Role
from tests.alerts.scene import Scene

NAMES = ("source", "target", "connector", "worker", "consumergroup", "topic", "broker")


@pytest.mark.parametrize(
    ("labels", "leads_to"),
    [
        ({"connector": "lines", "state": "failed"}, ["connect:connector"]),
        ({"connector": "main->dr.source", "task": "0"}, ["connect:connector"]),
        ({"worker": "connect-dr"}, ["workers:worker"]),
        ({"source": "main", "target": "dr", "state": "failed"}, ["replication:flow"]),
        ({"source": "main", "target": "dr", "consumergroup": "g"}, ["replication:flow_tab"]),
        ({"source": "main", "target": "elsewhere"}, []),
        ({"consumergroup": "a/b c", "topic": "orders"}, ["groups:detail", "topics:detail"]),
        ({"broker": "2"}, ["clusters:broker"]),
        ({"broker": "two", "topic": "a/b"}, []),
        ({}, []),
    ],
)
def test_labels_lead_to_the_page_of_what_they_name(labels: dict[str, str], leads_to: list[str]) -> None:
    assert [each.page for each in places("dr", labels, bundled=True)] == leads_to


def test_of_another_cluster_nobody_knows_which_worker_has_the_connector() -> None:
    found = places("far", {"connector": "lines", "worker": "w"}, bundled=False)
    assert [each.page for each in found] == ["connect:list"]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(st.sampled_from(NAMES), st.text("a1-/. é→\n", max_size=6) | st.just("dr")), st.booleans()
)
def test_whatever_a_rule_writes_into_labels_is_an_address_or_none(
    labels: dict[str, str], bundled: bool
) -> None:
    for each in places("dr", labels, bundled=bundled):
        assert reverse(each.page, args=each.args).startswith("/clusters/dr/")


def test_the_list_the_page_and_the_dashboard_lead_there(
    scene: Scene, client: Client, users: dict[Role, User]
) -> None:
    Rule.objects.create(
        name="FlowBehind",
        expr="lag",
        labels={"severity": "warning"},
        created_at=scene.now,
        updated_at=scene.now,
    )
    scene.answers["lag"] = [{"source": "far", "target": "main"}]
    scene.cycle()
    client.force_login(users[Role.VIEWER])
    link = 'href="/clusters/main/replication/far/"'
    page = client.get("/clusters/main/alerts/").content.decode()
    assert link in page
    detail = page.split('class="name"><a href="')[1].split('"')[0]
    assert link in client.get(detail).content.decode()
    assert link in client.get(reverse("alerts:summary", args=("main",))).content.decode()
