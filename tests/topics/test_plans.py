from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.core.plans import Refusal, Risk, plan_from_json
from controlplane.topics.logic.plans import (
    AlterConfigs,
    CreateTopic,
    plan_add_partitions,
    plan_alter_configs,
    plan_create,
    plan_delete,
)
from controlplane.topics.logic.state import ClusterState, TopicState

CLUSTER = ClusterState(brokers=3, names=frozenset({"orders", "pay.in"}), min_insync_replicas=2)
ORDERS = TopicState(
    name="orders",
    topic_id="abc",
    replicas=((1, 2, 3), (2, 3, 1)),
    configs={"retention.ms": "86400000"},
    defaults={"retention.ms": "604800000", "cleanup.policy": "delete", "min.insync.replicas": "2"},
    records=1200,
    groups=("billing",),
)


@pytest.mark.parametrize(
    ("request_", "codes"),
    [
        (CreateTopic("new", 6, 3), []),
        (CreateTopic("orders", 6, 3), ["exists"]),
        (CreateTopic("pay_in", 6, 3), ["collision"]),
        (CreateTopic("new", 0, 3), ["partitions"]),
        (CreateTopic("new", 10_001, 3), ["partitions"]),
        (CreateTopic("new", 1, 4), ["replication_factor"]),
        (CreateTopic("new", 1, 0), ["replication_factor"]),
        (CreateTopic("new", 1, 3, {"min.insync.replicas": "4"}), ["min_isr"]),
        (CreateTopic("", 0, 9), ["name_empty", "partitions", "replication_factor"]),
    ],
)
def test_a_create_plan_names_every_refusal(request_: CreateTopic, codes: list[str]) -> None:
    plan = plan_create(request_, CLUSTER, cluster="main")
    assert [refusal.code for refusal in plan.refusals] == codes
    assert plan.allowed is (codes == [])


def test_what_the_broker_refuses_refuses_the_plan() -> None:
    refusal = Refusal("broker", "Invalid value x for retention.ms", "Use a number.")
    plan = plan_create(CreateTopic("new", 1, 3), CLUSTER, cluster="main", broker_refusal=refusal)
    assert plan.refusals == (refusal,)
    assert not plan.allowed


def test_a_single_replica_is_warned_about() -> None:
    plan = plan_create(CreateTopic("new", 1, 1), CLUSTER, cluster="main")
    assert any("One replica" in warning for warning in plan.warnings)


def test_min_isr_equal_to_the_replication_factor_is_warned_about() -> None:
    plan = plan_create(CreateTopic("new", 1, 2), CLUSTER, cluster="main")
    assert any("acks=all" in warning for warning in plan.warnings)


def test_a_create_plan_goes_stale_when_the_name_is_taken_or_a_broker_goes() -> None:
    before = plan_create(CreateTopic("new", 1, 1), CLUSTER, cluster="main").digest
    taken = replace(CLUSTER, names=CLUSTER.names | {"new"})
    fewer = replace(CLUSTER, brokers=2)
    other = replace(CLUSTER, names=CLUSTER.names | {"unrelated"})
    assert plan_create(CreateTopic("new", 1, 1), taken, cluster="main").digest != before
    assert plan_create(CreateTopic("new", 1, 1), fewer, cluster="main").digest != before
    assert plan_create(CreateTopic("new", 1, 1), other, cluster="main").digest == before


def test_altering_shows_old_and_new_per_setting() -> None:
    plan = plan_alter_configs(
        AlterConfigs({"retention.ms": "3600000", "cleanup.policy": "compact"}), ORDERS, cluster="main"
    )
    (step,) = plan.steps
    assert [(c.field, c.before, c.after) for c in step.changes] == [
        ("cleanup.policy", "delete", "compact"),
        ("retention.ms", "86400000", "3600000"),
    ]
    assert plan.risk is Risk.DISRUPTIVE
    assert any("deleted within minutes" in warning for warning in plan.warnings)


def test_resetting_shows_the_default_that_comes_back() -> None:
    plan = plan_alter_configs(AlterConfigs({}, ["retention.ms"]), ORDERS, cluster="main")
    (change,) = plan.steps[0].changes
    assert (change.before, change.after) == ("86400000", "604800000")
    assert plan.risk is Risk.REVERSIBLE
    assert "--delete-config retention.ms" in plan.commands[0]


