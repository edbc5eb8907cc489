"""The runbook in words: which step is done, which is next, what it waits for, and what stopped half-way."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controlplane.certificates.logic.rotation import NodeTrust, RotationPhase, RotationState
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
