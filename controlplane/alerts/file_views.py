"""Pages for files of others: unit tests of rules, import and export."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods

from controlplane.accounts.services import actor_of
from controlplane.alerts import pages
from controlplane.alerts.forms import RuleTestForm
from controlplane.alerts.rule_test_api import EXAMPLE
from controlplane.alerts.services import permits, testing
from controlplane.clusters.access import cluster_view
from controlplane.clusters.models import Cluster
from controlplane.core.access import Action
from controlplane.core.errors import Invalid
from controlplane.core.forms import show_on
from controlplane.core.pages import render_page


@require_http_methods(["GET", "POST"])
@cluster_view(Action.ALERT_VIEW)
def rule_tests(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    """A POST that changes nothing: the file is too long for an address."""
    form = RuleTestForm(request.POST or None, initial={"tests": EXAMPLE})
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
