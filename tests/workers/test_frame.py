"""The worker's pages are Connect's: menu entry, breadcrumb and tabs, with a worker and without one."""

from __future__ import annotations

import pytest

from controlplane.clusters.models import Cluster
from controlplane.connect.selectors import Connect
from controlplane.core.access import Role
from controlplane.gateways.connect import ConnectApi
from tests.web.people import signed_in

pytestmark = pytest.mark.django_db
HOME = "/clusters/main/connect/"
PAGES = ("", "start/", "plugins/", "plugins/new/")


@pytest.mark.parametrize("path", PAGES)
def test_the_menu_and_the_breadcrumb_are_connects(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    # Other tests may have started a worker; here there is none.
    monkeypatch.setattr("controlplane.workers.pages.connects", lambda cluster: ())
    page = signed_in(Role.ADMIN).get(f"/clusters/main/connect-worker/{path}").content.decode()
    assert f'href="{HOME}" title="Connect" aria-current="page"' in page
    assert f'<li><a href="{HOME}">Connect</a></li>' in page
    assert page.count('aria-current="page"') == 1


@pytest.mark.parametrize("path", ["", "plugins/"])
def test_the_tabs_lead_to_the_connectors(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    own = Connect(cluster, "bundled", ConnectApi("http://127.0.0.1:1"), cluster.name)
    monkeypatch.setattr("controlplane.workers.pages.connects", lambda cluster: (own,))
    page = signed_in(Role.ADMIN).get(f"/clusters/main/connect-worker/{path}").content.decode()
    assert f'<a href="{HOME}bundled/">Connectors</a>' in page
    assert '<a href="/clusters/main/connect-worker/" aria-current="page">Worker</a>' in page
