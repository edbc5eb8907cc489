"""Inviting, disabling and granting: each change is one audited transaction, and one admin always remains."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import islice

from django.db import IntegrityError, transaction

from controlplane.accounts import services
from controlplane.accounts.models import ApiToken, RoleGrant, User
from controlplane.audit.services import operation
from controlplane.core.access import EVERY_CLUSTER, Action, Actor, Role, can
from controlplane.core.errors import Conflict, Invalid, NotFound, Refused
from controlplane.core.plans import Json, Refusal

USERNAME = re.compile(r"^[a-z0-9][a-z0-9._@-]{0,79}$")
CLUSTER = re.compile(r"^(\*|[a-z0-9][a-z0-9_-]{0,39})$")
MOST_HOLDERS = 10
LAST_ADMIN = Refusal(
    "last_admin",
    "Nobody would be left who can manage users",
    "Make somebody else admin on every cluster first.",
)


class _RolledBack(Exception):
    """Ends the transaction of a rehearsal."""


@contextmanager
def rehearsed() -> Iterator[None]:
    """What is done inside is undone at the end: these changes are rows of this database and nothing else."""
    with suppress(_RolledBack), transaction.atomic():
        yield
        raise _RolledBack


def get_user(username: str) -> User:
    found = User.objects.filter(username=username).prefetch_related("grants").first()
    if found is None:
        raise NotFound(f"There is no user {username!r}")
    return found


def holders(asker: Actor, action: Action, cluster: str | None) -> tuple[str, ...]:
    """Active users who may do it, by name; for whoever has a role there. Operations shows them these names too."""
    if asker.role_on(cluster) is None:
        return ()
    people = User.objects.filter(is_active=True).prefetch_related("grants").order_by("username")
    able = (each.username for each in people if can(services.actor_of_user(each), action, cluster).allowed)
    return tuple(islice(able, MOST_HOLDERS))


def invite(actor: Actor, *, username: str, roles: Mapping[str, Role]) -> tuple[User, str]:
    """A user without a password, and the one-time link that lets them choose one."""
    name = username.strip().lower()
    with operation(actor, Action.USER_MANAGE, target=name, atomic=True) as entry:
        if not USERNAME.match(name):
            raise Invalid(fields={"username": ["Lower-case letters, digits and . _ @ -, up to 80."]})
        _check_roles(roles)
        try:
            with transaction.atomic():
                user = User.objects.create_user(username=name, password=None)
        except IntegrityError:
            raise Conflict(f"There is a user {name} already", hint="Change the roles of that one.") from None
        _grant(user, roles)
        entry.note(act="invite", roles=_json(roles))
        return user, services.create_login_link(user)


def set_roles(actor: Actor, user: User, roles: Mapping[str, Role]) -> None:
    """Exactly these roles from now on; their tokens are bounded by them at the next request."""
    with operation(actor, Action.USER_MANAGE, target=user.username, atomic=True) as entry:
        _check_roles(roles)
        entry.remember({"roles": _json(services.roles_of(user))})
        entry.note(act="set roles", roles=_json(roles))
        RoleGrant.objects.filter(user=user).exclude(cluster__in=roles).delete()
        _grant(user, roles)
        _require_an_admin()


def set_active(actor: Actor, user: User, *, active: bool) -> None:
    """A disabled user's sessions and tokens end with their next request."""
    with operation(actor, Action.USER_MANAGE, target=user.username, atomic=True) as entry:
        entry.note(act="enable" if active else "disable")
        User.objects.filter(pk=user.pk).update(is_active=active)
        user.is_active = active
        _require_an_admin()


def new_login_link(actor: Actor, user: User) -> str:
    with operation(actor, Action.USER_MANAGE, target=user.username, atomic=True) as entry:
        entry.note(act="login link")
        if not user.is_active:
            raise Conflict(f"{user.username} is disabled", hint="Enable the user first.")
        return services.create_login_link(user)


def issue_token(
    actor: Actor, user: User, *, name: str, role: Role | None, scopes: list[Action] | None, days: int
) -> tuple[ApiToken, str]:
    with operation(
        actor, Action.TOKEN_MANAGE_OWN, target=f"{user.username}/{name}"[:400], atomic=True
    ) as entry:
        token, text = services.create_token(
            user=user, name=name, role=role, scopes=scopes, days=days, by=actor
        )
        entry.note(act="create", prefix=token.prefix, role=token.role, days=days)
        return token, text


def revoke_token(actor: Actor, token: ApiToken) -> None:
    with operation(
        actor, Action.TOKEN_MANAGE_OWN, target=f"{token.user.username}/{token.name}", atomic=True
    ) as entry:
        entry.note(act="revoke", prefix=token.prefix)
        services.revoke_token(token)


def _check_roles(roles: Mapping[str, Role]) -> None:
    wrong = sorted(name for name in roles if not CLUSTER.match(name))
    if wrong:
        raise Invalid(fields={"roles": [f"Not a cluster's name or '*': {', '.join(wrong)}."]})


def _grant(user: User, roles: Mapping[str, Role]) -> None:
    for cluster, role in roles.items():
        RoleGrant.objects.update_or_create(user=user, cluster=cluster, defaults={"role": role.value})


def _require_an_admin() -> None:
    """Inside the transaction of the change: a refusal rolls it back."""
    admins = RoleGrant.objects.filter(cluster=EVERY_CLUSTER, role=Role.ADMIN.value, user__is_active=True)
    if not admins.exists():
        raise Refused([LAST_ADMIN])


def _json(roles: Mapping[str, Role]) -> dict[str, Json]:
    return {cluster: role.value for cluster, role in sorted(roles.items())}
