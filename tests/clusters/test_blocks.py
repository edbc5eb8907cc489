"""Emergency blocks and revoked certificates that are still accepted, as tables: what is one, and what is said of it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from controlplane.clusters.logic import block_plans, blocks
from controlplane.clusters.logic.blocks import BlockState
from controlplane.clusters.logic.credentials import (
    NOTHING,
    Accepted,
    still_accepted,
    warnings_for,
    warnings_of,
)
from controlplane.gateways.kafka.access_types import Acl, AclOperation, AclPermission, AclResourceType

ANN = "User:ann"
BLOCK = blocks.denials(ANN)
READ = Acl(ANN, "*", AclOperation.READ, AclPermission.ALLOW, AclResourceType.TOPIC, "orders")
REVOKED = Accepted(("ab", "cd"), ("cd",), datetime(2027, 2, 1, tzinfo=UTC))


def test_a_block_is_all_of_its_denials_and_a_single_one_is_none() -> None:
    assert blocks.blocked_in([*BLOCK, READ]) == {ANN}
    assert blocks.blocked_in([*BLOCK[:-1], READ]) == frozenset()
    assert blocks.apart([READ, *BLOCK], {ANN}) == (BLOCK, (READ,))
    assert blocks.apart([READ, *BLOCK], ()) == ((), (READ, *BLOCK))


@pytest.mark.parametrize(
    ("principal", "can"), [(ANN, True), ("User:*", False), ("ann", False), ("User:", False)]
)
def test_one_principal_can_be_blocked(principal: str, can: bool) -> None:
    assert blocks.can_be_blocked(principal) is can
    plan = block_plans.plan_block(BlockState(principal, frozenset()), cluster="main", certificates=())
    assert plan.allowed is can
    assert plan.api is not None
    assert plan.api.path.startswith("clusters/main/acls/block/?principal=")


def test_who_else_comes_as_a_name_is_said_with_its_end() -> None:
    assert still_accepted(NOTHING) == ""
    assert still_accepted(REVOKED) == "1 revoked certificate of this name is still accepted until 2027-02-01"
    (open_,) = warnings_of(ANN, REVOKED, blocked=False)
    assert "Block User:ann" in open_
    kept_out, blocked = warnings_of(ANN, REVOKED, blocked=True)
    assert "keeps it out" in kept_out
    assert "until the block is lifted" in blocked
    assert warnings_of(ANN, NOTHING, blocked=False) == ()


def test_of_several_names_each_sentence_says_whose_it_is() -> None:
    found = warnings_for([ANN, "User:bob"], {ANN: REVOKED}, frozenset({"User:bob"}))
    assert [said.split(": ", 1)[0] + ":" for said in found] == ["User:ann:", "User:bob:"] or found[
        0
    ].startswith("User:ann: 1 revoked")
