"""Revoke a certificate, block its principal, lift the block; and the revocation list, for everybody."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.utils.http import http_date
from django.views.decorators.http import require_http_methods, require_safe

from controlplane.accounts.services import actor_of
from controlplane.certificates import pages, selectors
from controlplane.certificates.forms import RevokeForm
from controlplane.certificates.models import Certificate
from controlplane.certificates.services import revocation
from controlplane.certificates.views import crumbs
from controlplane.clusters import blocking
from controlplane.clusters.access import cluster_view
from controlplane.clusters.changes import Done, filled, review_or_apply
from controlplane.clusters.models import Cluster
from controlplane.clusters.selectors import get_cluster
from controlplane.core.access import Action
from controlplane.core.plans import ApiCall, Plan, api_path


@require_http_methods(["GET", "POST"])
@cluster_view(Action.CERTIFICATE_REVOKE)
def revoke(request: HttpRequest, cluster: Cluster, serial: str) -> HttpResponse:
    certificate = selectors.get_certificate(cluster, serial)
    back = resolve_url("certificates:detail", cluster.name, certificate.serial)
    form = RevokeForm(request.POST or None)

    def review() -> HttpResponse:
        reason = form.to_reason()

        def apply(plan: Plan) -> Done:
            revocation.apply_revoke(actor_of(request), cluster, certificate, reason, plan)
            return Done(f"The certificate of {certificate.common_name} is revoked, and on the list", back)

        return review_or_apply(
            request,
            cluster=cluster,
            plan=revocation.plan_revoke(cluster, certificate, reason),
            back_url=back,
            apply=apply,
            crumbs=crumbs(cluster, certificate),
            editable=True,
        )

    page = pages.RevokePage(cluster=cluster, certificate=certificate, form=form)
    return filled(request, form, lambda: page, review)


@require_http_methods(["GET", "POST"])
@cluster_view(Action.CERTIFICATE_REVOKE)
def block(request: HttpRequest, cluster: Cluster, serial: str) -> HttpResponse:
    certificate = selectors.get_certificate(cluster, serial)
    back = resolve_url("certificates:detail", cluster.name, certificate.serial)

    def apply(plan: Plan) -> Done:
        blocking.apply_block(actor_of(request), cluster, certificate.principal, plan)
        return Done(f"{certificate.principal} is blocked", back)

    return review_or_apply(
        request,
        cluster=cluster,
        plan=blocking.plan_block(cluster, certificate.principal, action=Action.CERTIFICATE_REVOKE),
        back_url=back,
        apply=apply,
        crumbs=crumbs(cluster, certificate),
        api=_block_call("POST", cluster, certificate),
    )


@require_http_methods(["GET", "POST"])
@cluster_view(Action.CERTIFICATE_REVOKE)
def unblock(request: HttpRequest, cluster: Cluster, serial: str) -> HttpResponse:
    certificate = selectors.get_certificate(cluster, serial)
    back = resolve_url("certificates:detail", cluster.name, certificate.serial)

    def apply(plan: Plan) -> Done:
        blocking.apply_unblock(actor_of(request), cluster, certificate.principal, plan)
        return Done(f"{certificate.principal} is no longer blocked", back)

    return review_or_apply(
        request,
        cluster=cluster,
        plan=blocking.plan_unblock(cluster, certificate.principal, action=Action.CERTIFICATE_REVOKE),
        back_url=back,
        apply=apply,
        crumbs=crumbs(cluster, certificate),
        api=_block_call("DELETE", cluster, certificate),
    )


def _block_call(method: str, cluster: Cluster, certificate: Certificate) -> ApiCall:
    """A principal may have several certificates: the address names the one that is looked at."""
    return ApiCall(method, api_path(cluster.name, "certificates", certificate.serial, "block"))


@login_not_required
@require_safe
def crl(request: HttpRequest, cluster: str) -> HttpResponse:
    """Public, as a revocation list has to be: serials and times, no names."""
    return _list(cluster, revocation.PRESENT)


@login_not_required
@require_safe
def crl_old(request: HttpRequest, cluster: str) -> HttpResponse:
    return _list(cluster, revocation.OLD)


def _list(name: str, generation: str) -> HttpResponse:
    row = revocation.revocation_list(get_cluster(name), generation)
    headers = {
        "Last-Modified": http_date(row.this_update.timestamp()),
        # Revocations have to be seen within seconds: whoever keeps a copy asks again.
        "Cache-Control": "no-cache",
        "Expires": http_date(row.next_update.timestamp()),
    }
    return HttpResponse(bytes(row.der), content_type="application/pkix-crl", headers=headers)
