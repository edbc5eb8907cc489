"""Certificate pages: the list, one certificate, issue, renew, own certificates, authorities, public files."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, resolve_url
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_http_methods, require_safe

from controlplane.accounts.services import actor_of
from controlplane.certificates import listing, pages, selectors
from controlplane.certificates.forms import IssueForm, RenewForm
from controlplane.certificates.logic.plans import DEFAULT_DAYS
from controlplane.certificates.logic.protection import verdict
from controlplane.certificates.logic.state import Origin
from controlplane.certificates.models import Certificate, RevocationList
from controlplane.certificates.pages import CertificateRow, IssuedPage
from controlplane.certificates.services import downloads, issuing
from controlplane.certificates.services.downloads import TRUSTSTORES, File
from controlplane.certificates.services.issuing import Delivery
from controlplane.certificates.trust import trust_of
from controlplane.clusters.access import allowed, cluster_view
from controlplane.clusters.blocking import block_state
from controlplane.clusters.changes import filled, review_or_apply
from controlplane.clusters.credentials import accepted_of
from controlplane.clusters.logic.blocks import BlockState
from controlplane.clusters.logic.credentials import NOTHING, Accepted
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
#: As the filter offers them.
STATES = {
    "valid": "valid",
    "ending": "ends within 30 days",
    "expired": "expired",
    "revoked": "revoked",
    "still_accepted": "revoked, still accepted",
    "replaced": "replaced",
    "untrusted": "untrusted",
}
ACTIONS = (Action.CERTIFICATE_ISSUE, Action.CERTIFICATE_REVOKE, Action.AUTHORITY_MANAGE)


@require_safe
@cluster_view(Action.CERTIFICATE_VIEW)
def certificate_list(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    if cluster.external:
        return redirect("certificates:expiry", cluster.name)
    state, authority = request.GET.get("state", ""), request.GET.get("authority", "")
    trust, blocked = trust_of(cluster), listing.blocked(cluster)
    rows = listing.certificates(
        cluster,
        search=request.GET.get("search", "").strip(),
        state=state,
        authority=authority,
        trust=trust,
        blocked=blocked or (),
    )
    table: Table[Certificate] = table_of(request, rows, COLUMNS, default_sort="not_after")
    now = timezone.now()
    page = pages.CertificateListPage(
        cluster=cluster,
        table=table,
        rows=tuple(CertificateRow(each, each.span(now), trust, blocked) for each in table.rows),
        state=state if state in listing.STATES else "",
        states=STATES,
        authority=authority if authority == listing.OLD else "",
        of_old=listing.certificates(cluster, state="valid", authority=listing.OLD, trust=trust).count()
        if trust.old
        else 0,
        dropping=trust.dropping,
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
        row=CertificateRow(
            certificate,
            certificate.span(now),
            trust,
            None if block is None else frozenset({block.principal} if block.blocked else ()),
        ),
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
        others=_others(cluster, certificate),
        downloads=tuple(selectors.downloads(certificate)),
        acls=selectors.rights_of(cluster, certificate.principal),
        can_give=allowed(request, cluster, Action.ACL_EDIT)["edit"],
        can=allowed(request, cluster, *ACTIONS),
    )
    return render_page(request, page)


def _others(cluster: Cluster, certificate: Certificate) -> Accepted:
    """Of the same principal, revoked and accepted still, without the one that is looked at."""
    found = accepted_of(cluster, certificate.principal)
    left = tuple(serial for serial in found.revoked if serial != certificate.serial)
    return Accepted(found.serials, left, found.until) if left else NOTHING


def _handed_over(request: HttpRequest, cluster: Cluster, delivery: Delivery) -> HttpResponse:
    found = selectors.rights_of(cluster, delivery.certificate.principal)
    page = IssuedPage(
        cluster=cluster,
        delivery=delivery,
        has_rights=bool(found),
        acls=found,
        can_give=allowed(request, cluster, Action.ACL_EDIT)["edit"],
    )
    return render_page(request, page)


@require_http_methods(["GET", "POST"])
@cluster_view(Action.CERTIFICATE_ISSUE)
def issue(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    selectors.issuing_authority(cluster)
    back = resolve_url("certificates:list", cluster.name)
    form = IssueForm(request.POST or None, initial=request.GET.dict())

    def review() -> HttpResponse:
        wanted = form.to_request()

        def apply(plan: Plan) -> HttpResponse:
            delivery = issuing.apply_issue(actor_of(request), cluster, wanted, plan)
            return _handed_over(request, cluster, delivery)

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
            return _handed_over(request, cluster, delivery)

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
def without_key(request: HttpRequest, cluster: Cluster, serial: str) -> HttpResponse:
    found = selectors.get_certificate(cluster, serial)
    return file_response(downloads.without_key(actor_of(request), found))


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
