"""Plans for quotas by table: diffs, what they cover, refusals, back again, observing."""

from __future__ import annotations

import pytest
from hypothesis import given

from controlplane.core.plans import Risk, StepKind
from controlplane.gateways.kafka.access_types import QuotaEntity
from controlplane.quotas.logic.effective import covers
from controlplane.quotas.logic.entities import CLIENT_KEYS, entity_of
from controlplane.quotas.logic.plans import (
    AlterQuotas,
    Own,
    QuotaState,
    observed_requests,
    observing_requests,
    plan_alter,
    plan_delete,
    plan_revert,
)
from tests.quotas.test_effective import ENTITIES, QUOTAS, c, u, uc

ANN = u("ann")
STATE = QuotaState({ANN: {"producer_byte_rate": 2e6, "request_percentage": 50.0}}, brokers=3)


def test_a_change_is_a_diff_per_key_in_units() -> None:
    request = AlterQuotas(
        ANN, {"producer_byte_rate": 10e6, "request_percentage": None, "consumer_byte_rate": None}
    )
    plan = plan_alter(request, STATE, cluster="main")
    (step,) = plan.steps
    assert step.kind is StepKind.ALTER
    assert [(each.field, each.before, each.after) for each in step.changes] == [
        ("producer_byte_rate", "2 MB/s", "10 MB/s"),
        ("request_percentage", "50 %", None),
    ]
    assert plan.risk is Risk.REVERSIBLE
    assert "--add-config producer_byte_rate=10000000" in plan.commands[0]
    assert "--delete-config request_percentage" in plan.commands[0]
    assert "--entity-type users --entity-name ann" in plan.commands[0]


@pytest.mark.parametrize("value", [1e6, 1])
def test_a_tighter_limit_may_be_noticed(value: float) -> None:
    plan = plan_alter(AlterQuotas(ANN, {"producer_byte_rate": value}), STATE, cluster="main")
    assert plan.risk is Risk.DISRUPTIVE
    assert any("3 brokers" in warning for warning in plan.warnings)


def test_it_says_which_quotas_no_longer_decide() -> None:
    state = QuotaState({c("app"): {"producer_byte_rate": 1e6}, ANN: {"producer_byte_rate": 1e6}})
    plan = plan_alter(AlterQuotas(u(None), {"producer_byte_rate": 5e6}), state, cluster="main")
    assert [each.name for each in plan.affected] == ["client-id app"]


@pytest.mark.parametrize(
    ("entity", "told"), [(u(None), True), (uc(None, None), True), (ANN, False), (uc(None, "app"), False)]
)
def test_a_default_for_everybody_says_that_it_is_also_for_kastellan(entity: QuotaEntity, told: bool) -> None:
    plan = plan_alter(AlterQuotas(entity, {"consumer_byte_rate": 5e6}), STATE, cluster="main")
    assert any("Kastellan is a client too" in warning for warning in plan.warnings) is told


def test_it_says_when_a_quota_has_no_effect() -> None:
    state = QuotaState({u(None): {"producer_byte_rate": 1e6}})
    plan = plan_alter(AlterQuotas(c("app"), {"producer_byte_rate": 5e6}), state, cluster="main")
    assert any("no effect" in warning for warning in plan.warnings)
    other = plan_alter(AlterQuotas(c("app"), {"consumer_byte_rate": 5e6}), state, cluster="main")
    assert not any("no effect" in warning for warning in other.warnings)


@pytest.mark.parametrize(
    ("entity", "values", "code"),
    [
        ((), {"producer_byte_rate": 1.0}, "entity"),
        (entity_of({"group": "x"}), {"producer_byte_rate": 1.0}, "entity"),
        (entity_of({"ip": "192.0.2.7", "user": "ann"}), {"connection_creation_rate": 1.0}, "entity_mixed"),
        (entity_of({"ip": "example.org"}), {"connection_creation_rate": 1.0}, "address"),
        (u(""), {"producer_byte_rate": 1.0}, "name_empty"),
        (u("User:ann"), {"producer_byte_rate": 1.0}, "name_principal"),
        (u("<default>"), {"producer_byte_rate": 1.0}, "name_default"),
        (u("a\nb"), {"producer_byte_rate": 1.0}, "name_control"),
        (u("x" * 401), {"producer_byte_rate": 1.0}, "name_too_long"),
        (u("ann"), {"no_such": 1.0}, "key"),
        (u("ann"), {"no_such": None}, "key"),
        (u("ann"), {"connection_creation_rate": 1.0}, "key_entity"),
        (entity_of({"ip": None}), {"producer_byte_rate": 1.0}, "key_entity"),
        (u("ann"), {"producer_byte_rate": 0.0}, "value"),
        (u("ann"), {"producer_byte_rate": -1.0}, "value"),
        (u("ann"), {"producer_byte_rate": float("inf")}, "value"),
        (u("ann"), {"producer_byte_rate": 1.5}, "value_whole"),
        (entity_of({"ip": None}), {"connection_creation_rate": 2.0**31}, "value_whole"),
        (u("ann"), {"producer_byte_rate": 2e6}, "nothing"),
    ],
)
def test_a_plan_is_refused_with_a_reason(
    entity: QuotaEntity, values: dict[str, float | None], code: str
) -> None:
    plan = plan_alter(AlterQuotas(entity, values), STATE, cluster="main")
    assert [refusal.code for refusal in plan.refusals] == [code]
    assert not plan.allowed


