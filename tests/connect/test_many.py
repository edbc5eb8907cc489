"""1,500 connectors: the list answers in under a second, as a page and in the API. They are made stopped, so nothing else works."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from broker.connect_spec import ConnectSpec
from controlplane.clusters.models import Cluster
from controlplane.connect.selectors import Connect, connect_of
from controlplane.core.access import Role
from controlplane.gateways.connect import State
from controlplane.gateways.errors import AlreadyExists, Conflict
from tests.conftest import Api
from tests.waiting import eventually
from tests.web.people import signed_in

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True), pytest.mark.timeout(1800)]
MANY = 1500
NAMES = [f"many-{index:04}" for index in range(MANY)]


@pytest.fixture
def many(cluster: Cluster, connect_worker: ConnectSpec) -> Iterator[Connect]:
    connect = connect_of(cluster, "bundled")

    def made(name: str) -> None:
        config = {
            "connector.class": "FileStreamSource",
            "file": f"{name}.txt",
            "topic": name,
            "my.password": "hush-hush",
        }
        for _ in range(5):
            try:
                connect.api.create(name, config, State.STOPPED)
            except AlreadyExists:
                return
            except Conflict:
                time.sleep(2)  # the workers are sharing their work out anew
            else:
                return

    def gone(name: str) -> None:
        connect.api.delete(name)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(made, NAMES))
        eventually(lambda: set(NAMES) <= set(connect.api.connectors()), timeout=300, every=2)
        yield connect
        list(pool.map(gone, NAMES))


def test_the_list_of_1500_answers_within_a_second(many: Connect, api: Callable[[Role], Api]) -> None:
    browser, call = signed_in(Role.VIEWER), api(Role.VIEWER)
    asks: dict[str, Callable[[], object]] = {
        "page": lambda: browser.get("/clusters/main/connect/bundled/?search=many-&sort=-name"),
        "second": lambda: browser.get("/clusters/main/connect/bundled/?page=2"),
        "api": lambda: call("GET", "clusters/main/connect/bundled/connectors/?search=many-"),
    }
    took = {}
    for name, ask in asks.items():
        ask()
        took[name] = min(_timed(ask) for _ in range(5))
    print(took)
    assert call("GET", "clusters/main/connect/bundled/connectors/?search=many-").json()["count"] == MANY
    assert all(seconds < 1 for seconds in took.values()), took


def _timed(ask: Callable[[], object]) -> float:
    started = time.perf_counter()
    ask()
    return time.perf_counter() - started
