"""What can be taken along: a table as a file, an object as text, a plan as a command line and as an API request."""

from __future__ import annotations

import csv
import json
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from controlplane.accounts.models import User
from controlplane.clusters.models import Cluster
from controlplane.core.access import Role
from controlplane.gateways.kafka.gateway import KafkaGateway
from tests.browsing import Open
from tests.conftest import Api
from tests.ui.browser import LIGHT_FIRST, WIDTHS, Theme

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def topic(gateway: KafkaGateway, cluster: Cluster, make_topic: Callable[..., str], prefix: str) -> str:
    gateway.create_topic(prefix, 2, 3, {"retention.ms": "3600000"})
    return make_topic(f"{prefix}-other") and prefix


def test_a_table_a_topic_and_a_plan(
    open_page: Open, users: dict[Role, User], api: Callable[[Role], Api], topic: str, tmp_path: Path
) -> None:
    seen = open_page(users[Role.ADMIN])
    page = seen.open("/clusters/main/brokers/")
    page.get_by_text("Export").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    download.value.save_as(tmp_path / "brokers.csv")
    with (tmp_path / "brokers.csv").open(newline="") as file:
        assert {row["broker_id"] for row in csv.DictReader(file)} == {"1", "2", "3"}

    page = seen.open(f"/clusters/main/topics/{topic}/")
    page.get_by_label("More actions").click()
    seen.screenshot("topic-menu", full=False)
    page.get_by_role("link", name="As YAML").click()
    page.get_by_role("heading", name=f"{topic} as text").wait_for()
    declared = yaml.safe_load(page.locator("#yaml .code").inner_text())
    assert declared == {
        "name": topic, "partitions": 2, "replication_factor": 3, "configs": {"retention.ms": "3600000"},
    }  # fmt: skip
    words = shlex.split(page.locator("#api .code").last.inner_text())
    body = json.loads(words[words.index("-d") + 1]) | {"name": f"{topic}-twin"}
    path = words[3].removeprefix("$URL/api/v1/")
    assert api(Role.OPERATOR)("POST", path, body).status_code == 201

    page = seen.open(f"/clusters/main/topics/{topic}/add-partitions/")
    page.get_by_label("Partitions in all").fill("4")
    page.locator("main form button[type=submit]").click()
    page.get_by_role("heading", name="The same through the API").wait_for()
    text = page.locator(".side-notes .code", has_text="curl").inner_text()
    assert f"clusters/main/topics/{topic}/partitions/" in text
    seen.assert_quiet()


@pytest.mark.parametrize("theme", LIGHT_FIRST)
def test_the_pages_are_accessible_quiet_and_fit(
    open_page: Open, users: dict[Role, User], topic: str, theme: Theme
) -> None:
    for width in WIDTHS:
        seen = open_page(users[Role.ADMIN], theme=theme, width=width)
        for name, path in {
            "topic-text": f"/clusters/main/topics/{topic}/copy/",
            "broker-text": "/clusters/main/brokers/1/copy/",
            "broker-defaults": "/clusters/main/brokers/1/configs/?changed=1",
            "export": "/clusters/main/topics/",
        }.items():
            page = seen.open(path)
            seen.assert_accessible()
            if name == "export":  # opened, its menu lies over the rows, whose links axe would call too small
                page.get_by_text("Export").click()
            seen.screenshot(f"{name}-{theme}-{width}", full=False)
            seen.assert_fits()
        page = seen.open(f"/clusters/main/topics/{topic}/add-partitions/")
        page.get_by_label("Partitions in all").fill("4")
        page.locator("main form button[type=submit]").click()
        page.get_by_role("heading", name="The same through the API").wait_for()
        seen.screenshot(f"curl-{theme}-{width}")
        seen.assert_fits()
        seen.assert_accessible()
        seen.assert_quiet()
