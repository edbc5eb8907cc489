"""D6: the dashboard and a broker's page say that nobody supervises the brokers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controlplane.clusters.models import Cluster
from controlplane.core.access import Role
from controlplane.gateways import broker as bundled
from tests.web.people import signed_in

pytestmark = pytest.mark.django_db
REASON = "It runs, but nobody supervises it."


def test_the_dashboard_and_the_broker_say_so(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    left = tuple(replace(status, reason=REASON) for status in bundled.processes())
    monkeypatch.setattr(bundled, "observe", lambda *_: bundled.Observed(False, left))
    browser = signed_in(Role.VIEWER)
    dashboard = browser.get("/clusters/main/").content.decode()
    assert "The supervisor does not run" in dashboard
    assert dashboard.count(REASON) == 3
    assert "Nothing needed" not in dashboard
    assert REASON in browser.get("/clusters/main/brokers/1/").content.decode()


def test_with_a_supervisor_nothing_is_said(cluster: Cluster) -> None:
    dashboard = signed_in(Role.VIEWER).get("/clusters/main/").content.decode()
    assert "The supervisor does not run" not in dashboard
    assert "Nothing needed" in dashboard
