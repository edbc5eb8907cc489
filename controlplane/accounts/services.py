"""Actors of requests, API tokens and login links. User administration is in `administration`."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from controlplane.accounts import tokens
from controlplane.accounts.models import ApiToken, LoginLink, RoleGrant, User, UserPreferences
from controlplane.core.access import ANONYMOUS, EVERY_CLUSTER, Action, Actor, Role, can, known_actions
from controlplane.core.actors import actor_of
from controlplane.core.errors import Forbidden, Invalid

__all__ = [
    "actor_of",
    "actor_of_token",
    "actor_of_user",
    "authenticate_token",
    "client_ip",
    "consume_login_link",
    "create_login_link",
    "create_token",
    "first_login_link",
    "preferences_of",
    "preferences_of_user",
    "revoke_token",
    "roles_of",
    "set_password",
]

MAX_TOKEN_DAYS = 365
LAST_USE_RESOLUTION = timedelta(minutes=1)
LINK_LIFE = timedelta(hours=24)
FIRST_ADMIN = "admin"


def actor_of_user(user: User | AnonymousUser) -> Actor:
    if not isinstance(user, User) or not user.is_active:
        return ANONYMOUS
    return Actor(user.username, "user", roles_of(user), user.pk)


def actor_of_token(token: ApiToken) -> Actor:
    """The owner's roles, lowered to the token's role: a token never outlives a lost role."""
    most = Role(token.role)
    roles = {
        cluster: min(role, most, key=lambda each: each.rank) for cluster, role in roles_of(token.user).items()
    }
    scopes = None if token.scopes is None else known_actions(token.scopes)
    name = f"{token.user.username}/{token.name}"
    return Actor(name, "token", roles, token.user.pk, scopes, token.expires_at)


def roles_of(user: User) -> Mapping[str, Role]:
    return {grant.cluster: Role(grant.role) for grant in user.grants.all()}


def client_ip(request: HttpRequest) -> str:
    """The peer's address; X-Forwarded-For only as far as trusted proxies stand in front."""
    hops: int = settings.TRUSTED_PROXIES
    forwarded = [
        part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",") if part.strip()
    ]
    if hops and len(forwarded) >= hops:
        return forwarded[-hops]
    return str(request.META.get("REMOTE_ADDR") or "127.0.0.1")


def preferences_of(request: HttpRequest) -> UserPreferences:
    """Of whoever asks; the defaults for anonymous."""
    found: UserPreferences = getattr(request, "preferences", None) or UserPreferences()
    return found


def preferences_of_user(user: User) -> UserPreferences:
    """Never written on read: defaults are an unsaved row."""
    return UserPreferences.objects.filter(user=user).first() or UserPreferences(user=user)


# --- API tokens -----------------------------------------------------------------------------------------------------


def create_token(
    *,
    user: User,
    name: str,
    role: Role | None = None,
    scopes: Iterable[Action] | None = None,
    days: int = 90,
    by: Actor | None = None,
) -> tuple[ApiToken, str]:
    """The row and the text, which is shown once. `by` bounds it too: a token makes none that is stronger or lives longer."""
    maker = by if by is not None and by.kind == "token" else actor_of_user(user)
    best = maker.role_on(None)
    if best is None:
        raise Forbidden(f"{maker.name} has no role, so a token could do nothing")
    role = role or best
    wanted = maker.scopes if scopes is None else frozenset(scopes)
    _check_token(maker, name=name, role=role, best=best, scopes=wanted, days=days)
    fresh = tokens.generate()
    token = ApiToken.objects.create(
        user=user,
        name=name.strip(),
        prefix=fresh.prefix,
        digest=fresh.digest,
        role=role.value,
        scopes=None if wanted is None else sorted(scope.value for scope in wanted),
        expires_at=_end_of(maker, timezone.now() + timedelta(days=days)),
    )
    return token, fresh.text


