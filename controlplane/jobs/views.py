"""Jobs: the list beside Operations, and one job live."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.views.decorators.http import require_POST, require_safe

from controlplane.audit.selectors import of_job
from controlplane.core.access import Action
from controlplane.core.actors import actor_of, require
from controlplane.core.pages import render_page
from controlplane.core.tables import Column, table_of
from controlplane.jobs import pages, selectors, services
from controlplane.jobs.models import JobState

COLUMNS = (
    Column("created_at", "Asked for"),
    Column("title", "Job"),
    Column("actor_name", "Who"),
    Column("cluster", "Cluster"),
    Column("state", "State"),
    Column("done", "Progress", numeric=True, sortable=False),
    Column("ended_at", "Ended"),
)


@require_safe
def job_list(request: HttpRequest) -> HttpResponse:
    actor = require(request, Action.JOB_VIEW)
    state = request.GET.get("state", "")
    rows = selectors.jobs(
        actor,
        search=request.GET.get("search", "").strip(),
        state=state if state in JobState.values else "",
        cluster=request.GET.get("cluster", ""),
    )
    table = table_of(request, rows, COLUMNS, default_sort="-created_at")
    active = selectors.active_count(actor)
    page = pages.JobListPage(table=table, state=state, states=tuple(JobState.choices), active=active)
    return render_page(request, page)


@require_safe
def activity(request: HttpRequest) -> HttpResponse:
    """The indicator in the top bar of every page."""
    return render_page(request, pages.activity_of(require(request, Action.JOB_VIEW)))


@require_safe
def detail(request: HttpRequest, job_id: uuid.UUID) -> HttpResponse:
    job = selectors.get_job(require(request, Action.JOB_VIEW), job_id)
    may_cancel = selectors.may_cancel(actor_of(request), job)
    operations = of_job(actor_of(request), str(job.pk), job.created_at)
    return render_page(request, pages.JobPage(job=job, may_cancel=may_cancel, operations=operations))


@require_POST
def cancel(request: HttpRequest, job_id: uuid.UUID) -> HttpResponse:
    job = selectors.get_job(require(request, Action.JOB_VIEW), job_id)
    services.cancel(actor_of(request), job)
    messages.success(request, f"{job.title}: asked to stop")
    return HttpResponseRedirect(resolve_url("jobs:detail", job_id), status=303)
