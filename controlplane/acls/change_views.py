"""ACL pages that change: each is guard, form, plan, review or apply."""

from __future__ import annotations

import uuid

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.views.decorators.http import require_http_methods, require_POST

from controlplane.accounts.services import actor_of
from controlplane.acls import pages, services, watching
from controlplane.acls.forms import AclForm, BundleForm, ImportForm, KeysForm, WatchForm, shown_for
from controlplane.acls.logic.bindings import RESOURCE_TYPES, operations_of
from controlplane.acls.logic.bundles import KINDS, bindings_of
from controlplane.acls.logic.plans import AclChange
from controlplane.acls.logic.transfer import FileFormat
from controlplane.acls.views import crumbs_of, findings_page
from controlplane.clusters.access import cluster_view
from controlplane.clusters.changes import Done, filled, review_or_apply
from controlplane.clusters.models import Cluster
from controlplane.core.access import Action
from controlplane.core.errors import InvalidForm
from controlplane.core.plans import Plan
from controlplane.gateways.kafka.access_types import AclResourceType

OPTIONAL = ("topics", "outputs", "group", "transactional_id", "create_topics")


@require_http_methods(["GET", "POST"])
@cluster_view(Action.ACL_EDIT)
def create(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    """GET takes the fields from the address too, so that other pages can link to a filled form."""
    form = AclForm(request.POST or None, initial=_from_address(request))

    def review() -> HttpResponse:
        return _review(request, cluster, services.plan_create(cluster, form.to_request()), editable=True)

    return filled(request, form, lambda: _create_page(cluster, form), review)


def _create_page(cluster: Cluster, form: AclForm) -> pages.CreateAclPage:
    form.fields["resource_name"].required = True  # no "(optional)" beside it: only the cluster has no name
    chosen = str(form["resource_type"].value() or RESOURCE_TYPES[0])
    boxes = []
    for box in form["operations"]:
        types = [kind for kind in RESOURCE_TYPES if box.data["value"] in operations_of(kind)]
        boxes.append((box, " ".join(types), chosen in types))
    named = " ".join(kind for kind in RESOURCE_TYPES if kind != AclResourceType.CLUSTER)
    return pages.CreateAclPage(cluster=cluster, form=form, boxes=tuple(boxes), named=named)


@require_http_methods(["GET", "POST"])
@cluster_view(Action.ACL_EDIT)
def bundle(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    form = BundleForm(request.POST or None, initial=_from_address(request))

    def review() -> HttpResponse:
        wanted = form.to_request()
        title = f"Allow {wanted.principal} what a {KINDS[wanted.bundle].label.lower()} needs"
        change = services.plan_create(cluster, bindings_of(wanted), title=title)
        return _review(request, cluster, change, editable=True)

    return filled(request, form, lambda: _bundle_page(cluster, form), review)


def _bundle_page(cluster: Cluster, form: BundleForm) -> pages.BundlePage:
    for name in OPTIONAL[:-1]:
        form.fields[name].required = True  # no "(optional)" beside it: the bundle decides, and its text says
    chosen = form["bundle"].value() or next(iter(KINDS)).value
    return pages.BundlePage(
        cluster=cluster,
        form=form,
        fields=tuple((form[name], shown_for(name), chosen in shown_for(name).split()) for name in OPTIONAL),
        texts=tuple((kind.value, KINDS[kind].text, kind == chosen) for kind in KINDS),
    )


@require_POST
@cluster_view(Action.ACL_EDIT)
def add(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    """Bindings that another page offers: what would allow a question, what a denial lacked."""
    return _review(request, cluster, services.plan_create(cluster, _picked(request).acls))


@require_POST
@cluster_view(Action.ACL_EDIT)
def delete(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    return _review(request, cluster, services.plan_delete(cluster, _picked(request).acls))


@require_http_methods(["GET", "POST"])
@cluster_view(Action.ACL_EDIT)
def import_(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    form = ImportForm(request.POST or None, request.FILES or None)

    def review() -> HttpResponse:
        data = form.cleaned_data
        carried = request.POST.copy()  # the file's text, so that apply reads what was reviewed
        carried["text"], carried["format"] = data["text"], data["format"]
        request.POST = form.data = carried  # type: ignore[assignment]
        change = services.plan_import(
            cluster, data["text"], FileFormat(data["format"]), remove_others=data["remove_others"]
        )
        return _review(request, cluster, change, editable=True)

    return filled(request, form, lambda: pages.ImportAclsPage(cluster=cluster, form=form), review)


@require_POST
@cluster_view(Action.ACL_EDIT)
def revert(request: HttpRequest, cluster: Cluster, uid: uuid.UUID) -> HttpResponse:
    return _review(request, cluster, services.plan_revert(actor_of(request), cluster, str(uid)))


@require_http_methods(["GET", "POST"])
@cluster_view(Action.ACL_EDIT)
def watch(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    """Its form stands in the findings: a GET, such as a link's after a refusal, goes there."""
    if request.method != "POST":
        back = resolve_url("acls:findings", cluster.name)
        return HttpResponseRedirect(f"{back}?{request.GET.urlencode()}")
    form = WatchForm(request.POST)

    def review() -> HttpResponse:
        minutes = form.cleaned_data["minutes"]

        def apply(plan: Plan) -> Done:
            job = watching.start(actor_of(request), cluster, minutes, plan)
            return Done(f"{plan.title}: started", resolve_url("jobs:detail", job.pk))

        return review_or_apply(
            request,
            cluster=cluster,
            plan=watching.plan_watch(cluster, minutes),
            back_url=resolve_url("acls:findings", cluster.name),
            apply=apply,
            crumbs=crumbs_of(cluster),
            editable=True,
        )

    return filled(request, form, lambda: findings_page(request, cluster, form), review)


def _review(
    request: HttpRequest, cluster: Cluster, change: AclChange, *, editable: bool = False
) -> HttpResponse:
    back = resolve_url("acls:list", cluster.name)

    def apply(plan: Plan) -> Done:
        services.apply(actor_of(request), cluster, change)
        return Done(f"{plan.title}: done, and known to every broker", back)

    return review_or_apply(
        request,
        cluster=cluster,
        plan=change.plan,
        back_url=back,
        apply=apply,
        crumbs=crumbs_of(cluster),
        editable=editable,
    )


def _picked(request: HttpRequest) -> KeysForm:
    form = KeysForm(request.POST.getlist("binding"))
    if not form.is_valid():
        raise InvalidForm(form)
    return form


def _from_address(request: HttpRequest) -> dict[str, object]:
    found: dict[str, object] = {name: value for name, value in request.GET.items() if value}
    if "operation" in found:
        found["operations"] = request.GET.getlist("operation")
    return found
