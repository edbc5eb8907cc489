"""Who may do what: the whole table of roles and actions, and the properties that hold for any actor."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.core.access import (
    ANONYMOUS,
    EVERY_CLUSTER,
    GLOBAL_ACTIONS,
    LOWEST_ROLE,
    SYSTEM,
    Action,
    Actor,
    Role,
    can,
    known_actions,
    sees,
)

roles = st.sampled_from(list(Role))
actions = st.sampled_from(list(Action))
clusters = st.sampled_from(["main", "dr", EVERY_CLUSTER])
actors = st.builds(
    Actor,
    name=st.just("kim"),
    kind=st.sampled_from(["user", "token"]),
    roles=st.dictionaries(clusters, roles),
    scopes=st.none() | st.frozensets(actions),
)


def actor(role: Role, cluster: str = EVERY_CLUSTER) -> Actor:
    return Actor("kim", "user", {cluster: role})


def test_every_action_has_a_lowest_role() -> None:
    assert set(LOWEST_ROLE) == set(Action)


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("action", list(Action))
def test_a_role_may_do_what_its_rank_reaches(role: Role, action: Action) -> None:
    assert can(actor(role), action, "main").allowed is (role.rank >= LOWEST_ROLE[action].rank)


def test_a_role_on_one_cluster_is_none_on_another() -> None:
    decision = can(actor(Role.ADMIN, "dr"), Action.TOPIC_VIEW, "main")
    assert not decision.allowed
    assert "no role on main" in decision.reason


@pytest.mark.parametrize("action", sorted(GLOBAL_ACTIONS))
def test_the_installation_is_only_for_admins_of_everything(action: Action) -> None:
    assert not can(actor(Role.ADMIN, "main"), action, "main").allowed
    assert not can(actor(Role.ADMIN, "main"), action, None).allowed
    assert can(actor(Role.ADMIN), action, None).allowed


@given(actions, clusters)
def test_nobody_may_do_nothing(action: Action, cluster: str) -> None:
    assert not can(ANONYMOUS, action, cluster).allowed
    assert can(SYSTEM, action, cluster).allowed


@given(actors, actions, clusters)
def test_every_decision_has_a_reason(who: Actor, action: Action, cluster: str) -> None:
    assert can(who, action, cluster).reason


@given(actors, actions, clusters, st.frozensets(actions))
def test_scopes_never_add_a_right(
    who: Actor, action: Action, cluster: str, scopes: frozenset[Action]
) -> None:
    free = Actor(who.name, who.kind, who.roles, None, None)
    bound = Actor(who.name, who.kind, who.roles, None, scopes)
    if can(bound, action, cluster).allowed:
        assert can(free, action, cluster).allowed
        assert action in scopes


@given(st.dictionaries(clusters, roles), actions, clusters, roles)
def test_a_further_role_never_takes_a_right_away(
    held: dict[str, Role], action: Action, cluster: str, more: Role
) -> None:
    before = can(Actor("kim", "user", held), action, cluster).allowed
    best = max([more, *([held[cluster]] if cluster in held else [])], key=lambda role: role.rank)
    after = can(Actor("kim", "user", {**held, cluster: best}), action, cluster).allowed
    assert after or not before


def test_what_only_a_role_everywhere_grants_is_said_so() -> None:
    kim = Actor("kim", "user", {"main": Role.OPERATOR})
    assert can(kim, Action.USER_MANAGE, None).reason == (
        "kim has no role on every cluster; user.manage needs admin"
    )


@pytest.mark.parametrize(
    ("scopes", "seen"),
    [
        (None, True),
        ({Action.TOPIC_VIEW}, True),
        ({Action.USER_MANAGE}, False),
        ({Action.TOKEN_MANAGE_OWN}, False),
        (set(), False),
    ],
)
def test_a_scope_about_clusters_shows_that_they_exist(scopes: set[Action] | None, seen: bool) -> None:
    token = Actor(
        "kim/ci", "token", {"main": Role.OPERATOR}, scopes=None if scopes is None else frozenset(scopes)
    )
    assert sees(token, "main") is seen
    assert not sees(token, "other")


def test_a_stored_scope_that_this_version_does_not_know_grants_nothing() -> None:
    assert known_actions(["topic.view", "moon.land"]) == {Action.TOPIC_VIEW}
