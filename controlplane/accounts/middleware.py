"""Sessions that end, the actor of each request, and login as the default for every page."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.middleware import LoginRequiredMiddleware as DjangoLoginRequired
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.urls import reverse
from django.utils.functional import SimpleLazyObject

from controlplane.accounts import services
from controlplane.accounts.models import UserPreferences
from controlplane.core.access import ANONYMOUS, Actor, Role
from controlplane.core.actors import at_work_on
from controlplane.core.pages import is_htmx

GetResponse = Callable[[HttpRequest], HttpResponseBase]
STARTED, SEEN, MUST_SET_PASSWORD = "started_at", "seen_at", "must_set_password"
SEEN_RESOLUTION = 60.0


class SessionLimitsMiddleware:
    """Idle and absolute limits (WS-7). A page that polls does not keep its session alive; a person does."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if settings.SESSION_COOKIE_NAME in request.COOKIES and request.user.is_authenticated:
            self._check(request, time.time())
        return self.get_response(request)

    def _check(self, request: HttpRequest, now: float) -> None:
        session = request.session
        started, seen = session.get(STARTED), session.get(SEEN)
        if started is None or seen is None:
            session[STARTED] = session[SEEN] = now
            return
        if now - started > settings.SESSION_ABSOLUTE_SECONDS or now - seen > settings.SESSION_IDLE_SECONDS:
            logout(request)
            return
        polling = is_htmx(request) and request.method == "GET"
        if now - seen > SEEN_RESOLUTION and not polling:
            session[SEEN] = now


class ActorMiddleware:
    """`request.actor`: the session's user, else anonymous. API tokens replace it in `accounts.authentication`."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request.actor = SimpleLazyObject(lambda: _session_actor(request))  # type: ignore[attr-defined]
        request.preferences = SimpleLazyObject(lambda: _preferences(request))  # type: ignore[attr-defined]
        with at_work_on(request):
            return self.get_response(request)


class LoginRequiredMiddleware(DjangoLoginRequired):
    """Every view needs a login unless it says otherwise. htmx is told to load the login page, not to swap it in."""

    def handle_no_permission(  # type: ignore[override]
        self, request: HttpRequest, view_func: Callable[..., Any]
    ) -> HttpResponseBase:
        if not is_htmx(request):
            return super().handle_no_permission(request, view_func)
        return HttpResponse(status=401, headers={"HX-Redirect": resolve_url(settings.LOGIN_URL)})


class CredentialsRequiredMiddleware:
    """A session that lacks a credential may do one thing: get it. The API and `actor_of` see it as anonymous.

    Whoever came by a one-time link sets a password first: the link does not work twice. Where a role requires a
    second factor, that comes next.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if settings.SESSION_COOKIE_NAME in request.COOKIES and request.user.is_authenticated:
            missing = _missing_credential(request)
            if missing is not None:
                request.credentials_required = missing  # type: ignore[attr-defined]
                request.actor = ANONYMOUS  # type: ignore[attr-defined]
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view_func: Callable[..., Any], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        missing: Missing | None = getattr(request, "credentials_required", None)
        if missing is None or request.path.startswith("/api/"):
            return None
        match = request.resolver_match
        name = match.view_name if match is not None else ""
        if name in ALWAYS_OPEN or name.startswith(missing.open_views):
            return None
        target = reverse(missing.target)
        if is_htmx(request):
            return HttpResponse(status=401, headers={"HX-Redirect": target})
        return HttpResponseRedirect(target)


@dataclass(frozen=True, slots=True)
class Missing:
    """What has to be set up first, where, and the views that it takes."""

    target: str
    open_views: tuple[str, ...]


PASSWORD_MISSING = Missing("accounts:set_password", ("accounts:set_password",))
SECOND_FACTOR_MISSING = Missing("mfa_index", ("mfa_", "account_reauthenticate"))
ALWAYS_OPEN = ("account_logout", "healthz")


def _missing_credential(request: HttpRequest) -> Missing | None:
    if request.session.get(MUST_SET_PASSWORD):
        return PASSWORD_MISSING
    if not settings.REQUIRE_MFA_FROM:
        return None
    role = services.actor_of_user(request.user).role_on(None)
    required = role is not None and role.rank >= Role(settings.REQUIRE_MFA_FROM).rank
    return SECOND_FACTOR_MISSING if required and not is_mfa_enabled(request.user) else None


def _session_actor(request: HttpRequest) -> Actor:
    user = getattr(request, "user", None)
    return services.actor_of_user(user) if user is not None and user.is_authenticated else ANONYMOUS


def _preferences(request: HttpRequest) -> UserPreferences:
    user: Any = getattr(request, "user", None)
    return (
        services.preferences_of_user(user)
        if user is not None and user.is_authenticated
        else UserPreferences()
    )
