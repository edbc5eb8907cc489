"""Timelines: steps between polls, what a broker's absence explains, who came and went."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from controlplane.accounts.models import User
from controlplane.core.access import Role
from controlplane.metrics.logic import events
from controlplane.metrics.logic.events import Brokers, Event, Step
from controlplane.metrics.names import sample
from controlplane.metrics.selectors import store
from controlplane.metrics.views import now_ms
from tests.alerts.scene import cluster
from tests.conftest import Api

S = 1000


@pytest.mark.parametrize(
    ("leaders", "up", "expected"),
    [
        ([[(0, 1), (10, 1)]], {}, []),
        ([[(0, 1), (10, 2)]], {}, [("1 partition: leader moved from broker 1 to 2", "", "info")]),
        ([[(0, 1), (10, 2)], [(0, 1), (10, 2)]], {"1": [(0, 1), (15, 0)]},
         [("2 partitions: leader moved from broker 1 to 2", "broker 1 was not reached", "info")]),
        ([[(0, 2), (10, 1)]], {"1": [(0, 0), (5, 1)]}, [("1 partition: leader moved from broker 2 to 1", "broker 1 came back", "info")]),
        ([[(0, 2), (10, -1)]], {"2": [(0, 1), (10, 0)], "1": [(-200, 0), (-190, 1)]},
         [("1 partition: no leader any more (was broker 2)", "broker 2 was not reached", "critical")]),
        ([[(0, -1), (10, 3)]], {}, [("1 partition: broker 3 leads again", "", "info")]),
        # Between two polls: nobody saw it down.
        ([[(0, 1), (10, 2)]], {"1 started": [(0, 5), (15, 6)]}, [("1 partition: leader moved from broker 1 to 2", "broker 1 restarted", "info")]),
        ([[(0, 1), (10, 2)]], {"1": [(0, 1), (5, 0)], "1 started": [(0, 5), (15, 6)]},
         [("1 partition: leader moved from broker 1 to 2", "broker 1 restarted", "info")]),
    ],
)  # fmt: skip
def test_leaders(leaders: list[Any], up: dict[str, Any], expected: list[tuple[str, str, str]]) -> None:
    series = [[(at * S, value) for at, value in each] for each in leaders]
    seen = {broker: [(at * S, value) for at, value in each] for broker, each in up.items()}
    brokers = Brokers.of(
        {broker: each for broker, each in seen.items() if broker.isdigit()},
        {broker.removesuffix(" started"): each for broker, each in seen.items() if not broker.isdigit()},
    )
    found = [(each.text, each.cause, each.tone) for each in events.leader_events(series, brokers)]
    assert found == expected


def test_in_sync_replicas() -> None:
    found = list(events.isr_events([[(0, 3), (10, 2), (20, 3)]] * 4, Brokers({}, {})))
    assert [(each.at, each.text, each.tone) for each in found] == [
        (10, "4 partitions: in-sync replicas 3 → 2", "warn"),
        (20, "4 partitions: in-sync replicas 2 → 3", "info"),
    ]


@pytest.mark.parametrize(
    ("polls", "times", "expected"),
    [
        ([0, 10, 20], [0, 10, 20], []),
        ([0, 10, 20], [10, 20], [(10, "a joined")]),
        ([0, 10, 20], [0, 10], [(20, "a left")]),
        ([0, 30], [0, 30], []),  # polls between failed: nobody left
        ([0, 10, 20, 30], [0, 20], [(10, "a left"), (20, "a joined"), (30, "a left")]),
        ([], [0], []),
    ],
)
def test_members(polls: list[int], times: list[int], expected: list[tuple[int, str]]) -> None:
    assert [(each.at, each.text) for each in events.presence_events(polls, {"a": times})] == expected


def test_rebalances() -> None:
    samples = [(0, 1.0), (10_000, 0.0), (20_000, 0.0), (30_000, 1.0), (40_000, 0.0)]
    assert list(events.stall_events(samples)) == [
        Event(10_000, "Rebalanced for about 20 s", tone="warn", until=30_000),
        Event(40_000, "Rebalancing, and not done yet", tone="warn"),
    ]


@given(st.lists(st.integers(-1, 3), max_size=30))
def test_steps_lead_from_the_first_to_the_last(values: list[int]) -> None:
    found = list(events.steps([(at, float(value)) for at, value in enumerate(values)]))
    assert all(step.before != step.after for step in found)
    here = values[0] if values else None
    for step in found:
        assert step.before == here
        here = step.after
    assert here == (values[-1] if values else None)
    assert events.together([[(0, 1.0), (1, 2.0)]]) == {Step(1, 1, 2): 1}


@pytest.fixture
def _history(db: None, tmp_path: Path, settings: Any) -> None:
    settings.METRICS_DATABASE = str(tmp_path / "metrics.sqlite3")
    cluster()
    now = now_ms()
    for ago, leader, members in (
        (40, 1, ("a", "b")),
        (30, 1, ("a", "b")),
        (20, 2, ("a",)),
        (10, 2, ("a", "c")),
    ):
        found = [
            sample("kastellan_protocol_poll_up", 1.0),
            sample("kafka_topic_partition_leader", leader, topic="orders", partition=0),
            sample("kastellan_group_stable", ago != 20, consumergroup="billing"),
            *(
                sample(
                    "kastellan_group_member_partitions", 1, consumergroup="billing", client_id=name, host="/h"
                )
                for name in members
            ),
        ]
        store().append("main", "cluster", now - ago * S, found)


@pytest.mark.usefixtures("_history")
def test_through_the_api_and_on_the_pages(
    api: Callable[[Role], Api], client: Client, users: dict[Role, User]
) -> None:
    call, path = api(Role.VIEWER), "clusters/main/metrics/events/"
    (moved,) = call("GET", f"{path}?topic=orders").json()["results"]
    assert moved["text"] == "1 partition: leader moved from broker 1 to 2"
    group = call("GET", f"{path}?group=billing&sort=at").json()["results"]
    assert {row["text"] for row in group} == {"b (/h) left", "Rebalanced for about 10 s", "c (/h) joined"}
    assert call("GET", f"{path}?group=billing&search=left").json()["count"] == 1
    for wrong in ("", "?topic=a&group=b", "?topic=a&from=1"):
        assert call("GET", f"{path}{wrong}").status_code == 422
    client.force_login(users[Role.VIEWER])
    assert "leader moved" in client.get("/clusters/main/metrics/events/?topic=orders").content.decode()
    assert "c (/h) joined" in client.get("/clusters/main/metrics/events/?group=billing").content.decode()
