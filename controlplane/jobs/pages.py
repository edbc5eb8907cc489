"""What the job templates are given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from django.db.models import QuerySet

from controlplane.audit.models import Operation
from controlplane.core.pages import Page
from controlplane.core.tables import Table
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
class JobPage(Page):
    """The partial `job-progress` asks for itself again each second until the job has ended.

    `operations`: what the job did, as far as the viewer may see it.
    """

    template: ClassVar[str] = "jobs/detail.html"
    partials: ClassVar[frozenset[str]] = frozenset({"job-progress"})

    job: Job
    may_cancel: bool
    operations: QuerySet[Operation]
