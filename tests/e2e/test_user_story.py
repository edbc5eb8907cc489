"""A Kafka user in a real browser on real brokers: made, downloaded, rotated with overlap, deleted; and how it looks."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import expect

from controlplane.accounts.models import User
from controlplane.audit.models import Operation
from controlplane.clusters.models import Cluster
from controlplane.clusters.services import client_endpoint
from controlplane.gateways.kafka.access_types import (
    Acl,
    AclFilter,
    AclOperation,
    AclPermission,
    AclResourceType,
    CredentialMechanism,
)
from controlplane.gateways.kafka.gateway import KafkaGateway
from controlplane.gateways.kafka.security import ScramMechanism, ScramTls, Tls
from controlplane.users.services import logs_in
from tests.browsing import Open
from tests.ui.browser import LIGHT_FIRST, WIDTHS, Theme
from tests.waiting import eventually

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_user_from_creation_to_deletion(
    open_page: Open, cluster: Cluster, gateway: KafkaGateway, admin: User, prefix: str
) -> None:
    name = f"{prefix}-app"
    seen = open_page(admin)
    page = seen.open("/clusters/main/")
    page.get_by_role("link", name="Users", exact=True).click()
    page.get_by_role("link", name="Create user").first.click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Iterations").fill("4096")
    page.get_by_role("button", name="Review plan").click()
    expect(page.get_by_text("Nothing has happened yet.")).to_be_visible()
    assert gateway.describe_user_scram_credentials([name]) == ()
    page.get_by_role("button", name=f"Create {name}").click()
    expect(page.get_by_text("This is the password. It is shown only now.")).to_be_visible()
    password = page.get_by_label("The password").locator("[data-copy]").get_attribute("data-copy") or ""
    with page.expect_download() as started:
        page.get_by_role("link", name="Download all files").click()
    archive = zipfile.ZipFile(io.BytesIO(Path(started.value.path()).read_bytes()))
    assert password in archive.read(f"{name}/client.properties").decode()
    endpoint = client_endpoint(cluster, "SASL_SSL")
    login = ScramTls(name, password, ScramMechanism.SCRAM_SHA_512, Tls(ca_pem=endpoint.ca_pem))
    assert logs_in(endpoint.bootstrap, login)

    page.get_by_role("link", name="Done").click()
    page.get_by_role("link", name="Rotate password").click()
    page.get_by_label("Mechanism").select_option("SCRAM-SHA-256")
    page.get_by_role("button", name="Review plan").click()
    expect(page.get_by_text("Overlapping rotation")).to_be_visible()
    page.get_by_role("button", name="Set a new password").click()
    expect(page.get_by_text("This is the password.")).to_be_visible()
    assert logs_in(endpoint.bootstrap, login)

    page.get_by_role("link", name="Done").click()
    page.locator("tr", has=page.get_by_text("SCRAM-SHA-512")).get_by_role("button", name="Remove").click()
    page.get_by_role("button", name="Remove SCRAM-SHA-512").click()
    expect(page.get_by_text("is removed from")).to_be_visible()

    acl = Acl(f"User:{name}", "*", AclOperation.READ, AclPermission.ALLOW, AclResourceType.TOPIC, name)
    gateway.create_acls([acl])
    eventually(lambda: gateway.describe_acls(AclFilter(principal=f"User:{name}")))
    page.get_by_label("More actions").click()
    page.get_by_role("link", name="Delete user").click()
    expect(page.get_by_label("Also delete the ACLs")).to_be_checked()
    page.get_by_role("button", name="Review plan").click()
    page.get_by_label("to confirm").fill(name)
    page.get_by_role("button", name=f"Delete {name}").click()
    expect(page).to_have_url(f"{seen.base}/clusters/main/users/")
    assert gateway.describe_user_scram_credentials([name]) == ()
    assert gateway.describe_acls(AclFilter(principal=f"User:{name}")) == ()
    assert Operation.objects.filter(target=name, outcome="succeeded").count() == 4
    seen.assert_quiet()


def test_a_viewer_sees_users_and_no_buttons(
    open_page: Open, cluster: Cluster, gateway: KafkaGateway, viewer: User
) -> None:
    seen = open_page(viewer)
    page = seen.open("/clusters/main/users/")
    expect(page.get_by_role("link", name="admin", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Create user")).to_have_count(0)
    page.get_by_role("link", name="admin", exact=True).click()
    expect(page.get_by_text("and a super user")).to_be_visible()
    expect(page.get_by_label("More actions")).to_have_count(0)
    seen.assert_quiet()


@pytest.mark.parametrize("theme", LIGHT_FIRST)
def test_the_pages_are_accessible_fit_and_are_quiet(
    open_page: Open, cluster: Cluster, gateway: KafkaGateway, admin: User, prefix: str, theme: Theme
) -> None:
    name = f"{prefix}-looks"
    for mechanism in (CredentialMechanism.SCRAM_SHA_256, CredentialMechanism.SCRAM_SHA_512):
        gateway.upsert_user_scram_credential(name, mechanism, "long-enough-password", 4096)
    gateway.create_acls(
        [Acl(f"User:{name}", "*", AclOperation.READ, AclPermission.ALLOW, AclResourceType.TOPIC, "orders")]
    )
    try:
        for width in WIDTHS:
            seen = open_page(admin, theme=theme, width=width)
            for step, path in {
                "list": "",
                "create": "+new/",
                "detail": f"{name}/",
                "rotate": f"{name}/rotate/",
                "delete": f"{name}/delete/",
            }.items():
                page = seen.open(f"/clusters/main/users/{path}")
                seen.screenshot(f"users-{step}-{theme}-{width}")
                seen.assert_accessible()
                seen.assert_fits()
            page.get_by_role("button", name="Review plan").click()
            seen.screenshot(f"users-delete-plan-{theme}-{width}")
            page = seen.open(f"/clusters/main/users/{name}/rotate/")
            page.get_by_role("button", name="Review plan").click()
            seen.screenshot(f"users-rotate-plan-{theme}-{width}")
            page.get_by_role("button", name="Set a new password").click()
            expect(page.get_by_text("This is the password.")).to_be_visible()
            page.get_by_text("client.properties").click()
            seen.screenshot(f"users-password-{theme}-{width}")
            seen.assert_accessible()
            seen.assert_fits()
            seen.assert_quiet()
    finally:
        for credential in gateway.describe_user_scram_credentials([name]):
            gateway.delete_user_scram_credential(name, credential.mechanism)
        gateway.delete_acls([AclFilter(principal=f"User:{name}")])
