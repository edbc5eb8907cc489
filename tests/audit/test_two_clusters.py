"""An act that is about two clusters: needed on both, seen by whoever sees both, and no edit of it goes unnoticed."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import LazySettings

from controlplane.audit import selectors, services
from controlplane.audit.models import Operation, Outcome
from controlplane.audit.selectors import Filters
from controlplane.core.access import EVERY_CLUSTER, SYSTEM, Action, Actor, Role
from controlplane.core.errors import Forbidden

pytestmark = pytest.mark.django_db
BOTH = {"main": Role.OPERATOR, "dr": Role.OPERATOR}
ACT = Action.FLOW_OPERATE


@pytest.fixture(autouse=True)
def _own_state(settings: LazySettings, tmp_path: Path) -> None:
    settings.STATE = tmp_path


def someone(name: str = "someone", **roles: Role) -> Actor:
    return Actor(name, "user", roles)


def seen_by(actor: Actor) -> list[str]:
    return sorted(row.target for row in selectors.operations(actor, Filters()))


def about_both(target: str = "main->dr") -> None:
    with services.operation(SYSTEM, ACT, cluster="dr", also="main", target=target):
        pass


def test_it_is_seen_by_whoever_sees_both() -> None:
    about_both()
    assert seen_by(someone(**BOTH)) == ["main->dr"]
    assert seen_by(Actor("all", "user", {EVERY_CLUSTER: Role.VIEWER})) == ["main->dr"]
    for only in ("dr", "main", "elsewhere"):
        assert seen_by(someone(**{only: Role.ADMIN})) == []
    for name in BOTH:
        assert [row.also for row in selectors.operations(someone(**BOTH), Filters(cluster=name))] == ["main"]


@pytest.mark.parametrize("only", ["dr", "main"])
def test_it_is_needed_on_both(only: str) -> None:
    roles = {**BOTH, only: Role.VIEWER}
    body_ran = False
    with (
        pytest.raises(Forbidden, match=only),
        services.operation(someone(**roles), ACT, cluster="dr", also="main", target="main->dr"),
    ):
        body_ran = True
    row = Operation.objects.get()
    assert (body_ran, row.outcome, row.cluster, row.also) == (False, Outcome.REFUSED, "dr", "main")
    assert seen_by(someone("another", dr=Role.ADMIN)) == []
    assert seen_by(someone(**{only: Role.ADMIN})) == ["main->dr"], "his own"


def test_a_refusal_that_came_before_is_about_both() -> None:
    denied = Forbidden("No", action=ACT, cluster="main", also="dr")
    services.record_refused(
        someone("otto"), denied, action=None, arguments={"cluster": "dr", "source": "main"}
    )
    row = Operation.objects.get()
    assert (row.cluster, row.also, row.target) == ("main", "dr", "main")


def test_a_row_of_a_flow_that_says_one_end_is_for_those_who_see_everything() -> None:
    """From before rows had two, or refused at the first of them."""
    services.record_denied(SYSTEM, ACT, cluster="dr", target="main", reason="No")
    services.record_denied(SYSTEM, Action.TOPIC_EDIT, cluster="dr", target="orders", reason="No")
    assert seen_by(someone(**BOTH)) == ["orders"]
    assert seen_by(Actor("all", "user", {EVERY_CLUSTER: Role.VIEWER})) == ["main", "orders"]


@pytest.mark.parametrize(
    "edit", [{"also": ""}, {"also": "other"}, {"cluster": "other"}, {"cluster": '["dr","main"]', "also": ""}]
)
def test_an_edit_of_either_name_is_found(edit: dict[str, str]) -> None:
    about_both()
    with services.operation(SYSTEM, Action.TOPIC_EDIT, cluster="dr", target="orders"):
        pass
    assert services.verify_chain().intact
    Operation.objects.filter(target="main->dr").update(**edit)
    assert not services.verify_chain().intact


def test_a_second_name_that_was_added_is_found() -> None:
    with services.operation(SYSTEM, Action.TOPIC_EDIT, cluster="dr", target="orders"):
        pass
    Operation.objects.update(also="main")
    assert not services.verify_chain().intact