@pytest.mark.parametrize(
    "request_", [AlterConfigs({}), AlterConfigs({"retention.ms": "86400000"}), AlterConfigs({}, ["flush.ms"])]
)
def test_a_change_that_changes_nothing_is_refused(request_: AlterConfigs) -> None:
    plan = plan_alter_configs(request_, ORDERS, cluster="main")
    assert [refusal.code for refusal in plan.refusals] == ["nothing"]
    assert not plan.allowed


@pytest.mark.parametrize(
    ("count", "allowed"), [(3, True), (10_000, True), (10_001, False), (2, False), (1, False)]
)
def test_partitions_only_grow(count: int, allowed: bool) -> None:
    assert plan_add_partitions(count, ORDERS, cluster="main").allowed is allowed


def test_deleting_asks_for_the_name_and_says_who_reads_it() -> None:
    plan = plan_delete(ORDERS, cluster="main")
    assert plan.risk is Risk.DESTRUCTIVE
    assert plan.confirm_name == "orders"
    assert [affected.name for affected in plan.affected] == ["billing"]
    assert "1,200" in plan.warnings[0]


def test_internal_topics_are_left_alone() -> None:
    internal = replace(ORDERS, name="__consumer_offsets", internal=True)
    assert not plan_delete(internal, cluster="main").allowed
    assert not plan_add_partitions(100, internal, cluster="main").allowed
    assert not plan_alter_configs(AlterConfigs({"retention.ms": "1"}), internal, cluster="main").allowed


configs = st.dictionaries(
    st.sampled_from(["retention.ms", "cleanup.policy", "min.insync.replicas", "segment.bytes"]),
    st.sampled_from(["1", "2", "86400000", "delete", "compact"]),
)


@given(configs, st.lists(st.sampled_from(["retention.ms", "segment.bytes"]), unique=True), configs)
def test_applying_what_a_plan_lists_makes_the_same_plan_empty(
    to_set: dict[str, str], to_delete: list[str], present: dict[str, str]
) -> None:
    state = replace(ORDERS, configs=present)
    plan = plan_alter_configs(AlterConfigs(to_set, to_delete), state, cluster="main")
    after = dict(present)
    for step in plan.steps:
        for change in step.changes:
            if change.note == "default":
                del after[change.field]
            else:
                assert change.after is not None
                after[change.field] = change.after
    again = plan_alter_configs(AlterConfigs(to_set, to_delete), replace(state, configs=after), cluster="main")
    assert not again.steps


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), configs)
def test_the_digest_changes_exactly_with_replicas_and_configs(
    extra: list[int], present: dict[str, str]
) -> None:
    base = replace(ORDERS, configs=present)
    assert base.digest == replace(base, size_bytes=5, records=7, groups=()).digest
    assert base.digest != replace(base, replicas=(*base.replicas, tuple(extra))).digest
    assert base.digest != replace(base, configs={**present, "flush.ms": "1"}).digest


@pytest.mark.parametrize(("value", "said"), [("3600000", True), ("604800000", False)])
def test_a_shorter_retention_does_not_promise_that_records_come_back(value: str, said: bool) -> None:
    plan = plan_alter_configs(AlterConfigs({"retention.ms": value}), ORDERS, cluster="main")
    assert ("do not come back" in plan.undo) is said


def test_one_record_is_one_record() -> None:
    assert "about 1 record are" not in plan_delete(ORDERS, cluster="main").warnings[0]
    assert "about 1 record " in plan_delete(replace(ORDERS, records=1), cluster="main").warnings[0]


@pytest.mark.parametrize(
    ("wanted", "source", "default"),
    [
        (AlterConfigs({"retention.ms": "1"}), "set on the topic", "604800000"),
        (AlterConfigs({"cleanup.policy": "compact"}), "the default applies", "delete"),
        (AlterConfigs({}, ("retention.ms",)), "set on the topic", "604800000"),
    ],
)
def test_a_change_of_a_setting_names_its_default_and_who_sets_it_now(
    wanted: AlterConfigs, source: str, default: str
) -> None:
    plan = plan_alter_configs(wanted, ORDERS, cluster="main")
    (change,) = plan.steps[0].changes
    assert (change.source, change.default) == (source, default)
    assert plan_from_json(plan.to_json()).steps == plan.steps
