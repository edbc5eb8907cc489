"""Plans for SCRAM users by table: what they say, refuse and never hold."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from controlplane.clusters.logic import blocks
from controlplane.clusters.logic.credentials import Accepted
from controlplane.core.plans import Risk, StepKind
from controlplane.gateways.kafka.access_types import (
    Acl,
    AclOperation,
    AclPermission,
    AclResourceType,
    ClientQuota,
    CredentialMechanism,
    PatternType,
    ScramCredential,
)
from controlplane.users.logic.plans import DeleteUser, SetCredentials, plan_create, plan_delete, plan_rotate
from controlplane.users.logic.state import UserState, describe_acl

NEW = UserState("ann", reauth_ms=0)
CREDENTIAL = ScramCredential("ann", CredentialMechanism.SCRAM_SHA_512, 8192)
OTHER = ScramCredential("ann", CredentialMechanism.SCRAM_SHA_256, 4096)
ACL = Acl(
    "User:ann",
    "*",
    AclOperation.READ,
    AclPermission.ALLOW,
    AclResourceType.TOPIC,
    "orders-",
    PatternType.PREFIXED,
)
QUOTA = ClientQuota((("client-id", None), ("user", "ann")), {"producer_byte_rate": 1e6})
ANN = replace(NEW, credentials=(CREDENTIAL,), acls=(ACL,), quotas=(QUOTA,))
SHA_512 = SetCredentials("ann", ("SCRAM-SHA-512",))
SHA_256 = SetCredentials("ann", ("SCRAM-SHA-256",))
PASSWORD = "canary-canary-canary"


def test_a_creation_names_each_credential_and_says_that_no_acl_means_nothing() -> None:
    plan = plan_create(replace(SHA_512, mechanisms=("SCRAM-SHA-512", "SCRAM-SHA-256")), NEW, cluster="main")
    assert plan.allowed
    assert [change.field for change in plan.steps[0].changes] == ["SCRAM-SHA-512", "SCRAM-SHA-256"]
    assert any("denies by default" in warning for warning in plan.warnings)


def test_rights_that_wait_for_a_name_are_told_before_it_is_created() -> None:
    plan = plan_create(SHA_512, replace(ANN, credentials=()), cluster="main")
    assert any("1 ACL and 1 quota entity" in warning for warning in plan.warnings)


@pytest.mark.parametrize(
    ("request_", "state", "code"),
    [
        (SHA_512, ANN, "exists"),
        (SHA_512, replace(NEW, reserved=True), "name_reserved"),
        (replace(SHA_512, iterations=4095), NEW, "iterations"),
        (replace(SHA_512, iterations=16385), NEW, "iterations"),
        (replace(SHA_512, mechanisms=()), NEW, "mechanism"),
        (replace(SHA_512, mechanisms=("PLAIN",)), NEW, "mechanism"),
        (replace(SHA_512, name="a:b"), NEW, "name_illegal"),
    ],
)
def test_a_creation_is_refused_with_a_reason(request_: SetCredentials, state: UserState, code: str) -> None:
    plan = plan_create(request_, state, cluster="main")
    assert code in {refusal.code for refusal in plan.refusals}


def test_no_plan_holds_the_password_that_it_checked() -> None:
    given = replace(SHA_512, generated=False)
    for plan in (
        plan_create(given, NEW, cluster="main", password=PASSWORD),
        plan_rotate(given, ANN, cluster="main", password=PASSWORD),
        plan_create(given, NEW, cluster="main", password="canary"),
    ):
        assert "canary" not in json.dumps(plan.to_json()) + repr(plan)


def test_the_same_mechanism_ends_the_old_password_and_the_other_one_overlaps() -> None:
    same = plan_rotate(SHA_512, ANN, cluster="main")
    assert same.risk is Risk.DISRUPTIVE
    assert any("stops working" in warning for warning in same.warnings)
    assert any("the other mechanism (SCRAM-SHA-256)" in warning for warning in same.warnings)
    other = plan_rotate(SHA_256, ANN, cluster="main")
    assert other.risk is Risk.REVERSIBLE
    assert any("Overlapping rotation" in warning for warning in other.warnings)


@pytest.mark.parametrize(
    ("reauth_ms", "words"),
    [(0, "never ask"), (3_600_000, "within 60 minutes"), (None, "connections.max.reauth.ms")],
)
def test_a_rotation_says_what_becomes_of_connections_that_stand(reauth_ms: int | None, words: str) -> None:
    plan = plan_rotate(SHA_512, replace(ANN, reauth_ms=reauth_ms), cluster="main")
    assert any(words in warning for warning in plan.warnings)


def test_a_deletion_says_what_breaks_and_can_take_acls_and_quotas_along() -> None:
    bare = plan_delete(DeleteUser("ann"), ANN, cluster="main")
    assert bare.confirm_name == "ann"
    assert [step.object_type for step in bare.steps] == ["SCRAM user"]
    assert any("Kept: 1 ACL" in warning for warning in bare.warnings)
    assert any("unknown" in warning for warning in bare.warnings)
    assert {each.object_type for each in bare.affected} == {"ACL", "quota"}
    whole = plan_delete(DeleteUser("ann", acls=True, quotas=True), ANN, cluster="main")
    assert [step.object_type for step in whole.steps] == ["SCRAM user", "ACL", "quota"]
    assert all(step.kind is StepKind.DELETE for step in whole.steps)
    assert len(whole.commands) == 3


def test_one_of_two_mechanisms_can_be_removed_and_the_rest_stays() -> None:
    both = replace(ANN, credentials=(CREDENTIAL, OTHER))
    plan = plan_delete(DeleteUser("ann", ("SCRAM-SHA-256",), acls=True), both, cluster="main")
    assert plan.confirm_name is None
    assert [step.object_type for step in plan.steps] == ["SCRAM user"]
    assert [change.field for change in plan.steps[0].changes] == ["SCRAM-SHA-256"]


@pytest.mark.parametrize(
    ("state", "request_", "code"),
    [
        (replace(ANN, reserved=True), DeleteUser("ann"), "name_reserved"),
        (replace(ANN, credentials=()), DeleteUser("ann"), "nothing"),
        (ANN, DeleteUser("ann", ("SCRAM-SHA-256",)), "nothing"),
    ],
)
def test_a_deletion_is_refused_with_a_reason(state: UserState, request_: DeleteUser, code: str) -> None:
    assert code in {refusal.code for refusal in plan_delete(request_, state, cluster="main").refusals}


def test_what_a_half_done_deletion_left_can_be_deleted() -> None:
    plan = plan_delete(
        DeleteUser("ann", acls=True, quotas=True), replace(ANN, credentials=()), cluster="main"
    )
    assert [step.object_type for step in plan.steps] == ["ACL", "quota"]


def test_the_digest_moves_with_everything_that_is_bound() -> None:
    states = [
        NEW,
        replace(NEW, credentials=(CREDENTIAL,)),
        replace(NEW, acls=(ACL,)),
        replace(NEW, quotas=(QUOTA,)),
    ]
    assert len({state.digest for state in states}) == 4
    assert replace(ANN, seen_ms=5, reauth_ms=None).digest == ANN.digest


BLOCK = blocks.denials("User:ann")
REVOKED = Accepted(("cd",), ("cd",), datetime(2027, 2, 1, tzinfo=UTC))


def test_whoever_has_a_revoked_certificate_of_the_name_is_told_of_before_it_gets_a_password() -> None:
    for plan in (
        plan_create(SHA_512, replace(NEW, accepted=REVOKED), cluster="main"),
        plan_rotate(SHA_512, replace(ANN, accepted=REVOKED), cluster="main"),
    ):
        assert any("still accepted until 2027-02-01" in warning for warning in plan.warnings)


def test_a_deletion_can_block_the_principal_and_never_lifts_a_block() -> None:
    whole = DeleteUser("ann", acls=True, block=True)
    plan = plan_delete(whole, replace(ANN, accepted=REVOKED), cluster="main")
    assert [step.kind for step in plan.steps].count(StepKind.CREATE) == len(BLOCK)
    assert plan.request["block"] is True
    assert plan.api is not None
    assert "block=true" in plan.api.path
    blocked = replace(ANN, acls=(ACL, *BLOCK))
    again = plan_delete(whole, blocked, cluster="main")
    assert again.request["block"] is False
    assert [step.name for step in again.steps if step.object_type == "ACL"] == [describe_acl(ACL)]
    assert any("block of User:ann stays" in warning for warning in again.warnings)


def test_denials_that_a_block_completes_are_not_taken_away_with_the_acls() -> None:
    partly = replace(ANN, acls=(ACL, BLOCK[0]))
    plan = plan_delete(DeleteUser("ann", acls=True, block=True), partly, cluster="main")
    gone = [s.name for s in plan.steps if s.object_type == "ACL" and s.kind is StepKind.DELETE]
    assert gone == [describe_acl(ACL)]


def test_a_deletion_offers_the_block_where_certificates_of_the_name_are_accepted() -> None:
    plan = plan_delete(DeleteUser("ann"), replace(ANN, accepted=REVOKED), cluster="main")
    assert any("block User:ann in this plan" in warning for warning in plan.warnings)


def test_a_block_alone_is_no_user() -> None:
    assert not replace(NEW, acls=BLOCK).exists


def test_limits_have_units() -> None:
    plan = plan_delete(DeleteUser("ann", quotas=True), ANN, cluster="main")
    (step,) = (s for s in plan.steps if s.object_type == "quota")
    # In the words of the Quotas page.
    assert step.name == "user ann, default client-id"
    assert [(c.field, c.before) for c in step.changes] == [("Produce", "1 MB/s")]
    assert [each.name for each in plan.affected if each.object_type == "quota"] == [step.name]


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (replace(NEW, acls=(ACL,)), "1 ACL is bound to it, and the user gets it at once"),
        (replace(NEW, acls=(ACL,), quotas=(QUOTA,)), "are bound to it, and the user gets them at once"),
    ],
)
def test_one_is_and_more_are(state: UserState, words: str) -> None:
    assert any(words in warning for warning in plan_create(SHA_512, state, cluster="main").warnings)
