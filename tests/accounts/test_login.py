"""The way in (WS-5): the one-time link, passwords, limits, and that unknown users look like known ones."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from controlplane.accounts import services
from controlplane.accounts.models import LoginLink, User
from controlplane.audit.models import Operation, Outcome
from controlplane.core.access import Role
from tests.web.people import PASSWORD, person

pytestmark = pytest.mark.django_db
SET_PASSWORD = "/settings/password/set/"


@pytest.fixture(autouse=True)
def _fresh_limits() -> None:
    cache.clear()


def path_of(link: str) -> str:
    return "/" + link.split("/", 3)[3]


@pytest.fixture
def ada() -> User:
    user = person(Role.ADMIN)
    user.set_password(PASSWORD)
    user.save()
    return user


def log_in(client: Client, name: str, password: str) -> int:
    return int(client.post("/login/", {"login": name, "password": password}).status_code)


def test_at_the_first_start_there_is_an_admin_without_a_password_and_a_link() -> None:
    path = services.first_login_link()
    assert path is not None
    admin = User.objects.get()
    assert not admin.has_usable_password()
    assert services.actor_of_user(admin).role_on("main") is Role.ADMIN


def test_the_link_logs_in_once_and_asks_for_a_password(client: Client) -> None:
    path = services.first_login_link()
    assert path is not None
    answer = client.get(path)
    assert answer.status_code == 302
    assert answer.headers["Location"] == SET_PASSWORD
    assert Client().get(path).status_code == 410


def test_nothing_else_opens_before_the_password_is_set(client: Client) -> None:
    client.get(services.first_login_link() or "")
    assert client.get("/operations/").headers["Location"] == SET_PASSWORD
    assert client.get("/settings/tokens/").headers["Location"] == SET_PASSWORD
    assert client.get("/api/v1/").status_code == 401
    assert client.get(SET_PASSWORD).status_code == 200


def test_with_the_password_set_everything_opens_and_the_link_is_not_offered_again(client: Client) -> None:
    client.get(services.first_login_link() or "")
    answer = client.post(SET_PASSWORD, {"password": PASSWORD, "again": PASSWORD})
    assert answer.status_code == 303
    assert client.get("/operations/").status_code == 200
    assert services.first_login_link() is None
    assert log_in(Client(), "admin", PASSWORD) == 302


@pytest.mark.parametrize(
    ("password", "again", "said"),
    [
        ("short", "short", "too short"),
        ("password1234", "password1234", "too common"),
        (PASSWORD, "other", "differ"),
    ],
)
def test_a_weak_or_mistyped_password_is_refused(client: Client, password: str, again: str, said: str) -> None:
    client.get(services.first_login_link() or "")
    answer = client.post(SET_PASSWORD, {"password": password, "again": again})
    assert answer.status_code == 422
    assert said in answer.content.decode()


def test_a_link_ends_after_a_day() -> None:
    path = services.first_login_link()
    with time_machine.travel(timezone.now() + timedelta(hours=25)):
        assert Client().get(path or "").status_code == 410


def test_a_newer_link_replaces_the_older_one() -> None:
    older, newer = services.first_login_link(), services.first_login_link()
    assert Client().get(older or "").status_code == 410
    assert Client().get(newer or "").status_code == 302


def test_a_link_preview_does_not_use_it_up() -> None:
    path = services.first_login_link() or ""
    assert Client().head(path).status_code == 405
    assert Client().get(path, headers={"Sec-Purpose": "prefetch"}).status_code == 204
    assert Client().get(path).status_code == 302


def test_only_the_hash_of_a_link_is_stored() -> None:
    path = services.first_login_link() or ""
    secret = path.strip("/").rpartition("/")[2]
    assert secret not in str(LoginLink.objects.values().get())


def test_the_session_gets_a_new_id_at_login(client: Client, ada: User) -> None:
    client.get("/login/")
    session = client.session
    session["planted"] = 1
    session.save()
    before = session.session_key
    client.cookies["kastellan-8640-session"] = before or ""
    log_in(client, "ada", PASSWORD)
    assert client.session.session_key != before


def test_five_wrong_passwords_lock_the_account_for_five_minutes(client: Client, ada: User) -> None:
    for _ in range(5):
        log_in(client, "ada", "wrong password here")
    assert log_in(client, "ada", PASSWORD) == 200
    assert log_in(Client(REMOTE_ADDR="10.9.9.9"), "ada", PASSWORD) == 200
    with time_machine.travel(timezone.now() + timedelta(minutes=6)):
        assert log_in(client, "ada", PASSWORD) == 302


def test_the_limit_holds_in_another_process(ada: User) -> None:
    """It lives in the database: what this process counted stands in a table."""
    for _ in range(5):
        log_in(Client(), "ada", "wrong password here")
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM kastellan_cache")
        assert cursor.fetchone()[0] > 0


def test_one_address_cannot_try_many_accounts(ada: User) -> None:
    client = Client()
    for number in range(11):
        log_in(client, f"user{number}", "wrong password here")
    assert log_in(client, "ada", PASSWORD) == 200


def test_an_unknown_user_gets_the_same_answer_as_a_wrong_password(ada: User) -> None:
    def said(name: str) -> str:
        page = Client().post("/login/", {"login": name, "password": "wrong password here"}).content.decode()
        return page[page.index("form-errors") :].replace(name, "X").split("csrfmiddlewaretoken")[0]

    assert said("ada") == said("eve")


def test_an_unknown_user_costs_the_same_hash(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.contrib.auth.hashers import Argon2PasswordHasher

    hashed: list[str] = []
    encode = Argon2PasswordHasher.encode

    def counting(self: Argon2PasswordHasher, password: str, salt: str) -> str:
        hashed.append(password)
        return str(encode(self, password, salt))

    monkeypatch.setattr(Argon2PasswordHasher, "encode", counting)
    log_in(Client(), "eve", "wrong password here")
    assert hashed == ["wrong password here"]


def test_sign_ups_do_not_exist(client: Client) -> None:
    assert client.get("/signup/").status_code == 404
    assert client.get("/login/signup/").status_code == 404


def test_sign_ins_and_failures_are_audited_without_what_was_typed(client: Client, ada: User) -> None:
    log_in(client, "ada", "wrong password here")
    log_in(client, "my-password-by-mistake", "x")
    log_in(client, "ada", PASSWORD)
    rows = list(Operation.objects.filter(action="session.open").order_by("seq"))
    assert [(row.outcome, row.target) for row in rows] == [
        (Outcome.FAILED, "ada"),
        (Outcome.FAILED, ""),
        (Outcome.SUCCEEDED, "ada"),
    ]
    assert "my-password-by-mistake" not in str([row.__dict__ for row in rows])


def test_the_commands_print_what_scripts_need(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("bootstrap_admin", base_url="http://127.0.0.1:9")
    assert '"login_url": "http://127.0.0.1:9/login/link/' in capsys.readouterr().out
    call_command("create_token", role="viewer", name="ci")
    assert capsys.readouterr().out.startswith("kst_")
    call_command("login_link", "admin")
    assert capsys.readouterr().out.startswith("http://127.0.0.1:8640/login/link/")


def test_the_session_that_came_by_link_is_listed(client: Client) -> None:
    client.get(services.first_login_link() or "")
    client.post(SET_PASSWORD, {"password": PASSWORD, "again": PASSWORD})
    assert "This one" in client.get("/settings/security/").content.decode()
