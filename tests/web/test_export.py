"""UX-10: every table of the server leaves as CSV and as JSON: all its pages, with the filter and order of the address."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from copy import copy
from pathlib import Path

import pytest
from django.test import Client

from controlplane.accounts.models import User
from controlplane.clusters.models import Cluster, TopicSnapshot
from controlplane.clusters.services import refresh
from controlplane.core.access import Role
from tests.web.matrix import routes

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"
TABLES = (
    "clusters:brokers", "topics:list", "groups:list", "kafka_users:list", "acls:list", "acls:principals",
    "acls:resources", "acls:denials", "quotas:list", "quotas:clients", "certificates:list", "certificates:expiry",
    "service_accounts:list", "audit:list", "jobs:list", "accounts:users",
)  # fmt: skip


@pytest.fixture
def anna(users: dict[Role, User], cluster: Cluster) -> Client:
    client = Client()
    client.force_login(users[Role.ADMIN])
    return client


def address(name: str) -> str:
    return next(route.path for route in routes() if route.name == name)


def test_every_table_offers_its_export() -> None:
    """In the template that holds the head of the table, or in the one that includes that."""
    sources = {path: path.read_text() for path in TEMPLATES.rglob("*.html")}
    offering = [
        text
        for text in sources.values()
        if "components/pager.html" in text or "components/export.html" in text
    ]
    for path, text in sources.items():
        if "components/table_head.html" in text and text not in offering:
            name = str(path.relative_to(TEMPLATES))
            assert any(f'include "{name}"' in other for other in offering), name


@pytest.mark.parametrize("name", TABLES)
def test_as_csv_and_as_json(anna: Client, name: str) -> None:
    page = anna.get(address(name))
    assert page.status_code == 200
    as_csv, as_json = (anna.get(f"{address(name)}?format={wanted}") for wanted in ("csv", "json"))
    for answer, kind in ((as_csv, "text/csv; charset=utf-8"), (as_json, "application/json")):
        assert (answer.status_code, answer["Content-Type"]) == (200, kind), name
        assert answer["Content-Disposition"].startswith("attachment; filename=")
    rows = list(csv.DictReader(io.StringIO(as_csv.content.decode())))
    assert len(rows) == len(json.loads(as_json.content))


def test_all_pages_filtered_and_sorted_as_the_address_says(
    anna: Client, cluster: Cluster, make_topic: Callable[..., str], prefix: str
) -> None:
    name = make_topic(prefix)
    refresh(cluster)
    row = TopicSnapshot.objects.get(cluster=cluster, name=name)
    mine = []
    for number in range(60):
        row.pk, row.name = None, f"exported-{number:03}"
        mine.append(copy(row))
    TopicSnapshot.objects.bulk_create(mine)
    path = f"{address('topics:list')}?search=exported-&sort=-name&page=2&page_size=25&format=json"
    found = [row["name"] for row in json.loads(anna.get(path).content)]
    assert found == sorted((row.name for row in mine), reverse=True)


def test_the_page_offers_both_with_its_own_filter(anna: Client) -> None:
    page = anna.get(f"{address('audit:list')}?outcome=succeeded").content.decode()
    assert 'href="?outcome=succeeded&amp;format=csv" download' in page
    assert 'href="?outcome=succeeded&amp;format=json" download' in page


def test_an_unknown_format_is_the_page(anna: Client) -> None:
    assert anna.get(f"{address('topics:list')}?format=xml")["Content-Type"].startswith("text/html")
