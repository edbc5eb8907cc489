"""AP-1: Idempotency-Key on POST. One effect per key; other bodies, replays, flights, ages and failures."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
import time_machine
from django.db import connection, connections
from django.utils import timezone
from rest_framework.test import APIClient

from controlplane.accounts.models import User
from controlplane.audit.models import StoredAnswer
from controlplane.core.access import Role
from tests.web.people import api, token_text

URL = "/api/v1/users/"


def post(client: APIClient, name: str, key: str | None = "key-1") -> tuple[int, dict[str, object], bool]:
    headers = {"Idempotency-Key": key} if key is not None else {}
    answer = client.post(URL, {"username": name}, format="json", headers=headers)
    return answer.status_code, answer.json(), answer.headers.get("Idempotency-Replayed") == "true"


@pytest.mark.django_db
class TestKeys:
    def test_a_repeat_gives_the_stored_answer(self) -> None:
        client = api(Role.ADMIN)
        first = post(client, "kim")
        again = post(client, "kim")
        assert first[0] == again[0] == 201
        assert not first[2]
        assert again[2]
        assert again[1] == {**first[1], "login_url": None}

    def test_the_same_key_with_another_body_is_422(self) -> None:
        client = api(Role.ADMIN)
        post(client, "kim")
        status, body, _ = post(client, "lee")
        assert (status, body["code"]) == (422, "idempotency_key_reused")
        assert not User.objects.filter(username="lee").exists()

    def test_one_in_flight_is_409(self) -> None:
        client = api(Role.ADMIN)
        post(client, "kim")
        StoredAnswer.objects.update(answered_at=None)
        status, body, _ = post(client, "kim")
        assert (status, body["code"]) == (409, "request_in_flight")

    def test_one_whose_process_died_can_be_repeated(self) -> None:
        client = api(Role.ADMIN)
        post(client, "kim")
        StoredAnswer.objects.update(answered_at=None, claimed_at=timezone.now() - timedelta(minutes=6))
        assert post(client, "kim")[0] == 409  # the user exists: the second run finds the first one's effect
        assert User.objects.filter(username="kim").count() == 1

    def test_errors_below_500_are_kept_too(self) -> None:
        client = api(Role.ADMIN)
        first = post(client, "NOT VALID")
        again = post(client, "NOT VALID")
        assert first[0] == again[0] == 422
        assert again[2]

    def test_keys_belong_to_their_token(self) -> None:
        assert post(api(Role.ADMIN), "kim")[0] == 201
        assert post(api(Role.ADMIN), "lee")[0] == 201

    def test_a_key_is_kept_for_a_day(self) -> None:
        client = api(Role.ADMIN)
        post(client, "kim")
        start = timezone.now()
        with time_machine.travel(start + timedelta(hours=23)):
            assert post(client, "kim")[2]
        with time_machine.travel(start + timedelta(hours=25)):
            assert post(client, "lee")[0] == 201

    def test_it_is_never_required(self) -> None:
        client = api(Role.ADMIN)
        assert post(client, "kim", None)[0] == 201
        assert post(client, "kim", None)[0] == 409

    @pytest.mark.parametrize("key", ["", " ", "a b", "ü", "x" * 201])
    def test_a_malformed_key_is_told(self, key: str) -> None:
        assert post(api(Role.ADMIN), "kim", key)[0] == 422

    def test_what_is_stored_is_encrypted_and_has_no_secret(self) -> None:
        link = str(post(api(Role.ADMIN), "kim")[1]["login_url"])
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM audit_storedanswer")
            stored = repr(cursor.fetchall())
        assert "kim" not in stored
        assert link not in stored

    def test_without_permission_no_key_is_claimed(self) -> None:
        assert post(api(Role.VIEWER), "kim")[0] == 403
        assert not StoredAnswer.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_equal_posts_at_once_have_one_effect() -> None:
    text = token_text(Role.ADMIN)
    answers: list[int] = []
    barrier = threading.Barrier(12)

    def send() -> None:
        client = APIClient(headers={"Authorization": f"Token {text}"})
        barrier.wait()
        try:
            answers.append(post(client, "kim")[0])
        finally:
            connections.close_all()

    threads = [threading.Thread(target=send) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(answers) <= {201, 409}
    assert 201 in answers
    assert User.objects.filter(username="kim").count() == 1
