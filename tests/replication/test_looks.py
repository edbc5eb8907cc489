"""The pages of a flow that has failed, and of its failovers: axe, quiet, fitting, in both themes and two widths."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from controlplane.accounts.models import User
from controlplane.clusters.models import Cluster
from controlplane.core.plans import Json
from controlplane.gateways import workers
from controlplane.gateways.connect import State
from controlplane.replication.logic.connectors import Part, connector_name
from controlplane.replication.logic.evidence import in_words
from controlplane.replication.logic.flows import FlowRequest, to_json
from controlplane.replication.models import Failover, Flow
from tests.browsing import Open
from tests.ui.browser import THEMES, Theme
from tests.waiting import eventually

ASKED = FlowRequest("main", "dr", topics=("orders*", "payments"), rpo_s=60, rpo_records=1000)
WIDTHS = (375, 1440)
NOW = timezone.now()


def at(seconds: float) -> str:
    return (NOW - timedelta(seconds=600 - seconds)).isoformat()


def step(begun: float, ended: float, evidence: dict[str, Json], error: str = "") -> dict[str, Json]:
    state = "failed" if error else "done"
    return {
        "state": state,
        "started_at": at(begun),
        "ended_at": at(ended),
        "evidence": evidence,
        "error": error,
    }


CHECK = step(0, 1.2, {"flow": "running", "source_answers": True, "records_not_copied": 12, "seconds_behind": 3.25, "super_users": ["User:admin"],
                      "users_missing_in_target": [f"app-{n}" for n in range(12)], "groups_untranslated": []})  # fmt: skip
STEPS = {
    "check": CHECK,
    "freeze": step(5, 17, {"denied": ["prefixed orders"], "stood_still_s": 10.0, "end_offsets": 123_456, "frozen_at": at(17)}),
    "stop": step(20, 33, {"stopped": ["main->dr.source"], "records_lost": 0, "seconds_lost": 0.0, "source": "answers"}),
    "offsets": step(40, 41, {"groups": ["app"], "left_alone": [], "before": [["app", "main.orders", 0, None], ["app", "main.orders", 1, 90]], "after": [["app", "main.orders", 0, 7], ["app", "main.orders", 1, 95]], "read_again": 9}),
    "switch": step(41, 90, {"confirmed_by": "alice", "switched_at": at(90)}),
    "verify": step(91, 95, {}, "somewhere: a broker does not answer"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("records_lost", None, ("records lost", "unknown")),
        ("source_answers", False, ("source answers", "no")),
        ("end_offsets", 123456, ("end offsets, summed", "123,456")),
        ("stood_still_s", 10.0, ("stood still", "10 s")),
        ("seconds_lost", 0.0, ("seconds lost", "0 s")),
        ("groups", [], ("groups set", "none")),
        ("groups", list("abcdefghij"), ("groups set", "a, b, c, d, e, f, g, h and 2 more")),
        ("before", [["app", "orders", 0, None]], ("offsets before", "app in orders-0 at no offset")),
        ("after", [["app", "orders", 0, 7]], ("offsets since then", "app in orders-0 at 7")),
        ("frozen_at", "2026-11-28T14:00:12.345+00:00", ("frozen at", "2026-11-28 14:00:12 UTC")),
        ("confirmed_by", "alice", ("confirmed by", "alice")),
        ("super_users", ["User:CN=broker-1", "User:admin"], ("super users", "User:admin, 1 name of brokers")),
    ],
)
def test_evidence_is_told_in_words(name: str, value: Json, words: tuple[str, str]) -> None:
    assert in_words({name: value}) == (words,)


@pytest.fixture
def failed(dr: Cluster) -> Iterator[Flow]:
    """Connectors under the names of a flow's; the task of one cannot open its file."""
    worker = workers.worker_of("dr")
    assert worker is not None
    api = workers.rest_api(worker)
    config = {"connector.class": "FileStreamSink", "topics": "orders", "file": "/nowhere/at/all"}
    names = [connector_name(ASKED, part) for part in Part]
    for name in names:
        api.create(name, config, State.RUNNING if name.endswith("source") else State.STOPPED)
    eventually(lambda: api.statuses()[names[0]].failed, timeout=60)
    yield Flow.objects.create(
        source="main", target="dr", request=to_json(ASKED), complete=True, created_at=NOW, created_by="alice"
    )
    for name in names:
        api.delete(name)


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("theme", THEMES)
def test_the_pages_of_replication_are_accessible_quiet_and_fit(
    open_page: Open, admin: User, failed: Flow, theme: Theme
) -> None:
    def ran(kind: str, steps: dict[str, dict[str, Json]], outcome: str) -> int:
        run = Failover.objects.create(
            source="main", target="dr", kind=kind, request=to_json(ASKED), steps=steps, outcome=outcome,
            started_at=NOW - timedelta(minutes=10), ended_at=NOW, started_by="alice",
        )  # fmt: skip
        return run.pk

    pages = {
        "list": "",
        "flow": "main/",
        "groups": "main/groups/",
        "settings": "main/settings/",
        "objective": "main/+objective/",
        "create": "+new/",
        "failover": "main/failover/",
        "report": f"main/failover/{ran('planned', STEPS, 'ended')}/",
        "rehearsal": f"main/failover/{ran('rehearsal', {'check': CHECK}, 'done')}/",
    }
    for width in WIDTHS:
        seen = open_page(admin, theme=theme, width=width)
        for name, path in pages.items():
            seen.open(f"/clusters/dr/replication/{path}")
            seen.screenshot(f"replication-{name}-{theme}-{width}")
            seen.assert_fits()
            seen.assert_accessible()
            seen.assert_quiet()
