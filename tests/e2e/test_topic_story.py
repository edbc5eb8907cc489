"""The first five minutes, in a real browser on real brokers: create, produce, read, change, delete."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from controlplane.accounts.models import User
from controlplane.audit.models import Operation
from controlplane.clusters import services
from controlplane.clusters.models import Cluster
from controlplane.gateways.errors import NotFound
from controlplane.gateways.kafka.gateway import KafkaGateway
from controlplane.metrics import polling
from tests.browsing import Open
from tests.ui.browser import LIGHT_FIRST, WIDTHS, Theme

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_topic_from_its_creation_to_its_end(
    open_page: Open,
    cluster: Cluster,
    gateway: KafkaGateway,
    make_topic: Callable[..., str],
    admin: User,
    prefix: str,
) -> None:
    name = f"{prefix}-story"
    seen = open_page(admin)
    page = seen.open("/clusters/main/topics/")
    page.get_by_role("link", name="Create topic").first.click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Partitions").fill("2")
    page.get_by_role("button", name="Review plan").click()
    expect(page.get_by_text("Nothing has happened yet.")).to_be_visible()
    with pytest.raises(NotFound):
        gateway.describe_topics([name])
    page.get_by_role("button", name=f"Create {name}").click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()

    page.get_by_role("link", name="Produce").click()
    page.get_by_role("textbox", name="Key").fill("42")
    page.get_by_role("textbox", name="Value").fill('{"total": 9.5}')
    page.get_by_role("button", name="Review plan").click()
    expect(page.get_by_text("14 bytes, JSON in UTF-8")).to_be_visible()
    page.get_by_role("button", name="Produce 1 record").click()
    expect(page.get_by_role("status").get_by_text("Produced to partition")).to_be_visible()
    expect(page.get_by_text('{"total": 9.5}').first).to_be_visible()

    page.get_by_role("link", name="Settings", exact=True).last.click()
    page.get_by_label("Filter settings").fill("retention.ms")
    # Until the filtered rows have come: they would take the place of what is typed below.
    expect(page.get_by_text("min.insync.replicas", exact=True)).to_have_count(0)
    row = page.locator("tr", has=page.get_by_text("retention.ms", exact=True))
    row.get_by_text("Change…").click()
    row.get_by_label("New value of retention.ms").fill("3600000")
    row.get_by_role("button", name="Review").click()
    expect(page.locator("ins", has_text="3600000")).to_be_visible()
    page.get_by_role("button", name="Change 1 setting").click()
    expect(page.get_by_role("status").get_by_text("is changed")).to_be_visible()

    page.get_by_label("More actions").click()
    page.get_by_role("button", name="Delete topic").click()
    delete = page.get_by_role("button", name=f"Delete {name}")
    expect(delete).to_be_disabled()
    page.get_by_label("to confirm").fill(name)
    delete.click()
    expect(page).to_have_url(f"{seen.base}/clusters/main/topics/")
    with pytest.raises(NotFound):
        gateway.describe_topics([name])
    assert Operation.objects.filter(target=name, outcome="succeeded").count() == 4
    seen.assert_quiet()


def test_a_plan_whose_state_moved_is_shown_anew_and_nothing_is_applied(
    open_page: Open,
    cluster: Cluster,
    gateway: KafkaGateway,
    make_topic: Callable[..., str],
    admin: User,
    prefix: str,
) -> None:
    name = f"{prefix}-moved"
    make_topic(name, 1)
    seen = open_page(admin)
    seen.expect("409")
    page = seen.open(f"/clusters/main/topics/{name}/add-partitions/")
    page.get_by_label("Partitions in all").fill("3")
    page.get_by_role("button", name="Review plan").click()
    gateway.create_partitions(name, 2)
    page.get_by_role("button", name="Add 2 partitions").click()
    expect(page.get_by_text("Changed since you looked")).to_be_visible()
    (topic,) = gateway.describe_topics([name])
    assert len(topic.partitions) == 2
    seen.assert_quiet()


def test_a_viewer_sees_no_buttons_that_change_things(
    open_page: Open, cluster: Cluster, make_topic: Callable[..., str], viewer: User, prefix: str
) -> None:
    name = f"{prefix}-viewed"
    make_topic(name, 1)
    seen = open_page(viewer)
    page = seen.open(f"/clusters/main/topics/{name}/")
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    expect(page.get_by_role("link", name="Produce")).to_have_count(0)
    page.get_by_label("More actions").click()  # what is left there only copies
    menu = page.locator("details.menu[open] .items")
    expect(menu).to_be_visible()
    for word in ("Edit settings", "Add partitions", "Delete"):
        expect(menu.get_by_text(word)).to_have_count(0)
    expect(menu.locator("form")).to_have_count(0)
    seen.assert_quiet()


PAGES = (
    "/clusters/main/",
    "/clusters/main/brokers/",
    "/clusters/main/brokers/1/",
    "/clusters/main/brokers/1/configs/?search=log.retention",
    "/clusters/main/brokers/1/log-dirs/",
    "/clusters/main/brokers/1/logs/",
    "/clusters/main/topics/",
    "/clusters/main/topics/+new/",
    "/clusters/main/topics/{topic}/",
    "/clusters/main/topics/{topic}/messages/",
    "/clusters/main/topics/{topic}/messages/produce/",
    "/clusters/main/topics/{topic}/settings/?search=retention",
    "/clusters/main/topics/{topic}/consumers/",
    "/clusters/main/topics/{topic}/metrics/",
    "/clusters/main/groups/",
    "/clusters/main/metrics/",
    "/clusters/main/connect-worker/",
    "/clusters/main/connect-worker/start/",
    "/operations/",
    "/jobs/",
)


@pytest.mark.parametrize("theme", LIGHT_FIRST)
def test_every_page_is_accessible_fits_and_is_quiet(
    open_page: Open,
    cluster: Cluster,
    gateway: KafkaGateway,
    make_topic: Callable[..., str],
    admin: User,
    prefix: str,
    theme: Theme,
) -> None:
    """UX-1 and WS-2 in one walk: axe, no overflow, no CSP violation, no console error, at three widths."""
    topic = f"{prefix}-looks"
    make_topic(topic, 2)
    gateway.produce(topic, partition=0, key=b"k", value=b'{"a": 1}', headers=())
    polling.poll("main", 1)
    services.refresh(cluster)
    problems = []
    for width in WIDTHS:
        seen = open_page(admin, theme=theme, width=width)
        for path in PAGES:
            page = seen.open(path.format(topic=topic))
            page.wait_for_load_state("networkidle")
            try:
                seen.assert_accessible()
                seen.assert_fits()
                seen.assert_quiet()
            except AssertionError as error:
                problems.append(f"{path} {theme} {width}: {error}")
                seen.problems.clear()
    assert not problems, "\n".join(problems)


def test_the_palette_finds_a_topic_by_keyboard_alone(
    open_page: Open,
    cluster: Cluster,
    gateway: KafkaGateway,
    make_topic: Callable[..., str],
    admin: User,
    prefix: str,
) -> None:
    name = f"{prefix}-palette"
    make_topic(name, 1)
    services.refresh(cluster)
    seen = open_page(admin)
    page = seen.open("/clusters/main/")
    page.keyboard.press("Control+k")
    page.keyboard.type(name)
    expect(page.get_by_role("option", name=name)).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    page.keyboard.press("g")
    page.keyboard.press("b")
    expect(page.get_by_role("heading", name="Brokers")).to_be_visible()
    seen.assert_quiet()
