"""What the scripts do, in a real browser: keys, palette, refreshes that disturb nobody, gating, silence of the server."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, Route, expect

from controlplane.accounts.models import User, UserPreferences
from controlplane.clusters.models import Cluster, SnapshotState, TopicSnapshot
from tests.browsing import Open
from tests.ui.browser import Seen

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
TOPICS = "/clusters/main/topics/"
CATALOGUE = "/manual/components/"


@pytest.fixture
def topics(cluster_row: Cluster) -> Cluster:
    now = timezone.now()
    SnapshotState.objects.create(cluster=cluster_row, part="topics", taken_at=now)
    TopicSnapshot.objects.bulk_create(
        TopicSnapshot(
            cluster=cluster_row,
            name=f"orders-{number:04d}",
            partitions=6,
            replication_factor=3,
            size_bytes=number * 1000,
            taken_at=now,
        )
        for number in range(5000)
    )
    return cluster_row


@pytest.fixture
def on_topics(open_page: Open, admin: User, topics: Cluster) -> Seen:
    seen = open_page(admin)
    seen.open(TOPICS)
    return seen


def refresh(page: Page, selector: str) -> None:
    """The poll, without waiting for its clock."""
    with page.expect_response(
        lambda response: "hx-" not in response.url and response.request.headers.get("hx-request") == "true"
    ):
        page.evaluate("selector => htmx.trigger(document.querySelector(selector), 'every')", selector)


def test_the_palette_finds_among_5000_objects_within_100_ms_and_goes_there(on_topics: Seen) -> None:
    page = on_topics.page
    page.keyboard.press("Control+k")
    field = page.get_by_role("combobox")
    expect(field).to_be_focused()
    page.keyboard.type("orders-4321")
    option = page.get_by_role("option", selected=True)
    expect(option).to_contain_text("orders-4321")
    expect(field).to_have_attribute("aria-activedescendant", "palette-0")
    on_topics.assert_accessible()
    on_topics.screenshot("palette", full=False)
    spent = sorted(
        page.evaluate(
            """async () => { const spent = []; for (let i = 0; i < 20; i += 1) { const start = performance.now();
        await (await fetch(`/palette/?q=orders-${i}`)).json(); spent.push(performance.now() - start); } return spent; }"""
        )
    )
    assert spent[18] < 100 * 3, spent  # the target is 100 ms; this machine is shared
    page.keyboard.press("Escape")
    on_topics.assert_quiet()


def test_keys_focus_the_filter_jump_and_show_help(on_topics: Seen) -> None:
    page = on_topics.page
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("g")  # in a field a letter is a letter
    page.keyboard.press("Escape")
    page.locator("h1").click()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    on_topics.assert_accessible()
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("o")
    page.wait_for_url("**/operations/")
    on_topics.assert_quiet()


def test_single_keys_can_be_switched_off(open_page: Open, admin: User, topics: Cluster) -> None:
    UserPreferences.objects.create(user=admin, shortcuts=False)
    page = open_page(admin).open(TOPICS)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox")).to_be_focused()


def test_typing_in_the_filter_narrows_the_table_and_the_address(on_topics: Seen) -> None:
    page = on_topics.page
    page.get_by_role("searchbox").fill("orders-0042")
    expect(page.locator("#topic-table tbody tr")).to_have_count(1)
    assert "search=orders-0042" in page.url
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.get_by_role("link", name="Size").click()
    page.wait_for_url("**sort=size**")
    assert "search=orders-0042" in page.url
    page.go_back()
    expect(page.get_by_role("searchbox")).to_have_value("orders-0042")
    on_topics.assert_quiet()


def test_a_refresh_keeps_focus_scroll_and_marks(on_topics: Seen) -> None:
    page = on_topics.page
    link = page.get_by_role("link", name="orders-0007")
    link.focus()
    page.evaluate("scrollTo(0, 300)")
    refresh(page, "#topic-table")
    expect(link).to_be_focused()
    assert page.evaluate("scrollY") == 300
    assert page.locator("#topic-table .table-wrap").get_attribute("data-live-fit") == "yes"
    on_topics.assert_quiet()


def test_an_open_menu_survives_a_refresh(open_page: Open, admin: User, cluster_row: Cluster) -> None:
    seen = open_page(admin)
    page = seen.open(CATALOGUE)
    menu = page.locator("#sample-table details").nth(1)
    menu.locator("summary").click()
    page.evaluate(
        """async () => { const rows = document.querySelector("#sample-table tbody").rows; rows[0].cells[1].textContent = "old";
        await htmx.ajax("GET", location.href, {target: "#sample-table", select: "#sample-table", swap: "outerMorph"}); }"""
    )
    expect(page.locator("#sample-table tbody tr").first).to_contain_text("6")
    expect(menu).to_have_attribute("open", "")
    expect(menu.get_by_role("link", name="Produce message")).to_be_visible()
    seen.assert_quiet()


def test_a_hidden_tab_does_not_poll(on_topics: Seen) -> None:
    page = on_topics.page
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/topics/" in request.url else None)
    page.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
    page.evaluate("htmx.trigger(document.querySelector('#topic-table'), 'every')")
    page.wait_for_timeout(200)
    assert asked == []


def test_injected_markup_stays_dead(on_topics: Seen) -> None:
    page = on_topics.page
    on_topics.expect("stripped")
    on_topics.expect("hx-csp")
    page.evaluate(
        """() => { const evil = document.createElement("button"); evil.id = "evil";
        evil.setAttribute("hx-get", "/operations/"); document.body.append(evil); htmx.process(evil); }"""
    )
    assert page.locator("#evil").get_attribute("hx-get") is None
    on_topics.assert_quiet()


def test_silence_of_the_server_is_one_banner_that_goes_away_by_itself(on_topics: Seen) -> None:
    page = on_topics.page
    on_topics.expect("Failed to load resource")
    on_topics.expect("htmx:error")
    on_topics.expect("Failed to fetch")
    page.route("**/topics/**", lambda route: route.abort())
    for _ in range(3):
        page.evaluate("htmx.trigger(document.querySelector('#topic-table'), 'every')")
    expect(page.get_by_role("alert")).to_contain_text("has not answered since")
    expect(page.locator("#offline")).to_have_count(1)
    on_topics.assert_accessible()
    page.unroute("**/topics/**")
    refresh(page, "#topic-table")
    expect(page.locator("#offline")).to_have_count(0)
    on_topics.assert_quiet()


def test_the_irreversible_wants_the_name_typed(open_page: Open, admin: User, cluster_row: Cluster) -> None:
    seen = open_page(admin)
    page = seen.open(CATALOGUE)
    button = page.get_by_role("button", name="Delete 1 topic")
    expect(button).to_be_disabled()
    field = page.get_by_label("Type orders to confirm")
    field.fill("order")
    expect(button).to_be_disabled()
    field.fill("orders")
    expect(button).to_be_enabled()
    seen.assert_quiet()


def test_the_way_back_to_a_review_leads_to_its_form(
    open_page: Open, admin: User, cluster_row: Cluster
) -> None:
    seen = open_page(admin)
    page = seen.open("/clusters/main/certificates/expiry/+watch/")
    page.get_by_label("Host").fill("kafka.example.org")
    page.get_by_role("button", name="Review plan").click()
    expect(page.locator("form.apply-bar")).to_be_visible()
    seen.open("/manual/")
    page.go_back()
    expect(page.get_by_label("Host")).to_be_visible()
    seen.assert_quiet()


def test_what_is_missing_is_scrolled_to_below_the_bar(
    open_page: Open, admin: User, cluster_row: Cluster
) -> None:
    seen = open_page(admin)
    page = seen.open("/clusters/main/certificates/expiry/+watch/")
    page.get_by_label("Port").fill("")
    page.evaluate("document.querySelector('main').style.paddingBottom = '2000px'")
    page.evaluate("scrollTo(0, 1500)")
    page.evaluate("document.querySelector('main form').requestSubmit()")
    page.wait_for_function("scrollY < 1500")
    box, bar = page.get_by_label("Host").bounding_box(), page.locator(".top").bounding_box()
    assert box is not None
    assert bar is not None
    assert box["y"] >= bar["height"]
    seen.assert_quiet()


def test_menus_open_with_the_keyboard_and_give_the_focus_back(
    open_page: Open, admin: User, cluster_row: Cluster
) -> None:
    page = open_page(admin).open(CATALOGUE)
    more = page.locator(".actions summary")
    more.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="As YAML")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Edit settings").first).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="As YAML")).to_be_hidden()
    expect(more).to_be_focused()


def test_on_a_phone_rows_are_cards_and_the_menu_is_a_drawer(
    open_page: Open, admin: User, topics: Cluster
) -> None:
    seen = open_page(admin, width=375)
    page = seen.open(TOPICS)
    row = page.get_by_role("row").filter(has_text="orders-0001")
    expect(row.locator('[data-label="Partitions"]')).to_have_text("6")
    seen.assert_fits()
    nav = page.get_by_role("navigation", name="Main")
    expect(nav).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    expect(nav).to_be_visible()
    seen.screenshot("drawer", full=False)
    page.keyboard.press("Escape")
    expect(nav).to_be_hidden()
    seen.assert_quiet()


def test_times_are_in_the_users_zone_with_utc_on_hover(
    open_page: Open, admin: User, cluster_row: Cluster
) -> None:
    UserPreferences.objects.create(user=admin, time_zone="Asia/Kathmandu")
    page = open_page(admin).open(CATALOGUE)
    when = page.locator("time[data-ago]").last
    expect(when).to_have_text("3 hours ago")
    title = when.get_attribute("title") or ""
    assert "GMT+5:45" in title
    assert "Z" in title


def series(start: int, *, gap: tuple[int, int]) -> dict[str, Any]:
    points = [
        [t, None if gap[0] <= t - start < gap[1] else float(t % 600)] for t in range(start, start + 3600, 10)
    ]
    return {
        "from": start,
        "to": start + 3600,
        "step": 10,
        "unit": "bytes/s",
        "series": [{"name": f"broker {broker}", "labels": {}, "points": points} for broker in (1, 2, 3)],
    }


def test_a_chart_has_a_table_twin_and_a_keyboard_cursor(
    open_page: Open, admin: User, cluster_row: Cluster
) -> None:
    seen = open_page(admin)
    start = int(time.time()) - 3600
    seen.page.route("**/metrics/charts/**", lambda route: route.fulfill(json=series(start, gap=(1200, 1800))))
    page = seen.open("/clusters/main/metrics/")
    chart = page.locator("[data-chart]").first
    chart.locator(".u-over").wait_for()
    dashes = chart.locator("[data-legend] path").evaluate_all(
        "paths => paths.map(p => p.getAttribute('stroke-dasharray'))"
    )
    assert len(set(dashes)) == 3, "series must differ without colour"
    chart.locator("[data-plot]").focus()
    page.keyboard.press("ArrowLeft")
    expect(chart.locator("[data-value]")).to_contain_text("broker 1")
    chart.get_by_role("button", name="Table").click()
    expect(chart.locator("tbody tr")).to_have_count(360)
    expect(chart.locator("tbody")).to_contain_text("—")
    seen.screenshot("metrics-charts", full=False)
    seen.assert_accessible()
    seen.assert_quiet()


def test_promql_is_completed_by_keyboard(open_page: Open, admin: User, cluster_row: Cluster) -> None:
    seen = open_page(admin)
    answers = {"__name__": ["kafka_brokers", "up"], "broker": ["1", "2"]}
    seen.page.route(
        "**/prometheus/api/v1/label/**",
        lambda route: route.fulfill(
            json={"status": "success", "data": answers[route.request.url.split("/label/")[1].split("/")[0]]}
        ),
    )
    asked: list[Route] = []
    seen.page.route("**/prometheus/api/v1/labels*", lambda route: asked.append(route))
    page = seen.open("/clusters/main/metrics/explore/")
    field = page.locator("#q1")
    field.press_sequentially("su")
    options = page.get_by_role("option")
    expect(options.first).to_contain_text("sum")
    seen.assert_accessible()
    page.keyboard.press("Enter")
    field.press_sequentially("up{br")
    # `group` was on offer for "up"; it is not for a label, also while the labels have not come.
    expect(options).to_have_count(0)
    asked[0].fulfill(json={"status": "success", "data": ["__name__", "broker"]})
    expect(options).to_have_text(["brokerlabel"])
    page.keyboard.press("Tab")
    field.press_sequentially('="')
    expect(options).to_have_count(2)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    field.press_sequentially('"})')
    expect(field).to_have_value('sum(up{broker="2"})')
    page.keyboard.press("Control+Enter")
    page.wait_for_url("**/explore/?q=sum*")
    seen.assert_quiet()
