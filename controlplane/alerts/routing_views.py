"""Pages of the routing: the tree, inhibitions, mute times, and which receivers labels would reach. Every change is a plan."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.views.decorators.http import require_http_methods, require_safe

from controlplane.accounts.services import actor_of
from controlplane.alerts import pages
from controlplane.alerts.file_api import yaml_file
from controlplane.alerts.forms import FileForm
from controlplane.alerts.logic import routing, tree_edits
from controlplane.alerts.logic.tree_edits import NoSuchNode, Path
from controlplane.alerts.models import MuteTime, Receiver
from controlplane.alerts.mute_form import MuteTimeForm, described
from controlplane.alerts.routing_forms import InhibitionForm, LabelsForm, RouteForm
from controlplane.alerts.services import amconfig, routes, rows
from controlplane.clusters.access import cluster_view
from controlplane.clusters.changes import Done, filled, review_or_apply
from controlplane.clusters.models import Cluster
from controlplane.core.access import Action, can
from controlplane.core.errors import NotFound
from controlplane.core.pages import Page, render_page
from controlplane.core.plans import Plan

CHANGING = ("GET", "POST")


@require_safe
@cluster_view(Action.ALERT_VIEW)
def page(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    document: Any = routes.document()
    form = LabelsForm(request.GET if "labels" in request.GET else None)
    reached = routes.reached(form.cleaned_data["labels"]) if form.is_bound and form.is_valid() else []
    taken = {each.path for each in reached}
    return render_page(
        request,
        pages.RoutingPage(
            cluster=cluster,
            nodes=tuple(_node(each, taken) for each in routing.walk(rows.route_tree())),
            inhibitions=tuple(document["inhibit_rules"]),
            mute_times=tuple(
                pages.MuteTimeRow(each["name"], *described(each["time_intervals"]))
                for each in document["time_intervals"]
            ),
            form=form,
            reached=tuple(routing.receiver_words(each.receiver) for each in reached),
            can_route=can(actor_of(request), Action.ALERT_ROUTE, None).allowed,
        ),
    )


def _node(route: routing.Route, taken: set[Path]) -> pages.RouteNode:
    return pages.RouteNode(
        key=tree_edits.text_of(route.path),
        depth=len(route.path),
        matchers=tuple(map(str, route.matchers)),
        route=route,
        receiver=routing.receiver_words(route.receiver),
        is_first=not route.path or route.path[-1] == 0,
        taken=route.path in taken,
    )


def _change(
    request: HttpRequest, cluster: Cluster, given: dict[str, Any], *, editable: bool = False
) -> HttpResponse:
    back = resolve_url("alerts:routing", cluster.name)

    def apply(plan: Plan) -> Done:
        routes.apply_put(actor_of(request), given, plan)
        return Done("The routing is changed", back)

    return review_or_apply(
        request, cluster=cluster, plan=routes.plan_put(given), back_url=back, apply=apply, editable=editable
    )


def _found(make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return make()
    except NoSuchNode as error:
        raise NotFound("There is no such route", hint="The tree was changed meanwhile.") from error


def _route_form(request: HttpRequest, *, root: bool, initial: dict[str, Any] | None = None) -> RouteForm:
    return RouteForm(
        request.POST or None,
        receivers=Receiver.objects.values_list("name", flat=True),
        intervals=MuteTime.objects.values_list("name", flat=True),
        root=root,
        initial=initial,
    )


def _filled(
    request: HttpRequest, cluster: Cluster, form: Form, title: str, make: Callable[[], dict[str, Any]]
) -> HttpResponse:
    """The form's page, then the plan of what `make` makes of it."""

    def shown() -> Page:
        return pages.RoutingFormPage(cluster=cluster, form=form, title=title)

    return filled(request, form, shown, lambda: _change(request, cluster, make(), editable=True))


@require_http_methods(CHANGING)
@cluster_view(Action.ALERT_ROUTE)
def route_edit(request: HttpRequest, cluster: Cluster, node: str) -> HttpResponse:
    tree: Any = routes.document()["route"]
    found = _found(lambda: tree_edits.at(tree, tree_edits.path_of(node)))
    form = _route_form(request, root=node == "root", initial=RouteForm.initial_of(found))
    path = tree_edits.path_of(node)

    def make() -> dict[str, Any]:
        return {"route": tree_edits.replaced(tree, path, form.to_node())}

    return _filled(request, cluster, form, "Edit route", make)


