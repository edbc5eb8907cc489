"""What the job templates are given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from django.db.models import QuerySet

from controlplane.audit.models import Operation
from controlplane.core.access import Actor
from controlplane.core.pages import Page
from controlplane.core.tables import Table
from controlplane.jobs import selectors
from controlplane.jobs.models import Job


@dataclass(frozen=True)
class JobListPage(Page):
    template: ClassVar[str] = "jobs/list.html"
    partials: ClassVar[frozenset[str]] = frozenset({"job-table"})

    table: Table[Job]
    state: str
    states: tuple[tuple[str, str], ...]
    active: int


@dataclass(frozen=True)
class ActivityPage(Page):
    """How many jobs wait or run; `job` is the only one, where there is one."""

    template: ClassVar[str] = "jobs/activity.html"

    count: int
    job: Job | None


def activity_of(actor: Actor) -> ActivityPage:
    found = selectors.active(actor)[:2]
    return ActivityPage(
        count=len(found) if len(found) < 2 else selectors.active_count(actor),
        job=found[0] if len(found) == 1 else None,
    )


@dataclass(frozen=True)
class JobPage(Page):
    """The partial `job-progress` asks for itself again each second until the job has ended.

    `operations`: what the job did, as far as the viewer may see it.
    """

    template: ClassVar[str] = "jobs/detail.html"
    partials: ClassVar[frozenset[str]] = frozenset({"job-progress"})

    job: Job
    may_cancel: bool
    operations: QuerySet[Operation]
