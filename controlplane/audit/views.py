"""The Operations page: who did what, with which plan and which outcome."""

from __future__ import annotations

import uuid

import yaml
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.views.decorators.http import require_safe

from controlplane.audit import pages, selectors
from controlplane.audit.models import Operation, Outcome
from controlplane.core.access import Action, can
from controlplane.core.actors import actor_of, require
from controlplane.core.errors import Invalid
from controlplane.core.pages import render_page
from controlplane.core.plans import Plan, plan_from_json
from controlplane.core.tables import Column, table_of

COLUMNS = (
    Column("started_at", "When"),
    Column("actor", "Who"),
    Column("title", "What", sortable=False),
    Column("action", "Act"),
    Column("cluster", "Cluster"),
    Column("target", "Object"),
    Column("outcome", "Outcome"),
    Column("duration_ms", "Took", numeric=True),
)

#: Acts whose before-image their domain can bring back: the address that plans it, POST.
REVERTS = {Action.ACL_EDIT.value: "acls:revert"}


@require_safe
def operation_list(request: HttpRequest) -> HttpResponse:
    actor = require(request, Action.AUDIT_VIEW)
    try:
        filters = selectors.Filters.parse(request.GET.dict())
    except Invalid:
        filters = selectors.Filters()
    table = table_of(request, selectors.operations(actor, filters), COLUMNS, default_sort="-started_at")
    page = pages.OperationListPage(table=table, filters=filters, outcomes=tuple(Outcome.choices))
    return render_page(request, page)


@require_safe
def detail(request: HttpRequest, uid: uuid.UUID) -> HttpResponse:
    found = selectors.get_operation(require(request, Action.AUDIT_VIEW), str(uid))
    page = pages.OperationPage(
        operation=found,
        plan=recorded_plan(found),
        facts=tuple((name, value) for name, value in found.details.items() if name != "job"),
        before_text=readable(found.before),
        before_title="Created and deleted, for Revert" if _is_change(found.before) else "Before",
        revert_url=revert_url(request, found),
    )
    return render_page(request, page)


def revert_url(request: HttpRequest, operation: Operation) -> str:
    """Empty where there is nothing to bring back, or not for this actor."""
    view = REVERTS.get(operation.action)
    if view is None or not operation.before or not operation.cluster:
        return ""
    allowed = can(actor_of(request), Action(operation.action), operation.cluster).allowed
    return resolve_url(view, operation.cluster, operation.uid) if allowed else ""


def readable(before: object) -> str:
    """Indented lines, as YAML has them: a state is for people here, and for programs in the API."""
    if before is None:
        return ""
    return yaml.safe_dump(before, sort_keys=False, allow_unicode=True, default_flow_style=False).strip()


def _is_change(before: object) -> bool:
    """Some domains keep what was done rather than what was there."""
    return isinstance(before, dict) and set(before) == {"created", "deleted"}


def recorded_plan(operation: Operation) -> Plan | None:
    """None also for a plan of a version whose words we do not know any more."""
    try:
        return plan_from_json(operation.plan) if operation.plan else None
    except (KeyError, ValueError):
        return None
