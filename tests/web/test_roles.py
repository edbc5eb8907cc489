"""WS-4 for what exists: somebody without a role gets nothing but their own account, on every route, read or write."""

from __future__ import annotations

import pytest

from controlplane.accounts.models import RoleGrant
from controlplane.audit.models import Operation
from controlplane.core.access import Role
from tests.web.matrix import Route, routes
from tests.web.people import api, person, signed_in

pytestmark = pytest.mark.django_db
#: One's own account, and what says nothing about any cluster.
OWN = (
    "healthz", "readyz", "crl", "home", "palette", "account_", "mfa_", "accounts:account", "accounts:security",
    "accounts:end_", "accounts:login_link", "accounts:set_password", "api:docs", "api:schema", "api:root", "api:clusters", "manual:",
)  # fmt: skip


def others() -> list[Route]:
    return [route for route in routes() if not route.name.startswith(OWN)]


@pytest.mark.parametrize("route", others(), ids=lambda route: route.path)
def test_without_a_role_every_other_page_refuses_or_does_not_exist(route: Route) -> None:
    assert signed_in(None).get(route.path).status_code in (401, 403, 404, 405)


@pytest.mark.parametrize("route", others(), ids=lambda route: route.path)
def test_without_a_role_nothing_can_be_changed(route: Route) -> None:
    client = signed_in(None)
    before = Operation.objects.exclude(outcome="refused").count()
    assert client.post(route.path, {}, content_type="application/json").status_code in (403, 404, 405)
    assert Operation.objects.exclude(outcome="refused").count() == before


def test_the_api_says_nothing_about_others_to_a_token_of_a_lost_role() -> None:
    client = api(Role.ADMIN)
    RoleGrant.objects.all().delete()
    person(None)
    for route in others():
        if route.is_api:
            assert client.get(route.path).status_code in (403, 404, 405), route.path


def test_the_list_of_clusters_has_only_ones_own() -> None:
    assert signed_in(None).get("/api/v1/clusters/").json()["count"] == 0
