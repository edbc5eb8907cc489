"""Every page that works without a cluster: axe, quiet, fitting, in both themes and three widths; with a picture each."""

from __future__ import annotations

import pytest

from controlplane.accounts.models import User, UserPreferences
from controlplane.clusters.models import Cluster
from tests.browsing import Open
from tests.ui.browser import THEMES, WIDTHS, Theme

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
#: Served from the database alone; pages that read Kafka live are looked at in tests/e2e.
OTHERS = (
    "/clusters/",
    "/clusters/+add/",
    "/clusters/main/connection/",
    "/clusters/main/topics/",
    "/clusters/main/topics/+new/",
    "/clusters/main/service-accounts/+new/",
    "/clusters/main/groups/",
    "/clusters/main/brokers/",
    "/clusters/main/metrics/",
    "/clusters/main/metrics/explore/?q=rate(up",
    "/clusters/main/alerts/",
    "/clusters/main/alerts/rules/",
    "/clusters/main/alerts/rules/+new/",
    "/clusters/main/alerts/rules/+new/topic/",
    "/clusters/main/alerts/rules/+test/",
    "/clusters/main/alerts/rules/+import/",
    "/clusters/main/alerts/silences/+new/",
    "/clusters/main/alerts/routing/",
    "/clusters/main/alerts/routing/routes/root/+edit/",
    "/clusters/main/alerts/routing/inhibitions/+new/",
    "/clusters/main/alerts/routing/mute-times/+new/",
    "/clusters/main/alerts/receivers/+new/",
    "/clusters/main/alerts/receivers/+new/?kind=email",
    "/clusters/main/metrics/export/",
    "/clusters/main/metrics/forecasts/",
    "/clusters/main/certificates/",
    "/clusters/main/certificates/expiry/+watch/",
    "/operations/",
    "/jobs/",
    "/settings/account/",
    "/settings/security/",
    "/settings/tokens/",
    "/settings/users/",
    "/api/v1/docs/",
)
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
def test_the_other_pages_are_accessible_quiet_and_fit(
    open_page: Open, admin: User, cluster_row: Cluster, theme: Theme
) -> None:
    for width in WIDTHS:
        seen = open_page(admin, theme=theme, width=width)
        for path in OTHERS:
            seen.open(path)
            seen.assert_fits()
            seen.assert_accessible()
            seen.assert_quiet()


def test_the_users_theme_wins_over_the_systems_from_the_first_paint(
    open_page: Open, admin: User, cluster_row: Cluster
) -> None:
    UserPreferences.objects.create(user=admin, theme="dark", density="comfortable")
    page = open_page(admin, theme="light").open("/manual/")
    colour = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert colour == "rgb(20, 22, 26)"
    assert page.locator("html").get_attribute("data-density") == "comfortable"


@pytest.mark.parametrize("theme", THEMES)
def test_the_login_page_is_accessible_quiet_and_fits(open_page: Open, theme: Theme) -> None:
    for width in WIDTHS:
        seen = open_page(theme=theme, width=width)
        seen.open("/login/")
        seen.screenshot(f"login-{theme}-{width}")
        seen.assert_fits()
        seen.assert_accessible()
        seen.assert_quiet()
