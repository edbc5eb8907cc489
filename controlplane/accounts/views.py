"""The one-time login link and the password that must follow it."""

from __future__ import annotations

from allauth.account.internal.flows.login import perform_login, record_authentication
from allauth.account.models import Login
from allauth.account.signals import password_set
from django.contrib.auth import logout, update_session_auth_hash
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods

from controlplane.accounts import pages, services
from controlplane.accounts.forms import SetPasswordForm
from controlplane.accounts.middleware import MUST_SET_PASSWORD
from controlplane.accounts.models import User
from controlplane.core.pages import render_page


@never_cache
@login_not_required
@require_GET
def login_link(request: HttpRequest, secret: str) -> HttpResponseBase:
    """Consumes the link. HEAD and prefetches do not: a chat program's preview must not use it up."""
    if "prefetch" in request.headers.get("Sec-Purpose", "") + request.headers.get("Purpose", ""):
        return HttpResponse(status=204)
    user = services.consume_login_link(secret)
    if user is None:
        return render_page(request, pages.LinkPage(), status=410)
    logout(request)
    request.session[MUST_SET_PASSWORD] = True
    record_authentication(request, user, method="link")
    target = reverse("accounts:set_password")
    login = Login(user=user, redirect_url=target, email_verification="none")
    answer: HttpResponseBase = perform_login(request, login)
    return answer


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def set_password(request: HttpRequest) -> HttpResponse:
    """Only for sessions that came by a link; everybody else changes the password knowing the old one."""
    if not request.session.get(MUST_SET_PASSWORD):
        return HttpResponseRedirect(reverse("account_change_password"))
    user = request.user
    assert isinstance(user, User)
    form = SetPasswordForm(request.POST or None, user=user)
    if request.method == "POST" and form.is_valid():
        services.set_password(user, form.cleaned_data["password"])
        update_session_auth_hash(request, user)
        del request.session[MUST_SET_PASSWORD]
        record_authentication(request, user, method="password")
        password_set.send(sender=User, request=request, user=user)
        return HttpResponseRedirect("/", status=303)
    page = pages.SetPasswordPage(form=form, first=not user.has_usable_password())
    return render_page(request, page, status=422 if request.method == "POST" else 200)
