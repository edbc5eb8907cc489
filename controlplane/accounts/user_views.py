"""Users and roles, for admins: invite, change roles, disable, make a new login link."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.views.decorators.http import require_http_methods, require_POST

from controlplane.accounts import administration, pages, services
from controlplane.accounts.forms import GrantForm, InviteForm
from controlplane.accounts.models import User
from controlplane.core.access import Action
from controlplane.core.actors import require
from controlplane.core.errors import AppError, Conflict, Invalid, Refused
from controlplane.core.forms import sentence, show_on
from controlplane.core.pages import render_page
from controlplane.core.tables import Column, table_of

COLUMNS = (
    Column("username", "User"),
    Column("roles", "Roles", sortable=False, value=services.roles_of),
    Column("is_active", "State"),
    Column("last_login", "Last sign-in"),
    Column("date_joined", "Since"),
)


@require_http_methods(["GET", "POST"])
def users(request: HttpRequest) -> HttpResponse:
    actor = require(request, Action.USER_MANAGE)
    form, invited, link = InviteForm(request.POST or None), "", ""
    if request.method == "POST" and form.is_valid():
        try:
            user, link = administration.invite(
                actor, username=form.cleaned_data["username"], roles=form.to_roles()
            )
            form, invited = InviteForm(), user.username
        except Conflict as error:
            form.add_error("username", sentence(error.what, error.hint))
        except (Invalid, Refused) as error:
            show_on(form, error)
    rows = User.objects.prefetch_related("grants")
    if search := request.GET.get("search", "").strip():
        rows = rows.filter(username__icontains=search)
    table = table_of(request, rows, COLUMNS, default_sort="username")
    page = pages.UsersPage(manages_users=True, table=table, form=form, invited=invited, link=link)
    return render_page(request, page, status=422 if form.is_bound and form.errors else 200)


@require_http_methods(["GET", "POST"])
def user(request: HttpRequest, username: str) -> HttpResponse:
    """POST grants a role, or takes one away with `remove`."""
    actor = require(request, Action.USER_MANAGE)
    person = administration.get_user(username)
    removing = request.POST.get("remove")
    form = GrantForm(request.POST if request.method == "POST" and not removing else None)
    roles = dict(services.roles_of(person))
    if removing:
        roles.pop(removing, None)
    elif form.is_valid():
        roles |= form.to_roles()
    if request.method == "POST" and (removing or form.is_valid()):
        try:
            administration.set_roles(actor, person, roles)
        except (Invalid, Refused) as error:
            return _user_page(request, person, form, error=error)
        messages.success(request, f"The roles of {username} are changed")
        return HttpResponseRedirect(resolve_url("accounts:user", username), status=303)
    return _user_page(request, person, form)


@require_POST
def set_active(request: HttpRequest, username: str) -> HttpResponse:
    actor = require(request, Action.USER_MANAGE)
    active = request.POST.get("active") == "1"
    person = administration.get_user(username)
    try:
        administration.set_active(actor, person, active=active)
    except Refused as error:
        return _user_page(request, administration.get_user(username), GrantForm(), error=error)
    messages.success(request, f"{username} is {'enabled' if active else 'disabled'}")
    return HttpResponseRedirect(resolve_url("accounts:user", username), status=303)


@require_POST
def new_link(request: HttpRequest, username: str) -> HttpResponse:
    actor = require(request, Action.USER_MANAGE)
    person = administration.get_user(username)
    try:
        link = administration.new_login_link(actor, person)
    except Conflict as error:
        return _user_page(request, person, GrantForm(), error=error)
    return _user_page(request, person, GrantForm(), link=link)


def _user_page(
    request: HttpRequest, person: User, form: GrantForm, link: str = "", error: AppError | None = None
) -> HttpResponse:
    page = pages.UserPage(
        manages_users=True,
        person=person,
        grants=tuple(person.grants.all()),
        form=form,
        link=link,
        error=error,
    )
    status = error.status if error else 422 if form.is_bound and form.errors else 200
    return render_page(request, page, status=status)
