"""Plans, checks and bundles as tables: exactly what is added and removed, what is refused, what is warned of."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.acls.logic import plans
from controlplane.acls.logic.authorize import Authorizer
from controlplane.acls.logic.bindings import SUPPORTED, from_key, key, to_json
from controlplane.acls.logic.bundles import KINDS, Bundle, BundleRequest, bindings_of, missing
from controlplane.acls.logic.checks import normal_host, refusals_of, warnings_of
from controlplane.acls.logic.findings import redundant, shadowed
from controlplane.acls.logic.questions import Task, TaskQuestion, answer
from controlplane.acls.logic.selection import Filters, by_principal, by_resource, matrix, select
from controlplane.clusters.logic import blocks
from controlplane.clusters.logic.credentials import Accepted
from controlplane.core.plans import Risk, StepKind
from controlplane.gateways.kafka.access_types import Acl
from tests.acls.notation import acl
from tests.acls.test_authorize import ACLS

READ, WRITE = acl("ALLOW User:ann READ TOPIC orders"), acl("ALLOW User:ann WRITE TOPIC orders")
DENY = acl("DENY User:bob ALL TOPIC orders")


def state(*acls: object, **more: object) -> Authorizer:
    return Authorizer(tuple(acls), frozenset({"User:root"}), **more)  # type: ignore[arg-type]


def test_what_exists_already_is_left_out_and_shown_as_before() -> None:
    change = plans.plan_create([READ, WRITE], state(READ), cluster="main")
    assert (change.add, change.remove) == ((WRITE,), ())
    (step,) = change.plan.steps
    assert (step.kind, step.name) == (StepKind.CREATE, "User:ann")
    assert [(c.before, c.after) for c in step.changes] == [("ALLOW READ", "ALLOW READ, ALLOW WRITE")]
    assert change.plan.risk is Risk.REVERSIBLE
    assert "--operation Write" in change.plan.commands[0]


def test_nothing_new_is_refused() -> None:
    change = plans.plan_create([READ], state(READ), cluster="main")
    assert [refusal.code for refusal in change.plan.refusals] == ["nothing"]


def test_a_deny_is_disruptive_and_a_deletion_says_who_loses_what() -> None:
    assert plans.plan_create([DENY], state(), cluster="main").plan.risk is Risk.DISRUPTIVE
    plan = plans.plan_delete([READ], state(READ, WRITE), cluster="main").plan
    assert plan.risk is Risk.DISRUPTIVE
    assert [item.note for item in plan.affected] == ["loses READ on topic orders"]
    wider = acl("ALLOW User:ann READ TOPIC ord PREFIXED")
    still = plans.plan_delete([READ], state(READ, wider), cluster="main").plan
    assert [item.note for item in still.affected] == ["still may READ on topic orders"]


def test_a_digest_is_about_the_bindings_of_the_change_alone() -> None:
    before = plans.plan_delete([READ], state(READ), cluster="main").plan.digest
    assert plans.plan_delete([READ], state(READ, DENY), cluster="main").plan.digest == before


@pytest.mark.parametrize("remove_others", [False, True])
def test_an_import_depends_on_all_bindings_only_when_it_removes_the_others(remove_others: bool) -> None:
    alone, beside = (
        plans.plan_import([READ], found, cluster="main", remove_others=remove_others).plan.digest
        for found in (state(), state(DENY))
    )
    assert (alone != beside) == remove_others


def test_an_import_removes_only_when_asked() -> None:
    kept = plans.plan_import([READ], state(DENY), cluster="main", remove_others=False)
    assert (kept.add, kept.remove) == ((READ,), ())
    exact = plans.plan_import([READ], state(DENY), cluster="main", remove_others=True)
    assert (exact.add, exact.remove) == ((READ,), (DENY,))


def test_the_first_binding_on_a_resource_takes_it_from_everybody_else_under_allow_everyone() -> None:
    plan = plans.plan_create([READ], state(allow_everyone=True), cluster="main").plan
    assert plan.risk is Risk.DISRUPTIVE
    assert "until now everyone may use it" in " ".join(plan.warnings)


@given(st.frozensets(ACLS, max_size=8), st.frozensets(ACLS, max_size=8), st.booleans())
def test_an_import_ends_in_the_file_and_its_revert_in_what_was_there(
    present: frozenset[object], wanted: frozenset[object], remove: bool
) -> None:
    start = state(*present)
    change = plans.plan_import(tuple(wanted), start, cluster="main", remove_others=remove)  # type: ignore[arg-type]
    end = (set(start.acls) | set(change.add)) - set(change.remove)
    assert end == (set(wanted) if remove else set(present) | set(wanted))
    back = plans.plan_revert(change.add, change.remove, state(*end), cluster="main")
    assert (end | set(back.add)) - set(back.remove) == set(present)


@given(ACLS)
def test_a_key_names_its_binding(binding: object) -> None:
    assert from_key(key(binding)) == binding  # type: ignore[arg-type]


@pytest.mark.parametrize("raw", ["", "[]", "{}", "null", '["a"]', "[1,2,3,4,5,6,7]"])
def test_what_is_no_key_is_a_value_error(raw: str) -> None:
    with pytest.raises(ValueError):
        from_key(raw)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("ALLOW ann READ TOPIC a", "principal"),
        ("ALLOW User: READ TOPIC a", "principal"),
        ("ALLOW User:ann CLUSTER_ACTION TOPIC a", "operation"),
        ("ALLOW User:ann READ CLUSTER kafka-cluster", "operation"),
        ("ALLOW User:ann DESCRIBE CLUSTER *", "resource_name"),
        ("ALLOW User:ann CREATE_TOKENS USER bob", "resource_name"),
        ("ALLOW User:ann READ TOPIC * PREFIXED", "pattern_type"),
        ("ALLOW User:ann READ TOPIC a @broker.example", "host"),
        ("ALLOW User:ann READ TOPIC a @::1", "host"),
        ("ALLOW User:ann READ TOPIC a @10.0.0.0/8", "host"),
    ],
)
def test_a_binding_without_effect_is_refused(line: str, code: str) -> None:
    assert code in [refusal.code for refusal in refusals_of([acl(line)])]


def test_every_operation_that_exists_on_a_type_is_taken() -> None:
    for kind, operations in SUPPORTED.items():
        name = {"CLUSTER": "kafka-cluster", "USER": "User:bob"}.get(kind, "a")
        for operation in operations:
            assert not refusals_of([acl(f"ALLOW User:ann {operation} {kind} {name}")])


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("ALLOW User:* READ TOPIC a", "Everyone who can log in"),
        ("DENY User:* READ TOPIC a", "Everyone but super users"),
        ("DENY User:root READ TOPIC a", "super user"),
        ("ALLOW User:ann READ TOPIC *", "do not exist yet"),
        ("ALLOW User:ann ALL TOPIC a", "includes deleting"),
        ("ALLOW User:ann READ TOPIC a PREFIXED", "is short"),
    ],
)
def test_what_is_wide_is_warned_of(line: str, word: str) -> None:
    assert word in " ".join(warnings_of([acl(line)], frozenset({"User:root"})))


@pytest.mark.parametrize(
    ("raw", "host"), [("::1", "0:0:0:0:0:0:0:1"), ("::ffff:10.0.0.1", "10.0.0.1"), ("10.0.0.1", "10.0.0.1"), ("x", "x")]
)  # fmt: skip
def test_hosts_are_asked_about_as_the_broker_writes_them(raw: str, host: str) -> None:
    assert normal_host(raw) == host


def bundle(kind: Bundle) -> BundleRequest:
    return BundleRequest(
        kind, "User:app", topics=("in", "in-*"), outputs=("out",), group="app", transactional_id="tx"
    )


@pytest.mark.parametrize("kind", list(Bundle))
def test_a_bundle_is_legal_and_nothing_in_it_is_superfluous(kind: Bundle) -> None:
    request = bundle(kind)
    bindings = bindings_of(request)
    assert bindings
    assert not missing(request)
    assert refusals_of(bindings) == ()
    assert shadowed(bindings) == []
    assert [finding.what for finding in redundant(bindings)] == []


@pytest.mark.parametrize("kind", [kind for kind in Bundle if KINDS[kind].needs])
def test_a_bundle_says_what_it_needs(kind: Bundle) -> None:
    assert missing(BundleRequest(kind, "User:app")) == KINDS[kind].needs


@pytest.mark.parametrize(
    ("kind", "task", "second"),
    [
        (Bundle.PRODUCER, Task.PRODUCE, ""),
        (Bundle.TRANSACTIONAL_PRODUCER, Task.PRODUCE_IN_TRANSACTIONS, "tx"),
        (Bundle.CONSUMER, Task.CONSUME, "app"),
        (Bundle.STREAMS, Task.CONSUME, "app"),
        (Bundle.ADMIN, Task.PRODUCE_IN_TRANSACTIONS, "anything"),
    ],
)
def test_a_bundle_answers_its_task(kind: Bundle, task: Task, second: str) -> None:
    asked = TaskQuestion(task, "User:app", "in", second)
    assert answer(asked, Authorizer(bindings_of(bundle(kind)))).allowed


def test_an_auditor_reads_no_records() -> None:
    asked = TaskQuestion(Task.CONSUME, "User:app", "in", "app")
    assert not answer(asked, Authorizer(bindings_of(bundle(Bundle.AUDITOR)))).allowed


def test_lists_filter_and_group() -> None:
    acls = (READ, WRITE, DENY, acl("ALLOW User:eve READ TOPIC * @10.0.0.1"))
    assert select(acls, Filters(permission="DENY")) == (DENY,)
    assert len(select(acls, Filters(matching="other"))) == 1
    assert len(select(acls, Filters(search="ORDERS"))) == 3
    assert [(group.name, group.allows, group.denies) for group in by_principal(acls)] == [
        ("User:ann", 2, 0), ("User:bob", 0, 1), ("User:eve", 1, 0),
    ]  # fmt: skip
    assert [group.name for group in by_resource(acls)] == ["every topic", "topic orders"]
    found = matrix(acls, ["User:ann", "User:bob"], 10)
    assert found.resources == ("topic orders",)
    assert [(row.cells[0].allow, row.cells[0].deny) for row in found.rows] == [("RW", ""), ("", "✱")]


BLOCK = blocks.denials("User:ann")
ACCEPTED = {"User:ann": Accepted(("cd",), ("cd",), datetime(2027, 2, 1, tzinfo=UTC))}


@pytest.mark.parametrize("doomed", [BLOCK[:1], BLOCK])
def test_no_deletion_lifts_an_emergency_block(doomed: tuple[Acl, ...]) -> None:
    plan = plans.plan_delete(doomed, state(READ, *BLOCK), cluster="main").plan
    assert [refusal.code for refusal in plan.refusals] == ["blocked"]
    assert "acls/block/" in plan.refusals[0].hint
    assert plans.plan_delete(doomed, state(READ, *BLOCK[1:], *doomed[1:]), cluster="main").plan.allowed == (
        len(doomed) > 1
    )


def test_an_import_that_removes_the_others_leaves_blocks_alone_or_is_refused() -> None:
    tidy = plans.plan_import([READ], state(READ, *BLOCK), cluster="main", remove_others=True).plan
    assert "blocked" in {refusal.code for refusal in tidy.refusals}
    with_it = plans.plan_import(
        [READ, *BLOCK], state(READ, WRITE, *BLOCK), cluster="main", remove_others=True
    )
    assert with_it.plan.allowed
    assert with_it.remove == (WRITE,)


def test_rights_of_a_name_with_revoked_certificates_say_who_else_gets_them() -> None:
    plan = plans.plan_create([WRITE], state(READ), cluster="main", accepted=ACCEPTED).plan
    assert any("still accepted until 2027-02-01" in said for said in plan.warnings)
    assert not plans.plan_create(
        [acl("DENY User:ann READ TOPIC x")], state(), cluster="main", accepted=ACCEPTED
    ).plan.warnings
    blocked = plans.plan_create([WRITE], state(READ, *BLOCK), cluster="main").plan
    assert any("User:ann is blocked" in said for said in blocked.warnings)


def test_a_change_of_one_kind_is_one_request_to_the_api() -> None:
    added = plans.plan_create([WRITE], state(READ), cluster="main").plan
    gone = plans.plan_delete([READ], state(READ), cluster="main").plan
    both = plans.plan_revert([READ], [WRITE], state(READ), cluster="main", operation="0-1").plan
    assert [plan.api and plan.api.method for plan in (added, gone, both)] == ["POST", "DELETE", "POST"]
    assert gone.api is not None
    assert gone.api.body == {"acls": [to_json(READ)]}
    assert both.api is not None
    assert both.api.path == "clusters/main/acls/revert/0-1/"


@pytest.mark.parametrize(
    ("line", "refused"),
    [
        ("ALLOW User:ann READ TOPIC orders", False),
        ("ALLOW User:ann READ TOPIC *", False),
        ("ALLOW User:ann READ TOPIC ord. PREFIXED", False),
        ("ALLOW User:ann READ TOPIC or/ders", True),
        ("ALLOW User:ann READ TOPIC orders-*", True),
        ("ALLOW User:ann READ TOPIC ..", True),
        ("ALLOW User:ann READ TOPIC . PREFIXED", False),
        ("ALLOW User:ann READ TOPIC a*b PREFIXED", True),
        ("ALLOW User:ann READ GROUP or/ders", False),
    ],
)
def test_a_name_that_no_topic_can_have_is_refused(line: str, refused: bool) -> None:
    assert [each.code for each in refusals_of([acl(line)])] == (["resource_name"] if refused else [])
