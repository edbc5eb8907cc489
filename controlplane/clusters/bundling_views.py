"""Whole bundled clusters in the browser: make one, start, stop and remove it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.views.decorators.http import require_http_methods

from controlplane.clusters import bundling
from controlplane.clusters.access import cluster_view
from controlplane.clusters.changes import Done, filled, review_or_apply
from controlplane.clusters.logic.bundling_plans import MOST_BROKERS, NAME, NewCluster, Room, WholeAct
from controlplane.clusters.models import Cluster, Colour
from controlplane.core.access import Action
from controlplane.core.actors import actor_of, require
from controlplane.core.errors import NotFound
from controlplane.core.pages import Page
from controlplane.core.plans import Plan


class BundledForm(forms.Form):
    refusal_fields: ClassVar = {"name": "name", "brokers": "brokers"}

    name = forms.RegexField(
        rf"^{NAME.pattern}$",
        label="Name",
        max_length=40,
        help_text="Small letters, digits and -. It stands in addresses, and before the topics that are copied from it.",
    )
    title = forms.CharField(label="Title", max_length=80, required=False, help_text="The name, unless told.")
    brokers = forms.IntegerField(
        label="Brokers",
        min_value=1,
        max_value=MOST_BROKERS,
        initial=1,
        help_text="Three survive the loss of one.",
    )
    colour = forms.ChoiceField(
        label="Colour",
        choices=Colour.choices,
        initial=Colour.NONE,
        required=False,
        help_text="A line over every page of it, so that nobody changes the wrong cluster.",
    )

    def to_request(self) -> NewCluster:
        given = self.cleaned_data
        return NewCluster(given["name"], given["title"] or given["name"], given["brokers"], given["colour"])


class RemoveForm(forms.Form):
    delete_data = forms.BooleanField(
        required=False,
        label="Delete its data",
        help_text="Otherwise its directory is set aside in data/removed, with all records and keys.",
    )


@dataclass(frozen=True)
class NewBundledPage(Page):
    template: ClassVar[str] = "clusters/bundled.html"

    form: BundledForm
    room: Room
    back_url: str
    cluster: Cluster | None = None


@dataclass(frozen=True)
class RemoveBundledPage(Page):
    template: ClassVar[str] = "clusters/remove_bundled.html"

    cluster: Cluster
    form: RemoveForm


def _crumbs() -> tuple[tuple[str, str], ...]:
    return (("Clusters", resolve_url("cluster_list")),)


@require_http_methods(["GET", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    require(request, Action.CLUSTER_MANAGE)
    form = BundledForm(request.POST if request.method == "POST" else None)
    back = resolve_url("cluster_list")

    def review() -> HttpResponse:
        asked = form.to_request()

        def apply(plan: Plan) -> Done:
            job = bundling.apply_create(actor_of(request), asked, plan)
            return Done(f"{plan.title}: started", resolve_url("jobs:detail", job.pk))

        return review_or_apply(
            request,
            cluster=Cluster(name=asked.name, title=asked.title),
            plan=bundling.plan_create(asked),
            back_url=back,
            apply=apply,
            crumbs=_crumbs(),
            editable=True,
        )

    return filled(request, form, lambda: NewBundledPage(form, bundling.room(), back), review)


@require_http_methods(["GET", "POST"])
@cluster_view(Action.CLUSTER_MANAGE)
def whole_act(request: HttpRequest, cluster: Cluster, act: str) -> HttpResponse:
    if act not in (WholeAct.START, WholeAct.STOP):
        raise NotFound(f"There is no act {act!r}", hint="start or stop.")
    return _review(request, cluster, WholeAct(act))


@require_http_methods(["GET", "POST"])
@cluster_view(Action.CLUSTER_MANAGE)
def remove(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    form = RemoveForm(request.POST if request.method == "POST" else None)
    return filled(
        request,
        form,
        lambda: RemoveBundledPage(cluster, form),
        lambda: _review(
            request, cluster, WholeAct.REMOVE, delete_data=form.cleaned_data["delete_data"], editable=True
        ),
    )


def _review(
    request: HttpRequest,
    cluster: Cluster,
    act: WholeAct,
    *,
    delete_data: bool = False,
    editable: bool = False,
) -> HttpResponse:
    back = resolve_url("clusters:connection", cluster.name)

    def apply(plan: Plan) -> Done:
        job = bundling.apply_whole(actor_of(request), cluster, act, plan, delete_data=delete_data)
        if act is WholeAct.REMOVE:
            request.session.pop("cluster", None)
        return Done(f"{plan.title}: started", resolve_url("jobs:detail", job.pk))

    return review_or_apply(
        request,
        cluster=cluster,
        plan=bundling.plan_whole(cluster, act, delete_data=delete_data),
        back_url=back,
        apply=apply,
        crumbs=(*_crumbs(), (cluster.title, back)),
        editable=editable,
    )
