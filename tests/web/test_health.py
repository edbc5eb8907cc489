"""/healthz and /readyz: a word for everybody, details for those with a token."""

from __future__ import annotations

import pytest
from django.test import Client

from controlplane.config import readiness
from controlplane.core.access import Role
from tests.web.people import api

pytestmark = pytest.mark.django_db


def test_healthz_is_public_and_tiny(client: Client) -> None:
    answer = client.get("/healthz")
    assert (answer.status_code, answer.content) == (200, b"ok\n")


def test_readyz_says_no_more_than_ready_to_nobody(client: Client) -> None:
    assert client.get("/readyz").json() == {"ready": True}


def test_readyz_tells_a_token_what_is_missing() -> None:
    found = api(Role.VIEWER).get("/readyz").json()
    assert found["parts"]["database"]["ok"]
    assert set(found["parts"]) == {"database", "queue", "worker", "evaluation"}


def test_a_bad_token_is_refused_rather_than_ignored(client: Client) -> None:
    answer = client.get("/readyz", headers={"Authorization": "Token nonsense"})
    assert answer.status_code == 401
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_without_the_database_it_is_not_ready(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "database", lambda: "OperationalError")
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"ready": False})
