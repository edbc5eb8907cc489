"""The pages of a bundled worker's plugins: what is installed, what waits, one plugin; bring, install, discard, remove."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from controlplane.clusters.access import allowed, cluster_view
from controlplane.clusters.changes import Done, filled, review_or_apply
from controlplane.clusters.models import Cluster
from controlplane.core.access import Action
from controlplane.core.actors import actor_of
from controlplane.core.pages import render_page
from controlplane.core.plans import Plan
from controlplane.core.words import some
from controlplane.gateways import plugins as gateway
from controlplane.jobs.models import Job
from controlplane.workers import pages, selectors
from controlplane.workers import plugins as plugin_services
from controlplane.workers.forms import PluginForm


@require_safe
@cluster_view(Action.WORKER_VIEW)
def plugins(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    page = pages.PluginsPage(
        cluster=cluster,
        frame=pages.frame_of(cluster),
        installed=gateway.installed(cluster.name),
        staged=tuple(gateway.staged(cluster.name).items()),
        by_hand=some(gateway.unlocked(cluster.name)),
        has_worker=selectors.worker_if_any(cluster) is not None,
        can_operate=allowed(request, cluster, Action.PLUGIN_MANAGE)["manage"],
    )
    return render_page(request, page)


@require_safe
@cluster_view(Action.WORKER_VIEW)
def plugin(request: HttpRequest, cluster: Cluster, plugin: str) -> HttpResponse:
    found = plugin_services.installed_of(cluster, plugin)
    page = pages.PluginPage(
        cluster=cluster,
        plugin=found,
        users=plugin_services.state_of(cluster).using(found),
        can_operate=allowed(request, cluster, Action.PLUGIN_MANAGE)["manage"],
    )
    return render_page(request, page)


@require_http_methods(["GET", "POST"])
@cluster_view(Action.PLUGIN_MANAGE)
def bring(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    posted = request.method == "POST"
    form = PluginForm(request.POST if posted else None, request.FILES if posted else None)

    def begin() -> HttpResponse:
        job = _begin(request, cluster, form)
        return HttpResponseRedirect(resolve_url("jobs:detail", job.pk))

    return filled(request, form, lambda: pages.PluginFormPage(cluster=cluster, form=form), begin)


def _begin(request: HttpRequest, cluster: Cluster, form: PluginForm) -> Job:
    given, actor = form.cleaned_data, actor_of(request)
    file = given["file"]
    if file:
        return plugin_services.stage_upload(
            actor, cluster, file.name, file.size, file.chunks(), given["name"]
        )
    return plugin_services.stage(actor, cluster, given["coordinates"], given["name"])


@require_http_methods(["GET", "POST"])
@cluster_view(Action.PLUGIN_MANAGE)
def install(request: HttpRequest, cluster: Cluster, staged: str) -> HttpResponse:
    def apply(plan: Plan) -> Done:
        return _done(plan, plugin_services.apply_install(actor_of(request), cluster, staged, plan))

    return _review(request, cluster, plugin_services.plan_install(cluster, staged), apply)


@require_http_methods(["GET", "POST"])
@cluster_view(Action.PLUGIN_MANAGE)
def remove(request: HttpRequest, cluster: Cluster, plugin: str) -> HttpResponse:
    def apply(plan: Plan) -> Done:
        return _done(plan, plugin_services.apply_remove(actor_of(request), cluster, plugin, plan))

    return _review(request, cluster, plugin_services.plan_remove(cluster, plugin), apply)


@require_POST
@cluster_view(Action.PLUGIN_MANAGE)
def discard(request: HttpRequest, cluster: Cluster, staged: str) -> HttpResponse:
    plan = plugin_services.plan_discard(cluster, staged)
    plugin_services.apply_discard(actor_of(request), cluster, staged, plan)
    messages.success(request, "Discarded. Nothing of it was ever loaded.")
    return HttpResponseRedirect(resolve_url("workers:plugins", cluster.name))


def _done(plan: Plan, job: Job) -> Done:
    return Done(f"{plan.title}: started", resolve_url("jobs:detail", job.pk))


def _review(
    request: HttpRequest, cluster: Cluster, plan: Plan, apply: Callable[[Plan], Done]
) -> HttpResponse:
    back = resolve_url("workers:plugins", cluster.name)
    crumbs = (
        ("Connect", resolve_url("connect:list", cluster.name)),
        ("Connect worker", resolve_url("workers:worker", cluster.name)),
        ("Installed plugins", back),
    )
    return review_or_apply(request, cluster=cluster, plan=plan, back_url=back, apply=apply, crumbs=crumbs)
