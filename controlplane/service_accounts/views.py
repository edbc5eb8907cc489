"""Service accounts: who there is, one of them, the wizard, and the removal."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.views.decorators.http import require_http_methods, require_safe

from controlplane.accounts.services import actor_of
from controlplane.certificates.pages import IssuedPage
from controlplane.certificates.selectors import rights_of
from controlplane.clusters.access import allowed, cluster_view
from controlplane.clusters.changes import Done, filled, review_or_apply
from controlplane.clusters.credentials import accepted_of
from controlplane.clusters.models import Cluster
from controlplane.core.access import Action
from controlplane.core.pages import Page, render_page
from controlplane.core.plans import Plan
from controlplane.core.tables import Column, Table, table_of
from controlplane.gateways.errors import GatewayError
from controlplane.service_accounts import pages, selectors, services
from controlplane.service_accounts.forms import AccountForm, RemoveForm
from controlplane.service_accounts.logic.compose import AccountFacts, made_with_it
from controlplane.service_accounts.services import Made

COLUMNS = (
    Column("name", "Name"),
    Column("credentials", "Logs in with"),
    Column("acls", "ACLs", numeric=True),
    Column("quotas", "Quotas", numeric=True),
)


@require_safe
@cluster_view(Action.KAFKA_USER_VIEW)
def account_list(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    error: GatewayError | None = None
    rows: list[AccountFacts] = []
    try:
        rows = selectors.accounts(cluster, search=request.GET.get("search", "").strip())
    except GatewayError as failure:
        error = failure
    table: Table[AccountFacts] = table_of(request, rows, COLUMNS, default_sort="name")
    page = pages.AccountListPage(
        cluster=cluster, table=table, can_edit=_can_edit(request, cluster), error=error
    )
    return render_page(request, page, status=503 if error else 200)


@require_safe
@cluster_view(Action.KAFKA_USER_VIEW)
def detail(request: HttpRequest, cluster: Cluster, account: str) -> HttpResponse:
    found = selectors.account(cluster, account)
    page = pages.AccountPage(
        cluster=cluster,
        account=found,
        certificates=tuple(selectors.valid_certificates(cluster, account)),
        accepted=accepted_of(cluster, found.principal),
        can_edit=_can_edit(request, cluster),
        can_block=allowed(request, cluster, Action.ACL_EDIT)["edit"],
    )
    return render_page(request, page)


@require_http_methods(["GET", "POST"])
@cluster_view(Action.SERVICE_ACCOUNT_EDIT)
def create(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    form = AccountForm(request.POST or None)

    def review() -> HttpResponse:
        wanted = form.to_account()

        def apply(plan: Plan) -> HttpResponse:
            made = services.apply_create(actor_of(request), cluster, wanted, plan)
            return render_page(request, _shown_once(request, cluster, made))

        plan = services.plan_create(cluster, wanted)
        crumbs = _crumbs(cluster)
        back = crumbs[0][1]
        return review_or_apply(
            request, cluster=cluster, plan=plan, back_url=back, apply=apply, crumbs=crumbs, editable=True
        )

    return filled(request, form, lambda: pages.CreateAccountPage(cluster=cluster, form=form), review)


@require_http_methods(["GET", "POST"])
@cluster_view(Action.SERVICE_ACCOUNT_EDIT)
def remove(request: HttpRequest, cluster: Cluster, account: str) -> HttpResponse:
    """Whoever has a certificate of the name is let in by brokers until it ends: then the block is offered, and ticked."""
    accepted = accepted_of(cluster, f"User:{account}")
    posted = request.POST if request.method == "POST" else None  # an unticked box posts nothing
    form = RemoveForm(posted, initial={"block": bool(accepted.serials)})

    def page() -> Page:
        found = selectors.account(cluster, account)
        return pages.RemoveAccountPage(cluster=cluster, account=found, accepted=accepted, form=form)

    def review() -> HttpResponse:
        return _review_removal(request, cluster, account, block=form.cleaned_data["block"])

    return filled(request, form, page, review)


def _review_removal(request: HttpRequest, cluster: Cluster, account: str, *, block: bool) -> HttpResponse:
    crumbs = _crumbs(cluster)

    def apply(plan: Plan) -> Done:
        services.apply_remove(actor_of(request), cluster, account, plan, block=block)
        blocked = ", and its principal is blocked" if block else ""
        return Done(f"Service account {account} is deleted{blocked}", crumbs[0][1])

    back = resolve_url("service_accounts:detail", cluster.name, account)
    return review_or_apply(
        request,
        cluster=cluster,
        plan=services.plan_remove(cluster, account, block=block),
        back_url=back,
        apply=apply,
        crumbs=(*crumbs, (account, back)),
        editable=True,
    )


def _shown_once(request: HttpRequest, cluster: Cluster, made: Made) -> Page:
    """What its application needs is not offered again where it was just given."""
    rights = rights_of(cluster, made.request.principal)
    give = allowed(request, cluster, Action.ACL_EDIT)["edit"] and made.request.bundle is None
    if made.delivery is not None:
        return IssuedPage(
            cluster=cluster,
            delivery=made.delivery,
            has_rights=bool(rights),
            acls=rights,
            can_give=give,
            account=made.request.name,
            made=made_with_it(rights, quota=bool(made.request.quotas)),
        )
    assert made.issued is not None  # nosec B101  # one of the two, by the kind of credential
    return pages.MadePage(
        cluster=cluster,
        issued=made.issued,
        files=tuple(made.issued.files.items()),
        snippets=tuple(made.issued.snippets.items()),
        acls=rights,
        can_give=give,
        account=made.request.name,
        made=made_with_it(rights, quota=bool(made.request.quotas)),
    )


def _can_edit(request: HttpRequest, cluster: Cluster) -> bool:
    return allowed(request, cluster, Action.SERVICE_ACCOUNT_EDIT)["edit"]


def _crumbs(cluster: Cluster) -> tuple[tuple[str, str], ...]:
    return (("Service accounts", resolve_url("service_accounts:list", cluster.name)),)
