"""Pages for files of others: unit tests of rules, import and export."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.views.decorators.http import require_http_methods, require_safe

from controlplane.accounts.services import actor_of
from controlplane.alerts import pages
from controlplane.alerts.file_api import yaml_file
from controlplane.alerts.forms import RuleFileForm, RuleTestForm
from controlplane.alerts.rule_test_api import EXAMPLE, EXAMPLE_RULES
from controlplane.alerts.services import importing, permits, testing
from controlplane.clusters.access import cluster_view
from controlplane.clusters.changes import Done, filled, review_or_apply
from controlplane.clusters.models import Cluster
from controlplane.core.access import Action
from controlplane.core.errors import Invalid
from controlplane.core.forms import show_on
from controlplane.core.pages import Page, render_page
from controlplane.core.plans import Plan


@require_http_methods(["GET", "POST"])
@cluster_view(Action.ALERT_VIEW)
def rule_tests(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    """A POST that changes nothing: the file is too long for an address."""
    form = RuleTestForm(request.POST or None, initial={"tests": EXAMPLE, "rules": EXAMPLE_RULES})
    page = pages.RuleTestPage(cluster=cluster, form=form)
    if request.method != "POST":
        return render_page(request, page)
    if not form.is_valid():
        return render_page(request, page, status=422)
    data = form.cleaned_data
    try:
        cases = testing.run(data["tests"], data["rules"], permits.visible_clusters(actor_of(request)))
    except Invalid as error:
        show_on(form, error)
        return render_page(request, page, status=422)
    verdicts = [check.passed for case in cases for check in case.checks]
    return render_page(
        request,
        pages.RuleTestPage(
            cluster=cluster,
            form=form,
            cases=tuple(cases),
            passed=sum(verdicts),
            failed=len(verdicts) - sum(verdicts),
        ),
    )


@require_safe
@cluster_view(Action.ALERT_VIEW)
def rule_export(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    return yaml_file(importing.export([cluster.name]), f"{cluster.name}.rules.yml")


@require_http_methods(["GET", "POST"])
@cluster_view(Action.ALERT_EDIT_RULES)
def rule_import(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    form = RuleFileForm(request.POST or None, request.FILES or None)
    back = resolve_url("alerts:rules", cluster.name)

    def page() -> Page:
        return pages.ImportPage(
            cluster=cluster,
            form=form,
            title="Import alert rules",
            back=back,
            back_name="Alert rules",
            facts="A Prometheus rule file, or a PrometheusRule of Kubernetes. Nothing is deleted.",
        )

    def review() -> HttpResponse:
        text = form.cleaned_data["text"]
        bound = "" if form.cleaned_data["everywhere"] else cluster.name

        def apply(plan: Plan) -> Done:
            done = importing.apply(actor_of(request), text, bound, plan)
            return Done(f"{len(done.create)} rules created, {len(done.update)} changed", back)

        plan = importing.plan(actor_of(request), text, bound)
        return review_or_apply(
            request,
            cluster=cluster,
            plan=plan,
            back_url=back,
            apply=apply,
            editable=True,
            fields=(("text", text), *((("everywhere", "on"),) if not bound else ())),
        )

    return filled(request, form, page, review)
