"""A broker that was added is removed for real: its replicas move, a kill in the middle changes nothing, `up` leaves it be."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from broker.cluster import load_cluster
from broker.control import ControlClient
from broker.states import ProcessState
from tests.faults.installation import DrillFailed, Installation, installation, kill
from tests.faults.rotation import Api
from tests.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
BROKERS = "clusters/main/brokers/"
REMOVE = f"{BROKERS}4/?move_replicas=true"
JOB_S = 300


@pytest.fixture(scope="module")
def target() -> Iterator[Installation]:
    with installation() as made:
        yield made


@pytest.fixture
def call(target: Installation) -> Api:
    return Api(target)


@pytest.fixture
def spread(target: Installation, call: Api) -> Iterator[str]:
    """A topic with replicas on broker 4, which was added for it and is gone afterwards: tests run in any order."""
    add_broker(call)
    topic = f"spread-{secrets.token_hex(3)}"
    call(
        "POST",
        "clusters/main/topics/",
        {"name": topic, "partitions": 8, "replication_factor": 3, "configs": {}},
    )
    yield topic
    if 4 in ids(target):
        done(call, call("DELETE", REMOVE, If_Match=tag(call, REMOVE))[0]["job"])


def ended(call: Api, job: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        found, _ = call("GET", f"jobs/{job}/")
        return found if found["ended_at"] else None

    return eventually(look, timeout=JOB_S)


def done(call: Api, job: str) -> dict[str, Any]:
    found = ended(call, job)
    assert (found["state"], found["error"]) == ("succeeded", ""), found
    return found


def add_broker(call: Api) -> None:
    done(call, call("POST", BROKERS)[0]["job"])


def tag(call: Api, path: str) -> str:
    return str(call("DELETE", f"{path}&dry_run=true")[1])


def brokers(call: Api) -> dict[int, dict[str, Any]]:
    return {each["broker_id"]: each for each in call("GET", BROKERS)[0]["results"]}


def partitions_of(call: Api, topic: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = call("GET", f"clusters/main/topics/{topic}/partitions/")[0]["results"]
    return found


def ids(target: Installation) -> list[int]:
    spec = load_cluster(target.paths)
    assert spec is not None
    return [node.id for node in spec.nodes]


def test_a_host_is_refused_until_its_replicas_may_move_and_a_voter_for_ever(call: Api, spread: str) -> None:
    hosted = sum(4 in each["replicas"] for each in partitions_of(call, spread))
    assert hosted
    with pytest.raises(DrillFailed, match=f"Broker 4 hosts {hosted} replicas of 1 topic: {spread}"):
        call("DELETE", f"{BROKERS}4/?move_replicas=false", If_Match="*")
    with pytest.raises(DrillFailed, match="Broker 2 is one of 3 controllers"):
        call("DELETE", f"{BROKERS}2/?move_replicas=true", If_Match="*")
    with pytest.raises(DrillFailed, match="428"):
        call("DELETE", REMOVE)


def test_its_replicas_move_and_it_is_gone_though_the_worker_dies_in_the_middle(
    target: Installation, call: Api, spread: str
) -> None:
    removed = target.paths.cluster("main").removed
    before = set(removed.iterdir()) if removed.exists() else set()
    job = call("DELETE", REMOVE, If_Match=tag(call, REMOVE))[0]["job"]
    eventually(lambda: call("GET", f"jobs/{job}/")[0]["steps"], timeout=60, every=0.01)
    kill([target.pid("worker")])
    done(call, job)
    moved = partitions_of(call, spread)
    assert all(4 not in each["replicas"] and len(each["replicas"]) == 3 for each in moved)
    eventually(lambda: all(len(each["isr"]) == 3 for each in partitions_of(call, spread)), timeout=60)
    assert ids(target) == [1, 2, 3]
    assert sorted(brokers(call)) == [1, 2, 3]
    assert "main-broker-4" not in target.processes()
    assert not (target.paths.cluster("main").node(4).root).exists()
    (aside,) = set(removed.iterdir()) - before
    assert (aside / "meta.properties").is_file()
    verdict = call("GET", "clusters/main/")[0]["verdict"]
    assert verdict["sentence"] == "All 3 brokers are up and every replica is in sync."
    the_next_start_does_not_bring_it_back(target)


def the_next_start_does_not_bring_it_back(target: Installation) -> None:
    target.down()
    target.up()
    assert ids(target) == [1, 2, 3]
    assert "main-broker-4" not in target.processes()


def test_a_removal_that_was_broken_off_is_explained_by_up_and_finished_by_the_command(
    target: Installation, call: Api
) -> None:
    """As after a kill right behind the first record: the broker leaves, and nothing more has been done."""
    add_broker(call)
    record = target.paths.cluster("main").record
    record.write_text(json.dumps({**json.loads(record.read_text()), "leaving": [4]}))
    ControlClient(target.paths).stop("main-broker-4")
    eventually(lambda: target.processes()["main-broker-4"].state is ProcessState.STOPPED, timeout=60)
    assert target.starting().wait(timeout=120) == 0
    assert "broker 4 is being removed" in target.said()
    assert target.processes()["main-broker-4"].state is ProcessState.STOPPED
    (plan, _) = call("DELETE", f"{REMOVE}&dry_run=true")
    assert plan["allowed"]
    assert any("goes on from where it stopped" in each for each in plan["warnings"])
    target.broker("remove", "4", "--delete-data")
    assert ids(target) == [1, 2, 3]
    eventually(lambda: sorted(brokers(call)) == [1, 2, 3], timeout=60)


def test_its_number_comes_back_as_a_new_broker(target: Installation, call: Api) -> None:
    add_broker(call)
    eventually(lambda: brokers(call)[4]["condition"] == "up", timeout=60)
    target.broker("remove", "4")
    assert ids(target) == [1, 2, 3]
