"""What the job templates are given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from django.conf import settings
from django.db.models import QuerySet
from django.utils.module_loading import import_string

from controlplane.audit.models import Operation
from controlplane.core.access import Actor
from controlplane.core.pages import Page
from controlplane.core.plans import Json
from controlplane.core.tables import Table
from controlplane.jobs import selectors
from controlplane.jobs.models import Job

SHOWN = 8


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

    @property
    def place(self) -> tuple[str, str] | None:
        """Label and path of the page that the job belongs to."""
        found = settings.JOB_PLACES.get(self.job.kind)
        told: tuple[str, str] | None = import_string(found)(self.job) if found else None
        return told

    @property
    def result(self) -> tuple[tuple[str, str], ...]:
        """In words; a page that it names has a button of its own."""
        found = (self.job.result or {}).items()
        return tuple((name.replace("_", " "), _in_words(value)) for name, value in found if name != "page")


def _in_words(value: Json) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return f"{value:,}"
    if isinstance(value, list):
        more = f" and {len(value) - SHOWN} more" if len(value) > SHOWN else ""
        return ", ".join(map(_in_words, value[:SHOWN])) + more or "none"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_in_words(each)}" for name, each in value.items()) or "none"
    return value or "none"
