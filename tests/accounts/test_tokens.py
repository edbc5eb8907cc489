"""API tokens (WS-8): their text, what is stored, what they may do, and when they stop."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.test import APIClient

from controlplane.accounts import services, tokens
from controlplane.accounts.models import ApiToken, RoleGrant, User
from controlplane.audit.models import Operation
from controlplane.core.access import Action, Role
from tests.web.people import api, person, token_text

pytestmark = pytest.mark.django_db
ROOT = "/api/v1/"


def use(text: str, scheme: str = "Token") -> int:
    return int(APIClient().get(ROOT, headers={"Authorization": f"{scheme} {text}"}).status_code)


def test_a_token_has_a_readable_prefix_256_random_bits_and_a_checksum() -> None:
    fresh = tokens.generate()
    assert re.fullmatch(r"kst_[0-9a-z]{8}_[0-9A-Za-z_-]{43}_[0-9A-Za-z]{6}", fresh.text)
    assert tokens.prefix_of(fresh.text) == fresh.prefix
    assert len({tokens.generate().text for _ in range(200)}) == 200


@given(st.integers(0, 63), st.sampled_from("0aZ_-"))
def test_a_typing_error_is_found_without_the_database(index: int, letter: str) -> None:
    text = tokens.generate().text
    changed = text[:index] + letter + text[index + 1 :]
    assert changed == text or tokens.prefix_of(changed) is None


@given(st.text(max_size=80))
def test_any_text_that_is_no_token_has_no_prefix(text: str) -> None:
    assert tokens.prefix_of(text) is None


def test_only_the_hash_is_stored() -> None:
    text = token_text(Role.VIEWER)
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM accounts_apitoken")
        stored = repr(cursor.fetchall())
    secret = text.split("_", 2)[2].rpartition("_")[0]
    assert secret not in stored
    assert tokens.digest(text) in stored


@pytest.mark.parametrize("scheme", ["Token", "token", "Bearer"])
def test_both_schemes_are_taken(scheme: str) -> None:
    assert use(token_text(Role.VIEWER), scheme) == 200


def test_an_unknown_token_is_401_with_a_challenge() -> None:
    answer = APIClient().get(ROOT, headers={"Authorization": f"Token {tokens.generate().text}"})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Token")
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_it_stops_when_it_expires() -> None:
    text = token_text(Role.VIEWER)
    with time_machine.travel(timezone.now() + timedelta(days=91)):
        assert use(text) == 401


def test_it_stops_when_it_is_revoked() -> None:
    text = token_text(Role.VIEWER)
    services.revoke_token(ApiToken.objects.get())
    assert use(text) == 401


def test_it_stops_when_its_owner_is_disabled() -> None:
    text = token_text(Role.VIEWER)
    User.objects.update(is_active=False)
    assert use(text) == 401


def test_it_loses_what_its_owner_loses() -> None:
    client = api(Role.ADMIN)
    assert client.get("/api/v1/users/").status_code == 200
    RoleGrant.objects.update(role=Role.VIEWER.value)
    assert client.get("/api/v1/users/").status_code == 403


@pytest.mark.parametrize("days", [0, 366, 100_000])
def test_nobody_gets_a_token_for_longer_than_a_year(days: int) -> None:
    answer = api(Role.VIEWER).post("/api/v1/tokens/", {"name": "x", "days": days}, format="json")
    assert answer.status_code == 422
    assert "days" in answer.json()["errors"]


def test_a_token_makes_none_that_outlives_it() -> None:
    maker, text = services.create_token(user=person(Role.ADMIN), name="short", days=2)
    client = APIClient(headers={"Authorization": f"Token {text}"})
    for name, days in (("longer", 3), ("shorter", 1)):
        assert client.post("/api/v1/tokens/", {"name": name, "days": days}, format="json").status_code == 201
    assert ApiToken.objects.get(name="longer").expires_at == maker.expires_at
    assert ApiToken.objects.get(name="shorter").expires_at < maker.expires_at


def test_a_token_cannot_have_a_higher_role_than_its_owner() -> None:
    answer = api(Role.VIEWER).post("/api/v1/tokens/", {"name": "x", "role": "admin"}, format="json")
    assert answer.status_code == 422
    assert "role" in answer.json()["errors"]


def test_scopes_are_a_subset_of_the_role() -> None:
    body = {"name": "x", "role": "viewer", "scopes": ["topic.delete"]}
    answer = api(Role.ADMIN).post("/api/v1/tokens/", body, format="json")
    assert answer.status_code == 422
    assert "scopes" in answer.json()["errors"]


def test_a_scoped_token_does_only_what_it_is_scoped_for() -> None:
    owner = person(Role.ADMIN)
    _, text = services.create_token(user=owner, name="jobs", scopes=[Action.JOB_VIEW])
    client = APIClient(headers={"Authorization": f"Token {text}"})
    assert client.get("/api/v1/jobs/").status_code == 200
    assert client.get("/api/v1/operations/").status_code == 403
    assert client.get("/api/v1/users/").status_code == 403


def test_a_token_cannot_make_a_stronger_one() -> None:
    owner = person(Role.ADMIN)
    _, text = services.create_token(
        user=owner, name="low", role=Role.VIEWER, scopes=[Action.TOKEN_MANAGE_OWN, Action.JOB_VIEW]
    )
    client = APIClient(headers={"Authorization": f"Token {text}"})
    wide = client.post("/api/v1/tokens/", {"name": "x", "role": "admin"}, format="json")
    other = client.post("/api/v1/tokens/", {"name": "x", "scopes": ["audit.view"]}, format="json")
    same = client.post("/api/v1/tokens/", {"name": "x"}, format="json")
    assert (wide.status_code, other.status_code, same.status_code) == (422, 422, 201)
    assert same.json()["role"] == "viewer"
    assert same.json()["scopes"] == ["job.view", "token.manage_own"]


def test_the_text_is_shown_once() -> None:
    client = api(Role.VIEWER)
    made = client.post("/api/v1/tokens/", {"name": "deploy"}, format="json").json()
    assert use(made["token"]) == 200
    listed = client.get("/api/v1/tokens/").json()
    assert listed["count"] == 2
    assert made["token"] not in str(listed)
    assert made["token"] not in str(client.get(f"/api/v1/tokens/{made['prefix']}/").json())


def test_a_repeat_under_the_same_key_does_not_show_the_text_again() -> None:
    client = api(Role.VIEWER)
    headers = {"Idempotency-Key": "k1"}
    first = client.post("/api/v1/tokens/", {"name": "deploy"}, format="json", headers=headers)
    again = client.post("/api/v1/tokens/", {"name": "deploy"}, format="json", headers=headers)
    assert first.json()["token"]
    assert again.json() == {**first.json(), "token": None}
    assert ApiToken.objects.filter(name="deploy").count() == 1


def test_last_use_is_written_at_most_once_a_minute() -> None:
    text = token_text(Role.VIEWER)
    start = timezone.now()
    seen = []
    for seconds in (0, 30, 61):
        with time_machine.travel(start + timedelta(seconds=seconds), tick=False):
            assert use(text) == 200
            used = ApiToken.objects.get().last_used_at
            assert used is not None
            seen.append(used)
    assert seen[0] == seen[1] < seen[2]
    assert ApiToken.objects.get().last_used_ip == "127.0.0.1"


def test_making_and_revoking_are_audited_without_the_text() -> None:
    client = api(Role.VIEWER)
    made = client.post("/api/v1/tokens/", {"name": "deploy"}, format="json").json()
    assert client.delete(f"/api/v1/tokens/{made['prefix']}/").status_code == 204
    rows = Operation.objects.filter(action=Action.TOKEN_MANAGE_OWN.value).order_by("seq")
    assert [row.details["act"] for row in rows] == ["create", "revoke"]
    assert made["token"] not in str([row.__dict__ for row in rows])


def test_nobody_sees_another_ones_tokens() -> None:
    token_text(Role.OPERATOR)
    other = ApiToken.objects.get()
    client = api(Role.VIEWER)
    assert client.get(f"/api/v1/tokens/{other.prefix}/").status_code == 404
    assert client.delete(f"/api/v1/tokens/{other.prefix}/").status_code == 404
    assert client.get("/api/v1/tokens/").json()["count"] == 1
