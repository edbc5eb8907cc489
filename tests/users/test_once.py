"""WS-10: a password is on one page, once. Nowhere else: database, sessions, audit, logs, any other page."""

from __future__ import annotations

import base64
import io
import logging
import re
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from controlplane.audit.models import Operation
from controlplane.clusters.models import Cluster
from controlplane.core.access import Role
from controlplane.gateways.kafka.gateway import KafkaGateway
from tests.conftest import Api
from tests.web.people import signed_in

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("clean")]
CANARY = "canary-4f1c-canary"
NEW = "/clusters/main/users/+new/"


def hidden(page: str) -> dict[str, str]:
    """The fields that the review page carries along."""
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page))


def walk(client: Client, url: str, fields: dict[str, Any]) -> tuple[str, Any]:
    """Form → review → apply; the review's text and the last answer."""
    review = client.post(url, fields)
    assert review.status_code == 200, review.content.decode()[:2000]
    text = review.content.decode()
    carried = {name: value for name, value in hidden(text).items() if name != "csrfmiddlewaretoken"}
    return text, client.post(url, carried)


def dump() -> str:
    connection.ensure_connection()
    return "\n".join(connection.connection.iterdump())


@pytest.mark.parametrize("given", [True, False], ids=["given", "generated"])
def test_a_password_is_on_one_page_once_and_nowhere_else(
    cluster: Cluster, gateway: KafkaGateway, prefix: str, caplog: pytest.LogCaptureFixture, given: bool
) -> None:
    caplog.set_level(logging.DEBUG)
    client = signed_in(Role.ADMIN)
    fields = {
        "name": prefix,
        "mechanism": "SCRAM-SHA-512",
        "iterations": "4096",
        "password": CANARY if given else "",
    }
    review, shown = walk(client, NEW, fields)
    page = shown.content.decode()
    found = re.search(r'data-copy="([^"]{12,})"', page)
    assert found
    password = found[1]
    assert password == CANARY if given else len(password) >= 32
    assert "no-store" in shown.headers["Cache-Control"]
    assert 'type="hidden"' not in page.partition("<main")[2]

    assert password not in review
    assert password not in dump()
    assert password not in caplog.text
    assert password not in str(Operation.objects.filter(target=prefix).values())
    for url in ("/clusters/main/users/", f"/clusters/main/users/{prefix}/", "/operations/"):
        assert password not in client.get(url).content.decode()
    operation = Operation.objects.get(target=prefix)
    assert password not in client.get(f"/operations/{operation.uid}/").content.decode()
    assert operation.outcome == "succeeded"


def test_the_zip_in_the_page_holds_the_files_that_are_shown(
    cluster: Cluster, gateway: KafkaGateway, prefix: str
) -> None:
    _, shown = walk(signed_in(Role.ADMIN), NEW, {"name": prefix, "mechanism": "both", "iterations": "4096"})
    found = re.search(r"data:application/zip;base64,([^\"]+)", shown.content.decode())
    assert found
    archive = zipfile.ZipFile(io.BytesIO(base64.b64decode(found[1])))
    names = {name.removeprefix(f"{prefix}/") for name in archive.namelist()}
    assert names == {
        "ca.pem",
        "client.properties",
        "kcat.conf",
        "confluent_kafka_client.py",
        "kafka_python_client.py",
    }
    assert "SCRAM-SHA-512" in archive.read(f"{prefix}/kcat.conf").decode()


def test_a_sealed_password_belongs_to_one_person_cluster_and_name(
    cluster: Cluster, gateway: KafkaGateway, prefix: str
) -> None:
    client = signed_in(Role.ADMIN)
    fields = {"name": prefix, "mechanism": "SCRAM-SHA-512", "iterations": "4096", "password": CANARY}
    carried = hidden(client.post(NEW, fields).content.decode())
    carried.pop("csrfmiddlewaretoken", None)
    moved = client.post(NEW, {**carried, "name": f"{prefix}-other"})
    assert moved.status_code == 422
    assert gateway.describe_user_scram_credentials([f"{prefix}-other", prefix]) == ()


def test_a_refused_password_is_not_repeated(cluster: Cluster, gateway: KafkaGateway, prefix: str) -> None:
    fields = {"name": prefix, "mechanism": "SCRAM-SHA-512", "iterations": "4096", "password": "tooshort-1"}
    answer = signed_in(Role.ADMIN).post(NEW, fields)
    assert answer.status_code == 422
    assert "tooshort-1" not in answer.content.decode()
    again = signed_in(Role.ADMIN).post(NEW, {**fields, "edit": "1"})
    assert "tooshort-1" not in again.content.decode()


def test_an_api_password_is_in_one_answer_and_nowhere_else(
    cluster: Cluster,
    gateway: KafkaGateway,
    api: Callable[[Role], Api],
    prefix: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    made = api(Role.ADMIN)(
        "POST", "clusters/main/users/", {"name": prefix, "password": CANARY}, Idempotency_Key="c1"
    )
    assert made.json()["password"] == CANARY
    assert CANARY not in dump()
    assert CANARY not in caplog.text
