"""Pages of alerts, and of rules and silences. Each view: guard, form, service, page."""

from __future__ import annotations

import uuid
from dataclasses import asdict
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, resolve_url
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from controlplane.accounts.services import actor_of
from controlplane.alerts import pages, present, selectors
from controlplane.alerts.forms import AcknowledgeForm, CaseForm, RuleForm, SilenceForm
from controlplane.alerts.logic import common_cases
from controlplane.alerts.models import Alert, AlertState, Evaluation, Rule
from controlplane.alerts.services import ruling, silencing
from controlplane.clusters import selectors as snapshot
from controlplane.clusters.access import cluster_view
from controlplane.clusters.changes import Done, filled, review_or_apply
from controlplane.clusters.models import Cluster
from controlplane.core import durations
from controlplane.core.access import Action, can
from controlplane.core.errors import NotFound
from controlplane.core.pages import render_page
from controlplane.core.plans import Plan
from controlplane.core.tables import Column, Table, table_of

ALERT_COLUMNS = (
    Column("rank", "Severity", value=lambda row: row.severity),
    Column("name", "Alert"),
    Column("summary", "What", sortable=False),
    Column("state", "State"),
    Column("active_at", "Since"),
    Column("value", "Value", numeric=True, sortable=False),
)
RULE_COLUMNS = (
    Column("name", "Rule"),
    Column("severity", "Severity"),
    Column("firing", "Firing", numeric=True),
    Column("pending", "Pending", numeric=True),
    Column("enabled", "State"),
    Column("evaluated_at", "Evaluated", sortable=False),
)
SILENCE_COLUMNS = (
    Column("matchers", "Matchers"),
    Column("state", "State"),
    Column("created_by", "By"),
    Column("ends_at", "Until"),
    Column("comment", "Why", sortable=False),
)
OPEN = "open"


def _can(request: HttpRequest, action: Action, cluster: str) -> bool:
    return can(actor_of(request), action, cluster).allowed


# --- Alerts ----------------------------------------------------------------------------------------------------------


