"""D2, D3, D4 for real: what would fell a cluster when done at once is done one after another, or refused."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from broker.cluster import load_cluster
from broker.states import ProcessState
from tests.faults.installation import DrillFailed, Installation, installation
from tests.faults.rotation import Api

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
BROKERS = "clusters/main/brokers/"
JOB_S = 300
Ask = tuple[str, object]


@pytest.fixture(scope="module")
def target() -> Iterator[Installation]:
    with installation() as made:
        yield made


@pytest.fixture(scope="module")
def call(target: Installation) -> Api:
    """Made once: a token costs seconds, in which a job may already end."""
    return Api(target)


def at_once(call: Api, asks: Sequence[Ask]) -> tuple[str, list[str]]:
    """The one job that was accepted, and what the others were told."""
    together = threading.Barrier(len(asks))

    def ask(each: Ask) -> tuple[str, str]:
        together.wait()
        try:
            return str(call("POST", *each)[0]["job"]), ""
        except DrillFailed as failure:
            return "", str(failure)

    with ThreadPoolExecutor(len(asks)) as pool:
        told = list(pool.map(ask, asks))
    jobs = [job for job, _ in told if job]
    assert len(jobs) == 1, told
    return jobs[0], [text for job, text in told if not job]


def followed(target: Installation, call: Api, job: str) -> tuple[dict[str, Any], int]:
    """The ended job, and how many brokers were away at its worst."""
    deadline, most = time.monotonic() + JOB_S, 0
    while time.monotonic() < deadline:
        states = [each.state for name, each in target.processes().items() if "-broker-" in name]
        most = max(most, len(states) - states.count(ProcessState.RUNNING))
        found, _ = call("GET", f"jobs/{job}/")
        if found["ended_at"]:
            return found, most
        time.sleep(0.1)
    raise AssertionError(f"not ended: {found}")


def test_of_three_restarts_at_once_one_is_done(target: Installation, call: Api) -> None:
    job, told = at_once(call, [(f"{BROKERS}{broker}/", {"act": "restart"}) for broker in (1, 2, 3)])
    ended, most = followed(target, call, job)
    assert (ended["state"], ended["error"]) == ("succeeded", "")
    assert most == 1
    assert len(told) == 2
    assert all("is at work" in text for text in told)


def test_of_rolling_restarts_and_a_restart_at_once_one_is_done_and_its_steps_are_told(
    target: Installation, call: Api
) -> None:
    asks: list[Ask] = [(f"{BROKERS}roll/", None), (f"{BROKERS}roll/", None)]
    job, told = at_once(call, asks)
    late = refused(call, (f"{BROKERS}2/", {"act": "restart"}))
    ended, most = followed(target, call, job)
    assert ended["state"] == "succeeded"
    assert most == 1
    spec = load_cluster(target.paths)
    assert spec is not None
    look, *restarts = [step["name"] for step in ended["steps"]]
    assert look == "Look whether the plan still holds"
    assert set(restarts) == {f"Restart broker {node.id}" for node in spec.nodes}
    assert {step["state"] for step in ended["steps"]} == {"done"}
    assert all("is at work" in text for text in (*told, late))


def refused(call: Api, ask: Ask) -> str:
    with pytest.raises(DrillFailed) as failure:
        call("POST", *ask)
    return str(failure.value)


def test_of_two_new_brokers_at_once_one_comes_and_no_phantom_stays(target: Installation, call: Api) -> None:
    job, told = at_once(call, [(BROKERS, None), (BROKERS, None)])
    ended, _ = followed(target, call, job)
    assert (ended["state"], ended["result"]) == ("succeeded", {"broker": 4})
    assert "Add broker 4 is at work" in told[0]
    spec = load_cluster(target.paths)
    assert spec is not None
    assert [node.id for node in spec.nodes] == [1, 2, 3, 4]
