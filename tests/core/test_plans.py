"""Digests of states, and plans that survive being written down."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.core.access import Action
from controlplane.core.plans import (
    HIDDEN,
    ApiCall,
    Change,
    Json,
    Plan,
    PlanStep,
    Refusal,
    Risk,
    StepKind,
    plan_from_json,
    state_digest,
)
from controlplane.gateways.connect_secrets import MASK

words = st.text(max_size=12)
states = st.dictionaries(words, words | st.integers() | st.none() | st.lists(words, max_size=3), max_size=6)
changes = st.builds(Change, field=words, before=st.none() | words, after=st.none() | words, note=words)
steps = st.builds(
    PlanStep,
    kind=st.sampled_from(list(StepKind)),
    object_type=words,
    name=words,
    changes=st.tuples(changes) | st.just(()),
    summary=words,
)
plans = st.builds(
    Plan,
    action=st.sampled_from(list(Action)),
    title=words,
    apply_label=st.just(""),
    cluster=words,
    steps=st.lists(steps, max_size=3).map(tuple),
    risk=st.sampled_from(list(Risk)),
    digest=words,
    warnings=st.lists(words, max_size=2).map(tuple),
    refusals=st.lists(st.builds(Refusal, code=words, what=words, hint=words), max_size=2).map(tuple),
    undo=words,
    commands=st.lists(words, max_size=2).map(tuple),
    confirm_name=st.none() | words,
)


@given(states, st.randoms())
def test_a_digest_does_not_depend_on_the_order_of_keys(
    state: dict[str, object], shuffle: random.Random
) -> None:
    items = list(state.items())
    shuffle.shuffle(items)
    assert state_digest(dict(items)) == state_digest(state)


@given(states, states)
def test_other_states_have_other_digests(one: dict[str, object], other: dict[str, object]) -> None:
    assert (state_digest(one) == state_digest(other)) is (
        json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    )


@given(plans)
def test_a_plan_survives_json(plan: Plan) -> None:
    assert plan_from_json(json.loads(json.dumps(plan.to_json()))) == plan


@given(plans)
def test_a_plan_with_refusals_or_without_steps_is_not_allowed(plan: Plan) -> None:
    assert plan.allowed is (not plan.refusals and len(plan.steps) > 0)


@pytest.mark.parametrize(
    ("body", "hides"),
    [
        (None, ""),
        ({"name": "x", "count": 3}, ""),
        ({"password": HIDDEN}, HIDDEN),
        ({"password": ""}, ""),
        ({"config": {"url": f"http://kim:{MASK}@host"}}, MASK),
        ({"all": [{"password": HIDDEN}]}, HIDDEN),
        ({"text": "and so on…"}, ""),
    ],
)
def test_a_request_says_what_it_hides(body: dict[str, Json] | None, hides: str) -> None:
    assert ApiCall("PUT", "x/", body).hides == hides
