"""How API requests say who they are: `Authorization: Token …` or `Bearer …`, else the browser's session with CSRF."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication
from rest_framework.authentication import SessionAuthentication as DrfSessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from controlplane.accounts import services
from controlplane.accounts.models import ApiToken, User
from controlplane.core.access import Actor
from controlplane.core.actors import actor_of
from controlplane.core.errors import Unauthenticated

if TYPE_CHECKING:  # DRF's views load this module while they are loaded themselves
    from rest_framework.views import APIView

SCHEMES = ("token", "bearer")


class TokenAuthentication(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        text = bearer_of(request.headers.get("Authorization", ""))
        if text is None:
            return None
        token = services.authenticate_token(text, ip=services.client_ip(request._request))
        if token is None:
            raise AuthenticationFailed("The token is not valid, expired or revoked")
        request._request.actor = services.actor_of_token(token)  # type: ignore[attr-defined]
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return 'Token realm="api"'


class SessionAuthentication(DrfSessionAuthentication):
    """The session's user, checked for CSRF; the actor is the one that the middleware made."""

    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        if getattr(request._request, "credentials_required", False):
            return None  # logged in by link, no password yet
        return super().authenticate(request)


class HasActor(BasePermission):
    message = "Log in, or send `Authorization: Token …`"

    def has_permission(self, request: Request, view: APIView) -> bool:
        return actor_of(request).kind != "anonymous"


def authenticate_header(request: HttpRequest) -> Actor:
    """Who asks at an address for machines outside the API (/metrics, /readyz): the token's actor, else the session's.

    A token that is not valid is refused rather than treated as no token at all.
    """
    text = bearer_of(request.headers.get("Authorization", ""))
    if text is None:
        return actor_of(request)
    token = services.authenticate_token(text, ip=services.client_ip(request))
    if token is None:
        raise Unauthenticated("The token is not valid, expired or revoked")
    actor = services.actor_of_token(token)
    request.actor = actor  # type: ignore[attr-defined]
    return actor


def require_actor(request: HttpRequest) -> Actor:
    """As above, but nobody is told to send a token."""
    actor = authenticate_header(request)
    if actor.kind == "anonymous":
        raise Unauthenticated(
            "This address needs a token", hint="Send `Authorization: Token kst_…` or Bearer."
        )
    return actor


def bearer_of(header: str) -> str | None:
    scheme, _, text = header.strip().partition(" ")
    return text.strip() if scheme.lower() in SCHEMES and text.strip() else None
