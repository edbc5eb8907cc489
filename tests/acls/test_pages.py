"""The ACL pages in a browser on real brokers: a story from the first bundle to the revert, and how every page looks."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from controlplane.accounts.models import User
from controlplane.acls.logic.bundles import Bundle, BundleRequest, bindings_of
from controlplane.acls.logic.transfer import FileFormat, write
from controlplane.acls.models import AclWatch
from controlplane.audit.models import Operation
from controlplane.clusters.models import Cluster
from controlplane.gateways.errors import Unreachable
from controlplane.gateways.kafka.access_types import (
    Acl,
    AclFilter,
    AclOperation,
    AclPermission,
    AclResourceType,
    PatternType,
)
from controlplane.gateways.kafka.gateway import KafkaGateway
from tests.acls.conftest import Connect, described, known_to_all
from tests.browsing import Open
from tests.ui.browser import LIGHT_FIRST, WIDTHS, Theme
from tests.waiting import eventually

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def theirs(gateway: KafkaGateway, principal: str) -> set[Acl]:
    return set(gateway.describe_acls(AclFilter(principal=principal)))


def test_an_application_gets_what_it_needs_loses_it_and_gets_it_back(
    open_page: Open, gateway: KafkaGateway, admin: User, clean_acls: str
) -> None:
    principal, topic = f"User:{clean_acls}-app", f"{clean_acls}-orders"
    seen = open_page(admin)
    page = seen.open(f"/clusters/main/acls/explain/?ask=consume&principal={principal}&resource_name={topic}&second={clean_acls}-g")  # fmt: skip
    expect(page.get_by_role("heading", name="No, refused")).to_be_visible()
    expect(page.get_by_role("button", name="Add these bindings…")).to_be_visible()

    page = seen.open("/clusters/main/acls/bundle/")
    page.get_by_label("It is a").select_option(label="Consumer")
    expect(page.get_by_label("Transactional id")).to_be_hidden()
    page.get_by_label("Principal").fill(principal)
    page.get_by_label("Topics", exact=True).fill(topic)
    page.get_by_label("Group, application or worker id").fill(f"{clean_acls}-g")
    page.get_by_role("button", name="Review plan").click()
    expect(page.get_by_text("Nothing has happened yet.")).to_be_visible()
    assert not theirs(gateway, principal)
    page.get_by_role("button", name="Create 2 bindings").click()
    expect(page.get_by_role("status").get_by_text("known to every broker")).to_be_visible()
    granted = theirs(gateway, principal)
    assert len(granted) == 2

    page = seen.open(f"/clusters/main/acls/?principal={principal}")
    expect(page.get_by_role("button", name="Delete selected…")).to_be_hidden()
    for box in page.get_by_role("checkbox").all():
        box.check()
    page.get_by_role("button", name="Delete selected…").click()
    page.get_by_role("button", name="Delete 2 bindings").click()
    expect(page.get_by_role("status").get_by_text("Delete 2 bindings")).to_be_visible()
    assert not theirs(gateway, principal)

    newest = Operation.objects.filter(action="acl.edit", target=principal).order_by("-pk").first()
    assert newest is not None
    page = seen.open(f"/operations/{newest.uid}/")
    page.get_by_role("button", name="Revert…").click()
    page.get_by_role("button", name="Revert 2 bindings").click()
    expect(page.get_by_role("status").get_by_text("Revert")).to_be_visible()
    assert theirs(gateway, principal) == granted
    seen.assert_quiet()


def test_bindings_that_explain_misses_are_added_from_its_page(
    open_page: Open, gateway: KafkaGateway, admin: User, clean_acls: str
) -> None:
    principal = f"User:{clean_acls}-ann"
    seen = open_page(admin)
    page = seen.open("/clusters/main/acls/explain/")
    page.get_by_label("Principal").fill(principal)
    page.get_by_label("Operation").select_option("READ")
    page.get_by_label("On a").select_option("TOPIC")
    page.get_by_label("Name or topic").fill(f"{clean_acls}-orders")
    page.get_by_role("button", name="Explain").click()
    assert "resource_name=" in page.url
    page.get_by_role("button", name="Add these bindings…").click()
    page.get_by_role("button", name="Create 1 binding").click()
    expect(page.get_by_role("status").get_by_text("known to every broker")).to_be_visible()
    assert len(theirs(gateway, principal)) == 1
    page.goto(f"{seen.base}/clusters/main/acls/explain/?principal={principal}&operation=DESCRIBE&resource_type=TOPIC&resource_name={clean_acls}-orders")  # fmt: skip
    expect(page.get_by_role("heading", name="Yes, allowed")).to_be_visible()
    seen.assert_quiet()


def test_the_form_offers_the_operations_of_the_resource_and_forgets_what_it_hides(
    open_page: Open, gateway: KafkaGateway, admin: User, clean_acls: str
) -> None:
    principal = f"User:{clean_acls}-ann"
    seen = open_page(admin)
    page = seen.open("/clusters/main/acls/new/")
    page.get_by_label("Principal").fill(principal)
    page.get_by_label("Create", exact=True).check()
    page.get_by_label("On a").select_option("GROUP")
    expect(page.get_by_label("Create", exact=True)).to_be_hidden()
    page.get_by_label("On a").select_option("CLUSTER")
    expect(page.get_by_label("Name", exact=True)).to_be_hidden()
    page.get_by_label("On a").select_option("GROUP")
    page.get_by_label("Name", exact=True).fill(f"{clean_acls}-g")
    page.get_by_label("Read", exact=True).check()
    page.get_by_role("button", name="Review plan").click()
    page.get_by_role("button", name="Create 1 binding").click()
    expect(page.get_by_role("status").get_by_text("known to every broker")).to_be_visible()
    assert [acl.operation for acl in theirs(gateway, principal)] == [AclOperation.READ]
    seen.assert_quiet()


def test_a_plan_whose_bindings_moved_is_shown_anew_and_nothing_is_applied(
    open_page: Open, gateway: KafkaGateway, admin: User, clean_acls: str
) -> None:
    principal = f"User:{clean_acls}-ann"
    read, _ = (
        Acl(principal, "*", operation, AclPermission.ALLOW, AclResourceType.TOPIC, f"{clean_acls}-a")
        for operation in (AclOperation.READ, AclOperation.WRITE)
    )
    known_to_all(gateway, [read])
    seen = open_page(admin)
    seen.expect("422")
    page = seen.open(f"/clusters/main/acls/?principal={principal}")
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="Delete selected…").click()
    gateway.delete_acls([AclFilter(principal=principal)])
    page.get_by_role("button", name="Delete 1 binding").click()
    expect(page.get_by_text("Nothing would change")).to_be_visible()
    seen.assert_quiet()


def test_a_file_is_imported_as_the_difference(
    open_page: Open, gateway: KafkaGateway, admin: User, clean_acls: str
) -> None:
    principal = f"User:{clean_acls}-ann"
    rows = f"{principal},TOPIC,LITERAL,{clean_acls}-a,READ,ALLOW,*\n{principal},GROUP,PREFIXED,{clean_acls}-,READ,ALLOW,*\n"
    header = "Principal,ResourceType,PatternType,ResourceName,Operation,PermissionType,Host\n"
    seen = open_page(admin)
    page = seen.open("/clusters/main/acls/import/")
    page.get_by_label("Or a file").set_input_files(
        {"name": "acls.csv", "mimeType": "text/csv", "buffer": (header + rows).encode()}
    )
    page.get_by_role("button", name="Review plan").click()
    expect(page.get_by_role("heading", name="2 to add, 0 to remove")).to_be_visible()
    page.get_by_role("button", name="Change 2 bindings").click()
    expect(page.get_by_role("status").get_by_text("2 to add")).to_be_visible()
    assert len(theirs(gateway, principal)) == 2
    seen.assert_quiet()


def test_a_yaml_file_is_known_by_its_ending(
    open_page: Open, gateway: KafkaGateway, admin: User, clean_acls: str
) -> None:
    principal = f"User:{clean_acls}-ann"
    wanted = Acl(principal, "*", AclOperation.READ, AclPermission.ALLOW, AclResourceType.TOPIC, clean_acls)
    seen = open_page(admin)
    page = seen.open("/clusters/main/acls/import/")
    page.get_by_label("Or a file").set_input_files(
        {"name": "acls.yaml", "mimeType": "text/plain", "buffer": write([wanted], FileFormat.YAML).encode()}
    )
    page.get_by_role("button", name="Review plan").click()
    page.get_by_role("button", name="Change 1 binding").click()
    expect(page.get_by_role("status").get_by_text("1 to add")).to_be_visible()
    assert theirs(gateway, principal) == {wanted}
    seen.assert_quiet()


def test_a_denial_is_allowed_from_its_row(
    open_page: Open, gateway: KafkaGateway, admin: User, as_user: Connect, clean_acls: str
) -> None:
    principal, client = f"User:{clean_acls}-eve", as_user(f"{clean_acls}-eve")
    seen = open_page(admin)
    path = f"/clusters/main/acls/denials/?search={clean_acls}"

    def listed() -> bool:
        assert not described(client)
        return seen.open(path).get_by_role("button", name="Allow this…").count() == 1

    eventually(listed, timeout=30, every=0.5)
    seen.page.get_by_role("button", name="Allow this…").click()
    expect(seen.page.get_by_text("Nothing has happened yet.")).to_be_visible()
    assert not theirs(gateway, principal)
    seen.page.get_by_role("button", name="Create 1 binding").click()
    expect(seen.page.get_by_role("status").get_by_text("known to every broker")).to_be_visible()
    assert described(client)
    page = seen.open("/clusters/main/acls/denials/?search=nobody-is-called-so")
    expect(page.get_by_role("heading", name="No denial matches")).to_be_visible()
    seen.assert_quiet()


def test_a_viewer_sees_no_buttons_that_change_things(
    open_page: Open, cluster: Cluster, gateway: KafkaGateway, viewer: User, clean_acls: str
) -> None:
    sample(gateway, clean_acls)
    seen = open_page(viewer)
    for path in ("", "findings/", "denials/", "matrix/"):
        page = seen.open(f"/clusters/main/acls/{path}?search={clean_acls}")
        expect(page.get_by_role("heading", name="ACLs", exact=True)).to_be_visible()
        for name in ("Create ACLs", "Delete", "Watch", "Allow this"):
            expect(page.get_by_role("button", name=name)).to_have_count(0)
            expect(page.get_by_role("link", name=name)).to_have_count(0)
    seen.assert_quiet()


def test_a_cluster_that_does_not_answer_is_said_so_and_never_an_empty_list(
    open_page: Open, cluster: Cluster, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(self: KafkaGateway, *args: object, **kwargs: object) -> None:
        raise Unreachable("No broker answers", "See whether the brokers run.")

    monkeypatch.setattr(KafkaGateway, "describe_acls", silent)
    seen = open_page(admin)
    for path in ("", "principals/", "resources/", "matrix/", "explain/", "findings/"):
        page = seen.open(f"/clusters/main/acls/{path}")
        expect(page.get_by_role("alert").get_by_text("No broker answers")).to_be_visible()
        expect(page.get_by_text("No ACLs yet")).to_have_count(0)
    seen.assert_quiet()


def sample(gateway: KafkaGateway, prefix: str) -> None:
    """Enough to look at: applications, a deny, a wildcard, a host."""
    app = BundleRequest(
        Bundle.STREAMS,
        f"User:{prefix}-fraud",
        topics=(f"{prefix}-payments",),
        outputs=(f"{prefix}-alerts",),
        group=f"{prefix}-fraud",
    )
    reader = BundleRequest(
        Bundle.CONSUMER, f"User:{prefix}-ann", topics=(f"{prefix}-*",), group=f"{prefix}-readers"
    )
    audit = BundleRequest(Bundle.AUDITOR, f"User:{prefix}-auditor")
    deny = Acl(
        f"User:{prefix}-ann",
        "10.1.2.3",
        AclOperation.ALL,
        AclPermission.DENY,
        AclResourceType.TOPIC,
        f"{prefix}-payments",
        PatternType.LITERAL,
    )
    known_to_all(gateway, [*bindings_of(app), *bindings_of(reader), *bindings_of(audit), deny])


PAGES = {
    "list": "?search={prefix}",
    "principals": "principals/?search={prefix}",
    "resources": "resources/?search={prefix}",
    "matrix": "matrix/?search={prefix}",
    "explain": "explain/",
    "explain-no": "explain/?ask=operation&principal=User:{prefix}-ann&host=10.1.2.3&operation=READ&resource_type=TOPIC&resource_name={prefix}-payments",
    "explain-task": "explain/?ask=produce_in_transactions&principal=User:{prefix}-ann&resource_name={prefix}-payments&second=tx",
    "findings": "findings/",
    "denials": "denials/",
    "create": "new/",
    "bundle": "bundle/",
    "import": "import/",
}


@pytest.mark.parametrize("theme", LIGHT_FIRST)
def test_every_acl_page_is_accessible_fits_and_is_quiet(
    open_page: Open, gateway: KafkaGateway, admin: User, clean_acls: str, theme: Theme
) -> None:
    sample(gateway, clean_acls)
    assert not AclWatch.objects.exists()
    problems = []
    for width in WIDTHS:
        seen = open_page(admin, theme=theme, width=width)
        for name, path in PAGES.items():
            seen.open("/clusters/main/acls/" + path.format(prefix=clean_acls))
            seen.screenshot(f"acls-{name}-{theme}-{width}")
            try:
                seen.assert_fits()
                seen.assert_accessible()
                seen.assert_quiet()
            except AssertionError as error:
                problems.append(f"{name} {theme} {width}: {error}")
                seen.problems.clear()
    assert not problems, "\n".join(problems)
