"""Every page that works without a cluster: axe, quiet, fitting, in both themes and three widths; with a picture each."""

from __future__ import annotations

import pytest

from controlplane.accounts.models import User
from controlplane.clusters.models import Cluster
from tests.ui.browser import THEMES, WIDTHS, Theme
from tests.ui.conftest import Open

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PAGES = {"components": "/manual/components/", "manual": "/manual/topics/", "results": "/manual/?q=topic"}


@pytest.mark.parametrize("theme", THEMES)
def test_catalogue_and_manual_are_accessible_quiet_and_fit(
    open_page: Open, admin: User, cluster_row: Cluster, theme: Theme
) -> None:
    for width in WIDTHS:
        seen = open_page(admin, theme=theme, width=width)
        for name, path in PAGES.items():
            seen.open(path)
            seen.screenshot(f"{name}-{theme}-{width}")
            seen.assert_fits()
            seen.assert_accessible()
        seen.assert_quiet()


@pytest.mark.parametrize("theme", THEMES)
def test_the_login_page_is_accessible_quiet_and_fits(open_page: Open, theme: Theme) -> None:
    for width in WIDTHS:
        seen = open_page(theme=theme, width=width)
        seen.open("/login/")
        seen.screenshot(f"login-{theme}-{width}")
        seen.assert_fits()
        seen.assert_accessible()
        seen.assert_quiet()
