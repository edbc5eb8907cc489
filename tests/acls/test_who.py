"""Who may do it, as a table; and that every answer is Explain's."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given

from controlplane.acls.logic.authorize import Authorizer, Question, authorize
from controlplane.acls.logic.bindings import EVERYONE
from controlplane.acls.logic.who import who_may
from controlplane.clusters.logic import blocks
from controlplane.gateways.kafka.access_types import AclOperation, AclResourceType
from tests.acls.notation import acl
from tests.acls.test_authorize import AUTHORIZERS, QUESTIONS

WRITE, TOPIC = AclOperation.WRITE, AclResourceType.TOPIC
ROOT = "User:root"


@pytest.mark.parametrize(
    ("lines", "allowed", "denied"),
    [
        ([], [ROOT], []),
        (["ALLOW User:ann WRITE TOPIC orders"], ["User:ann", ROOT], []),
        (["ALLOW User:ann ALL TOPIC ord PREFIXED"], ["User:ann", ROOT], []),
        (["ALLOW User:ann READ TOPIC orders"], [ROOT], []),
        (["ALLOW User:ann WRITE TOPIC other"], [ROOT], []),
        (["ALLOW User:* WRITE TOPIC *"], [EVERYONE, ROOT], []),
        (
            ["ALLOW User:* WRITE TOPIC *", "DENY User:bob WRITE TOPIC orders"],
            [EVERYONE, ROOT],
            ["User:bob"],
        ),
        (["ALLOW User:ann WRITE TOPIC orders @10.0.0.1"], ["User:ann from 10.0.0.1", ROOT], []),
        (
            ["ALLOW User:ann WRITE TOPIC orders", "DENY User:* ALL TOPIC orders @10.0.0.1"],
            ["User:ann not 10.0.0.1", ROOT],
            [EVERYONE],
        ),
    ],
)
def test_who_may_write(lines: Sequence[str], allowed: list[str], denied: list[str]) -> None:
    found = who_may(WRITE, TOPIC, "orders", Authorizer(tuple(map(acl, lines)), frozenset({ROOT})))
    said = [
        each.principal
        + "".join(f" from {host}" for host in each.only_from)
        + "".join(f" not {host}" for host in each.not_from)
        for each in found.allowed
    ]
    assert said == allowed
    assert [each.principal for each in found.denied] == denied


def test_the_cluster_is_one_whatever_name_was_sent() -> None:
    state = Authorizer((acl("ALLOW User:ann ALTER CLUSTER kafka-cluster"),))
    (ann,) = who_may(AclOperation.ALTER, AclResourceType.CLUSTER, "a", state).allowed
    assert ann.principal == "User:ann"


def test_a_blocked_principal_is_refused_by_its_block() -> None:
    state = Authorizer((acl("ALLOW User:ann WRITE TOPIC orders"), *blocks.denials("User:ann")))
    (denied,) = who_may(WRITE, TOPIC, "orders", state).denied
    assert (denied.principal, denied.blocked) == ("User:ann", True)


@given(AUTHORIZERS, QUESTIONS)
def test_each_answer_is_that_of_explain(state: Authorizer, asked: Question) -> None:
    found = who_may(asked.operation, asked.resource_type, asked.resource_name, state)
    for each in found.allowed:
        host = each.only_from[0] if each.only_from else "*"
        question = Question(each.principal, asked.operation, asked.resource_type, asked.resource_name, host)
        decision = authorize(question, state)
        assert decision.allowed
        assert decision.decided_by == each.decided_by
    # Whoever is not listed by itself may what everyone may.
    stranger = Question("User:nobody-knows", asked.operation, asked.resource_type, asked.resource_name)
    everyone = any(each.principal == EVERYONE and not each.only_from for each in found.allowed)
    assert authorize(stranger, state).allowed == everyone