def test_removal_takes_every_limit_and_going_back_gives_exactly_what_was() -> None:
    removal = plan_delete(ANN, STATE, cluster="main")
    assert removal.steps[0].kind is StepKind.DELETE
    assert {each.field for each in removal.steps[0].changes} == {"producer_byte_rate", "request_percentage"}
    now = QuotaState({ANN: {"consumer_byte_rate": 1e6}})
    back = plan_revert(ANN, STATE.of(ANN), now, cluster="main")
    assert {(each.field, each.after) for each in back.steps[0].changes} == {
        ("consumer_byte_rate", None),
        ("producer_byte_rate", "2 MB/s"),
        ("request_percentage", "50 %"),
    }


def test_the_digest_is_the_entitys_own() -> None:
    more = QuotaState({**STATE.quotas, u("bob"): {"producer_byte_rate": 1.0}})
    assert more.digest(ANN) == STATE.digest(ANN)
    assert QuotaState({ANN: {"producer_byte_rate": 2e6}}).digest(ANN) != STATE.digest(ANN)
    assert STATE.digest(u("bob")) != STATE.digest(u("eve"))


@given(QUOTAS)
def test_observing_takes_precedence_over_no_quota_and_can_be_taken_back(
    quotas: dict[QuotaEntity, dict[str, float]],
) -> None:
    state = QuotaState(quotas)
    requests = observing_requests(state)
    after = {entity: dict(values) for entity, values in quotas.items()}
    for request in requests:
        for key, value in request.values.items():
            assert value is not None
            assert not any(covers(request.entity, other) for other in quotas if key in quotas[other])
            assert key not in after.get(request.entity, {})
            after.setdefault(request.entity, {})[key] = value
    for request in observed_requests(QuotaState(after)):
        for key in request.values:
            del after[request.entity][key]
    assert {entity: values for entity, values in after.items() if values} == quotas


@pytest.mark.parametrize(
    ("held", "chosen"),
    [
        ([], uc(None, None)),
        ([ANN], uc(None, None)),
        ([c("app")], c(None)),
        ([u(None)], None),
        ([u(None), c("app")], None),
        ([c(None)], None),
    ],
)
def test_observing_shows_the_finest_detail_that_disturbs_nobody(
    held: list[QuotaEntity], chosen: QuotaEntity | None
) -> None:
    state = QuotaState({entity: dict.fromkeys([key.name for key in CLIENT_KEYS], 1.0) for entity in held})
    assert [request.entity for request in observing_requests(state)] == (
        [chosen] if chosen is not None else []
    )


def test_all_entities_of_the_brute_force_are_legal() -> None:
    for entity in ENTITIES:
        assert plan_alter(AlterQuotas(entity, {"producer_byte_rate": 3e6}), STATE, cluster="main").allowed


OWN = Own(frozenset({"admin", "CN=kastellan-control"}), "kastellan", frozenset({"127.0.0.1"}))


@pytest.mark.parametrize(
    ("parts", "values", "code"),
    [
        ({"user": "CN=kastellan-control"}, {"request_percentage": 0.001}, "own"),
        ({"user": "admin", "client-id": "x"}, {"producer_byte_rate": 1e12}, "own"),
        ({"user": "admin"}, {"producer_byte_rate": None}, None),
        ({"user": None}, {"request_percentage": 0.5}, "request_percentage_locks_out"),
        ({"user": None}, {"request_percentage": 50.0}, None),
        ({"client-id": "kastellan"}, {"controller_mutation_rate": 0.1}, "controller_mutation_rate_locks_out"),
        ({"client-id": "app"}, {"controller_mutation_rate": 0.1}, None),
        (
            {"user": None, "client-id": "kastellan"},
            {"producer_byte_rate": 10.0},
            "producer_byte_rate_locks_out",
        ),
        ({"user": "ann", "client-id": None}, {"producer_byte_rate": 10.0}, None),
        ({"ip": "127.0.0.1"}, {"connection_creation_rate": 1.0}, "connection_creation_rate_locks_out"),
        ({"ip": None}, {"connection_creation_rate": 1.0}, "connection_creation_rate_locks_out"),
        ({"ip": "192.0.2.7"}, {"connection_creation_rate": 1.0}, None),
    ],
)
def test_no_quota_locks_kastellan_out_of_the_cluster_and_any_can_be_taken_away(
    parts: dict[str, str | None], values: dict[str, float | None], code: str | None
) -> None:
    entity = entity_of(parts)
    state = QuotaState({entity: dict.fromkeys(values, 1000000000.0)}, 3, OWN)
    plan = plan_alter(AlterQuotas(entity, values), state, cluster="main")
    assert [refusal.code for refusal in plan.refusals] == ([code] if code else [])
