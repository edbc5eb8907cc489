"""A quota in a real browser on real brokers: set, changed, reverted, explained, removed; and how the pages look."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import expect

from controlplane.accounts.models import User
from controlplane.clusters.models import Cluster
from controlplane.gateways.kafka.access_types import QuotaEntity
from controlplane.gateways.kafka.gateway import KafkaGateway
from controlplane.metrics.names import Sample
from controlplane.metrics.selectors import store
from tests.browsing import Open
from tests.ui.browser import LIGHT_FIRST, WIDTHS, Theme
from tests.waiting import eventually

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def limits(gateway: KafkaGateway, entity: QuotaEntity) -> dict[str, float]:
    return {
        key: value for quota in gateway.describe_client_quotas(entity) for key, value in quota.values.items()
    }


def remove(gateway: KafkaGateway, prefix: str) -> None:
    for quota in gateway.describe_client_quotas():
        if any(name is not None and name.startswith(prefix) for _, name in quota.entity):
            gateway.alter_client_quotas(quota.entity, dict.fromkeys(quota.values))


def sample(user: str, client_id: str) -> None:
    """Five minutes of history as brokers would give it, up to now; what a real client gives is tested in tests/quotas."""
    labels = (("broker", "1"), ("client_id", client_id), ("user", user))
    now = time.time_ns() // 1_000_000
    for age in reversed(range(30)):
        samples = [
            Sample("kafka_server_produce_byte_rate", labels, 1.9e6 - age * 1e4),
            Sample("kafka_server_produce_throttle_time", labels, 300.0 - age),
            Sample("kafka_server_request_request_time", labels, 12.5),
        ]
        store().append("main", "1", now - age * 10_000, samples)


def test_a_quota_from_its_first_limit_to_its_removal(
    open_page: Open, cluster: Cluster, gateway: KafkaGateway, admin: User, prefix: str
) -> None:
    entity: QuotaEntity = (("client-id", f"{prefix}-id"), ("user", f"{prefix}-app"))
    seen = open_page(admin)
    seen.expect("422")
    try:
        page = seen.open("/clusters/main/")
        page.get_by_role("link", name="Quotas", exact=True).click()
        page.get_by_role("link", name="Set quota").first.click()
        page.get_by_label("For", exact=True).select_option("ip")
        expect(page.get_by_label("New connections")).to_be_visible()
        expect(page.get_by_label("Produce")).to_be_hidden()
        page.get_by_label("For", exact=True).select_option("user-client")
        page.get_by_label("User", exact=True).fill(f"{prefix}-app")
        page.get_by_label("Client id", exact=True).fill(f"{prefix}-id")
        page.get_by_label("Produce").fill("fast")
        page.get_by_role("button", name="Review plan").click()
        expect(page.get_by_text("is not understood")).to_be_visible()
        page.get_by_label("Produce").fill("10 MB/s")
        page.get_by_role("button", name="Review plan").click()
        expect(page.locator("ins", has_text="10 MB/s")).to_be_visible()
        assert limits(gateway, entity) == {}
        page.get_by_role("button", name="Set the quota").click()
        expect(page.get_by_role("heading", name=f"user {prefix}-app, client-id {prefix}-id")).to_be_visible()
        assert limits(gateway, entity) == {"producer_byte_rate": 10e6}

        page.get_by_role("link", name="Change limits").click()
        expect(page.get_by_label("Produce")).to_have_value("10 MB/s")
        page.get_by_label("Produce").fill("2 MB/s")
        page.get_by_role("button", name="Review plan").click()
        page.get_by_role("button", name="Change the quota").click()
        expect(page.get_by_role("cell", name="2 MB/s", exact=True)).to_be_visible()

        page.get_by_role("button", name="Revert").first.click()
        expect(page.locator("ins", has_text="10 MB/s")).to_be_visible()
        page.get_by_role("button", name="Revert the quota").click()
        expect(page.get_by_role("cell", name="10 MB/s", exact=True)).to_be_visible()
        assert limits(gateway, entity) == {"producer_byte_rate": 10e6}

        page.get_by_role("navigation", name="Main").get_by_role("link", name="Quotas").click()
        page.get_by_role("link", name="Effective").click()
        page.get_by_label("User", exact=True).fill(f"{prefix}-app")
        page.get_by_label("Client id").fill(f"{prefix}-id")
        page.get_by_role("button", name="Which quota decides?").click()
        panel = page.get_by_label("Produce", exact=True)
        expect(panel).to_contain_text("decided by user")
        panel.get_by_text("The ladder").click()
        expect(panel.get_by_text("decides", exact=True)).to_be_visible()

        page.goto(f"{seen.base}/clusters/main/quotas/?search={prefix}")
        page.get_by_role("link", name=f"user {prefix}-app").click()
        page.get_by_label("More actions").click()
        page.get_by_role("button", name="Remove quota").click()
        page.get_by_role("button", name="Remove the quota").click()
        expect(page.get_by_text("is removed")).to_be_visible()
        assert limits(gateway, entity) == {}
        seen.assert_quiet()
    finally:
        remove(gateway, prefix)


def test_a_viewer_sees_limits_and_no_buttons(
    open_page: Open, cluster: Cluster, gateway: KafkaGateway, viewer: User, prefix: str
) -> None:
    gateway.alter_client_quotas((("user", prefix),), {"producer_byte_rate": 1e6})
    try:
        eventually(lambda: limits(gateway, (("user", prefix),)))
        seen = open_page(viewer)
        page = seen.open(f"/clusters/main/quotas/?search={prefix}")
        expect(page.get_by_role("link", name="Set quota")).to_have_count(0)
        page.get_by_role("link", name=f"user {prefix}").click()
        expect(page.get_by_role("cell", name="1 MB/s")).to_be_visible()
        expect(page.get_by_role("link", name="Change limits")).to_have_count(0)
        page = seen.open("/clusters/main/quotas/clients/")
        expect(page.get_by_role("button", name="Observe all clients")).to_have_count(0)
        seen.assert_quiet()
    finally:
        remove(gateway, prefix)


@pytest.mark.parametrize("theme", LIGHT_FIRST)
def test_the_pages_are_accessible_fit_and_are_quiet(
    open_page: Open, cluster: Cluster, gateway: KafkaGateway, admin: User, prefix: str, theme: Theme
) -> None:
    app, client_id = f"{prefix}-orders-app", f"{prefix}-writer"
    entity: QuotaEntity = (("client-id", client_id), ("user", app))
    gateway.alter_client_quotas(entity, {"producer_byte_rate": 2e6, "request_percentage": 50.0})
    gateway.alter_client_quotas(
        (("user", app),), {"producer_byte_rate": 10e6, "consumer_byte_rate": 1_234_567.0}
    )
    eventually(lambda: limits(gateway, entity))
    query = f"user={app}&client_id={client_id}"
    try:
        for width in WIDTHS:
            sample(app, client_id)
            seen = open_page(admin, theme=theme, width=width)
            for step, path in {
                "list": f"?search={prefix}",
                "set": "set/",
                "set-known": f"set/?{query}",
                "detail": f"entity/?{query}",
                "clients": f"clients/?search={prefix}",
                "effective": f"effective/?{query}",
            }.items():
                page = seen.open(f"/clusters/main/quotas/{path}")
                page.wait_for_load_state("networkidle")
                if step == "effective":
                    page.get_by_text("The ladder").first.click()
                seen.screenshot(f"quotas-{step}-{theme}-{width}")
                seen.assert_accessible()
                seen.assert_fits()
            page = seen.open("/clusters/main/quotas/clients/")
            page.get_by_role("button", name="Observe all clients").click()
            seen.screenshot(f"quotas-observe-{theme}-{width}")
            page = seen.open(f"/clusters/main/quotas/set/?user={app}")
            page.get_by_label("Produce").fill("1 MB/s")
            page.get_by_role("button", name="Review plan").click()
            seen.screenshot(f"quotas-plan-{theme}-{width}")
            seen.assert_accessible()
            seen.assert_fits()
            seen.assert_quiet()
    finally:
        remove(gateway, prefix)
