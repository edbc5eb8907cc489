"""The pages of Connect with a real worker behind them: axe, quiet, fitting, in both themes and the narrowest and widest width."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from broker.connect_spec import ConnectSpec
from controlplane.accounts.models import User
from controlplane.clusters.models import Cluster
from controlplane.connect import external
from controlplane.connect.logic.external import ExternalRequest
from controlplane.connect.models import RestartPolicy
from controlplane.connect.selectors import Connect, connect_of
from controlplane.core.access import SYSTEM
from controlplane.gateways import workers
from controlplane.gateways.connect import State
from tests.browsing import Open
from tests.ui.browser import LIGHT_FIRST, Theme

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SOURCE = "org.apache.kafka.connect.file.FileStreamSourceConnector"
WIDTHS = (375, 1440)


@pytest.fixture
def shown(cluster: Cluster, connect_worker: ConnectSpec, prefix: str) -> Iterator[Connect]:
    """A connector on the bundled worker, which is registered as an external one too."""
    endpoint = workers.rest_endpoint(connect_worker)
    password = endpoint.password_file.read_text().strip()
    asked = ExternalRequest("elsewhere", endpoint.url, endpoint.username, password, allow_private=True)
    external.apply_add(SYSTEM, cluster, asked, external.plan_add(cluster, asked))
    connect = connect_of(cluster, "bundled")
    config = {"connector.class": SOURCE, "file": "in.txt", "topic": prefix, "my.password": "hush-hush"}
    connect.api.create(prefix, config, State.STOPPED)
    RestartPolicy.objects.create(
        cluster=cluster, connect="bundled", connector=prefix, most=5, first_s=60, longest_s=3600
    )
    yield connect
    connect.api.delete(prefix)


@pytest.mark.parametrize("theme", LIGHT_FIRST)
def test_the_pages_of_connect_are_accessible_quiet_and_fit(
    open_page: Open, admin: User, shown: Connect, prefix: str, theme: Theme
) -> None:
    pages = {
        "list": "bundled/",
        "plugins": "bundled/+plugins/",
        "levels": "elsewhere/+log-levels/",
        "connection": "elsewhere/+connection/",
        "add": "+add/",
        "choose": "bundled/+new/",
        "form": f"bundled/+new/?plugin={SOURCE}",
        "edit": f"bundled/{prefix}/+edit/",
        "json": f"bundled/{prefix}/+edit/?as=json",
        "connector": f"bundled/{prefix}/",
        "metrics": f"bundled/{prefix}/metrics/",
        "elsewhere": "elsewhere/",
        "not-measured": f"elsewhere/{prefix}/metrics/",
        "offsets": f"bundled/{prefix}/offsets/",
        "set-offsets": f"bundled/{prefix}/+offsets/",
        "auto-restart": f"bundled/{prefix}/+auto-restart/",
    }
    for width in WIDTHS:
        seen = open_page(admin, theme=theme, width=width)
        for name, path in pages.items():
            seen.open(f"/clusters/main/connect/{path}")
            seen.screenshot(f"connect-{name}-{theme}-{width}")
            seen.assert_fits()
            seen.assert_accessible()
            seen.assert_quiet()


def test_what_the_plugin_finds_wrong_stands_at_its_field(
    open_page: Open, admin: User, shown: Connect
) -> None:
    seen = open_page(admin)
    seen.expect("422")
    page = seen.open(f"/clusters/main/connect/bundled/+new/?plugin={SOURCE}")
    page.fill("[name=name]", "from-the-browser")
    page.fill('[name="s-file"]', "in.txt")
    page.click(".form-actions button.primary")
    page.wait_for_selector(".errors")
    seen.screenshot("connect-form-errors-light-1440")
    assert page.get_attribute('[name="s-topic"]', "aria-invalid") == "true"
    page.click("button:has-text('JSON')")
    assert '"connector.class"' in page.input_value("[name=config]")
    assert page.input_value("[name=name]") == "from-the-browser"
    seen.assert_quiet()
