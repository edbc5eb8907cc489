"""What has to be in sight without scrolling: forms before login, the current tab, and where a page is."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from controlplane.accounts.models import User
from controlplane.clusters.models import Cluster
from tests.browsing import Open

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
LONG = "a-service-account-with-quite-a-long-name-of-its-own-that-goes-on-and-on"


def scrolls(page: Page) -> bool:
    return bool(
        page.evaluate("document.documentElement.scrollHeight > document.documentElement.clientHeight")
    )


@pytest.mark.parametrize("size", [(1280, 800), (375, 667)])
def test_the_login_fits_without_scrolling(open_page: Open, size: tuple[int, int]) -> None:
    seen = open_page(None)
    seen.page.set_viewport_size({"width": size[0], "height": size[1]})
    page = seen.open("/login/")
    expect(page.get_by_role("button", name="Sign in", exact=True)).to_be_visible()
    assert not scrolls(page)


@pytest.mark.parametrize("size", [(1280, 800), (375, 667)])
def test_the_first_password_fits_without_scrolling(
    open_page: Open, admin: User, size: tuple[int, int]
) -> None:
    from controlplane.accounts.services import create_login_link

    seen = open_page(None)
    seen.page.set_viewport_size({"width": size[0], "height": size[1]})
    page = seen.open(create_login_link(admin, base_url=""))
    expect(page.get_by_role("button", name="Set password")).to_be_visible()
    assert not scrolls(page)


def test_the_current_tab_is_in_sight_on_a_phone(open_page: Open, admin: User, cluster_row: Cluster) -> None:
    seen = open_page(admin, width=375)
    page = seen.open("/settings/users/")
    tab = page.locator(".tabs [aria-current]")
    expect(tab).to_have_text("Users and roles")
    box = tab.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 375
    seen.assert_quiet()


@pytest.mark.parametrize("width", [375, 768, 1280])
def test_a_long_last_crumb_is_cut_and_the_bar_keeps_its_width(
    open_page: Open, admin: User, cluster_row: Cluster, width: int
) -> None:
    seen = open_page(admin, width=width)
    page = seen.open("/clusters/main/service-accounts/+new/")
    page.evaluate("text => { document.querySelector('.crumbs li:last-child').textContent = text; }", LONG * 2)
    seen.assert_fits()
    bar = page.locator("header.top").bounding_box()
    button = page.locator("[data-palette]").bounding_box()
    assert bar is not None
    assert button is not None
    assert bar["x"] + bar["width"] <= width
    assert button["x"] + button["width"] <= width
    expect(page.get_by_role("navigation", name="Breadcrumb").get_by_role("link")).to_be_visible()


def test_the_password_page_keeps_the_tabs_of_the_settings(open_page: Open, admin: User) -> None:
    page = open_page(admin).open("/settings/password/")
    expect(page.get_by_role("link", name="Users and roles")).to_be_visible()
