"""`operation(...)`: each mutation leaves exactly one sealed row, whatever happens inside it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from controlplane.accounts.models import User
from controlplane.audit import services
from controlplane.audit.models import Operation, Outcome
from controlplane.core.access import EVERY_CLUSTER, SYSTEM, Action, Actor, Role, can
from controlplane.core.errors import Forbidden, Refused
from controlplane.core.plans import Plan, PlanStep, Refusal, Risk, StepKind
from controlplane.gateways.errors import Unreachable

pytestmark = pytest.mark.django_db
VERA = Actor("vera", "user", {EVERY_CLUSTER: Role.VIEWER})
PLAN = Plan(
    action=Action.TOPIC_CREATE,
    title="Create topic orders",
    apply_label="Create",
    cluster="main",
    steps=(PlanStep(StepKind.CREATE, "topic", "orders"),),
    risk=Risk.REVERSIBLE,
    digest="d" * 64,
)


def test_a_success_is_one_row_with_plan_facts_and_before_image() -> None:
    with services.operation(SYSTEM, Action.TOPIC_CREATE, cluster="main", target="orders", plan=PLAN) as entry:
        entry.note(partitions=6)
        entry.remember({"configs": {}})
    row = Operation.objects.get()
    assert (row.outcome, row.seq, row.target) == (Outcome.SUCCEEDED, 1, "orders")
    assert row.plan == PLAN.to_json()
    assert row.details == {"partitions": 6}
    assert row.before == {"configs": {}}


def test_a_row_says_running_while_the_body_runs() -> None:
    with services.operation(SYSTEM, Action.TOPIC_CREATE, cluster="main", target="orders"):
        assert Operation.objects.get().outcome == Outcome.RUNNING
        assert Operation.objects.get().seq is None


@pytest.mark.parametrize(
    ("error", "outcome", "said"),
    [
        (Unreachable("Nothing answers on port 1"), Outcome.FAILED, "Nothing answers on port 1"),
        (Refused([Refusal("internal", "An internal topic", "")]), Outcome.REFUSED, "An internal topic"),
        (ValueError("password=hunter2"), Outcome.FAILED, "ValueError (the log has the details)"),
        (KeyboardInterrupt(), Outcome.FAILED, "KeyboardInterrupt (the log has the details)"),
    ],
)
def test_a_failure_is_recorded_and_goes_on(error: BaseException, outcome: Outcome, said: str) -> None:
    with (
        pytest.raises(type(error)),
        services.operation(SYSTEM, Action.TOPIC_CREATE, cluster="main", target="orders"),
    ):
        raise error
    row = Operation.objects.get()
    assert (row.outcome, row.error) == (outcome, said)


def test_partial_success_says_so() -> None:
    with services.operation(SYSTEM, Action.TOPIC_DELETE, cluster="main") as entry:
        entry.partly(done=["a"], failed=["b"])
    assert Operation.objects.get().outcome == Outcome.PARTIAL


def test_a_refused_actor_does_nothing_and_is_recorded() -> None:
    ran = []
    with (
        pytest.raises(Forbidden) as caught,
        services.operation(VERA, Action.TOPIC_DELETE, cluster="main", target="orders"),
    ):
        ran.append(1)
    assert not ran
    assert caught.value.recorded
    row = Operation.objects.get()
    assert (row.outcome, row.actor, row.seq) == (Outcome.REFUSED, "vera", 1)


def create_then_fail() -> None:
    User.objects.create(username="kim")
    raise ValueError


def test_a_failed_atomic_body_changes_nothing_but_is_recorded() -> None:
    with pytest.raises(ValueError), services.operation(SYSTEM, Action.USER_MANAGE, target="kim", atomic=True):
        create_then_fail()
    assert not User.objects.exists()
    assert Operation.objects.get().outcome == Outcome.FAILED


def test_a_row_whose_process_died_is_sealed_as_interrupted() -> None:
    Operation.objects.create(started_at=timezone.now() - timedelta(hours=3), actor="ada", action="topic.edit")
    assert services.seal_abandoned(timezone.now()) == 1
    assert Operation.objects.get().outcome == Outcome.INTERRUPTED
    assert services.verify_chain().rows == 1


def test_a_slow_operation_that_was_given_up_ends_in_a_second_row() -> None:
    with services.operation(SYSTEM, Action.BROKER_OPERATE, cluster="main", target="1"):
        services.seal_abandoned(timezone.now() + timedelta(hours=3))
    assert list(Operation.objects.order_by("seq").values_list("outcome", flat=True)) == [
        Outcome.INTERRUPTED,
        Outcome.SUCCEEDED,
    ]


class EveryOperation(TestCase):
    """The property over all actions and roles."""

    @settings(max_examples=60, deadline=None)
    @given(
        st.sampled_from(list(Action)),
        st.dictionaries(st.sampled_from(["main", "dr", EVERY_CLUSTER]), st.sampled_from(list(Role))),
        st.sampled_from(["main", "dr", None]),
        st.booleans(),
        st.booleans(),
    )
    def test_each_attempt_is_exactly_one_row(
        self, action: Action, roles: dict[str, Role], cluster: str | None, fails: bool, atomic: bool
    ) -> None:
        before = Operation.objects.count()
        actor = Actor("kim", "user", roles)
        try:
            with services.operation(actor, action, cluster=cluster, target="x", atomic=atomic):
                if fails:
                    raise Unreachable("gone")
        except (Forbidden, Unreachable):
            pass
        row = Operation.objects.latest("seq")
        assert Operation.objects.count() == before + 1
        expected = (
            Outcome.REFUSED
            if not can(actor, action, cluster).allowed
            else Outcome.FAILED
            if fails
            else Outcome.SUCCEEDED
        )
        assert row.outcome == expected
