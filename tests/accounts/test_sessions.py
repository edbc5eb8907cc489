"""Sessions (WS-7) and second factors (WS-5, WS-6)."""

from __future__ import annotations

import time

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from allauth.usersessions.models import UserSession
from django.conf import LazySettings
from django.core.cache import cache
from django.db import connection
from django.test import Client

from controlplane.accounts import administration
from controlplane.accounts.models import User
from controlplane.accounts.services import actor_of_user
from controlplane.core.access import Role
from tests.web.people import PASSWORD, person

pytestmark = pytest.mark.django_db
PAGE = "/settings/account/"


@pytest.fixture(autouse=True)
def _fresh_limits() -> None:
    cache.clear()


@pytest.fixture
def ada() -> User:
    user = person(Role.ADMIN)
    user.set_password(PASSWORD)
    user.save()
    return user


@pytest.fixture
def signed(ada: User) -> Client:
    client = Client()
    client.post("/login/", {"login": "ada", "password": PASSWORD})
    assert client.get(PAGE).status_code == 200
    return client


def is_in(client: Client) -> bool:
    return bool(client.get(PAGE).status_code == 200)


def test_a_session_ends_when_nobody_uses_it(signed: Client, settings: LazySettings) -> None:
    with time_machine.travel(time.time() + settings.SESSION_IDLE_SECONDS + 5):
        assert not is_in(signed)


def test_a_page_that_polls_does_not_keep_a_session_alive(signed: Client, settings: LazySettings) -> None:
    start, half = time.time(), settings.SESSION_IDLE_SECONDS * 0.6
    with time_machine.travel(start + half):
        signed.get("/jobs/", headers={"HX-Request": "true", "HX-Target": "job-table"})
    with time_machine.travel(start + 2 * half):
        assert not is_in(signed)


def test_somebody_who_works_stays_signed_in_up_to_the_absolute_limit(
    signed: Client, settings: LazySettings
) -> None:
    start, step = time.time(), settings.SESSION_IDLE_SECONDS * 0.9
    elapsed = step
    while elapsed < settings.SESSION_ABSOLUTE_SECONDS - 5:
        with time_machine.travel(start + elapsed):
            assert is_in(signed)
        elapsed += step
    with time_machine.travel(start + settings.SESSION_ABSOLUTE_SECONDS + 5):
        assert not is_in(signed)


def test_a_disabled_user_is_out_with_the_next_request(signed: Client, ada: User) -> None:
    administration.set_active(actor_of_user(other_admin()), ada, active=False)
    assert not is_in(signed)


def test_a_new_password_ends_all_other_sessions(signed: Client, ada: User) -> None:
    other = Client()
    other.post("/login/", {"login": "ada", "password": PASSWORD})
    new = "another long enough sentence"
    answer = other.post("/settings/password/", {"oldpassword": PASSWORD, "password1": new, "password2": new})
    assert answer.status_code == 302
    assert is_in(other)
    assert not is_in(signed)


def test_sessions_are_listed_and_can_be_ended(signed: Client, ada: User) -> None:
    other = Client(headers={"User-Agent": "Somewhere Else"})
    other.post("/login/", {"login": "ada", "password": PASSWORD})
    page = signed.get("/settings/security/").content.decode()
    assert "Somewhere Else" in page
    session = UserSession.objects.get(user_agent="Somewhere Else")
    assert signed.post(f"/settings/security/sessions/{session.pk}/end/").status_code == 303
    assert not is_in(other)
    assert is_in(signed)


def test_nobody_ends_another_ones_session(signed: Client) -> None:
    otto = person(Role.OPERATOR)
    otto.set_password(PASSWORD)
    otto.save()
    client = Client()
    client.post("/login/", {"login": "otto", "password": PASSWORD})
    session = UserSession.objects.get(user=otto)
    assert signed.post(f"/settings/security/sessions/{session.pk}/end/").status_code == 404
    assert is_in(client)


def test_all_other_sessions_end_at_once(signed: Client, ada: User) -> None:
    others = [Client() for _ in range(3)]
    for other in others:
        other.post("/login/", {"login": "ada", "password": PASSWORD})
    signed.post("/settings/security/sessions/end-others/")
    assert is_in(signed)
    assert not any(is_in(other) for other in others)


def test_signing_out_ends_the_session_on_the_server(signed: Client) -> None:
    cookie = signed.cookies["kastellan-8640-session"].value
    signed.post("/logout/")
    stolen = Client()
    stolen.cookies["kastellan-8640-session"] = cookie
    assert not is_in(stolen)


def test_the_totp_seed_is_not_in_the_database(ada: User) -> None:
    seed = generate_totp_secret()
    TOTP.activate(ada, seed)
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM mfa_authenticator")
        stored = repr(cursor.fetchall())
    assert seed not in stored
    assert "k1:" in stored


def test_with_totp_the_password_alone_is_not_enough(ada: User) -> None:
    seed = generate_totp_secret()
    TOTP.activate(ada, seed)
    client = Client()
    answer = client.post("/login/", {"login": "ada", "password": PASSWORD})
    assert answer.headers["Location"].startswith("/settings/mfa/authenticate/")
    assert not is_in(client)
    assert client.get("/settings/mfa/authenticate/").status_code == 200
    from allauth.mfa.totp.internal import auth as totp

    code = totp.format_hotp_value(totp.hotp_value(seed, next(iter(totp.yield_hotp_counters_from_time()))))
    assert client.post("/settings/mfa/authenticate/", {"code": code}).status_code == 302
    assert is_in(client)


def test_a_role_can_require_a_second_factor(signed: Client, ada: User, settings: LazySettings) -> None:
    settings.REQUIRE_MFA_FROM = "operator"
    assert signed.get(PAGE).headers["Location"] == "/settings/mfa/"
    assert signed.get("/settings/mfa/").status_code == 200
    assert signed.get("/api/v1/").status_code == 401
    Authenticator.objects.create(user=ada, type=Authenticator.Type.WEBAUTHN, data={})
    assert is_in(signed)


def other_admin() -> User:
    return person(Role.ADMIN, name="grace")
