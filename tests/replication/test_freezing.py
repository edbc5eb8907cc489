"""What a freeze denies: the topics of the flow and nothing beside them, as a table and for any names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.gateways.kafka.access_types import AclPermission, PatternType
from controlplane.replication.logic.evidence import folded
from controlplane.replication.logic.flows import FlowRequest, Policy
from controlplane.replication.logic.freezing import binds, denials, restored, stored

THERE = (
    "audit",
    "dr.orders",
    "heartbeats",
    "kastellan-connect-configs",
    "orders",
    "orders-eu",
    "__consumer_offsets",
)
LITERAL, PREFIXED = PatternType.LITERAL, PatternType.PREFIXED


def flow(*topics: str, policy: Policy = Policy.PREFIX) -> FlowRequest:
    return FlowRequest("main", "dr", topics=topics, policy=policy)


@pytest.mark.parametrize(
    ("asked", "denied"),
    [
        (flow("*"), [(LITERAL, "audit"), (LITERAL, "orders"), (LITERAL, "orders-eu")]),
        (flow("*", "!audit"), [(LITERAL, "orders"), (LITERAL, "orders-eu")]),
        (flow("orders*"), [(PREFIXED, "orders")]),
        (flow("orders*", "!orders-eu"), [(LITERAL, "orders")]),
        (flow("orders"), [(LITERAL, "orders")]),
        (flow("gone"), []),
        # What is made later is frozen too.
        (flow("new*"), [(PREFIXED, "new")]),
        # Connect's own topics and copies from the other side begin so too.
        (flow("k*", "orders"), [(LITERAL, "orders")]),
        (flow("d*"), []),
        (flow("dr*", policy=Policy.IDENTITY), [(LITERAL, "dr.orders")]),
    ],
)
def test_what_a_freeze_denies(asked: FlowRequest, denied: list[tuple[PatternType, str]]) -> None:
    found = denials(asked, THERE)
    assert [(acl.pattern_type, acl.resource_name) for acl in found] == denied
    assert {acl.permission for acl in found} <= {AclPermission.DENY}
    assert restored(stored(found)) == found


NAMES = st.text("ab.-k", min_size=1, max_size=4)


@given(
    st.sets(st.one_of(NAMES, st.sampled_from(THERE)), max_size=8),
    st.lists(
        st.builds("{}{}{}".format, st.sampled_from(["", "!"]), NAMES, st.sampled_from(["", "*"])), max_size=3
    ),
    st.sampled_from(Policy),
)
def test_it_denies_every_topic_of_the_flow_and_no_other(
    topics: set[str], names: list[str], policy: Policy
) -> None:
    asked = (
        flow("*", *names, policy=policy)
        if not names or names[0].startswith("!")
        else flow(*names, policy=policy)
    )
    found = denials(asked, topics)
    for topic in topics:
        assert binds(found, topic) is asked.copied(topic)


def test_people_come_before_brokers_among_super_users() -> None:
    names = ["User:CN=broker-10", "User:CN=broker-2", "User:admin", "User:CN=kastellan-control"]
    assert folded(names) == ("User:CN=kastellan-control", "User:admin", "2 names of brokers")
    assert folded(["User:b", "User:a"]) == ("User:a", "User:b")
