"""CA-5: the brokers' authority gets a new key under a load of 1,000 records/s, and the worker dies in the middle of it.

A client that holds the old root alone lives through the first step; one that was started after it holds both roots.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.drill import drill
from tests.faults.installation import Installation, installation
from tests.faults.rotation import Api, step
from tests.faults.test_kill import assert_nothing_lost

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def target() -> Iterator[Installation]:
    with installation() as made:
        yield made


def test_the_brokers_key_is_replaced_under_load_and_nothing_is_lost(target: Installation) -> None:
    call = Api(target)
    path = "clusters/main/certificates/authorities/brokers/rotation/"
    before = call("GET", path)[0]["current"]["fingerprint"]
    assert_nothing_lost(drill(target, "trust-new", step("begin")))
    switched = drill(target, "switch", step("switch", killing="worker"))
    assert_nothing_lost(switched)
    assert switched.note == "attempt 2"
    assert_nothing_lost(drill(target, "drop-old", step("finish")))
    after = call("GET", path)[0]
    assert after["phase"] == "none"
    assert after["current"]["fingerprint"] != before
    assert all(broker["restarted_since"] and broker["presents_current"] for broker in after["brokers"])


def test_the_clients_key_is_replaced_under_load_without_a_restart(target: Installation) -> None:
    before = target.pids(["main-broker-1", "main-broker-2", "main-broker-3"])
    for name in ("begin", "switch", "finish"):
        assert_nothing_lost(drill(target, f"clients-{name}", step(name, purpose="clients")))
    assert target.pids(["main-broker-1", "main-broker-2", "main-broker-3"]) == before