@require_safe
@cluster_view(Action.ALERT_VIEW)
def alert_list(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    filters = _filters(request)
    found = present.alerts_of(cluster)
    if filters.state == OPEN:
        found = found.filter(resolved_at=None)
    elif filters.state:
        found = found.filter(state=filters.state)
    if filters.severity:
        found = found.filter(severity=filters.severity)
    search = request.GET.get("search", "").strip()
    rows = present.alert_rows(row for row in found if not search or selectors.matches(row, search))
    table: Table[pages.AlertRow] = table_of(request, rows, ALERT_COLUMNS, default_sort="rank")
    firing, pending = present.open_counts(cluster)
    beat = present.beat()
    return render_page(
        request,
        pages.AlertListPage(
            cluster=cluster,
            table=table,
            filters=filters,
            firing=firing,
            pending=pending,
            evaluated_at=beat.completed_at,
            failing=Evaluation.objects.filter(cluster=cluster.name, rule__enabled=True)
            .exclude(error="")
            .count(),
        ),
    )


def _filters(request: HttpRequest) -> pages.AlertFilters:
    state = request.GET.get("state", OPEN)
    severity = request.GET.get("severity", "")
    return pages.AlertFilters(
        state=state if state in (*AlertState.values, OPEN, "") else OPEN,
        severity=severity if severity in pages.SEVERITIES else "",
        severities=tuple(pages.SEVERITIES),
    )


def _alert(cluster: Cluster, alert: uuid.UUID) -> Alert:
    found = selectors.find_alert(selectors.alerts([cluster.name]), str(alert))
    if found is None:
        raise NotFound("There is no such alert", hint="Alerts that are over are kept for ninety days.")
    return found


@require_safe
@cluster_view(Action.ALERT_VIEW)
def detail(request: HttpRequest, cluster: Cluster, alert: uuid.UUID) -> HttpResponse:
    found = _alert(cluster, alert)
    return render_page(request, _alert_page(request, cluster, found, AcknowledgeForm()))


def _alert_page(
    request: HttpRequest, cluster: Cluster, found: Alert, form: AcknowledgeForm
) -> pages.AlertPage:
    (row,) = present.alert_rows([found])
    labels = tuple(sorted((str(name), str(value)) for name, value in found.labels.items()))
    matchers = "\n".join(f'{name}="{value}"' for name, value in labels)
    return pages.AlertPage(
        cluster=cluster,
        row=row,
        labels=labels,
        explore_query=urlencode({"q": found.rule.expr, "range": "1h"}) if found.rule else "",
        silence_query=urlencode({"matchers": matchers}),
        form=form,
        can_silence=_can(request, Action.ALERT_SILENCE, cluster.name),
    )


@require_http_methods(["POST"])
@cluster_view(Action.ALERT_SILENCE)
def acknowledge(request: HttpRequest, cluster: Cluster, alert: uuid.UUID) -> HttpResponse:
    found = _alert(cluster, alert)
    form = AcknowledgeForm(request.POST)
    back = resolve_url("alerts:detail", cluster.name, found.pk)

    def review() -> HttpResponse:
        def apply(plan: Plan) -> Done:
            silencing.apply_acknowledge(actor_of(request), found, form.cleaned_data["comment"], plan)
            return Done(f"{found.name} is acknowledged", back)

        plan = silencing.plan_acknowledge(actor_of(request), found)
        return review_or_apply(request, cluster=cluster, plan=plan, back_url=back, apply=apply)

    return filled(request, form, lambda: _alert_page(request, cluster, found, form), review)


# --- Rules -----------------------------------------------------------------------------------------------------------


@require_safe
@cluster_view(Action.ALERT_VIEW)
def rule_list(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    search = request.GET.get("search", "").strip().lower()
    rows = [row for row in present.rule_rows(cluster) if search in f"{row.name} {row.rule.expr}".lower()]
    table: Table[pages.RuleRow] = table_of(request, rows, RULE_COLUMNS, default_sort="name")
    can_edit = _can(request, Action.ALERT_EDIT_RULES, cluster.name)
    return render_page(request, pages.RuleListPage(cluster=cluster, table=table, can_edit=can_edit))


def rule_of(cluster: Cluster, rule: int) -> Rule:
    found = ruling.get(rule)
    if found.cluster not in ("", cluster.name):
        raise NotFound("There is no such rule")
    return found


@require_safe
@cluster_view(Action.ALERT_VIEW)
def rule_detail(request: HttpRequest, cluster: Cluster, rule: int) -> HttpResponse:
    return render_page(request, rule_page(request, cluster, rule_of(cluster, rule)))


def rule_page(request: HttpRequest, cluster: Cluster, found: Rule) -> pages.RulePage:
    row = next(row for row in present.rule_rows(cluster) if row.rule.pk == found.pk)
    return pages.RulePage(
        cluster=cluster,
        row=row,
        alerts=tuple(selectors.alerts([cluster.name]).filter(rule=found)[:50]),
        hold=durations.text_of(found.hold),
        keep_firing=durations.text_of(found.keep_firing),
        explore_query=urlencode({"q": found.expr, "range": "24h"}),
        can_edit=_can(request, Action.ALERT_EDIT_RULES, found.cluster or cluster.name),
    )


def rule_form_page(cluster: Cluster, form: RuleForm, rule: Rule | None) -> pages.RuleFormPage:
    api = reverse("api:prometheus:query", args=(cluster.name,)).removesuffix("query")
    cases = () if rule else common_cases.CASES
    return pages.RuleFormPage(cluster=cluster, form=form, rule=rule, api=api, cases=cases)


@require_safe
@cluster_view(Action.ALERT_EDIT_RULES)
def rule_build(request: HttpRequest, cluster: Cluster, case: str) -> HttpResponse:
    """The answers become a draft in the form of rules; nothing is kept of them."""
    found = common_cases.find(case)
    form = CaseForm(found, request.GET if "measure" in request.GET else None, names=_names(cluster, found))
    if form.is_valid():
        drafted = urlencode(asdict(form.to_draft()))
        return redirect(f"{resolve_url('alerts:rule_create', cluster.name)}?{drafted}")
    return render_page(
        request, pages.RuleBuildPage(cluster=cluster, form=form, case=found, cases=common_cases.CASES)
    )


def _names(cluster: Cluster, case: common_cases.Case) -> tuple[str, ...]:
    """What may be meant, as far as a list of suggestions goes."""
    if case.named == "topic":
        return tuple(snapshot.topics(cluster, internal=False).values_list("name", flat=True)[:500])
    if case.named == "consumergroup":
        return tuple(snapshot.groups(cluster).values_list("group", flat=True)[:500])
    return ()


@require_http_methods(["GET", "POST"])
@cluster_view(Action.ALERT_EDIT_RULES)
def rule_create(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    drafted = {name: request.GET[name] for name in RuleForm.base_fields if name in request.GET}
    form = RuleForm(request.POST or None, initial=drafted)

    def review() -> HttpResponse:
        wanted = form.to_request(cluster.name)

        def apply(plan: Plan) -> Done:
            made = ruling.apply_create(actor_of(request), wanted, plan)
            return Done(
                f"{made.name} is evaluated from now on", resolve_url("alerts:rule", cluster.name, made.pk)
            )

        plan = ruling.plan_create(actor_of(request), wanted)
        back = resolve_url("alerts:rules", cluster.name)
        return review_or_apply(request, cluster=cluster, plan=plan, back_url=back, apply=apply, editable=True)

    return filled(request, form, lambda: rule_form_page(cluster, form, None), review)


@require_http_methods(["GET", "POST"])
@cluster_view(Action.ALERT_EDIT_RULES)
def rule_edit(request: HttpRequest, cluster: Cluster, rule: int) -> HttpResponse:
    found = rule_of(cluster, rule)
    before = ruling.request_of(found)
    form = RuleForm(request.POST or None, initial=RuleForm.initial_of(before))
    back = resolve_url("alerts:rule", cluster.name, found.pk)

    def review() -> HttpResponse:
        wanted = form.to_request(cluster.name, before)

        def apply(plan: Plan) -> Done:
            ruling.apply_alter(actor_of(request), found, wanted, plan)
            return Done(f"{found.name} is changed", back)

        plan = ruling.plan_alter(actor_of(request), found, wanted)
        return review_or_apply(request, cluster=cluster, plan=plan, back_url=back, apply=apply, editable=True)

    return filled(request, form, lambda: rule_form_page(cluster, form, found), review)


@require_http_methods(["GET", "POST"])
@cluster_view(Action.ALERT_EDIT_RULES)
def rule_delete(request: HttpRequest, cluster: Cluster, rule: int) -> HttpResponse:
    found = rule_of(cluster, rule)

    def apply(plan: Plan) -> Done:
        ruling.apply_delete(actor_of(request), found, plan)
        return Done(f"{found.name} is deleted", resolve_url("alerts:rules", cluster.name))

    plan = ruling.plan_delete(actor_of(request), found)
    back = resolve_url("alerts:rule", cluster.name, found.pk)
    return review_or_apply(request, cluster=cluster, plan=plan, back_url=back, apply=apply)


# --- Silences --------------------------------------------------------------------------------------------------------


@require_safe
@cluster_view(Action.ALERT_VIEW)
def silence_list(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    search = request.GET.get("search", "").strip().lower()
    rows = [row for row in present.silence_rows(cluster) if search in f"{row.matchers} {row.comment}".lower()]
    table: Table[pages.SilenceRow] = table_of(request, rows, SILENCE_COLUMNS, default_sort="-ends_at")
    can_silence = _can(request, Action.ALERT_SILENCE, cluster.name)
    return render_page(request, pages.SilenceListPage(cluster=cluster, table=table, can_silence=can_silence))


@require_http_methods(["GET", "POST"])
@cluster_view(Action.ALERT_SILENCE)
def silence_create(request: HttpRequest, cluster: Cluster) -> HttpResponse:
    form = SilenceForm(request.POST or None, initial={"matchers": request.GET.get("matchers", "")})
    back = resolve_url("alerts:silences", cluster.name)

    def review() -> HttpResponse:
        wanted = form.to_request(cluster.name)

        def apply(plan: Plan) -> Done:
            silencing.apply_create(actor_of(request), wanted, plan)
            return Done("The silence holds", back)

        plan = silencing.plan_create(actor_of(request), wanted)
        return review_or_apply(request, cluster=cluster, plan=plan, back_url=back, apply=apply, editable=True)

    return filled(request, form, lambda: pages.SilenceFormPage(cluster=cluster, form=form), review)


@require_http_methods(["GET", "POST"])
@cluster_view(Action.ALERT_SILENCE)
def silence_end(request: HttpRequest, cluster: Cluster, silence: uuid.UUID) -> HttpResponse:
    found = silencing.get(silence)
    if found.cluster not in ("", cluster.name):
        raise NotFound("There is no such silence")
    back = resolve_url("alerts:silences", cluster.name)

    def apply(plan: Plan) -> Done:
        silencing.apply_expire(actor_of(request), found, plan)
        return Done("The silence has ended", back)

    plan = silencing.plan_expire(actor_of(request), found)
    return review_or_apply(request, cluster=cluster, plan=plan, back_url=back, apply=apply)
