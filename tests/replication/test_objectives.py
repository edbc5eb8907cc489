"""What a flow may lose against what it would lose, and how that is changed: by table, and through pages and API."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from controlplane.clusters.models import Cluster
from controlplane.core.access import SYSTEM, Role
from controlplane.replication.logic.flows import FlowRequest, from_json, to_json
from controlplane.replication.logic.objectives import compared, plan_objective
from controlplane.replication.logic.progress import Totals
from controlplane.replication.models import Flow
from tests.conftest import Api
from tests.web.people import signed_in


def asked(rpo_s: int | None = None, rpo_records: int | None = None) -> FlowRequest:
    return FlowRequest("main", "dr", rpo_s=rpo_s, rpo_records=rpo_records)


@pytest.mark.parametrize(
    ("flow", "totals", "known", "said"),
    [
        (asked(), Totals(5, 3.0, 1), True, []),
        (asked(60), Totals(5, 3.2, 1), True, ["met: At most 1 min may be lost. If the source went now, it would be 3.2 s."]),
        (asked(60), Totals(5, 60.0, 1), True, ["met: At most 1 min may be lost. If the source went now, it would be 1 min."]),
        (asked(60), Totals(9, 240.0, 1), True, ["missed: At most 1 min may be lost. If the source went now, it would be 4 min: more than that."]),
        (asked(60), Totals(0, 0.0, 1), True, ["met: At most 1 min may be lost. If the source went now, it would be 0 s."]),
        # Records wait, and nobody could say since when.
        (asked(60), Totals(9, None, 1), True, ["unknown: At most 1 min may be lost. How much it would be now is not known."]),
        (asked(60), Totals(0, 0.0, 1), False, ["unknown: At most 1 min may be lost. How much it would be now is not known."]),
        (asked(None, 10), Totals(1, 3.0, 1), True, ["met: At most 10 records may be lost. If the source went now, it would be 1 record."]),
        (asked(30, 10), Totals(1200, 3.0, 1), True, [
            "met: At most 30 s may be lost. If the source went now, it would be 3 s.",
            "missed: At most 10 records may be lost. If the source went now, it would be 1,200 records: more than that.",
        ]),
        (asked(30, 10), Totals(None, None, 3), True, [
            "unknown: At most 30 s may be lost. How much it would be now is not known.",
            "unknown: At most 10 records may be lost. How much it would be now is not known.",
        ]),
    ],
)  # fmt: skip
def test_it_says_in_words_whether_the_objective_is_kept(
    flow: FlowRequest, totals: Totals, known: bool, said: list[str]
) -> None:
    assert [f"{each.verdict.value}: {each.text}" for each in compared(flow, totals, known=known)] == said


def test_a_flow_of_an_older_version_has_none() -> None:
    stored = {name: value for name, value in to_json(asked(60)).items() if not name.startswith("rpo")}
    assert from_json(stored) == asked()
    assert from_json(to_json(asked(60, 5))) == asked(60, 5)


def test_the_plan_shows_before_and_after_and_refuses_what_is_so_already() -> None:
    (step,) = plan_objective(asked(60), 3600, None).steps
    assert [(each.field, each.before, each.after) for each in step.changes] == [
        ("may lose, in time", "1 min", "1 h")
    ]
    assert [each.code for each in plan_objective(asked(60), 60, None).refusals] == ["same"]


@pytest.mark.django_db(transaction=True)
def test_it_is_changed_in_the_browser_and_by_the_api(
    dr: Cluster, cluster: Cluster, api: Callable[[Role], Api]
) -> None:
    Flow.objects.create(
        source="main",
        target="dr",
        request=to_json(asked()),
        complete=True,
        created_at=dr.created_at,
        created_by=SYSTEM.name,
    )
    browser = signed_in(Role.ADMIN)
    address = "/clusters/dr/replication/main/"
    assert "Nobody said what this flow may lose" in browser.get(address).content.decode()
    assert browser.post(f"{address}+objective/", {"rpo_s": "5"}).status_code == 422
    wanted = {"rpo_s": "60", "rpo_records": ""}
    review = browser.post(f"{address}+objective/", wanted).content.decode()
    found = re.search(r'name="digest" value="([^"]+)"', review)
    assert found
    assert browser.post(f"{address}+objective/", {**wanted, "digest": found[1]}).status_code == 303
    assert Flow.objects.get().asked.rpo_s == 60
    assert "At most 1 min may be lost." in browser.get(address).content.decode()
    assert signed_in(Role.OPERATOR).get(f"{address}+objective/").status_code == 403

    anna = api(Role.ADMIN)
    tag = anna("PATCH", "clusters/dr/flows/main/?dry_run=true", {"rpo_records": 100})["ETag"]
    assert anna("PATCH", "clusters/dr/flows/main/", {"rpo_records": 100}).status_code == 428
    changed = anna("PATCH", "clusters/dr/flows/main/", {"rpo_records": 100}, If_Match=tag).json()
    assert (changed["settings"]["rpo_s"], changed["settings"]["rpo_records"]) == (60, 100)
    told = anna("GET", "clusters/dr/flows/main/progress/").json()["objective"]
    assert [each["text"].split(" may")[0] for each in told] == ["At most 1 min", "At most 100 records"]