def _end_of(maker: Actor, wanted: datetime) -> datetime:
    """A token makes none that outlives it: one that was stolen could renew itself for ever."""
    return wanted if maker.ends is None else min(wanted, maker.ends)


def _check_token(
    maker: Actor, *, name: str, role: Role, best: Role, scopes: frozenset[Action] | None, days: int
) -> None:
    problems: dict[str, list[str]] = {}
    if not name.strip() or len(name) > 80:
        problems["name"] = ["Between 1 and 80 characters, so that you know it again."]
    if not 1 <= days <= MAX_TOKEN_DAYS:
        problems["days"] = [f"Between 1 and {MAX_TOKEN_DAYS}."]
    if role.rank > best.rank:
        problems["role"] = [f"A token cannot do more than its maker, who is {best.value}."]
    roles = {cluster: min(held, role, key=lambda each: each.rank) for cluster, held in maker.roles.items()}
    bounded = Actor(maker.name, "token", roles, maker.user_id, maker.scopes)
    too_much = sorted(scope.value for scope in scopes or () if not can(bounded, scope, None).allowed)
    if too_much:
        problems["scopes"] = [f"Beyond what it may do as {role.value}: {', '.join(too_much)}."]
    if problems:
        raise Invalid(fields=problems)


def authenticate_token(text: str, *, ip: str, now: datetime | None = None) -> ApiToken | None:
    """The live token of an active user, its last use noted at most once a minute."""
    prefix = tokens.prefix_of(text)
    if prefix is None:
        return None
    now = now or timezone.now()
    token = ApiToken.objects.select_related("user").filter(prefix=prefix).first()
    if token is None or not hmac.compare_digest(token.digest, tokens.digest(text)):
        return None
    if token.revoked_at is not None or token.expires_at <= now or not token.user.is_active:
        return None
    if token.last_used_at is None or now - token.last_used_at >= LAST_USE_RESOLUTION:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now, last_used_ip=ip)
    return token


def revoke_token(token: ApiToken) -> None:
    ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now())


# --- One-time login links -------------------------------------------------------------------------------------------


def create_login_link(user: User, *, base_url: str | None = None, life: timedelta = LINK_LIFE) -> str:
    """A new link; older unused ones of the user stop working. Only the hash is kept."""
    now = timezone.now()
    LoginLink.objects.filter(user=user, used_at=None).update(used_at=now)
    secret = secrets.token_urlsafe(32)
    LoginLink.objects.create(user=user, digest=_link_digest(secret), expires_at=now + life)
    return f"{(settings.BASE_URL if base_url is None else base_url).rstrip('/')}{reverse('accounts:login_link', args=[secret])}"


def first_login_link() -> str | None:
    """The path of a fresh link for the first admin while nobody has a password yet; None from then on."""
    if any(user.has_usable_password() for user in User.objects.filter(is_active=True)):
        return None
    return create_login_link(first_admin(), base_url="")


def first_admin() -> User:
    """Made at the first start, without a password: there is no default one to guess."""
    admin = User.objects.filter(grants__role=Role.ADMIN, grants__cluster=EVERY_CLUSTER).order_by("pk").first()
    if admin is not None:
        return admin
    admin, created = User.objects.get_or_create(username=FIRST_ADMIN)
    if created:
        admin.set_unusable_password()
        admin.save(update_fields=["password"])
    RoleGrant.objects.update_or_create(user=admin, cluster=EVERY_CLUSTER, defaults={"role": Role.ADMIN.value})
    return admin


def consume_login_link(secret: str) -> User | None:
    """The user, exactly once: of two requests that race, one update wins."""
    now = timezone.now()
    live = LoginLink.objects.filter(digest=_link_digest(secret), used_at=None, expires_at__gt=now)
    link = live.select_related("user").first()
    if link is None or not link.user.is_active or live.update(used_at=now) != 1:
        return None
    return link.user


def _link_digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def set_password(user: User, password: str) -> None:
    """All other sessions of the user end: their hash no longer matches."""
    user.set_password(password)
    user.save(update_fields=["password"])
