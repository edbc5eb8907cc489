"""What changed then: operations and alerts of a range, for charts and for scripts."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from controlplane.accounts.models import User
from controlplane.accounts.services import create_token
from controlplane.alerts.models import Alert, AlertState
from controlplane.audit.models import Operation, Outcome
from controlplane.core.access import Action, Role
from tests.alerts.scene import cluster
from tests.conftest import Api, make_user

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
PATH = "clusters/main/timeline/"


def at(minutes: int) -> datetime:
    return NOW + timedelta(minutes=minutes)


def operation(
    minutes: int, action: str = Action.TOPIC_CREATE, outcome: str = Outcome.SUCCEEDED, **fields: str
) -> None:
    given = {"cluster": "main", "actor": "anna", "target": "orders"} | fields
    Operation.objects.create(
        started_at=at(minutes), actor_kind="user", action=action, outcome=outcome, **given
    )


def alert(fired: int | None, resolved: int | None, severity: str = "critical", **fields: str) -> None:
    given = {"cluster": "main", "name": f"Alert{fired}"} | fields
    Alert.objects.create(
        fingerprint="0" * 16, labels={}, severity=severity, value="1", active_at=at(fired or 0),
        state=AlertState.FIRING if resolved is None else AlertState.RESOLVED,
        fired_at=None if fired is None else at(fired), resolved_at=None if resolved is None else at(resolved), **given,
    )  # fmt: skip


@pytest.fixture
def happened(db: None) -> None:
    cluster()
    operation(-90)
    operation(-10)
    operation(-9, outcome=Outcome.FAILED, target="late")
    operation(-8, outcome=Outcome.REFUSED)
    operation(-7, action=Action.TOPIC_PRODUCE)
    operation(-6, cluster="other")
    alert(-120, -70)
    alert(-70, -50)
    alert(-5, None)
    alert(None, None, name="pending")
    alert(-4, None, severity="none", name="Watchdog")
    alert(-3, None, cluster="other")


def asked() -> str:
    return f"from={int(at(-60).timestamp())}&to={int(NOW.timestamp())}"


def test_what_happened_in_the_range_in_order_of_time(happened: None, api: Callable[[Role], Api]) -> None:
    found = api(Role.VIEWER)("GET", f"{PATH}?{asked()}").json()["results"]
    assert [(row["kind"], row["title"], row["tone"]) for row in found] == [
        ("alert", "Alert-70", "critical"),
        ("operation", "Create topic orders", "info"),
        ("operation", "Create topic late", "warn"),
        ("alert", "Alert-5", "critical"),
    ]
    assert [row["until"] for row in found] == [at(-50).isoformat().replace("+00:00", "Z"), None, None, None]
    searched = api(Role.VIEWER)("GET", f"{PATH}?{asked()}&search=topic&sort=-at").json()
    assert [row["title"] for row in searched["results"]] == ["Create topic late", "Create topic orders"]


def test_charts_get_it_with_addresses(happened: None, client: Client, users: dict[Role, User]) -> None:
    client.force_login(users[Role.VIEWER])
    found = client.get(f"/clusters/main/alerts/changes.json?{asked()}").json()["changes"]
    assert [each["url"].split("/")[1] for each in found] == [
        "clusters",
        "operations",
        "operations",
        "clusters",
    ]
    assert found[0]["at"] == at(-70).timestamp()
    assert found[-1]["until"] is None
    for each in found:
        assert client.get(each["url"]).status_code == 200
    page = client.get("/clusters/main/metrics/").content.decode()
    assert 'data-changes="/clusters/main/alerts/changes.json"' in page


def test_a_role_on_another_cluster_sees_nothing_of_it(happened: None, client: Client) -> None:
    client.force_login(make_user("olaf", Role.OPERATOR, "other"))
    assert client.get(f"/clusters/main/alerts/changes.json?{asked()}").status_code in (403, 404)


@pytest.mark.parametrize("query", ["from=1", "from=5&to=4", "from=x&to=y"])
def test_half_a_range_is_refused(happened: None, api: Callable[[Role], Api], query: str) -> None:
    assert api(Role.VIEWER)("GET", f"{PATH}?{query}").status_code == 422


def test_the_last_hour_is_asked_by_default(happened: None, api: Callable[[Role], Api]) -> None:
    operation(0, target="now")
    Operation.objects.filter(target="now").update(started_at=datetime.fromtimestamp(time.time() - 60, UTC))
    found = api(Role.VIEWER)("GET", PATH).json()["results"]
    assert "Create topic now" in [row["title"] for row in found]


def test_a_token_for_metrics_alone_sees_no_operations(happened: None, users: dict[Role, User]) -> None:
    """It is what Grafana is given."""
    scopes = [Action.METRICS_VIEW, Action.CLUSTER_VIEW]
    call = Api(create_token(user=users[Role.ADMIN], name="grafana", scopes=scopes)[1])
    assert call("GET", f"{PATH}?{asked()}").json()["results"] == []
