"""My account: preferences, sign-in methods and sessions, API tokens."""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from controlplane.accounts import administration, pages, services
from controlplane.accounts.forms import PreferencesForm, TokenForm
from controlplane.accounts.models import ApiToken, User
from controlplane.core.access import Action, Role, can
from controlplane.core.actors import actor_of, require
from controlplane.core.errors import Invalid, NotFound
from controlplane.core.forms import show_on
from controlplane.core.pages import render_page


def signed_in(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


def manages_users(request: HttpRequest) -> bool:
    return can(actor_of(request), Action.USER_MANAGE, None).allowed


@require_http_methods(["GET", "POST"])
def account(request: HttpRequest) -> HttpResponse:
    user = signed_in(request)
    form = PreferencesForm(request.POST or None, instance=services.preferences_of_user(user))
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, "Preferences are saved")
        return HttpResponseRedirect(resolve_url("accounts:account"), status=303)
    grants = tuple(user.grants.all())
    page = pages.AccountPage(manages_users=manages_users(request), form=form, grants=grants)
    return render_page(request, page, status=422 if request.method == "POST" else 200)


@require_safe
def security(request: HttpRequest) -> HttpResponse:
    user = signed_in(request)
    current = request.session.session_key
    sessions = UserSession.objects.purge_and_list(user)
    ways = {row.type: row for row in Authenticator.objects.filter(user=user)}
    codes = ways.get(Authenticator.Type.RECOVERY_CODES)
    page = pages.SecurityPage(
        manages_users=manages_users(request),
        sessions=tuple((session, session.session_key == current) for session in sessions),
        totp=Authenticator.Type.TOTP in ways,
        passkeys=Authenticator.objects.filter(user=user, type=Authenticator.Type.WEBAUTHN).count(),
        recovery_codes_left=len(codes.wrap().get_unused_codes()) if codes else None,
    )
    return render_page(request, page)


@require_POST
def end_session(request: HttpRequest, session_id: int) -> HttpResponse:
    session = UserSession.objects.filter(pk=session_id, user=signed_in(request)).first()
    if session is None:
        raise NotFound("This session has ended already")
    session.end()
    messages.success(request, "The session has ended")
    return HttpResponseRedirect(resolve_url("accounts:security"), status=303)


@require_POST
def end_other_sessions(request: HttpRequest) -> HttpResponse:
    others = UserSession.objects.filter(user=signed_in(request)).exclude(
        session_key=request.session.session_key
    )
    count = len([session.end() for session in others])
    messages.success(request, f"{count} other sessions have ended")
    return HttpResponseRedirect(resolve_url("accounts:security"), status=303)


@require_http_methods(["GET", "POST"])
def tokens(request: HttpRequest) -> HttpResponse:
    actor, user = require(request, Action.TOKEN_MANAGE_OWN), signed_in(request)
    form, fresh = TokenForm(request.POST or None), ""
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            _, fresh = administration.issue_token(
                actor,
                user,
                name=data["name"],
                role=Role(data["role"]),
                scopes=form.to_scopes(),
                days=data["days"],
            )
            form = TokenForm()
        except Invalid as error:
            show_on(form, error)
    page = pages.TokensPage(
        manages_users=manages_users(request),
        tokens=tuple(ApiToken.objects.filter(user=user, revoked_at=None)),
        form=form,
        fresh=fresh,
    )
    return render_page(request, page, status=422 if form.is_bound and form.errors else 200)


@require_POST
def revoke_token(request: HttpRequest, prefix: str) -> HttpResponse:
    actor = require(request, Action.TOKEN_MANAGE_OWN)
    token = ApiToken.objects.filter(user=signed_in(request), prefix=prefix).select_related("user").first()
    if token is None:
        raise NotFound("You have no such token")
    administration.revoke_token(actor, token)
    messages.success(request, f"The token {token.name} is revoked")
    return HttpResponseRedirect(resolve_url("accounts:tokens"), status=303)
