"""ACL pages that read: lists, groups, matrix, explain, findings, denials, export. Read live, and they say so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.views.decorators.http import require_safe

from controlplane.acls import pages, selectors
from controlplane.acls.forms import ExplainForm, WatchForm, WhoForm
from controlplane.acls.logic import questions, selection, transfer
from controlplane.acls.logic.authorize import Authorizer
from controlplane.acls.logic.authorizer_log import Denial
from controlplane.acls.logic.bindings import OPERATIONS, PATTERNS, PERMISSIONS, RESOURCE_TYPES, words
from controlplane.acls.logic.findings import Finding, FindingKind
from controlplane.acls.logic.selection import SIGNS, Filters, Group
from controlplane.acls.logic.transfer import FileFormat
from controlplane.acls.logic.who import who_may
from controlplane.clusters.access import allowed, cluster_view
from controlplane.clusters.credentials import accepted_of
from controlplane.clusters.logic import blocks
from controlplane.clusters.logic.credentials import NOTHING
from controlplane.clusters.models import Cluster
from controlplane.core.access import Action
from controlplane.core.pages import render_page
from controlplane.core.tables import Column, Table, table_of
from controlplane.gateways.errors import GatewayError
from controlplane.gateways.kafka.access_types import Acl, AclOperation, AclResourceType

T = TypeVar("T")
COLUMNS = (
    Column("principal", "Principal"),
    Column("permission", "Permission"),
    Column("operation", "Operation"),
    Column("resource_type", "Resource"),
    Column("resource_name", "Name"),
    Column("pattern_type", "Match"),
    Column("host", "From host"),
)
GROUP_COLUMNS = {
    "principal": (Column("name", "Principal"), Column("allows", "Allows", numeric=True), Column("denies", "Denies", numeric=True)),
    "resource": (Column("name", "Resource"), Column("allows", "Allows", numeric=True), Column("denies", "Denies", numeric=True)),
}  # fmt: skip
DENIAL_COLUMNS = (
    Column("at", "Last"),
    Column("principal", "Principal"),
    Column("operation", "Operation"),
    Column("resource_type", "Resource"),
    Column("resource_name", "Name"),
    Column("host", "From host"),
    Column("count", "Times", numeric=True),
    Column("rule", "Because", sortable=False),
)
CHOICES = {
    "resource_type": tuple(map(str, RESOURCE_TYPES)),
    "permission": tuple(map(str, PERMISSIONS)),
    "operation": tuple(map(str, OPERATIONS)),
    "pattern_type": tuple(map(str, PATTERNS)),
}
MATRIX_RESOURCES = 24
#: What a topic's page answers by itself; the rest is asked under "Who may".
OF_TOPIC = (AclOperation.WRITE, AclOperation.READ)
NONE: tuple[Acl, ...] = ()
FILE_TYPES = {FileFormat.CSV: "text/csv", FileFormat.YAML: "application/yaml"}


@require_safe
@cluster_view(Action.ACL_VIEW)
def acl_list(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    acls, error = _live(lambda: selectors.bindings(cluster), NONE)
    filters = filters_of(request)
    blocked = blocks.blocked_in(acls)
    rows = [selection.row_of(acl, blocked) for acl in selection.select(acls, filters)]
    table: Table[selection.Row] = table_of(request, rows, COLUMNS, default_sort="principal")
    page = pages.AclListPage(
        **_head(request, cluster, "list", error),
        table=table,
        filters=filters,
        total=len(acls),
        chips=_chips(request, filters),
        choices=CHOICES,
        super_users=selectors.super_users(cluster),
        blocked=blocked,
        accepted=accepted_of(cluster, filters.principal) if filters.principal else NOTHING,
    )
    return render_page(request, page)


@require_safe
@cluster_view(Action.ACL_VIEW)
def by_principal(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    return _groups(request, cluster, "principal", selection.by_principal)


@require_safe
@cluster_view(Action.ACL_VIEW)
def by_resource(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    return _groups(request, cluster, "resource", selection.by_resource)


def _groups(
    request: HttpRequest, cluster: Cluster, kind: str, group: Callable[[Sequence[Acl]], tuple[Group, ...]]
) -> HttpResponse:
    acls, error = _live(lambda: selectors.bindings(cluster), NONE)
    groups = group(selection.select(acls, filters_of(request)))
    table: Table[Group] = table_of(request, groups, GROUP_COLUMNS[kind], default_sort="name")
    page = pages.AclGroupsPage(
        **_head(request, cluster, f"{kind}s", error),
        kind=kind,
        table=table,
        super_users=selectors.super_users(cluster),
    )
    return render_page(request, page)


@require_safe
@cluster_view(Action.ACL_VIEW)
def matrix(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    acls, error = _live(lambda: selectors.bindings(cluster), NONE)
    chosen = selection.select(acls, filters_of(request))
    table: Table[Group] = table_of(
        request, selection.by_principal(chosen), GROUP_COLUMNS["principal"], default_sort="name"
    )
    page = pages.AclMatrixPage(
        **_head(request, cluster, "matrix", error),
        table=table,
        matrix=selection.matrix(chosen, [group.name for group in table.rows], MATRIX_RESOURCES),
        legend=tuple((sign, words(operation)) for operation, sign in SIGNS.items()),
    )
    return render_page(request, page)


@require_safe
@cluster_view(Action.ACL_VIEW)
def explain(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    state, error = _live(lambda: selectors.authorizer(cluster), Authorizer(()))
    given = request.GET.dict()
    form = ExplainForm(given, initial=given) if "resource_name" in given else ExplainForm(initial=given)
    verdict = None
    if form.is_bound and form.is_valid() and error is None:
        verdict = questions.answer(form.to_question(), state)
    page = pages.AclExplainPage(
        **_head(request, cluster, "explain", error),
        form=form,
        verdict=verdict,
        missing=tuple(map(selection.row_of, verdict.would_allow)) if verdict else (),
        in_the_way=tuple(map(selection.row_of, verdict.others_first)) if verdict else (),
        principals=tuple(sorted({acl.principal for acl in state.acls})),
        unknown=state.unknown,
    )
    return render_page(request, page)


@require_safe
@cluster_view(Action.ACL_VIEW)
def who(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    """The reverse of explain."""
    state, error = _live(lambda: selectors.authorizer(cluster), Authorizer(()))
    given = request.GET.dict()
    form = WhoForm(given or None)
    found = None
    if form.is_bound and form.is_valid() and error is None:
        found = who_may(*form.to_question(), state)
    page = pages.AclWhoPage(
        **_head(request, cluster, "who", error),
        form=form,
        found=found,
        question=form.words() if found else "",
        unknown=state.unknown,
    )
    return render_page(request, page)


@require_safe
@cluster_view(Action.ACL_VIEW)
def of_topic(request: HttpRequest, cluster: Cluster, topic: str) -> HttpResponse:
    state, error = _live(lambda: selectors.authorizer(cluster), Authorizer(()))
    kind = AclResourceType.TOPIC
    blocked = blocks.blocked_in(state.acls)
    filters = Filters(resource_type=str(kind), matching=topic)
    page = pages.TopicAccessPage(
        cluster=cluster,
        topic=topic,
        rows=tuple(selection.row_of(acl, blocked) for acl in selection.select(state.acls, filters)),
        may=tuple((str(asked), who_may(asked, kind, topic, state)) for asked in OF_TOPIC),
        error=error,
        can_edit=allowed(request, cluster, Action.ACL_EDIT)["edit"],
    )
    return render_page(request, page)


@require_safe
@cluster_view(Action.ACL_VIEW)
def findings(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    return render_page(request, findings_page(request, cluster, WatchForm()))


def findings_page(request: HttpRequest, cluster: Cluster, watch_form: WatchForm) -> pages.AclFindingsPage:
    nothing: tuple[Finding, ...] = ()
    found, error = _live(lambda: selectors.all_findings(cluster), nothing)
    kind = request.GET.get("kind", "")
    return pages.AclFindingsPage(
        **_head(request, cluster, "findings", error),
        findings=tuple(finding for finding in found if kind in ("", finding.kind)),
        kinds=tuple(
            (each.value, each.label, sum(finding.kind is each for finding in found)) for each in FindingKind
        ),
        kind=kind,
        usage=selectors.last_usage(cluster),
        watch=selectors.open_watch(cluster),
        watch_form=watch_form,
    )


@require_safe
@cluster_view(Action.ACL_VIEW)
def denials(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    report = selectors.recent_denials(cluster)
    wanted = request.GET.get("search", "").strip().lower()
    rows = [
        row for row in report.rows if wanted in row.principal.lower() or wanted in row.resource_name.lower()
    ]
    table: Table[Denial] = table_of(request, rows, DENIAL_COLUMNS, default_sort="-at")
    page = pages.AclDenialsPage(
        **_head(request, cluster, "denials", None),
        report=report,
        table=table,
        state=selectors.authorizer_if_known(cluster),
    )
    return render_page(request, page)


@require_safe
@cluster_view(Action.ACL_VIEW)
def export(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    wanted = FileFormat.YAML if request.GET.get("format") == FileFormat.YAML else FileFormat.CSV
    chosen = selection.select(selectors.bindings(cluster), filters_of(request))
    response = HttpResponse(
        transfer.write(chosen, wanted), content_type=f"{FILE_TYPES[wanted]}; charset=utf-8"
    )
    response["Content-Disposition"] = f'attachment; filename="acls-{cluster.name}.{wanted.value}"'
    return response


def filters_of(request: HttpRequest) -> Filters:
    known = Filters.__dataclass_fields__
    given = {name: request.GET.get(name, "").strip() for name in known}
    return replace(Filters(), **given)


def _chips(request: HttpRequest, filters: Filters) -> tuple[tuple[str, str, str], ...]:
    """(field, value, the address without it) for filters that have no control of their own."""
    found = []
    for name in ("principal", "resource_name"):
        value = getattr(filters, name)
        if value:
            left = request.GET.copy()
            left.pop(name, None)
            left.pop("page", None)
            found.append((name, value, f"?{left.urlencode()}"))
    return tuple(found)


def _live(read: Callable[[], T], otherwise: T) -> tuple[T, GatewayError | None]:
    """What the cluster says now, or why it does not say it: the page shows that instead of nothing."""
    try:
        return read(), None
    except GatewayError as error:
        return otherwise, error


def _head(request: HttpRequest, cluster: Cluster, tab: str, error: GatewayError | None) -> pages.AclHead:
    can_edit = allowed(request, cluster, Action.ACL_EDIT)["edit"]
    return {"cluster": cluster, "tab": tab, "can_edit": can_edit, "error": error}


def crumbs_of(cluster: Cluster) -> tuple[tuple[str, str], ...]:
    return (("ACLs", resolve_url("acls:list", cluster.name)),)
