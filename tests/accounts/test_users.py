"""Users and roles: who may change them, that one admin remains, and that every page asks for the right role."""

from __future__ import annotations

import pytest
from django.test import Client

from controlplane.accounts.models import RoleGrant, User
from controlplane.audit.models import Operation, Outcome
from controlplane.core.access import Action, Role
from tests.web.people import api, person, signed_in

pytestmark = pytest.mark.django_db

#: page → the lowest role that opens it; None: everybody who is signed in.
PAGES = {
    "/settings/account/": None,
    "/settings/security/": None,
    "/settings/tokens/": Role.VIEWER,
    "/settings/users/": Role.ADMIN,
    "/settings/users/norman/": Role.ADMIN,
    "/operations/": Role.VIEWER,
    "/jobs/": Role.VIEWER,
    "/api/v1/docs/": None,
    "/api/v1/operations/": Role.VIEWER,
    "/api/v1/jobs/": Role.VIEWER,
    "/api/v1/tokens/": Role.VIEWER,
    "/api/v1/users/": Role.ADMIN,
    "/api/v1/users/norman/": Role.ADMIN,
}


@pytest.mark.parametrize("role", [None, *Role])
@pytest.mark.parametrize(("page", "lowest"), PAGES.items())
def test_each_page_opens_from_its_role_on(page: str, lowest: Role | None, role: Role | None) -> None:
    person(None)
    status = signed_in(role).get(page).status_code
    allowed = lowest is None or (role is not None and role.rank >= lowest.rank)
    assert status == (200 if allowed else 403)


def test_an_admin_of_one_cluster_does_not_manage_users() -> None:
    assert signed_in(Role.ADMIN, cluster="main").get("/settings/users/").status_code == 403


def test_an_invitation_makes_a_user_with_a_role_and_a_link_that_works() -> None:
    answer = api(Role.ADMIN).post(
        "/api/v1/users/", {"username": "kim", "roles": {"main": "operator"}}, format="json"
    )
    assert answer.status_code == 201
    link = answer.json()["login_url"]
    guest = Client()
    assert guest.get("/" + link.split("/", 3)[3]).status_code == 302
    assert RoleGrant.objects.get(user__username="kim").cluster == "main"
    assert link not in str(list(Operation.objects.values()))


def test_a_name_can_be_invited_once() -> None:
    client = api(Role.ADMIN)
    assert client.post("/api/v1/users/", {"username": "ada"}, format="json").status_code == 409


@pytest.mark.parametrize("change", [{"active": False}, {"roles": {}}, {"roles": {"*": "operator"}}])
def test_the_last_admin_cannot_be_lost(change: dict[str, object]) -> None:
    answer = api(Role.ADMIN).patch("/api/v1/users/ada/", change, format="json")
    assert answer.status_code == 422
    assert answer.json()["refusals"][0]["code"] == "last_admin"
    assert User.objects.get(username="ada").is_active
    assert RoleGrant.objects.get(user__username="ada").role == "admin"
    assert Operation.objects.latest("seq").outcome == Outcome.REFUSED


def test_with_a_second_admin_the_first_can_go() -> None:
    person(Role.ADMIN, name="grace")
    client = api(Role.ADMIN)
    assert client.patch("/api/v1/users/grace/", {"active": False}, format="json").status_code == 200
    assert not User.objects.get(username="grace").is_active


def test_the_operation_keeps_the_roles_before() -> None:
    person(Role.VIEWER)
    api(Role.ADMIN).patch("/api/v1/users/vera/", {"roles": {"main": "operator"}}, format="json")
    row = Operation.objects.latest("seq")
    assert row.before == {"roles": {"*": "viewer"}}
    assert row.details["roles"] == {"main": "operator"}


def test_a_refused_attempt_is_recorded() -> None:
    answer = api(Role.OPERATOR).post("/api/v1/users/", {"username": "eve"}, format="json")
    assert answer.status_code == 403
    row = Operation.objects.get(action=Action.USER_MANAGE.value)
    assert (row.outcome, row.actor) == (Outcome.REFUSED, "otto/test")


def test_a_refused_attempt_in_the_browser_is_recorded_once() -> None:
    client = signed_in(Role.OPERATOR)
    assert client.post("/settings/users/", {"username": "eve"}).status_code == 403
    assert Operation.objects.filter(action=Action.USER_MANAGE.value, outcome=Outcome.REFUSED).count() == 1


def test_the_pages_invite_grant_take_away_and_disable() -> None:
    client = signed_in(Role.ADMIN)
    page = client.post("/settings/users/", {"username": "kim", "role": "viewer", "cluster": "*"})
    assert "/login/link/" in page.content.decode()
    assert client.post("/settings/users/kim/", {"cluster": "main", "role": "operator"}).status_code == 303
    assert set(RoleGrant.objects.filter(user__username="kim").values_list("cluster", "role")) == {
        ("*", "viewer"),
        ("main", "operator"),
    }
    assert client.post("/settings/users/kim/", {"remove": "*"}).status_code == 303
    assert RoleGrant.objects.filter(user__username="kim").count() == 1
    assert client.post("/settings/users/kim/active/", {"active": "0"}).status_code == 303
    assert not User.objects.get(username="kim").is_active


def test_a_form_from_another_site_is_refused() -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(person(Role.ADMIN))
    assert client.post("/settings/users/", {"username": "eve"}).status_code == 403
    assert (
        client.post("/api/v1/users/", {"username": "eve"}, content_type="application/json").status_code == 403
    )
    assert not User.objects.filter(username="eve").exists()


def test_preferences_are_kept(client: Client) -> None:
    client = signed_in(Role.VIEWER)
    answer = client.post(
        "/settings/account/", {"theme": "dark", "density": "comfortable", "time_zone": "Asia/Kathmandu"}
    )
    assert answer.status_code == 303
    page = client.get("/settings/account/").content.decode()
    assert 'data-theme="dark"' in page
    assert (
        client.post(
            "/settings/account/", {"theme": "dark", "density": "compact", "time_zone": "Mars/X"}
        ).status_code
        == 422
    )


def test_a_token_is_shown_once_on_its_page() -> None:
    client = signed_in(Role.VIEWER)
    page = client.post("/settings/tokens/", {"name": "ci", "role": "viewer", "days": 30})
    assert "kst_" in page.content.decode()
    text = page.content.decode().split('data-copy="')[1].split('"')[0]
    assert text.startswith("kst_")
    assert text not in client.get("/settings/tokens/").content.decode()
