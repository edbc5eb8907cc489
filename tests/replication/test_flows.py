"""Flows as values: which names they copy, what they are called, what forbids them, what they may do and are told."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.gateways.kafka.access_types import AclOperation, AclResourceType, PatternType
from controlplane.replication.logic.connectors import Ends, Part, connector_name, connectors_of
from controlplane.replication.logic.flows import (
    ClusterFacts,
    Existing,
    FlowRequest,
    Policy,
    cycle,
    matches,
    pattern_of,
    refusals,
)
from controlplane.replication.logic.plans import FlowState, plan_create
from controlplane.replication.logic.rights import on_source, on_target

FLOW = FlowRequest("main", "dr")
MAIN = ClusterFacts("main", "id-main", 3)
DR = ClusterFacts("dr", "id-dr", 1)


@pytest.mark.parametrize(
    ("names", "topic", "copied"),
    [
        (("*",), "orders", True),
        (("*",), "__consumer_offsets", False),
        (("*",), "mm2-offset-syncs.main.internal", False),
        (("*",), "main.checkpoints.internal", False),
        (("*",), "kastellan-connect-configs", False),
        (("orders",), "orders", True),
        (("orders",), "orders2", False),
        (("orders.v1",), "ordersxv1", False),
        (("orders*",), "orders2", True),
        (("*", "!orders-private*"), "orders-private-1", False),
        (("*", "!orders-private*"), "orders", True),
        (("*",), "heartbeats", False),
    ],
)
def test_which_topics_are_copied(names: tuple[str, ...], topic: str, copied: bool) -> None:
    assert replace(FLOW, topics=names).copied(topic) is copied


NAMES = st.from_regex(r"[a-zA-Z0-9._-]{1,20}", fullmatch=True)


@given(NAMES, NAMES)
def test_a_pattern_means_what_the_name_says(name: str, topic: str) -> None:
    assert bool(re.fullmatch(pattern_of(name), topic)) is (name == topic)
    assert bool(re.fullmatch(pattern_of(f"{name}*"), topic)) is topic.startswith(name)
    assert matches((name,), name)


@given(NAMES)
def test_the_name_of_a_copy_is_read_back(topic: str) -> None:
    for policy in Policy:
        flow = replace(FLOW, policy=policy)
        assert flow.original_of(flow.copy_of(topic)) == topic


def codes(
    asked: FlowRequest, source: ClusterFacts = MAIN, target: ClusterFacts = DR, *others: Existing
) -> list[str]:
    return [refusal.code for refusal in refusals(asked, source, target, others)]


BACK = Existing("dr", "main", Policy.PREFIX, ("*",))


@pytest.mark.parametrize(
    ("asked", "source", "target", "others", "expected"),
    [
        (FLOW, MAIN, DR, (), []),
        (FLOW, MAIN, DR, (BACK,), []),
        (FLOW, MAIN, replace(DR, cluster_id="id-main"), (), ["same_cluster"]),
        (replace(FLOW, target="main"), MAIN, MAIN, (), ["same_cluster"]),
        (FLOW, MAIN, replace(DR, brokers=0), (), ["target"]),
        (FLOW, replace(MAIN, cluster_id=None), replace(DR, cluster_id=None), (), []),
        (replace(FLOW, source="a.b"), MAIN, DR, (), ["alias"]),
        (replace(FLOW, topics=("orders,secret",)), MAIN, DR, (), ["topics"]),
        (replace(FLOW, topics=("!orders",)), MAIN, DR, (), ["topics"]),
        (replace(FLOW, topics=()), MAIN, DR, (), ["topics"]),
        (replace(FLOW, groups=("a(b",)), MAIN, DR, (), ["groups"]),
        (FLOW, MAIN, DR, (Existing("main", "dr", Policy.PREFIX, ()),), ["exists"]),
        (replace(FLOW, policy=Policy.IDENTITY), MAIN, DR, (), []),
        (replace(FLOW, policy=Policy.IDENTITY), MAIN, DR, (BACK,), ["loop"]),
        (FLOW, MAIN, DR, (replace(BACK, policy=Policy.IDENTITY),), ["loop"]),
        (
            replace(FLOW, policy=Policy.IDENTITY),
            MAIN,
            DR,
            (Existing("dr", "eu", Policy.IDENTITY, ()), Existing("eu", "main", Policy.PREFIX, ())),
            ["loop"],
        ),
        (
            replace(FLOW, policy=Policy.IDENTITY),
            MAIN,
            DR,
            (Existing("dr", "eu", Policy.PREFIX, ()), Existing("eu", "main", Policy.PREFIX, ())),
            [],
        ),
        (
            FLOW,
            MAIN,
            DR,
            (Existing("dr", "eu", Policy.IDENTITY, ()), Existing("eu", "main", Policy.IDENTITY, ())),
            ["loop"],
        ),
        (
            replace(FLOW, policy=Policy.IDENTITY),
            MAIN,
            DR,
            (Existing("dr", "eu", Policy.IDENTITY, ()), Existing("eu", "main", Policy.IDENTITY, ())),
            ["loop"],
        ),
        (
            replace(FLOW, policy=Policy.IDENTITY),
            MAIN,
            DR,
            (Existing("eu", "dr", Policy.IDENTITY, ()),),
            ["two_sources"],
        ),
    ],
)
def test_what_forbids_a_flow(
    asked: FlowRequest,
    source: ClusterFacts,
    target: ClusterFacts,
    others: tuple[Existing, ...],
    expected: list[str],
) -> None:
    assert codes(asked, source, target, *others) == expected


ENDS = Ends({"bootstrap.servers": "s:1"}, {"bootstrap.servers": "t:1"})


def test_three_connectors_are_made_records_first() -> None:
    made = connectors_of(FLOW, ENDS)
    assert list(made) == ["main->dr.source", "main->dr.checkpoint", "main->dr.heartbeat"]
    for config in made.values():
        assert config["source.cluster.bootstrap.servers"] == "s:1"
        assert config["target.cluster.bootstrap.servers"] == "t:1"
        assert config["header.converter"].endswith("ByteArrayConverter")
        assert config["offset-syncs.topic.location"] == "target"


def test_the_source_connector_follows_the_request() -> None:
    flow = replace(
        FLOW, topics=("orders*", "!orders-private"), exactly_once=True, sync_acls=True, tasks_max=4
    )
    config = connectors_of(flow, ENDS)[connector_name(flow, Part.SOURCE)]
    assert config["topics"] == "orders.*"
    assert config["topics.exclude"].endswith(",orders-private")
    assert config["tasks.max"] == "4"
    assert config["sync.topic.acls.enabled"] == "true"
    assert config["exactly.once.support"] == "required"
    assert config["consumer.isolation.level"] == "read_committed"
    assert "exactly.once.support" not in connectors_of(FLOW, ENDS)[connector_name(FLOW, Part.SOURCE)]


def test_the_source_is_only_read() -> None:
    for flow in (FLOW, replace(FLOW, sync_acls=True, policy=Policy.IDENTITY)):
        operations = {acl.operation for acl in on_source(flow, "User:mm2")}
        assert operations <= {AclOperation.READ, AclOperation.DESCRIBE, AclOperation.DESCRIBE_CONFIGS}


def test_in_the_target_only_copies_are_written() -> None:
    flow = replace(FLOW, topics=("orders*",), groups=("app",))
    written = {
        (acl.resource_name, acl.pattern_type)
        for acl in on_target(flow, "User:mm2")
        if acl.resource_type is AclResourceType.TOPIC and acl.operation is AclOperation.WRITE
    }
    assert written == {
        ("main.", PatternType.PREFIXED),
        ("mm2-offset-syncs.main.internal", PatternType.LITERAL),
        ("main.checkpoints.internal", PatternType.LITERAL),
        ("heartbeats", PatternType.LITERAL),
        ("main.heartbeats", PatternType.LITERAL),
    }
    named = replace(flow, policy=Policy.IDENTITY)
    assert ("orders", PatternType.PREFIXED) in {
        (acl.resource_name, acl.pattern_type) for acl in on_target(named, "User:mm2")
    }
    groups = {
        acl.resource_name for acl in on_target(flow, "User:mm2") if acl.resource_type is AclResourceType.GROUP
    }
    assert groups == {"app"}


def test_heartbeats_of_other_flows_are_nobodys_records() -> None:
    known = {"main", "dr", "third"}
    assert FlowRequest.beats("main.heartbeats", known)
    assert FlowRequest.beats("third.main.heartbeats", known)
    assert not FlowRequest.beats("team.heartbeats", known)
    assert not FlowRequest.beats("heartbeats", known)
    assert not FlowRequest.beats("main.orders", known)


@pytest.mark.parametrize(
    ("state", "codes"),
    [
        (FlowState(""), ["no_worker"]),
        (FlowState("", starting=True), ["worker_starts"]),
        (FlowState("dr-connect"), []),
    ],
)
def test_a_flow_needs_a_worker_that_answers(state: FlowState, codes: list[str]) -> None:
    plan = plan_create(FlowRequest("main", "dr"), state, (), {})
    assert [each.code for each in plan.refusals] == codes


def goes_round(flows: dict[tuple[str, str], Policy]) -> bool:
    """As MirrorMaker would do it: a flow with aliases leaves out what has its target's among them (isCycle)."""

    def visits(here: str, aliases: tuple[str, ...], path: frozenset[tuple[str, tuple[str, ...]]]) -> bool:
        state = (here, aliases)
        if state in path or len(aliases) > 12:
            return True
        for (source, target), policy in flows.items():
            named = policy is Policy.PREFIX
            if source == here and not (named and target in aliases):
                after = (source, *aliases) if named else aliases
                if visits(target, after, path | {state}):
                    return True
        return False

    return any(visits(here, (), frozenset()) for here in {source for source, _ in flows})


CLUSTERS = ("a", "b", "c", "d")
PAIRS = [(source, target) for source in CLUSTERS for target in CLUSTERS if source != target]


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(PAIRS), st.sampled_from(Policy), max_size=6))
def test_a_ring_is_refused_where_records_would_go_round_and_nowhere_else(
    flows: dict[tuple[str, str], Policy],
) -> None:
    known = [Existing(source, target, policy, ()) for (source, target), policy in flows.items()]
    found = [
        cycle(known, FlowRequest(source, target, policy=policy)) for (source, target), policy in flows.items()
    ]
    assert any(found) is goes_round(flows)
