"""Pure decisions, by table: names, plans, blocks, protection, time, stores."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from broker import pki
from controlplane.certificates.logic import keystores, watch_plans
from controlplane.certificates.logic.expiry import Life, Span, in_words, life_of
from controlplane.certificates.logic.names import LEGAL, check_name
from controlplane.certificates.logic.plans import (
    IssueCertificate,
    RenewCertificate,
    ends_at,
    plan_issue,
    plan_renew,
    plan_revoke,
)
from controlplane.certificates.logic.principals import principal_of
from controlplane.certificates.logic.protection import Protection, verdict
from controlplane.certificates.logic.state import Issued, IssueState, Origin, Reason, SameKey
from controlplane.certificates.logic.watch_plans import WatchEndpoint, WatchState
from controlplane.clusters.logic import block_plans, blocks
from controlplane.clusters.logic.blocks import BlockState
from controlplane.core.plans import Refusal, Risk
from controlplane.gateways.kafka.access_types import AclResourceType

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DAY = timedelta(days=1)
FREE = IssueState("orders", False, "User:orders", "CN=issuing", NOW + 1000 * DAY, acls=2, scram_user=False)
OLD = Issued("ab12", "orders", "User:orders", Origin.GENERATED, NOW - 60 * DAY, NOW + 30 * DAY)
P = "User:orders"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("orders.svc", None),
        ("a", None),
        ("A-b_c.d@e", None),
        ("x" * 64, None),
        ("", "name_empty"),
        ("x" * 65, "name_too_long"),
        ("a b", "name_illegal"),
        ("a,O=b", "name_illegal"),
        ("a=b", "name_illegal"),
        ("a;User:admin", "name_illegal"),
        ("a\n", "name_illegal"),
        ("ä", "name_illegal"),
        ("a+b", "name_illegal"),
        ("*", "name_illegal"),
        ("anonymous", "name_reserved"),
        ("ANONYMOUS", "name_reserved"),
    ],
)
def test_names(name: str, code: str | None) -> None:
    found = check_name(name)
    assert (found.code if found else None) == code


def test_a_name_of_the_clusters_own_is_reserved() -> None:
    found = check_name("admin", reserved=True)
    assert found is not None
    assert found.code == "name_reserved"


@given(st.from_regex(LEGAL, fullmatch=True))
def test_a_legal_name_is_the_principal_under_the_bundled_rule(name: str) -> None:
    assert principal_of("RULE:^CN=([^,]+).*$/$1/,DEFAULT", f"CN={name}") == f"User:{name}"


@pytest.mark.parametrize(
    ("request_", "state", "codes"),
    [
        (IssueCertificate("orders"), FREE, []),
        (IssueCertificate("orders", 1), FREE, []),
        (IssueCertificate("orders", 365), FREE, []),
        (IssueCertificate("orders", 0), FREE, ["days"]),
        (IssueCertificate("orders", 366), FREE, ["days"]),
        (IssueCertificate("orders", csr="x"), FREE, ["csr"]),
        (IssueCertificate("admin"), replace(FREE, common_name="admin", reserved=True), ["name_reserved"]),
        (IssueCertificate("orders"), replace(FREE, principal=None), ["no_principal"]),
        (IssueCertificate("orders"), replace(FREE, compromised_key=True), ["key_compromised"]),
        (IssueCertificate("orders"), replace(FREE, foreign_hosts=("8.8.8.8",)), ["hosts"]),
    ],
)
def test_an_issue_plan_names_every_refusal(
    request_: IssueCertificate, state: IssueState, codes: list[str]
) -> None:
    plan = plan_issue(request_, state, cluster="main", now=NOW)
    assert [refusal.code for refusal in plan.refusals] == codes
    assert plan.allowed is (codes == [])


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (replace(FREE, acls=0), "No ACL names this principal"),
        (FREE, "2 ACLs of this principal apply"),
        (replace(FREE, scram_user=True), "A SCRAM user of this name exists"),
        (replace(FREE, live=(OLD,)), "1 certificate of this name is valid already"),
        (replace(FREE, live=(OLD, OLD)), "2 certificates of this name are valid already"),
        (replace(FREE, issuer_ends=NOW + 20 * DAY), "The issuing certificate ends in 20 days"),
    ],
)
def test_an_issue_plan_says_what_to_mind(state: IssueState, words: str) -> None:
    plan = plan_issue(IssueCertificate("orders"), state, cluster="main", now=NOW)
    assert any(words in warning for warning in plan.warnings)
    assert plan.risk is Risk.REVERSIBLE


def test_a_principal_that_gets_its_acls_in_the_same_act_is_not_said_to_have_none() -> None:
    state = replace(FREE, acls=0)
    plan = plan_issue(IssueCertificate("orders"), state, cluster="main", now=NOW, rights_come=True)
    assert plan.warnings == ()


def test_what_the_cluster_did_not_tell_is_not_warned_about() -> None:
    state = replace(FREE, acls=None, scram_user=None)
    assert plan_issue(IssueCertificate("orders"), state, cluster="main", now=NOW).warnings == ()


@given(st.integers(1, 365), st.integers(0, 800))
def test_no_certificate_outlives_its_issuer(days: int, left: int) -> None:
    end = NOW + left * DAY
    assert ends_at(days, end, NOW) == min(NOW + days * DAY, end)


def test_the_audit_keeps_neither_the_requests_text_nor_a_key() -> None:
    plan = plan_issue(IssueCertificate("orders", csr="secret words"), FREE, cluster="main", now=NOW)
    assert "secret words" not in str(plan.to_json())
    assert "secret words" not in repr(IssueCertificate("orders", csr="secret words"))


@pytest.mark.parametrize(
    ("old", "request_", "codes"),
    [
        (OLD, RenewCertificate(), []),
        (replace(OLD, not_after=NOW - DAY), RenewCertificate(), []),
        (replace(OLD, revoked=True), RenewCertificate(), ["revoked"]),
        (replace(OLD, replaced_by="cd"), RenewCertificate(), ["replaced"]),
        (OLD, RenewCertificate(400), ["days"]),
        (OLD, RenewCertificate(csr="x"), ["csr", "csr"]),
        (replace(OLD, origin=Origin.CSR), RenewCertificate(), []),
    ],
)
def test_a_renew_plan_names_every_refusal(old: Issued, request_: RenewCertificate, codes: list[str]) -> None:
    plan = plan_renew(request_, old, FREE, cluster="main", now=NOW)
    assert [refusal.code for refusal in plan.refusals] == codes


def test_a_renewal_says_that_the_old_one_goes_on_and_which_key_it_has() -> None:
    plan = plan_renew(RenewCertificate(), OLD, FREE, cluster="main", now=NOW)
    assert "stays valid until" in plan.warnings[0]
    same = plan_renew(RenewCertificate(), replace(OLD, origin=Origin.CSR), FREE, cluster="main", now=NOW)
    assert "the same key" in str(same.steps[0].changes)
    assert "handed over once" in str(plan.steps[0].changes)


def test_a_revocation_is_for_good_and_says_what_it_does_not_do() -> None:
    plan = plan_revoke(Reason.KEY_COMPROMISE, OLD, cluster="main", blocked=False, now=NOW)
    assert (plan.risk, plan.confirm_name) == (Risk.DESTRUCTIVE, "orders")
    assert "Brokers do not ask for the revocation list" in plan.warnings[0]
    assert any("block User:orders as well" in warning for warning in plan.warnings)
    assert any("stay open" in warning for warning in plan.warnings)
    ended = plan_revoke(
        Reason.SUPERSEDED, replace(OLD, not_after=NOW - DAY), cluster="main", blocked=None, now=NOW
    )
    assert len(ended.warnings) == 1
    again = plan_revoke(Reason.SUPERSEDED, replace(OLD, revoked=True), cluster="main", blocked=None, now=NOW)
    assert [refusal.code for refusal in again.refusals] == ["revoked"]


SAME = SameKey("cd34", "billing", "User:billing")


def test_what_a_dropped_authority_issued_is_refused_by_brokers_already() -> None:
    old = replace(OLD, trusted=False)
    revoking = plan_revoke(Reason.KEY_COMPROMISE, old, cluster="main", blocked=False, now=NOW)
    assert "Brokers refuse the present certificate already" in revoking.warnings[0]
    assert "not trusted any more" in str(revoking.steps[0].changes)
    assert "with serial" not in str(revoking.steps[0].changes)
    renewing = plan_renew(RenewCertificate(), old, FREE, cluster="main", now=NOW)
    assert renewing.warnings == (
        "Brokers refuse the present certificate already: its authority was dropped.",
    )
    assert old.digest != OLD.digest
    assert replace(OLD, trusted=None).digest == OLD.digest


def test_a_key_that_others_may_have_is_revoked_wherever_it_is_certified() -> None:
    old = replace(OLD, same_key=(SAME,))
    plan = plan_revoke(Reason.KEY_COMPROMISE, old, cluster="main", blocked=False, now=NOW)
    assert [step.name for step in plan.steps] == ["ab12", "cd34"]
    assert "billing (cd34)" in plan.warnings[0]
    assert "revoked as well" in plan.warnings[0]
    assert [item.name for item in plan.affected] == ["User:orders", "User:billing"]
    other = plan_revoke(Reason.SUPERSEDED, old, cluster="main", blocked=False, now=NOW)
    assert [step.name for step in other.steps] == ["ab12"]
    assert "With this reason it stays as it is" in other.warnings[0]
    assert plan.digest == other.digest != OLD.digest


@pytest.mark.parametrize(
    ("revoked", "dropped_at", "words"),
    [
        (False, NOW, "its authority was dropped on 2026-11-24 12:00 UTC"),
        (False, None, "its authority was dropped. Brokers refuse"),
        (True, NOW, "its authority was dropped on"),
    ],
)
def test_a_certificate_of_a_dropped_authority_is_said_to_be_refused(
    revoked: bool, dropped_at: datetime | None, words: str
) -> None:
    for block in (FREE_BLOCK, BLOCKED, None):
        found = verdict(
            principal=P,
            revoked=revoked,
            not_after=NOW + DAY,
            block=block,
            now=NOW,
            trusted=False,
            dropped_at=dropped_at,
        )
        assert found.protection is Protection.UNTRUSTED
        assert words in found.what
        assert ("revoked as well" in found.hint) is revoked


def test_what_the_authorities_do_not_tell_is_unknown() -> None:
    found = verdict(principal=P, revoked=False, not_after=NOW + DAY, block=FREE_BLOCK, now=NOW, trusted=None)
    assert found.protection is Protection.UNKNOWN
    assert "cannot be read" in found.what


FREE_BLOCK = BlockState(P, frozenset())
BLOCKED = BlockState(P, frozenset(blocks.denials(P)))
PARTLY = BlockState(P, frozenset(blocks.denials(P)[:2]))
SUPER = BlockState(P, frozenset(), super_user=True)


@pytest.mark.parametrize(
    ("state", "codes", "steps"),
    [(FREE_BLOCK, [], 6), (PARTLY, [], 4), (BLOCKED, ["blocked"], 0), (SUPER, ["super_user"], 6)],
)
def test_a_block_denies_what_is_not_denied_yet(state: BlockState, codes: list[str], steps: int) -> None:
    plan = block_plans.plan_block(state, cluster="main", certificates=("ab",))
    assert [refusal.code for refusal in plan.refusals] == codes
    assert len(plan.steps) == steps


@pytest.mark.parametrize(
    ("state", "codes", "steps"), [(FREE_BLOCK, ["not_blocked"], 0), (PARTLY, [], 2), (BLOCKED, [], 6)]
)
def test_lifting_a_block_deletes_exactly_its_denials(state: BlockState, codes: list[str], steps: int) -> None:
    plan = block_plans.plan_unblock(state, cluster="main", certificates=())
    assert plan.risk is Risk.DISRUPTIVE  # whoever was kept out comes in again
    assert [refusal.code for refusal in plan.refusals] == codes
    assert len(plan.steps) == steps


def test_a_block_is_on_every_type_of_resource_that_kafka_has() -> None:
    kinds = {acl.resource_type for acl in blocks.denials(P)}
    assert kinds == {AclResourceType.of(code) for code in range(2, 8)}
    assert len({f.resource_type for f in blocks.filters(blocks.denials(P))}) == 6
    assert "--deny-principal User:orders" in blocks.command(P)


@pytest.mark.parametrize(
    ("revoked", "block", "after", "expected"),
    [
        (False, FREE_BLOCK, 1, Protection.NONE),
        (True, FREE_BLOCK, 1, Protection.REVOKED_ONLY),
        (False, BLOCKED, 1, Protection.BLOCKED),
        (True, BLOCKED, 1, Protection.BLOCKED_AND_REVOKED),
        (True, PARTLY, 1, Protection.PARTLY),
        (True, SUPER, 1, Protection.SUPER_USER),
        (False, SUPER, 1, Protection.NONE),
        (True, None, 1, Protection.UNKNOWN),
        (False, None, 1, Protection.UNKNOWN),
        (True, FREE_BLOCK, -1, Protection.OVER),
        (False, None, -1, Protection.OVER),
    ],
)
def test_which_protection_holds(
    revoked: bool, block: BlockState | None, after: int, expected: Protection
) -> None:
    found = verdict(principal=P, revoked=revoked, not_after=NOW + after * DAY, block=block, now=NOW)
    assert found.protection is expected
    assert found.what
    assert found.tone in ("ok", "info", "warn", "critical", "unknown")
    if expected is Protection.REVOKED_ONLY:
        assert "brokers still accept it until" in found.what
        assert "block the principal" in found.hint


@pytest.mark.parametrize(
    ("left", "life"),
    [
        (timedelta(seconds=-1), Life.EXPIRED),
        (timedelta(0), Life.VERY_SOON),
        (7 * DAY, Life.VERY_SOON),
        (7 * DAY + timedelta(seconds=1), Life.SOON),
        (30 * DAY, Life.SOON),
        (31 * DAY, Life.VALID),
    ],
)
def test_lives(left: timedelta, life: Life) -> None:
    assert life_of(NOW - 90 * DAY, NOW + left, NOW) is life
    assert life_of(NOW + DAY, NOW + 90 * DAY, NOW) is Life.NOT_YET


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "less than a minute"),
        (59, "less than a minute"),
        (60, "1 minute"),
        (7199, "1 hour"),
        (86_399, "23 hours"),
        (86_400, "1 day"),
        (86_400 * 729, "729 days"),
        (86_400 * 730, "2 years"),
        (-90_000, "1 day ago"),
    ],
)
def test_time_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


def test_a_span_counts_below_zero() -> None:
    span = Span(NOW - 2 * DAY, NOW - DAY, NOW)
    assert (span.seconds_left, span.left, span.tone) == (-86_400, "1 day ago", "critical")


@pytest.mark.parametrize(
    ("state", "codes"),
    [
        (WatchState(frozenset()), []),
        (WatchState(frozenset({"a.example:443"})), ["exists"]),
        (WatchState(frozenset(f"h{n}:1" for n in range(200))), ["too_many"]),
        (WatchState(frozenset(), Refusal("target_refused", "no", "")), ["target_refused"]),
    ],
)
def test_a_watch_plan_names_every_refusal(state: WatchState, codes: list[str]) -> None:
    plan = watch_plans.plan_watch(WatchEndpoint("a.example", 443), state, cluster="main")
    assert [refusal.code for refusal in plan.refusals] == codes


def test_a_jks_store_does_not_hold_the_key_in_clear() -> None:
    hierarchy = pki.create_hierarchy(pki.Purpose.CLIENTS, "t", (), NOW)
    pair = pki.issue(hierarchy, "x", (), NOW)
    assert isinstance(pair.key, ec.EllipticCurvePrivateKey)
    store = keystores.jks_keystore("X", pair.key, [pair.certificate], "pass", salt=b"s" * 20, now=NOW)
    plain = pair.key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    assert plain not in store
    assert pair.key.private_numbers().private_value.to_bytes(32, "big") not in store
    with pytest.raises(ValueError, match="20 bytes"):
        keystores.jks_keystore("x", pair.key, [pair.certificate], "pass", salt=b"s", now=NOW)


def test_a_replaced_certificate_is_revoked_from_what_its_page_calls_it() -> None:
    plan = plan_revoke(
        Reason.UNSPECIFIED, replace(OLD, replaced_by="cd"), cluster="main", blocked=None, now=NOW
    )
    assert plan.steps[0].changes[0].before == "replaced"
