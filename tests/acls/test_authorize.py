"""The authorizer as a table, and its properties. tests/acls/test_oracle.py holds it against a real broker."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.acls.logic.authorize import Authorizer, Question, Rule, authorize, decide
from controlplane.acls.logic.bindings import SUPPORTED
from controlplane.acls.logic.questions import Task, TaskQuestion, answer
from controlplane.gateways.kafka.access_types import (
    Acl,
    AclOperation,
    AclPermission,
    PatternType,
)
from tests.acls.notation import acl, ask

READ_ORDERS = "User:ann READ TOPIC orders"


@pytest.mark.parametrize(
    ("acls", "question", "rule"),
    [
        ([], READ_ORDERS, Rule.NO_ACL),
        (["ALLOW User:bob READ TOPIC orders"], READ_ORDERS, Rule.NO_MATCH),
        (["ALLOW User:ann READ TOPIC orders"], READ_ORDERS, Rule.ALLOW),
        (["ALLOW User:* READ TOPIC orders"], READ_ORDERS, Rule.ALLOW),
        (["ALLOW User:ann ALL TOPIC orders"], READ_ORDERS, Rule.ALLOW),
        (["ALLOW User:ann READ TOPIC *"], READ_ORDERS, Rule.ALLOW),
        (["ALLOW User:ann READ TOPIC ord PREFIXED"], READ_ORDERS, Rule.ALLOW),
        (["ALLOW User:ann READ TOPIC ord"], READ_ORDERS, Rule.NO_ACL),
        (["ALLOW User:ann READ TOPIC * PREFIXED"], READ_ORDERS, Rule.NO_ACL),
        (["ALLOW User:ann READ GROUP orders"], READ_ORDERS, Rule.NO_ACL),
        (["ALLOW User:ann WRITE TOPIC orders"], READ_ORDERS, Rule.NO_MATCH),
        (["ALLOW Group:ann READ TOPIC orders"], READ_ORDERS, Rule.NO_MATCH),
        (["ALLOW User:ann READ TOPIC orders @10.0.0.1"], READ_ORDERS, Rule.ALLOW),
        (["ALLOW User:ann READ TOPIC orders @10.0.0.2"], READ_ORDERS, Rule.NO_MATCH),
        (["ALLOW User:ann ALL TOPIC orders", "DENY User:* READ TOPIC *"], READ_ORDERS, Rule.DENY),
        (["ALLOW User:ann ALL TOPIC orders", "DENY User:ann ALL TOPIC o PREFIXED"], READ_ORDERS, Rule.DENY),
        (["ALLOW User:ann ALL TOPIC orders", "DENY User:ann WRITE TOPIC orders"], READ_ORDERS, Rule.ALLOW),
        (["ALLOW User:ann READ TOPIC orders"], "User:ann DESCRIBE TOPIC orders", Rule.ALLOW),
        (["ALLOW User:ann WRITE TOPIC orders"], "User:ann DESCRIBE TOPIC orders", Rule.ALLOW),
        (["ALLOW User:ann DELETE TOPIC orders"], "User:ann DESCRIBE TOPIC orders", Rule.ALLOW),
        (["ALLOW User:ann ALTER TOPIC orders"], "User:ann DESCRIBE TOPIC orders", Rule.ALLOW),
        (["ALLOW User:ann CREATE TOPIC orders"], "User:ann DESCRIBE TOPIC orders", Rule.NO_MATCH),
        (["ALLOW User:ann ALTER_CONFIGS TOPIC orders"], "User:ann DESCRIBE TOPIC orders", Rule.NO_MATCH),
        (["ALLOW User:ann ALTER_CONFIGS TOPIC orders"], "User:ann DESCRIBE_CONFIGS TOPIC orders", Rule.ALLOW),
        (["ALLOW User:ann ALTER TOPIC orders"], "User:ann DESCRIBE_CONFIGS TOPIC orders", Rule.NO_MATCH),
        (
            ["ALLOW User:ann DESCRIBE TOPIC orders", "DENY User:ann READ TOPIC orders"],
            "User:ann DESCRIBE TOPIC orders",
            Rule.ALLOW,
        ),
        (
            ["ALLOW User:ann READ TOPIC orders", "DENY User:ann DESCRIBE TOPIC orders"],
            "User:ann DESCRIBE TOPIC orders",
            Rule.DENY,
        ),
        (["DENY User:* ALL TOPIC *"], "User:root READ TOPIC orders", Rule.SUPER_USER),
    ],
)
def test_what_kafka_decides(acls: list[str], question: str, rule: Rule) -> None:
    decision = authorize(ask(question), Authorizer(tuple(map(acl, acls)), frozenset({"User:root"})))
    assert decision.rule is rule
    assert decision.allowed == (rule in (Rule.ALLOW, Rule.SUPER_USER))
    assert decision.reason


def test_without_any_binding_on_the_resource_everyone_may_where_the_broker_says_so() -> None:
    open_ = Authorizer((acl("ALLOW User:bob READ TOPIC other"),), allow_everyone=True)
    assert authorize(ask(READ_ORDERS), open_).rule is Rule.ALLOW_EVERYONE
    closed = replace(open_, acls=(*open_.acls, acl("ALLOW User:bob READ TOPIC orders")))
    assert authorize(ask(READ_ORDERS), closed).rule is Rule.NO_MATCH


def test_a_refusal_names_every_deny_that_has_to_go_and_the_one_binding_that_is_missing() -> None:
    denies = (acl("DENY User:* ALL TOPIC *"), acl("DENY User:ann READ TOPIC orders"))
    decision = authorize(ask(READ_ORDERS), Authorizer(denies))
    assert decision.decided_by == denies[1]
    assert set(decision.remove_first) == set(denies)
    assert decision.would_allow == (acl("ALLOW User:ann READ TOPIC orders @10.0.0.1"),)


def test_a_deny_over_an_allow_needs_no_new_binding() -> None:
    acls = (acl("DENY User:ann READ TOPIC orders"), acl("ALLOW User:ann READ TOPIC ord PREFIXED"))
    assert authorize(ask(READ_ORDERS), Authorizer(acls)).would_allow == ()


NAMES = st.sampled_from(["a", "ab", "abc", "b", "*"])
ACLS = st.builds(
    Acl,
    st.sampled_from(["User:ann", "User:bob", "User:*", "Group:ann"]),
    st.sampled_from(["*", "1.1.1.1", "2.2.2.2"]),
    st.sampled_from([op for op in AclOperation if op is not AclOperation.ANY]),
    st.sampled_from([AclPermission.ALLOW, AclPermission.DENY]),
    st.sampled_from(list(SUPPORTED)),
    st.one_of(NAMES, st.just("kafka-cluster")),
    st.sampled_from([PatternType.LITERAL, PatternType.PREFIXED]),
)
QUESTIONS = st.builds(
    Question,
    st.sampled_from(["User:ann", "User:bob", "User:root"]),
    st.sampled_from([op for op in AclOperation if op not in (AclOperation.ANY, AclOperation.ALL)]),
    st.sampled_from(list(SUPPORTED)),
    NAMES,
    st.sampled_from(["*", "1.1.1.1", "2.2.2.2"]),
)
AUTHORIZERS = st.builds(
    Authorizer, st.lists(ACLS, max_size=12).map(tuple), st.just(frozenset({"User:root"})), st.booleans()
)


@given(QUESTIONS, AUTHORIZERS)
def test_the_way_out_of_a_refusal_works_and_nothing_of_it_is_superfluous(
    question: Question, authorizer: Authorizer
) -> None:
    decision = authorize(question, authorizer)
    if decision.allowed:
        assert decision.would_allow == decision.remove_first == ()
        return
    kept = tuple(a for a in authorizer.acls if a not in decision.remove_first)
    assert authorize(question, replace(authorizer, acls=(*kept, *decision.would_allow))).allowed
    for deny in decision.remove_first:
        still = (*kept, *decision.would_allow, deny)
        assert not authorize(question, replace(authorizer, acls=still)).allowed
    for extra in decision.would_allow:
        rest = tuple(a for a in decision.would_allow if a != extra)
        assert not authorize(question, replace(authorizer, acls=(*kept, *rest))).allowed


@given(QUESTIONS, AUTHORIZERS)
def test_the_deciding_binding_alone_decides_the_same(question: Question, authorizer: Authorizer) -> None:
    rule, binding = decide(question, authorizer)
    if binding is not None:
        assert decide(question, replace(authorizer, acls=(binding,))) == (rule, binding)


@given(QUESTIONS, AUTHORIZERS, ACLS)
def test_another_deny_never_allows_anything(question: Question, authorizer: Authorizer, extra: Acl) -> None:
    deny = replace(extra, permission=AclPermission.DENY)
    before = authorize(question, authorizer).allowed
    after = authorize(question, replace(authorizer, acls=(*authorizer.acls, deny))).allowed
    assert before or not after


def test_produce_needs_write_alone_and_consume_the_group_too() -> None:
    write = Authorizer((acl("ALLOW User:ann WRITE TOPIC orders"),))
    assert answer(TaskQuestion(Task.PRODUCE, "User:ann", "orders"), write).allowed
    refused = answer(TaskQuestion(Task.CONSUME, "User:ann", "orders", "readers"), write)
    assert not refused.allowed
    assert set(refused.would_allow) == {
        acl("ALLOW User:ann READ TOPIC orders"),
        acl("ALLOW User:ann READ GROUP readers"),
    }


def test_transactions_need_write_on_the_transactional_id() -> None:
    write = Authorizer((acl("ALLOW User:ann WRITE TOPIC orders"),))
    asked = TaskQuestion(Task.PRODUCE_IN_TRANSACTIONS, "User:ann", "orders", "tx-1")
    verdict = answer(asked, write)
    assert verdict.would_allow == (acl("ALLOW User:ann WRITE TRANSACTIONAL_ID tx-1"),)
    assert answer(asked, Authorizer((*write.acls, *verdict.would_allow))).allowed