@require_http_methods(CHANGING)
@cluster_view(Action.ALERT_ROUTE)
def route_add(request: HttpRequest, cluster: Cluster, node: str) -> HttpResponse:
    tree: Any = routes.document()["route"]
    _found(lambda: tree_edits.at(tree, tree_edits.path_of(node)))
    form = _route_form(request, root=False)
    path = tree_edits.path_of(node)
    return _filled(
        request, cluster, form, "Add route", lambda: {"route": tree_edits.added(tree, path, form.to_node())}
    )


@require_http_methods(CHANGING)
@cluster_view(Action.ALERT_ROUTE)
def route_delete(request: HttpRequest, cluster: Cluster, node: str) -> HttpResponse:
    tree: Any = routes.document()["route"]
    return _change(
        request, cluster, {"route": _found(lambda: tree_edits.removed(tree, tree_edits.path_of(node)))}
    )


@require_http_methods(CHANGING)
@cluster_view(Action.ALERT_ROUTE)
def route_up(request: HttpRequest, cluster: Cluster, node: str) -> HttpResponse:
    tree: Any = routes.document()["route"]
    return _change(
        request, cluster, {"route": _found(lambda: tree_edits.moved_up(tree, tree_edits.path_of(node)))}
    )


#: What is edited in lists: its key in the document, its form, what it is called.
LISTS: dict[str, tuple[str, type[InhibitionForm] | type[MuteTimeForm], str]] = {
    "inhibitions": ("inhibit_rules", InhibitionForm, "inhibition"),
    "mute-times": ("time_intervals", MuteTimeForm, "mute time"),
}


@require_http_methods(CHANGING)
@cluster_view(Action.ALERT_ROUTE)
def item_add(request: HttpRequest, cluster: Cluster, kind: str) -> HttpResponse:
    key, form_class, word = _list(kind)
    form = form_class(request.POST or None)
    document: Any = routes.document()
    return _filled(request, cluster, form, f"Add {word}", lambda: {key: [*document[key], form.to_document()]})


@require_http_methods(CHANGING)
@cluster_view(Action.ALERT_ROUTE)
def item_edit(request: HttpRequest, cluster: Cluster, kind: str, name: str) -> HttpResponse:
    key, form_class, word = _list(kind)
    document: Any = routes.document()
    found = next((each for each in document[key] if each["name"] == name), None)
    if found is None:
        raise NotFound(f"There is no {word} {name}")
    form = form_class(request.POST or None, initial=form_class.initial_of(found))

    def make() -> dict[str, Any]:
        return {key: [form.to_document() if each["name"] == name else each for each in document[key]]}

    return _filled(request, cluster, form, f"Edit {word}", make)


@require_http_methods(CHANGING)
@cluster_view(Action.ALERT_ROUTE)
def item_delete(request: HttpRequest, cluster: Cluster, kind: str, name: str) -> HttpResponse:
    key, _, word = _list(kind)
    document: Any = routes.document()
    left = [each for each in document[key] if each["name"] != name]
    if len(left) == len(document[key]):
        raise NotFound(f"There is no {word} {name}")
    return _change(request, cluster, {key: left})


def _list(kind: str) -> tuple[str, type[InhibitionForm] | type[MuteTimeForm], str]:
    if kind not in LISTS:
        raise NotFound("There is no such list")
    return LISTS[kind]


# --- Alertmanager's file ----------------------------------------------------------------------------------------------
@require_safe
@cluster_view(Action.ALERT_ROUTE)
def export(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    return yaml_file(amconfig.export(), "alertmanager.yml")


@require_http_methods(CHANGING)
@cluster_view(Action.ALERT_ROUTE)
def import_(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    form = FileForm(request.POST or None, request.FILES or None)
    back = resolve_url("alerts:routing", cluster.name)

    def shown() -> Page:
        return pages.ImportPage(
            cluster=cluster, form=form, title="Import Alertmanager's configuration", back=back, back_name="Routing",
            facts="Routes, webhooks, inhibitions and time intervals. Other receivers have to be there under their names.",
        )  # fmt: skip

    def review() -> HttpResponse:
        text = form.cleaned_data["text"]

        def apply(plan: Plan) -> Done:
            amconfig.apply(actor_of(request), text, plan)
            return Done("The configuration is imported", back)

        return review_or_apply(
            request, cluster=cluster, plan=amconfig.plan(text), back_url=back, apply=apply, editable=True,
            fields=(("text", text),),
        )  # fmt: skip

    return filled(request, form, shown, review)
