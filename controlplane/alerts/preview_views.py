"""What a rule would have done on the history, as a part of its form and of its page."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST, require_safe

from controlplane.alerts import pages
from controlplane.alerts.forms import PreviewForm, RuleForm
from controlplane.alerts.services import previewing, ruling
from controlplane.alerts.services.previewing import Preview
from controlplane.alerts.services.ruling import RuleRequest
from controlplane.alerts.views import rule_form_page, rule_of, rule_page
from controlplane.clusters.access import cluster_view
from controlplane.clusters.models import Cluster
from controlplane.core.access import Action
from controlplane.core.errors import Invalid
from controlplane.core.forms import show_on
from controlplane.core.pages import render_page
from controlplane.metrics.views import data_json, now_ms

#: Of a page; the API has more.
MOST_SHOWN = 50
#: A history that begins this much after the range does is said to.
LATE_S = 600


@require_POST
@cluster_view(Action.ALERT_EDIT_RULES)
def preview(request: HttpRequest, cluster: Cluster, rule: int | None = None) -> HttpResponse:
    """The form as it was filled, with the preview below it; htmx takes the preview alone."""
    found = rule_of(cluster, rule) if rule is not None else None
    asked = PreviewForm(request.POST)
    form = RuleForm(initial={name: request.POST.get(name, "") for name in RuleForm.base_fields})
    shown: pages.PreviewPart | None = None
    if asked.is_valid():
        wanted = asked.to_request(ruling.request_of(found) if found else None)
        try:
            shown = part(cluster, wanted, asked.cleaned_data["range"])
        except Invalid as error:
            show_on(asked, error)
    page = replace(rule_form_page(cluster, form, found), asked=asked, preview=shown)
    return render_page(request, page, status=200 if shown else 422)


@require_safe
@cluster_view(Action.ALERT_VIEW)
def history(request: HttpRequest, cluster: Cluster, rule: int) -> HttpResponse:
    found = rule_of(cluster, rule)
    key = request.GET.get("range", previewing.DEFAULT)
    key = key if key in previewing.RANGES else previewing.DEFAULT
    page = rule_page(request, cluster, found)
    try:
        page = replace(page, preview=part(cluster, ruling.request_of(found), key))
    except Invalid as error:
        problems = [text for texts in error.fields.values() for text in texts]
        page = replace(page, preview_error="; ".join(problems) or error.what)
    return render_page(request, page)


def part(cluster: Cluster, rule: RuleRequest, key: str) -> pages.PreviewPart:
    """Raises Invalid."""
    found = previewing.preview_of(cluster.name, rule, key, now_ms())
    data: dict[str, Any] = data_json(previewing.chart(cluster.name, rule, found))
    data["spans"] = [list(each) for each in found.spans]
    return pages.PreviewPart(
        words=previewing.RANGES[key].words,
        key=key,
        outcome=found.outcome,
        shown=found.outcome.episodes[::-1][:MOST_SHOWN],
        data=data,
        unit=data["unit"],
        step=found.step,
        known_from=_known_from(found),
    )


def _known_from(found: Preview) -> float | None:
    if found.known_from is None:
        return None
    return found.known_from if found.known_from - found.start > LATE_S else 0
