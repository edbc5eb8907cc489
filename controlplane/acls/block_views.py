"""Block a principal, whatever it logs in with, and lift the block. The buttons stand on other pages, which name it."""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.urls import NoReverseMatch, reverse
from django.views.decorators.http import require_http_methods

from controlplane.accounts.services import actor_of
from controlplane.acls.logic.checks import NOT_A_PRINCIPAL, is_principal
from controlplane.acls.views import crumbs_of
from controlplane.clusters import blocking
from controlplane.clusters.access import cluster_view
from controlplane.clusters.changes import Done, review_or_apply
from controlplane.clusters.models import Cluster
from controlplane.core.access import Action
from controlplane.core.errors import Invalid
from controlplane.core.plans import Plan

#: Pages that a principal's name has elsewhere; `back` of the form names the one to return to.
PAGES = {"user": "kafka_users:detail", "account": "service_accounts:detail"}


@require_http_methods(["GET", "POST"])
@cluster_view(Action.ACL_EDIT)
def block(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    principal = _principal(request)
    back = _back(request, cluster, principal)

    def apply(plan: Plan) -> Done:
        blocking.apply_block(actor_of(request), cluster, principal, plan)
        return Done(f"{principal} is blocked", back)

    plan = blocking.plan_block(cluster, principal)
    return review_or_apply(
        request, cluster=cluster, plan=plan, back_url=back, apply=apply, crumbs=crumbs_of(cluster)
    )


@require_http_methods(["GET", "POST"])
@cluster_view(Action.ACL_EDIT)
def unblock(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    principal = _principal(request)
    back = _back(request, cluster, principal)

    def apply(plan: Plan) -> Done:
        blocking.apply_unblock(actor_of(request), cluster, principal, plan)
        return Done(f"{principal} is no longer blocked", back)

    plan = blocking.plan_unblock(cluster, principal)
    return review_or_apply(
        request, cluster=cluster, plan=plan, back_url=back, apply=apply, crumbs=crumbs_of(cluster)
    )


def _principal(request: HttpRequest) -> str:
    principal = request.POST.get("principal") or request.GET.get("principal", "")
    if not is_principal(principal):
        raise Invalid(fields={"principal": [NOT_A_PRINCIPAL]})
    return principal


def _back(request: HttpRequest, cluster: Cluster, principal: str) -> str:
    page = PAGES.get(request.POST.get("back") or request.GET.get("back", ""))
    if page:
        # A principal of another kind than what the page shows has no address there.
        with suppress(NoReverseMatch):
            return reverse(page, args=(cluster.name, principal.partition(":")[2]))
    return f"{resolve_url('acls:list', cluster.name)}?{urlencode({'principal': principal})}"
