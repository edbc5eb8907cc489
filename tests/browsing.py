"""Chromium, and people to sign in with. Browser tests carry the mark `browser`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from controlplane.accounts.models import RoleGrant, User
from controlplane.clusters.models import Cluster
from controlplane.core.access import EVERY_CLUSTER, Role
from tests.ui.browser import Seen, chromium_path, page_for

Open = Callable[..., Seen]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = chromium_path()
    if path is None:
        pytest.skip("no Chromium: install one or set KASTELLAN_CHROMIUM")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture
def cluster_row(db: None) -> Cluster:
    return Cluster.objects.create(name="main", title="Main", colour="green")


@pytest.fixture
def admin(db: None) -> User:
    return person("alice", Role.ADMIN)


@pytest.fixture
def viewer(db: None) -> User:
    return person("bob", Role.VIEWER)


def person(name: str, role: Role, cluster: str = EVERY_CLUSTER) -> User:
    user = User.objects.create_user(username=name, password="correct horse battery")
    RoleGrant.objects.create(user=user, cluster=cluster, role=role.value)
    return user


@pytest.fixture
def open_page(browser: Browser, live_server: Any) -> Iterator[Open]:
    """`open_page(user, theme="dark", width=375)` → Seen; all close at the end of the test."""
    with ExitStack() as stack:
        yield lambda user=None, **wanted: stack.enter_context(
            page_for(browser, live_server.url, user, **wanted)
        )
