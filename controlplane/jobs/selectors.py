"""Reads of jobs. Who may see a job: whoever may see jobs on its cluster, and of work between two clusters on both."""

from __future__ import annotations

import uuid

from django.db.models import Q, QuerySet

from controlplane.core.access import EVERY_CLUSTER, Action, Actor, can
from controlplane.core.errors import NotFound
from controlplane.jobs.models import Job, JobState


def jobs(
    actor: Actor, *, search: str = "", state: str = "", cluster: str = "", mine: bool = False
) -> QuerySet[Job]:
    rows = visible(actor)
    if search:
        rows = rows.filter(Q(title__icontains=search) | Q(actor_name__icontains=search) | Q(kind=search))
    if state:
        rows = rows.filter(state=state)
    if cluster:
        rows = rows.filter(Q(cluster=cluster) | Q(also=cluster))
    return rows.filter(actor_name=actor.name) if mine else rows


def visible(actor: Actor) -> QuerySet[Job]:
    """Jobs without a cluster concern the installation: they are shown to everybody with a role everywhere."""
    if EVERY_CLUSTER in actor.roles:
        return Job.objects.all()
    own = [name for name in actor.roles if name]
    return Job.objects.filter(cluster__in=own, also__in=["", *own])


def get_job(actor: Actor, job_id: uuid.UUID) -> Job:
    found = visible(actor).filter(pk=job_id).first()
    if found is None:
        raise NotFound(f"There is no job {job_id}", hint="Operations lists the jobs that you may see.")
    return found


def may_cancel(actor: Actor, job: Job) -> bool:
    """Whoever might, on every cluster that the work is about."""
    about: tuple[str | None, ...] = tuple(name for name in (job.cluster, job.also) if name) or (None,)
    return not job.finished and all(can(actor, Action.JOB_CANCEL, name).allowed for name in about)


def active(actor: Actor) -> QuerySet[Job]:
    return visible(actor).filter(state__in=(JobState.QUEUED, JobState.RUNNING))


def active_count(actor: Actor) -> int:
    return active(actor).count()
