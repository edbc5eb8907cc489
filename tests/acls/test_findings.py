"""What is odd about bindings, as a table; and that what a finding calls superfluous really is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given

from controlplane.acls.logic.authorize import Authorizer, Question, authorize
from controlplane.acls.logic.bindings import key
from controlplane.acls.logic.findings import Finding, FindingKind, Tone, Usage, covers, findings
from controlplane.clusters.logic import blocks
from controlplane.gateways.kafka.access_types import Acl
from tests.acls.notation import acl
from tests.acls.test_authorize import ACLS, AUTHORIZERS, QUESTIONS

ANN = frozenset({"User:ann", "User:bob"})
READ = "ALLOW User:ann READ TOPIC orders"


def found(lines: Sequence[str], **more: object) -> tuple[Finding, ...]:
    state = Authorizer(tuple(map(acl, lines)), frozenset({"User:root"}))
    return findings(state, **{"scram_users": ANN, **more})  # type: ignore[arg-type]


def kinds(lines: Sequence[str]) -> list[tuple[str, str]]:
    """(kind, the binding it is about) but for whether it is used."""
    return [
        (str(each.kind), line)
        for each in found(lines)
        for line in lines
        if acl(line) in each.acls and each.kind != FindingKind.UNUSED
    ]


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        ([READ], []),
        ([READ, "DENY User:ann READ TOPIC ord PREFIXED"], [("shadowed", READ)]),
        ([READ, "DENY User:* ALL TOPIC *"], [("shadowed", READ)]),
        ([READ, "DENY User:ann WRITE TOPIC orders"], []),
        ([READ, "DENY User:ann READ TOPIC orders @10.0.0.1"], []),
        (["ALLOW User:ann READ TOPIC o PREFIXED", "DENY User:ann READ TOPIC orders"], []),
        # DENY implies nothing: what READ allows beyond READ (describe) is not refused by a DENY of DESCRIBE alone
        ([READ, "DENY User:ann DESCRIBE TOPIC orders"], []),
        ([READ, "ALLOW User:ann ALL TOPIC orders"], [("redundant", READ)]),
        ([READ, "ALLOW User:bob ALL TOPIC orders"], []),
        (
            ["ALLOW User:ann DESCRIBE TOPIC orders", READ],
            [("redundant", "ALLOW User:ann DESCRIBE TOPIC orders")],
        ),
        (["DENY User:ann DESCRIBE TOPIC orders", "DENY User:ann READ TOPIC orders"], []),
        (["ALLOW User:ann READ TOPIC *"], [("too_wide", "ALLOW User:ann READ TOPIC *")]),
        (["ALLOW User:* READ TOPIC orders"], [("too_wide", "ALLOW User:* READ TOPIC orders")]),
        (["ALLOW User:* DESCRIBE TOPIC *", "DENY User:* WRITE TOPIC *"], []),
        # The wide one is what should go: deleting the narrow one in its favour would be the wrong advice.
        ([READ, "ALLOW User:* READ TOPIC orders"], [("too_wide", "ALLOW User:* READ TOPIC orders")]),
        ([READ, "ALLOW User:ann ALL TOPIC *"], [("too_wide", "ALLOW User:ann ALL TOPIC *")]),
        (
            [READ, "ALLOW User:ann ALL TOPIC *", "ALLOW User:ann READ TOPIC ord PREFIXED"],
            [("redundant", READ), ("too_wide", "ALLOW User:ann ALL TOPIC *")],
        ),
        (["ALLOW User:root READ TOPIC orders"], [("no_effect", "ALLOW User:root READ TOPIC orders")]),
        (["ALLOW User:ann WRITE GROUP g"], [("no_effect", "ALLOW User:ann WRITE GROUP g")]),
        (["ALLOW User:ann READ TOPIC orders @host.example"], [("no_effect", "ALLOW User:ann READ TOPIC orders @host.example")]),
        (["ALLOW User:eve READ TOPIC orders"], [("no_credentials", "ALLOW User:eve READ TOPIC orders")]),
    ],
)  # fmt: skip
def test_what_is_odd(lines: list[str], wanted: list[tuple[str, str]]) -> None:
    assert kinds(lines) == wanted


def test_where_users_cannot_be_read_it_is_said_so_and_nothing_is_called_wrong() -> None:
    finding = next(each for each in found([READ], scram_users=None) if each.kind == "no_credentials")
    assert finding.tone is Tone.UNKNOWN
    assert "could not be read" in finding.what


def test_a_certificate_that_is_no_longer_valid_is_none() -> None:
    (finding,) = [
        each
        for each in found(["ALLOW User:eve READ TOPIC orders"])
        if each.acls and each.kind == "no_credentials"
    ]
    assert "no valid certificate of Kastellan's" in finding.what


def test_a_certificate_is_a_credential_too() -> None:
    eve = "ALLOW User:eve READ TOPIC orders"
    assert not [each for each in found([eve], certificates=frozenset({"User:eve"})) if each.acls]


START = datetime(2026, 1, 2, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("usage", "tones"),
    [
        (None, [Tone.UNKNOWN]),
        (Usage(START, START + timedelta(minutes=5), {}), [Tone.INFO]),
        (Usage(START, START + timedelta(minutes=5), {key(acl(READ)): "…"}), []),
        (Usage(START, START + timedelta(minutes=5), {}, complete=False), [Tone.UNKNOWN, Tone.INFO]),
    ],
)
def test_use_is_unknown_without_a_window_and_uncertain_with_gaps(
    usage: Usage | None, tones: list[Tone]
) -> None:
    assert [each.tone for each in found([READ], usage=usage) if each.kind is FindingKind.UNUSED] == tones


@given(AUTHORIZERS, QUESTIONS)
def test_without_what_is_shadowed_or_redundant_every_answer_is_the_same(
    state: Authorizer, question: Question
) -> None:
    for finding in findings(state):
        if finding.kind in (FindingKind.SHADOWED, FindingKind.REDUNDANT):
            left = replace(state, acls=tuple(each for each in state.acls if each not in finding.acls))
            assert authorize(question, replace(left, allow_everyone=False)).allowed == authorize(question, replace(state, allow_everyone=False)).allowed  # fmt: skip


@given(ACLS, ACLS, QUESTIONS)
def test_a_binding_that_covers_another_answers_whatever_that_answers(
    outer: Acl, inner: Acl, question: Question
) -> None:
    if outer.permission != inner.permission or not covers(outer, inner):
        return
    if authorize(question, Authorizer((inner,))).decided_by == inner:
        assert authorize(question, Authorizer((outer,))).decided_by == outer


def test_a_block_is_told_once_with_what_it_suspends_and_nothing_of_it_is_to_be_deleted() -> None:
    block = blocks.denials("User:ann")
    state = Authorizer((acl(READ), acl("ALLOW User:ann WRITE TOPIC orders"), *block))
    listed = findings(state, scram_users=ANN)
    told = [each for each in listed if each.kind is FindingKind.BLOCKED]
    assert [each.blocked for each in told] == ["User:ann"]
    assert "so 2 allowing bindings of it do not count" in told[0].what
    assert all(not set(each.acls) & set(block) for each in listed)
    assert FindingKind.SHADOWED not in {each.kind for each in listed}


def test_a_block_that_outlived_its_name_is_no_binding_without_credentials() -> None:
    listed = findings(Authorizer(blocks.denials("User:gone")), scram_users=ANN)
    assert [each.kind for each in listed] == [FindingKind.BLOCKED]
    assert "Nobody of this name can log in" in listed[0].hint
