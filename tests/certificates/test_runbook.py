"""The runbook in words: which step is done, which is next, what it waits for, and what stopped half-way."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controlplane.certificates.logic.rotation_state import NodeTrust, RotationPhase, RotationState
from controlplane.certificates.logic.runbook import entries
from tests.certificates.test_rotation_logic import FINE, STATES

LATE = (*FINE[:2], NodeTrust(3, True, False, presents_current=False, restarted_since=False))


@pytest.mark.parametrize(
    ("phase", "nodes", "states"),
    [
        (RotationPhase.NONE, FINE, ["now", "later", "later"]),
        (RotationPhase.TRUST_NEW, FINE, ["done", "now", "later"]),
        (RotationPhase.SWITCHED, FINE, ["done", "done", "now"]),
        (RotationPhase.TRUST_NEW, LATE, ["now", "later", "later"]),
        (RotationPhase.SWITCHED, LATE, ["done", "now", "later"]),
        (RotationPhase.DROPPING, LATE, ["done", "done", "now"]),
    ],
)
def test_one_step_is_next_and_a_half_done_one_comes_again(
    phase: RotationPhase, nodes: tuple[NodeTrust, ...], states: list[str]
) -> None:
    state: RotationState = replace(STATES[phase], nodes=nodes)
    found = entries(state)
    assert [entry.state for entry in found] == states
    assert [entry.again for entry in found].count(True) == (1 if nodes is LATE else 0)


def test_a_step_says_what_it_waits_for() -> None:
    state = replace(STATES[RotationPhase.NONE], nodes=(NodeTrust(1, False),))
    assert entries(state)[0].waits_for == "Not running: broker 1"
    assert not entries(STATES[RotationPhase.NONE])[0].waits_for


def test_a_drop_that_stopped_is_the_current_step_until_every_broker_refuses_the_old_one() -> None:
    last = entries(STATES[RotationPhase.DROPPING])[2]
    assert (last.state, last.again) == ("now", True)
    assert "may still be accepted" in last.text


@pytest.mark.parametrize(
    ("phase", "nodes", "current"),
    [
        (RotationPhase.TRUST_NEW, LATE, 0),
        (RotationPhase.SWITCHED, LATE, 1),
        (RotationPhase.SWITCHED, FINE, 2),
        (RotationPhase.DROPPING, FINE, 2),
        (RotationPhase.DROPPING, LATE, 2),
    ],
)
def test_the_step_that_is_at_work_is_the_current_one_and_nothing_is_offered_beside_it(
    phase: RotationPhase, nodes: tuple[NodeTrust, ...], current: int
) -> None:
    state = replace(STATES[phase], nodes=nodes, busy="Drop the old key of the brokers authority")
    found = entries(state)
    assert [index for index, entry in enumerate(found) if entry.state == "now"] == [current]
    assert found[current].waits_for == "Drop the old key of the brokers authority is at work"
    assert not any(entry.again for entry in found)


def test_no_step_is_offered_while_the_new_authority_is_being_abandoned() -> None:
    first = entries(STATES[RotationPhase.ABANDONING])[0]
    assert (first.state, first.waits_for) == ("now", "The new authority is being abandoned")
