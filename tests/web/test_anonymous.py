"""WS-3: without a login there is the way in, the health check, and nothing else. A new route fails until it is classed."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.web.matrix import Route, routes

pytestmark = pytest.mark.django_db

#: Open on purpose, each with the reason.
OPEN = {
    "crl": "a revocation list is for everybody: serials and times, no names",
    "crl_old": "the same of an authority that is being replaced",
    "healthz": "says only that the process answers",
    "readyz": "says only ready or not; details need a token",
    "account_login": "the way in",
    "account_logout": "does nothing for nobody",
    "account_inactive": "tells a disabled user so",
    "accounts:login_link": "the one-time way in",
    "mfa_authenticate": "the second step of the way in",
    "mfa_login_webauthn": "the way in by passkey",
}
REDIRECTS = (301, 302)


def ids(route: Route) -> str:
    return route.path


@pytest.mark.parametrize("route", routes(), ids=ids)
def test_nobody_gets_more_than_the_way_in(client: Client, route: Route) -> None:
    answer = client.get(route.path)
    if route.name in OPEN:
        assert answer.status_code in (200, 204, 302, 400, 404, 410, 503)
    elif answer.status_code in REDIRECTS:
        assert answer.headers["Location"].startswith("/login/")
    else:
        assert answer.status_code == 401


@pytest.mark.parametrize("route", [r for r in routes() if r.name not in OPEN], ids=ids)
def test_nobody_changes_anything(client: Client, route: Route) -> None:
    answer = client.post(route.path, {})
    assert answer.status_code in (401, 405) or answer.headers.get("Location", "").startswith("/login/")


def test_every_open_route_exists() -> None:
    """An entry for a route that is gone would silently open a later one of that name."""
    names = {route.name for route in routes()}
    assert set(OPEN) - names <= {"readyz"}


def test_htmx_is_told_to_load_the_login_page_instead_of_swapping_it_in(client: Client) -> None:
    answer = client.get("/operations/", headers={"HX-Request": "true"})
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == "/login/"
