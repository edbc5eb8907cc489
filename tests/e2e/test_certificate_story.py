"""A certificate from the form to kcat and to its end, in a real browser on real brokers; and every page looked at."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from controlplane.accounts.models import User
from controlplane.certificates.logic.plans import IssueCertificate
from controlplane.certificates.logic.state import Reason
from controlplane.certificates.models import Certificate, Download, WatchedEndpoint
from controlplane.certificates.services import issuing, revocation, watching
from controlplane.clusters.models import Cluster
from controlplane.core.access import SYSTEM
from controlplane.gateways.kafka.access_types import AclFilter
from controlplane.gateways.kafka.gateway import KafkaGateway
from tests.browsing import Open
from tests.ui.browser import LIGHT_FIRST, WIDTHS, Theme

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def name(gateway: KafkaGateway, prefix: str) -> Iterator[str]:
    """Whatever the story leaves, nothing of it stays in Kafka."""
    yield f"{prefix}.app"
    gateway.delete_acls([AclFilter(principal=f"User:{prefix}.app")])


def test_a_certificate_from_the_form_to_its_end(
    open_page: Open,
    cluster: Cluster,
    gateway: KafkaGateway,
    make_topic: Callable[..., str],
    admin: User,
    name: str,
    prefix: str,
    tmp_path: Path,
) -> None:
    topic = make_topic(f"{prefix}-t")
    seen = open_page(admin)
    page = seen.open("/clusters/main/certificates/")
    page.get_by_role("link", name="Issue certificate").first.click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Valid for (days)").fill("30")
    page.get_by_role("button", name="Review plan").click()
    expect(page.get_by_text("Nothing has happened yet.")).to_be_visible()
    expect(page.locator("ins", has_text=f"User:{name}")).to_be_visible()
    assert not Certificate.objects.filter(common_name=name).exists()
    page.get_by_role("button", name=f"Issue for {name}").click()
    expect(page.get_by_text("The private key is in this page and nowhere else.")).to_be_visible()
    seen.screenshot("certificates-issued-light-1440")
    seen.assert_accessible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").first.click()
    with zipfile.ZipFile(download.value.path()) as archive:
        archive.extractall(tmp_path)
    (folder,) = tmp_path.iterdir()
    assert {"client.properties", "kcat.conf", "keystore.p12", "README.txt"} <= {
        path.name for path in folder.iterdir()
    }
    command = [sys.executable, "kafka_python_client.py", topic, "x"]
    refused = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert "TopicAuthorizationFailed" in refused.stderr, refused.stderr

    page.get_by_role("link", name="Go to the certificate").click()
    expect(page.get_by_text("In force until")).to_be_visible()
    page.get_by_label("More actions").click()
    page.get_by_role("button", name="Block principal").click()
    page.get_by_role("button", name=f"Block User:{name}").click()
    expect(page.get_by_text("it may connect, and everything is denied")).to_be_visible()
    assert len(gateway.describe_acls(AclFilter(principal=f"User:{name}"))) == 6

    page.get_by_label("More actions").click()
    page.get_by_role("link", name="Revoke certificate").click()
    page.get_by_label("Reason").select_option("cessation_of_operation")
    page.get_by_role("button", name="Review plan").click()
    revoke = page.get_by_role("button", name="Revoke it")
    expect(revoke).to_be_disabled()
    page.get_by_label("to confirm").fill(name)
    revoke.click()
    expect(page.get_by_role("status").get_by_text("is revoked, and on the list")).to_be_visible()
    expect(page.get_by_text("No longer in use")).to_be_visible()
    expect(page.get_by_role("link", name="Renew")).to_have_count(0)

    page.get_by_label("More actions").click()
    page.get_by_role("button", name="Lift the block").click()
    expect(page.get_by_text("a revoked one too")).to_be_visible()
    page.get_by_role("button", name="Lift the block").last.click()
    expect(page.get_by_text("brokers still accept it until")).to_be_visible()
    assert not gateway.describe_acls(AclFilter(principal=f"User:{name}"))
    row = Certificate.objects.get(common_name=name)
    assert row.revocation_reason == "cessation_of_operation"
    assert Download.objects.filter(certificate=row, actor=admin.username).count() == 1
    seen.assert_quiet()


def test_a_page_that_is_sent_again_issues_nothing_again(
    open_page: Open, cluster: Cluster, admin: User, prefix: str
) -> None:
    """Reloading the result posts the same plan: the state moved, so the new plan is shown instead."""
    name = f"{prefix}.again"
    seen = open_page(admin)
    seen.expect("409")
    page = seen.open("/clusters/main/certificates/+issue/")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_role("button", name="Review plan").click()
    page.get_by_role("button", name=f"Issue for {name}").click()
    expect(page.get_by_text("nowhere else")).to_be_visible()
    page.reload()
    expect(page.get_by_text("Changed since you looked")).to_be_visible()
    assert Certificate.objects.filter(common_name=name).count() == 1
    seen.assert_quiet()


def test_a_viewer_sees_certificates_and_no_button_that_changes_one(
    open_page: Open, cluster: Cluster, admin: User, viewer: User, prefix: str
) -> None:
    made = issued(cluster, f"{prefix}.view")
    seen = open_page(viewer)
    page = seen.open(f"/clusters/main/certificates/{made.serial}/")
    expect(page.get_by_role("heading", name=made.common_name, level=1)).to_be_visible()
    expect(page.get_by_role("link", name="Renew")).to_have_count(0)
    expect(page.get_by_label("More actions")).to_have_count(0)
    expect(page.get_by_role("link", name="Public chain")).to_be_visible()
    seen.assert_quiet()


def issued(cluster: Cluster, name: str, days: int = 90) -> Certificate:
    return issuing.deliver(SYSTEM, cluster, IssueCertificate(name, days)).certificate


PAGES = (
    "",
    "?search=nothing-like-it",
    "+issue/",
    "own/",
    "authorities/",
    "expiry/",
    "expiry/+watch/",
    "{serial}/",
    "{serial}/renew/",
    "{serial}/revoke/",
)


@pytest.mark.parametrize("theme", LIGHT_FIRST)
def test_every_page_is_accessible_fits_and_is_quiet(
    open_page: Open, cluster: Cluster, admin: User, prefix: str, theme: Theme
) -> None:

    made = issued(cluster, f"{prefix}.orders")
    issued(cluster, f"{prefix}.payments.settlements.eu-central-1", 20)
    issued(cluster, f"{prefix}.audit", 3)
    lost = issued(cluster, f"{prefix}.lost")
    plan = revocation.plan_revoke(cluster, lost, Reason.KEY_COMPROMISE)
    revocation.apply_revoke(SYSTEM, cluster, lost, Reason.KEY_COMPROMISE, plan)
    for target in watching.targets(cluster):
        watching.check(cluster, target.host, target.port)
    WatchedEndpoint.objects.create(
        cluster=cluster,
        host="registry.example",
        port=443,
        label="registry",
        added_by="x",
        added_at=timezone.now(),
    )
    watching.check(cluster, "registry.example", 443)
    problems = []
    for width in WIDTHS:
        seen = open_page(admin, theme=theme, width=width)
        for path in PAGES:
            page = seen.open("/clusters/main/certificates/" + path.format(serial=made.serial))
            page.wait_for_load_state("networkidle")
            label = path.format(serial="detail").strip("/").replace("/", "-") or "list"
            seen.screenshot(f"certificates-{label.replace('?', '').replace('=', '')}-{theme}-{width}")
            try:
                seen.assert_accessible()
                seen.assert_fits()
                seen.assert_quiet()
            except AssertionError as error:
                problems.append(f"{path} {theme} {width}: {error}")
                seen.problems.clear()
    assert not problems, "\n".join(problems)
