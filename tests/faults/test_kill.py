"""PS-1 and PS-7 on a real installation: whatever is killed under load, nothing acknowledged is lost.

KASTELLAN_FAULT_ROUNDS sets how often all brokers are killed at once (TARGETS asks for 10; 3 unless told).
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.faults.drill import Outcome, Recovery, drill, kill_brokers, kill_service, kill_supervisor
from tests.faults.installation import BROKERS, Installation, installation, kill

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ROUNDS = int(os.environ.get("KASTELLAN_FAULT_ROUNDS", "3"))
ADOPTION_S = 10


@pytest.fixture(scope="module")
def target() -> Iterator[Installation]:
    with installation() as made:
        yield made


def assert_nothing_lost(outcome: Outcome) -> None:
    assert outcome.verdict.acked > 1000
    assert outcome.verdict.clean, outcome.verdict
    assert not outcome.errors, sorted(set(outcome.errors))


def assert_same_brokers(target: Installation, outcome: Outcome) -> None:
    assert outcome.brokers_after == outcome.brokers_before
    java = [arguments for _, arguments in target.left() if "java" in arguments.partition(" ")[0]]
    assert len(java) == len(BROKERS), f"a second JVM: {java}"


def test_the_next_supervisor_adopts_the_same_brokers_and_nothing_is_lost(target: Installation) -> None:
    adopted: list[float] = []

    def strike(target: Installation) -> Recovery:
        recovery = kill_supervisor(target)
        adopted.append(recovery.adopted or 0)
        return recovery

    outcome = drill(target, "supervisor", strike)
    assert_nothing_lost(outcome)
    assert_same_brokers(target, outcome)
    assert 0 < adopted[0] <= ADOPTION_S


@pytest.mark.parametrize("name", ["web", "worker", "redis"])
def test_brokers_do_not_notice_the_death_of(name: str, target: Installation) -> None:
    outcome = drill(target, name, kill_service(name))
    assert_nothing_lost(outcome)
    assert_same_brokers(target, outcome)
    assert not outcome.note, outcome.note


@pytest.mark.parametrize("name", BROKERS)
def test_one_broker_dies_and_comes_back(name: str, target: Installation) -> None:
    assert_nothing_lost(drill(target, name, kill_brokers([name])))


@pytest.mark.parametrize("number", range(1, ROUNDS + 1))
def test_all_brokers_die_at_once_and_nothing_is_lost(number: int, target: Installation) -> None:
    outcome = drill(target, f"all-{number}", kill_brokers(BROKERS))
    assert_nothing_lost(outcome)
    assert set(outcome.brokers_after).isdisjoint(outcome.brokers_before)


def test_down_leaves_no_process_even_when_the_supervisor_is_dead(target: Installation) -> None:
    """`down` takes the orphans over and stops them. The order of tests is random: up again for the others."""
    kill([target.pid("supervisor")])
    target.down()
    left = target.left()
    target.up()
    assert left == ()
