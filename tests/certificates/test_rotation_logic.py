"""Which step of a key's replacement may be taken: never before every node has finished the one before. Tables."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.certificates.logic.rotation import continues, plan_step
from controlplane.certificates.logic.rotation_state import (
    LEADS_TO,
    NEEDS,
    AuthorityFacts,
    NodeTrust,
    RotationPhase,
    RotationState,
    RotationStep,
)
from controlplane.core.plans import Plan, plan_from_json

OLD, NEW = (AuthorityFacts(f"CN={name} root", name * 8, "2036-11-24") for name in ("old", "new"))
FINE = (NodeTrust(1, True, True), NodeTrust(2, True, True), NodeTrust(3, True, True))
STATES = {
    RotationPhase.NONE: RotationState("brokers", RotationPhase.NONE, OLD, nodes=FINE),
    RotationPhase.TRUST_NEW: RotationState(
        "brokers", RotationPhase.TRUST_NEW, OLD, following=NEW, nodes=FINE
    ),
    RotationPhase.ABANDONING: RotationState(
        "brokers", RotationPhase.ABANDONING, OLD, following=NEW, nodes=FINE
    ),
    RotationPhase.SWITCHED: RotationState("brokers", RotationPhase.SWITCHED, NEW, old=OLD, nodes=FINE),
    RotationPhase.DROPPING: RotationState("brokers", RotationPhase.DROPPING, NEW, old=OLD, nodes=FINE),
}


def codes(step: RotationStep, state: RotationState) -> list[str]:
    return [refusal.code for refusal in plan_step(step, state, cluster="main", successor=NEW).refusals]


@pytest.mark.parametrize(
    ("step", "phases"),
    [
        (RotationStep.BEGIN, {RotationPhase.NONE, RotationPhase.TRUST_NEW}),
        (RotationStep.SWITCH, {RotationPhase.TRUST_NEW, RotationPhase.SWITCHED}),
        (RotationStep.FINISH, {RotationPhase.SWITCHED, RotationPhase.DROPPING}),
        (RotationStep.ABANDON, {RotationPhase.TRUST_NEW, RotationPhase.ABANDONING}),
    ],
)
def test_a_step_is_taken_in_its_phase_or_gone_on_with_in_the_one_it_leads_to(
    step: RotationStep, phases: set[RotationPhase]
) -> None:
    allowed = {phase for phase, state in STATES.items() if not codes(step, state)}
    assert allowed == phases
    assert {phase for phase in phases if continues(step, STATES[phase])} == phases - {NEEDS[step]}


@pytest.mark.parametrize("step", list(RotationStep))
def test_nothing_is_begun_while_a_job_is_at_work(step: RotationStep) -> None:
    for state in STATES.values():
        assert codes(step, replace(state, busy="Switch")) == ["busy"]


@pytest.mark.parametrize("step", [RotationStep.BEGIN, RotationStep.SWITCH, RotationStep.FINISH])
def test_every_node_has_to_run(step: RotationStep) -> None:
    for state in STATES.values():
        down = replace(state, nodes=(*FINE[:2], NodeTrust(3, False)))
        assert codes(step, down) in (["down"], ["phase"])


def test_a_new_authority_can_be_abandoned_while_a_node_is_down() -> None:
    state = replace(STATES[RotationPhase.TRUST_NEW], nodes=(NodeTrust(1, False),))
    assert codes(RotationStep.ABANDON, state) == []


@pytest.mark.parametrize(
    ("node", "code"),
    [
        (NodeTrust(2, True, False), "trust"),
        (NodeTrust(2, True, None), "trust"),
        (NodeTrust(2, True, True, restarted_since=False), "restart"),
    ],
)
def test_no_switch_before_every_node_takes_the_new_authority_and_has_restarted(
    node: NodeTrust, code: str
) -> None:
    state = replace(STATES[RotationPhase.TRUST_NEW], nodes=(FINE[0], node, FINE[2]))
    assert codes(RotationStep.SWITCH, state) == [code]


@pytest.mark.parametrize(
    ("node", "code"),
    [
        (NodeTrust(2, True, presents_current=False), "presents"),
        (NodeTrust(2, True, restarted_since=False), "restart"),
    ],
)
def test_the_old_root_is_not_dropped_before_every_node_presents_the_new_one_and_has_restarted(
    node: NodeTrust, code: str
) -> None:
    state = replace(STATES[RotationPhase.SWITCHED], nodes=(FINE[0], node, FINE[2]))
    assert codes(RotationStep.FINISH, state) == [code]


def test_clients_need_no_restart_of_brokers() -> None:
    late = tuple(replace(node, restarted_since=False) for node in FINE)
    for phase, step in ((RotationPhase.TRUST_NEW, "switch"), (RotationPhase.SWITCHED, "finish")):
        state = replace(STATES[phase], purpose="clients", nodes=late)
        assert codes(RotationStep(step), state) == []


def test_dropping_the_old_root_asks_for_the_name_and_names_whom_it_locks_out() -> None:
    names = tuple(f"app-{number}" for number in range(25))
    state = replace(STATES[RotationPhase.SWITCHED], purpose="clients", dependents=names)
    plan = plan_step(RotationStep.FINISH, state, cluster="main")
    assert plan.confirm_name == "clients authority"
    assert "25 valid client certificates" in plan.warnings[0]
    assert tuple(item.name for item in plan.affected) == names


COMPANY = replace(
    NEW,
    external=True,
    issuing="CN=Corp Kafka clients",
    issuing_ends="2031-01-01",
    key="k" * 64,
    chain=("i" * 64, NEW.fingerprint),
)


def begun(successor: AuthorityFacts | None, phase: RotationPhase = RotationPhase.NONE) -> Plan:
    state = replace(STATES[phase], purpose="clients")
    return plan_step(RotationStep.BEGIN, state, cluster="main", successor=successor)


def test_the_tag_of_the_state_serves_for_every_step_that_brings_nothing() -> None:
    for state in STATES.values():
        for successor in (None, NEW):
            plan = plan_step(RotationStep.BEGIN, state, cluster="main", successor=successor)
            assert plan.digest == state.digest


def test_what_was_reviewed_is_the_authority_that_was_brought_with_its_certificates_and_its_key() -> None:
    others = (COMPANY, replace(COMPANY, key="x" * 64), replace(COMPANY, chain=("x", NEW.fingerprint)), None)
    assert len({begun(each).digest for each in others}) == 4
    assert begun(replace(COMPANY, chain=COMPANY.chain[::-1])).digest == begun(COMPANY).digest


def test_the_plan_names_who_will_issue_and_whose_key_is_kept_and_no_key() -> None:
    plan = begun(replace(COMPANY, key_given=True))
    said = {change.field: change.after for change in plan.steps[0].changes}
    assert said["also trusted"] == NEW.words
    assert said["issues after the switch"] == f"CN=Corp Kafka clients, until 2031-01-01, below {NEW.name}"
    assert said["key sealed here"] == f"of CN=Corp Kafka clients: public key SHA-256 {'k' * 64}"
    assert not any("self-signed root" in warning for warning in plan.warnings)
    assert plan.request["public_key_sha256"] == "k" * 64
    assert plan.curl.startswith("jq -n --rawfile chain chain.pem --rawfile key issuing.key")
    assert plan_from_json(plan.to_json()).api == plan.api
    assert "--rawfile key" not in begun(COMPANY).curl  # our request was signed: its key is here already


def test_a_root_that_would_issue_itself_is_warned_of() -> None:
    root = replace(COMPANY, issuing=NEW.name, issuing_ends=NEW.ends, chain=(NEW.fingerprint,))
    plan = begun(root)
    assert any("is a self-signed root that would issue itself" in warning for warning in plan.warnings)
    assert plan.steps[0].changes[1].after == f"{NEW.name}, until {NEW.ends}, itself the root"


def test_the_switch_names_who_issues_and_not_the_root_above() -> None:
    state = replace(STATES[RotationPhase.TRUST_NEW], following=COMPANY)
    (change,) = plan_step(RotationStep.SWITCH, state, cluster="main").steps[0].changes
    assert change.after is not None
    assert change.after.startswith("CN=Corp Kafka clients, ")


def test_the_digest_moves_with_the_authorities_and_not_with_the_nodes() -> None:
    digests = {state.digest for state in STATES.values()}
    assert len(digests) == 5
    down = replace(STATES[RotationPhase.NONE], nodes=(NodeTrust(1, False),))
    assert down.digest == STATES[RotationPhase.NONE].digest


MAYBE = st.none() | st.booleans()
nodes = st.builds(NodeTrust, st.integers(1, 3), st.booleans(), MAYBE, st.booleans(), st.booleans(), MAYBE)


@given(st.sampled_from(list(STATES)), st.sampled_from(list(RotationStep)), st.lists(nodes, max_size=3))
def test_whatever_the_nodes_do_a_plan_is_whole_and_never_lets_an_unseen_node_pass(
    phase: RotationPhase, step: RotationStep, some: list[NodeTrust]
) -> None:
    state = replace(STATES[phase], nodes=tuple(some))
    plan = plan_step(step, state, cluster="main", successor=NEW)
    assert plan.title
    assert plan.undo
    if plan.allowed and step is RotationStep.SWITCH and phase is RotationPhase.TRUST_NEW:
        assert all(node.running and node.trusts_next and node.restarted_since for node in some)
    if plan.allowed and step is RotationStep.FINISH and phase is RotationPhase.SWITCHED:
        assert all(node.running and node.presents_current and node.restarted_since for node in some)


@given(st.sampled_from(list(STATES)), st.lists(nodes, max_size=3))
def test_wherever_a_replacement_stopped_some_step_leads_out_of_it(
    phase: RotationPhase, some: list[NodeTrust]
) -> None:
    """Whatever was seen of nodes that run: a step goes on, or is the next, and no other one is begun beside it."""
    state = replace(STATES[phase], nodes=tuple(replace(node, running=True) for node in some))
    allowed = {step for step in RotationStep if not codes(step, state)}
    assert allowed
    leaving = {RotationPhase.ABANDONING: RotationStep.ABANDON, RotationPhase.DROPPING: RotationStep.FINISH}
    if phase in leaving:
        assert allowed == {leaving[phase]}
        plan = plan_step(leaving[phase], state, cluster="main")
        assert plan.title.startswith("Go on: ")


@given(st.sampled_from(list(RotationStep)), st.lists(nodes, min_size=1, max_size=3))
def test_a_step_that_was_interrupted_can_be_taken_again_whatever_the_brokers_have_done(
    step: RotationStep, some: list[NodeTrust]
) -> None:
    state = replace(STATES[LEADS_TO[step]], nodes=tuple(replace(node, running=True) for node in some))
    assert continues(step, state)
    assert codes(step, state) == []


def test_a_drop_that_is_gone_on_with_asks_for_no_switch() -> None:
    """What its trust stores changed makes brokers due for a restart: that is its own work, and no reason against it."""
    late = tuple(replace(node, restarted_since=False, trusts_leaving=True) for node in FINE)
    assert codes(RotationStep.FINISH, replace(STATES[RotationPhase.DROPPING], nodes=late)) == []
