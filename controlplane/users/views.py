"""Pages of the SCRAM users. Each view: guard, form, service, page. Everything is read live."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_safe

from controlplane.accounts.services import actor_of
from controlplane.clusters.access import allowed, cluster_view
from controlplane.clusters.changes import Done, carried_fields, filled, review_or_apply
from controlplane.clusters.credentials import accepted_of
from controlplane.clusters.logic import quota_words
from controlplane.clusters.models import Cluster
from controlplane.core.access import Action
from controlplane.core.errors import Invalid
from controlplane.core.pages import render_page
from controlplane.core.plans import Plan
from controlplane.core.secrets import SecretUnreadable, decrypt, encrypt
from controlplane.core.tables import Column, Table, table_of
from controlplane.gateways.errors import GatewayError
from controlplane.gateways.kafka.access_types import Acl
from controlplane.users import pages, selectors, services
from controlplane.users.forms import BOTH, SEALED, CreateUserForm, CredentialsForm, DeleteUserForm
from controlplane.users.logic.plans import MECHANISMS, SetCredentials
from controlplane.users.logic.state import UserState

COLUMNS = (
    Column("name", "User"),
    Column("mechanisms", "Mechanisms"),
    Column("iterations", "Iterations", numeric=True, title="The fewest of the user's credentials"),
    Column("acls", "ACLs", numeric=True, title="ACLs of exactly this principal"),
    Column("quotas", "Quotas", numeric=True, title="Quota entities that name this user"),
)


@require_safe
@cluster_view(Action.KAFKA_USER_VIEW)
def user_list(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    rows: list[selectors.UserRow] = []
    error: GatewayError | None = None
    try:
        rows = selectors.user_rows(cluster, search=request.GET.get("search", "").strip())
    except GatewayError as failure:
        error = failure
    table: Table[selectors.UserRow] = table_of(request, rows, COLUMNS, default_sort="name")
    page = pages.UserListPage(cluster=cluster, table=table, error=error, can_edit=_can_edit(request, cluster))
    return render_page(request, page, status=200)


@require_safe
@cluster_view(Action.KAFKA_USER_VIEW)
def detail(request: HttpRequest, cluster: Cluster, user: str) -> HttpResponse:
    state = selectors.existing(cluster, user)
    page = pages.UserPage(
        cluster=cluster,
        kafka_user=state,
        acls=tuple(_bound(acl) for acl in state.rights),
        quotas=tuple(
            (
                quota_words.title(quota.entity),
                ", ".join(f"{label} {limit}" for label, limit in quota_words.limits(quota.values)),
            )
            for quota in state.quotas
        ),
        can_edit=_can_edit(request, cluster),
        can_block=allowed(request, cluster, Action.ACL_EDIT)["edit"],
    )
    return render_page(request, page)


@sensitive_post_parameters("password", SEALED)
@sensitive_variables("password")
@require_http_methods(["GET", "POST"])
@cluster_view(Action.KAFKA_USER_EDIT)
def create(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    form = CreateUserForm(request.POST or None)

    @sensitive_variables("password")
    def review() -> HttpResponse:
        name = form.cleaned_data["name"]
        password = _given_password(request, cluster, name, form)
        wanted = form.credentials(name, given=password is not None)
        plan = services.plan_create(cluster, wanted, password)
        return _review_credentials(request, cluster, wanted, plan, password, crumbs=_crumbs(cluster))

    return filled(request, form, lambda: pages.CreateUserPage(cluster=cluster, form=form), review)


@sensitive_post_parameters("password", SEALED)
@sensitive_variables("password")
@require_http_methods(["GET", "POST"])
@cluster_view(Action.KAFKA_USER_EDIT)
def rotate(request: HttpRequest, cluster: Cluster, user: str) -> HttpResponse:
    state = selectors.existing(cluster, user)
    form = CredentialsForm(request.POST or None, initial=_rotation_defaults(state))
    page = pages.RotateUserPage(cluster=cluster, kafka_user=state, form=form)

    @sensitive_variables("password")
    def review() -> HttpResponse:
        password = _given_password(request, cluster, user, form)
        wanted = form.credentials(user, given=password is not None)
        plan = services.plan_rotate(cluster, wanted, password)
        return _review_credentials(request, cluster, wanted, plan, password, crumbs=_crumbs(cluster, user))

    return filled(request, form, lambda: page, review)


@require_http_methods(["GET", "POST"])
@cluster_view(Action.KAFKA_USER_EDIT)
def delete(request: HttpRequest, cluster: Cluster, user: str) -> HttpResponse:
    accepted = accepted_of(cluster, f"User:{user}")
    wished = {"acls": True, "quotas": True, "block": bool(accepted.serials)}
    form = DeleteUserForm(request.POST or None, initial=wished)
    back = resolve_url("kafka_users:detail", cluster.name, user)

    def page() -> pages.DeleteUserPage:
        return pages.DeleteUserPage(cluster=cluster, kafka_user=selectors.existing(cluster, user), form=form)

    def review() -> HttpResponse:
        wanted = form.to_request(user)

        def apply(plan: Plan) -> Done:
            services.apply_delete(actor_of(request), cluster, wanted, plan)
            if plan.confirm_name is None:
                return Done(f"{', '.join(wanted.mechanisms)} is removed from {user}", back)
            return Done(f"SCRAM user {user} is deleted", resolve_url("kafka_users:list", cluster.name))

        plan = services.plan_delete(cluster, wanted)
        crumbs = _crumbs(cluster, user)
        return review_or_apply(
            request,
            cluster=cluster,
            plan=plan,
            back_url=back,
            apply=apply,
            crumbs=crumbs,
            editable=not wanted.mechanisms,
        )

    return filled(request, form, page, review)


def _review_credentials(
    request: HttpRequest,
    cluster: Cluster,
    wanted: SetCredentials,
    plan: Plan,
    password: str | None,
    crumbs: tuple[tuple[str, str], ...],
) -> HttpResponse:
    def apply(plan: Plan) -> HttpResponse:
        issued = services.apply_credentials(actor_of(request), cluster, wanted, plan, password)
        page = pages.CredentialsPage(
            cluster=cluster,
            issued=issued,
            files=tuple(issued.files.items()),
            snippets=tuple(issued.snippets.items()),
            acls=len(selectors.user_state(cluster, issued.name).rights),
            can_give=allowed(request, cluster, Action.ACL_EDIT)["edit"],
        )
        response = render_page(request, page)
        response.headers["Cache-Control"] = "no-store"
        return response

    return review_or_apply(
        request,
        cluster=cluster,
        plan=plan,
        back_url=crumbs[-1][1],
        apply=apply,
        crumbs=crumbs,
        editable=True,
        fields=_sealed_fields(request, cluster, wanted.name, password),
    )


def _sealed_fields(
    request: HttpRequest, cluster: Cluster, name: str, password: str | None
) -> tuple[tuple[str, str], ...]:
    """What the review page carries along: never a password, only its ciphertext for this person, cluster and name."""
    fields = [(key, value) for key, value in carried_fields(request.POST) if key not in ("password", SEALED)]
    if password is not None:
        fields.append((SEALED, encrypt(password, context=_context(request, cluster, name))))
    return tuple(fields)


def _given_password(request: HttpRequest, cluster: Cluster, name: str, form: CredentialsForm) -> str | None:
    if sealed := request.POST.get(SEALED):
        try:
            return decrypt(sealed, context=_context(request, cluster, name))
        except SecretUnreadable as error:
            raise Invalid("The password belongs to another request", hint="Type it again.") from error
    return form.cleaned_data["password"] or None


def _context(request: HttpRequest, cluster: Cluster, name: str) -> str:
    return f"kafka_users:{actor_of(request).user_id}:{cluster.name}:{name}"


def _rotation_defaults(state: UserState) -> dict[str, object]:
    """The mechanism that cuts nobody off, where there is one: the former password goes on in the other."""
    free = [each for each in MECHANISMS if state.iterations_of(each) is None]
    return {"mechanism": free[0] if free else BOTH}


def _bound(acl: Acl) -> pages.BoundAcl:
    prefixed = str(acl.pattern_type) == "PREFIXED"
    name = f"{acl.resource_name}* (prefix)" if prefixed else acl.resource_name
    return pages.BoundAcl(str(acl.permission), str(acl.operation), f"{acl.resource_type} {name}", acl.host)


def _can_edit(request: HttpRequest, cluster: Cluster) -> bool:
    return allowed(request, cluster, Action.KAFKA_USER_EDIT)["edit"]


def _crumbs(cluster: Cluster, user: str = "") -> tuple[tuple[str, str], ...]:
    users = (("Users", resolve_url("kafka_users:list", cluster.name)),)
    return (*users, (user, resolve_url("kafka_users:detail", cluster.name, user))) if user else users
