"""Certificate pages: the list, one certificate, issue, renew, own certificates, authorities, public files."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_http_methods, require_safe

from controlplane.accounts.services import actor_of
from controlplane.certificates import pages, selectors
from controlplane.certificates.forms import IssueForm, RenewForm
from controlplane.certificates.logic.plans import DEFAULT_DAYS
from controlplane.certificates.logic.protection import verdict
from controlplane.certificates.logic.state import Origin
from controlplane.certificates.models import Certificate, RevocationList
from controlplane.certificates.pages import CertificateRow, IssuedPage
from controlplane.certificates.services import downloads, issuing
from controlplane.certificates.services.downloads import TRUSTSTORES, File
from controlplane.certificates.trust import trust_of
from controlplane.clusters.access import allowed, cluster_view
from controlplane.clusters.blocking import block_state
from controlplane.clusters.changes import filled, review_or_apply
from controlplane.clusters.logic.blocks import BlockState
from controlplane.clusters.models import Cluster
from controlplane.core.access import Action
from controlplane.core.pages import render_page
from controlplane.core.plans import Plan
from controlplane.core.tables import Column, Table, table_of
from controlplane.gateways.errors import GatewayError

COLUMNS = (
    Column("common_name", "Name"),
    Column("principal", "Principal"),
    Column("state", "State", sortable=False),
    Column("not_after", "Ends"),
    Column("issued_at", "Issued"),
    Column("downloaded_at", "Last given out"),
    Column("serial", "Serial"),
)
ACTIONS = (Action.CERTIFICATE_ISSUE, Action.CERTIFICATE_REVOKE, Action.AUTHORITY_MANAGE)


@require_safe
@cluster_view(Action.CERTIFICATE_VIEW)
def certificate_list(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    state = request.GET.get("state", "")
    trust = trust_of(cluster)
    rows = selectors.certificates(
        cluster, search=request.GET.get("search", "").strip(), state=state, trust=trust
    )
    table: Table[Certificate] = table_of(request, rows, COLUMNS, default_sort="not_after")
    now = timezone.now()
    page = pages.CertificateListPage(
        cluster=cluster,
        table=table,
        rows=tuple(CertificateRow(each, each.span(now), trust) for each in table.rows),
        state=state if state in selectors.STATES else "",
        states=selectors.STATES,
        can=allowed(request, cluster, *ACTIONS),
    )
    return render_page(request, page)


@require_safe
@cluster_view(Action.CERTIFICATE_VIEW)
def own(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    return render_page(request, pages.OwnPage(cluster=cluster, rows=selectors.own(cluster)))


@require_safe
@cluster_view(Action.CERTIFICATE_VIEW)
def authorities(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    views = selectors.authorities(cluster)
    names = {row.fingerprint: row.subject for view in views for row in view.rows}
    lists = RevocationList.objects.filter(cluster=cluster).order_by("-generation")
    page = pages.AuthoritiesPage(
        cluster=cluster,
        views=views,
        truststores=tuple(TRUSTSTORES),
        lists=tuple(
            (_list_url(cluster, each.generation), names.get(each.issuer, ""), each) for each in lists
        ),
        can=allowed(request, cluster, *ACTIONS),
    )
    return render_page(request, page)


def _list_url(cluster: Cluster, generation: str) -> str:
    return resolve_url("crl" if generation == "present" else "crl_old", cluster.name)


@require_safe
@cluster_view(Action.CERTIFICATE_VIEW)
def detail(request: HttpRequest, cluster: Cluster, serial: str) -> HttpResponse:
    certificate = selectors.get_certificate(cluster, serial)
    now, trust = timezone.now(), trust_of(cluster)
    block: BlockState | None = None
    failure: GatewayError | None = None
    try:
        block = block_state(cluster, certificate.principal)
    except GatewayError as error:
        failure = error
    page = pages.CertificatePage(
        cluster=cluster,
        certificate=certificate,
        row=CertificateRow(certificate, certificate.span(now), trust),
        untrusted_since=trust.since(certificate),
        verdict=verdict(
            principal=certificate.principal,
            revoked=certificate.revoked_at is not None,
            trusted=trust.of(certificate),
            dropped_at=trust.since(certificate),
            not_after=certificate.not_after,
            block=block,
            now=now,
        ),
        blocking=block,
        block_error=failure,
        downloads=tuple(selectors.downloads(certificate)),
        can=allowed(request, cluster, *ACTIONS),
    )
    return render_page(request, page)


@require_http_methods(["GET", "POST"])
@cluster_view(Action.CERTIFICATE_ISSUE)
def issue(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    back = resolve_url("certificates:list", cluster.name)
    form = IssueForm(request.POST or None)

    def review() -> HttpResponse:
        wanted = form.to_request()

        def apply(plan: Plan) -> HttpResponse:
            delivery = issuing.apply_issue(actor_of(request), cluster, wanted, plan)
            return render_page(request, IssuedPage(cluster=cluster, delivery=delivery))

        return review_or_apply(
            request,
            cluster=cluster,
            plan=issuing.plan_issue(cluster, wanted),
            back_url=back,
            apply=apply,
            crumbs=(("Certificates", back),),
            editable=True,
        )

    return filled(request, form, lambda: pages.IssuePage(cluster=cluster, form=form), review)


@require_http_methods(["GET", "POST"])
@cluster_view(Action.CERTIFICATE_ISSUE)
def renew(request: HttpRequest, cluster: Cluster, serial: str) -> HttpResponse:
    certificate = selectors.get_certificate(cluster, serial)
    back = resolve_url("certificates:detail", cluster.name, certificate.serial)
    days = (certificate.not_after - certificate.not_before).days or DEFAULT_DAYS
    form = RenewForm(
        request.POST or None,
        with_csr=certificate.origin == Origin.CSR.value,
        initial={"days": days},
    )

    def review() -> HttpResponse:
        wanted = form.to_request()

        def apply(plan: Plan) -> HttpResponse:
            delivery = issuing.apply_renew(actor_of(request), cluster, certificate, wanted, plan)
            return render_page(request, IssuedPage(cluster=cluster, delivery=delivery))

        return review_or_apply(
            request,
            cluster=cluster,
            plan=issuing.plan_renew(cluster, certificate, wanted),
            back_url=back,
            apply=apply,
            crumbs=crumbs(cluster, certificate),
            editable=True,
        )

    page = pages.RenewPage(cluster=cluster, certificate=certificate, form=form)
    return filled(request, form, lambda: page, review)


@require_safe
@cluster_view(Action.CERTIFICATE_VIEW)
def chain(request: HttpRequest, cluster: Cluster, serial: str) -> HttpResponse:
    return file_response(downloads.chain(actor_of(request), selectors.get_certificate(cluster, serial)))


@require_safe
@cluster_view(Action.CERTIFICATE_VIEW)
def truststore(request: HttpRequest, cluster: Cluster, name: str) -> HttpResponse:
    return file_response(downloads.truststore(actor_of(request), cluster, name))


@require_safe
@cluster_view(Action.CERTIFICATE_VIEW)
def authority_chain(request: HttpRequest, cluster: Cluster, purpose: str, generation: str) -> HttpResponse:
    pem = selectors.authority_chain(cluster, purpose, generation)
    name = f"{cluster.name}-{purpose}-{generation}.pem"
    return file_response(downloads.authority(actor_of(request), cluster, name, pem))


def file_response(file: File) -> HttpResponse:
    disposition = content_disposition_header(True, file.name) or "attachment"
    return HttpResponse(
        file.content, content_type=file.media_type, headers={"Content-Disposition": disposition}
    )


def crumbs(cluster: Cluster, certificate: Certificate) -> tuple[tuple[str, str], ...]:
    return (
        ("Certificates", resolve_url("certificates:list", cluster.name)),
        (
            certificate.common_name,
            resolve_url("certificates:detail", cluster.name, certificate.serial),
        ),
    )
