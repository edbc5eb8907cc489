"""One plan out of several: order, risk, refusals, and who is in the list. Tables."""

from __future__ import annotations

from dataclasses import replace

from controlplane.core.access import Action
from controlplane.core.plans import Plan, PlanStep, Refusal, Risk, StepKind
from controlplane.service_accounts.logic.compose import (
    accounts_of,
    compose_create,
    compose_remove,
    made_with_it,
)

PART = Plan(
    action=Action.ACL_EDIT,
    title="part",
    apply_label="do",
    cluster="main",
    steps=(PlanStep(StepKind.CREATE, "ACL", "a"),),
    risk=Risk.REVERSIBLE,
    digest="d1",
    warnings=("mind",),
    commands=("kafka-acls.sh",),
)
OTHER = replace(PART, steps=(PlanStep(StepKind.CREATE, "user", "u"),), digest="d2", risk=Risk.DISRUPTIVE)


def test_steps_keep_their_order_and_the_hardest_risk_is_the_whole_ones() -> None:
    plan = compose_create("orders", (PART, OTHER), cluster="main", request={}, body={})
    assert [step.object_type for step in plan.steps] == ["ACL", "user"]
    assert plan.risk is Risk.DISRUPTIVE
    assert plan.warnings == ("mind",)
    assert len(plan.commands) == 2
    assert plan.action is Action.SERVICE_ACCOUNT_EDIT
    assert plan.allowed


def test_what_refuses_a_part_refuses_the_whole() -> None:
    broken = replace(OTHER, refusals=(Refusal("exists", "exists already"),))
    plan = compose_create("orders", (PART, broken), cluster="main", request={}, body={})
    assert not plan.allowed
    assert [refusal.code for refusal in plan.refusals] == ["exists"]


def test_the_digest_moves_with_each_part() -> None:
    plans = [
        compose_create("orders", parts, cluster="main", request={}, body={})
        for parts in ((PART, OTHER), (replace(PART, digest="x"), OTHER), (PART,))
    ]
    assert len({plan.digest for plan in plans}) == 3


def test_removing_asks_for_the_name_and_is_refused_where_nothing_is() -> None:
    assert compose_remove("orders", (PART,), cluster="main").confirm_name == "orders"
    assert [r.code for r in compose_remove("orders", (), cluster="main").refusals] == ["nothing"]


def test_whoever_is_blocked_by_the_plan_or_already_is_said_to_be_and_nobody_is_asked_to_block() -> None:
    for more, words in (({"block": True}, "blocked by this plan"), ({"blocked": True}, "blocked already")):
        (first, *_) = compose_remove("orders", (PART,), cluster="main", still_accepted=1, **more).warnings
        assert words in first
        assert "1 certificate of this name will be of no use" in first
    (first, *_) = compose_remove("orders", (PART,), cluster="main", still_accepted=1).warnings
    assert "block the principal in this plan" in first


def test_what_was_made_beside_the_credentials_in_words() -> None:
    assert made_with_it(3, quota=True) == "3 ACLs and a quota"
    assert made_with_it(1, quota=False) == "1 ACL"
    assert made_with_it(None, quota=False) == made_with_it(0, quota=False) == ""


def test_a_name_that_is_blocked_stays_in_the_list_and_has_nothing_to_delete() -> None:
    rows = accounts_of({"ann": ["SCRAM-SHA-512"]}, {}, {}, {}, revoked={"gone": 1}, blocked={"ann", "gone"})
    assert [(r.name, r.blocked, r.only_blocked) for r in rows] == [("ann", True, False), ("gone", True, True)]


def test_the_list_has_every_name_with_anything_but_the_products_own() -> None:
    rows = accounts_of(
        {"ann": ["SCRAM-SHA-512"], "admin": ["SCRAM-SHA-256"]},
        {"orders": 2},
        {"ann": 3, "ghost": 1},
        {"orders": 1},
        reserved={"admin"},
    )
    assert [(r.name, r.credentials, r.acls, r.quotas) for r in rows] == [
        ("ann", "SCRAM-SHA-512", 3, 0),
        ("ghost", "", 1, 0),
        ("orders", "2 certificates", 0, 1),
    ]


def test_a_revoked_certificate_that_brokers_accept_is_a_credential() -> None:
    (row,) = accounts_of({}, {}, {"orders": 1}, {}, revoked={"orders": 1, "deleted": 1})
    assert row.credentials == "1 revoked certificate that brokers still accept"


def test_what_could_not_be_read_is_unknown_and_never_0() -> None:
    (row,) = accounts_of({"ann": []}, {}, None, None)
    assert (row.acls, row.quotas) == (None, None)
