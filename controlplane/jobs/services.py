"""Enqueue, run, cancel and sweep jobs. Every change of state is a filtered update: of two workers one wins."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta

from celery import Celery
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.module_loading import import_string
from kombu.exceptions import OperationalError

from controlplane.audit.services import operation
from controlplane.core.access import Action, Actor
from controlplane.core.errors import AppError, Conflict
from controlplane.core.logs import job_id, request_id
from controlplane.core.plans import Json, Plan, PlanStep, Refusal, Risk, StepKind, state_digest
from controlplane.gateways.errors import GatewayError
from controlplane.jobs.leases import LEASE, Verdict, Waiting, judge
from controlplane.jobs.models import Job, JobState
from controlplane.jobs.run import Cancelled, JobRun, LeaseLost, actor_to_json, heartbeat

log = logging.getLogger(__name__)
Handler = Callable[[JobRun], Mapping[str, Json] | None]
OPEN = (JobState.QUEUED, JobState.RUNNING)
KEPT = timedelta(days=90)


def enqueue(
    *,
    kind: str,
    title: str,
    args: Mapping[str, Json],
    actor: Actor,
    cluster: str = "",
    also: str = "",
    resumable: bool = False,
) -> Job:
    """The row now, the wake-up after commit. `args` are ids and names, never secrets: they are shown. `also`: the other
    cluster, of work that is about two."""
    if kind not in settings.JOB_KINDS:
        raise ValueError(f"unknown job kind {kind!r}; add it to JOB_KINDS")
    job = Job.objects.create(
        kind=kind,
        title=title[:200],
        cluster=cluster,
        also=also,
        args=dict(args),
        actor=actor_to_json(actor),
        actor_name=actor.name[:240],
        request_id=request_id.get()[:64],
        created_at=timezone.now(),
        resumable=resumable,
    )
    transaction.on_commit(lambda: wake(job.pk))
    return job


def wake(pk: uuid.UUID) -> None:
    """Without Redis the row just waits for the sweeper."""
    try:
        celery_app().send_task("jobs.run", args=(str(pk),), retry=False, expires=3600)
    except OperationalError as error:
        log.warning("job %s waits: the broker of Celery does not answer (%s)", pk, error)


def celery_app() -> Celery:
    """The application by its path: web requests and commands have not loaded it otherwise, and Celery would silently
    fall back to one of its own that knows no broker."""
    app: Celery = import_string(settings.CELERY_APPLICATION)
    return app


def claim(pk: str | uuid.UUID) -> Job | None:
    """Takes a queued job. A message that comes twice, or late, finds nothing to take."""
    lease, now = uuid.uuid4().hex, timezone.now()
    queued = Job.objects.filter(pk=pk, state=JobState.QUEUED)
    if queued.filter(cancel_requested_at__isnull=False).update(state=JobState.CANCELLED, ended_at=now):
        return None
    if queued.update(state=JobState.RUNNING, lease=lease, leased_until=now + LEASE) != 1:
        return None
    job = Job.objects.get(pk=pk)
    job.attempt += 1
    job.started_at = job.started_at or now
    job.save(update_fields=["attempt", "started_at"])
    return job


def run(pk: str | uuid.UUID) -> Job | None:
    job = claim(pk)
    if job is None:
        return None
    try:
        with heartbeat(job), on_behalf_of(job):
            result = handler_of(job.kind)(JobRun(job))
    except LeaseLost:
        log.warning("job %s was taken over while it ran here", job.pk)
    except Cancelled:
        finish(job, JobState.CANCELLED)
    except (AppError, GatewayError) as error:
        finish(job, JobState.FAILED, error=error.what, hint=error.hint)
    except Exception as error:  # a job's failure is a row to read, never a dead worker
        log.exception("job %s failed", job.pk)
        finish(job, JobState.FAILED, error=type(error).__name__, hint="`./run logs worker` has the details.")
    else:
        finish(job, JobState.SUCCEEDED, result=dict(result or {}))
    return job


@contextmanager
def on_behalf_of(job: Job) -> Iterator[None]:
    """The log and the audit name the request that asked for the work, as if it had been done at once."""
    request, work = request_id.set(job.request_id or request_id.get()), job_id.set(str(job.pk))
    try:
        yield
    finally:
        job_id.reset(work)
        request_id.reset(request)


def handler_of(kind: str) -> Handler:
    """Kinds and paths are settings, never data."""
    handler: Handler = import_string(settings.JOB_KINDS[kind])
    return handler


def finish(
    job: Job, state: JobState, *, result: dict[str, Json] | None = None, error: str = "", hint: str = ""
) -> bool:
    """False when the job is not this worker's any more."""
    held = Job.objects.filter(pk=job.pk, lease=job.lease, state=JobState.RUNNING)
    changed = held.update(
        state=state,
        ended_at=timezone.now(),
        result=result,
        error=error,
        hint=hint,
        lease="",
        leased_until=None,
    )
    return changed == 1


def plan_cancel(job: Job) -> Plan:
    ended = Refusal("ended", f"{job.title} has already ended", "There is nothing left to cancel.")
    when = "It ends at once." if job.state == JobState.QUEUED else "It ends at its next step."
    return Plan(
        action=Action.JOB_CANCEL,
        title=f"Cancel {job.title}",
        apply_label="Cancel the job",
        cluster=job.cluster,
        also=job.also,
        steps=(PlanStep(StepKind.RUN, "job", str(job.pk), summary=when),),
        risk=Risk.DISRUPTIVE,
        digest=state_digest({"cancel": str(job.pk), "state": job.state}),
        warnings=("What its steps have done until then stays done.",),
        refusals=(ended,) if job.finished else (),
        undo="None: start the work again.",
    )


def cancel(actor: Actor, job: Job) -> Job:
    """Queued jobs end at once; running ones at their next step."""
    with operation(
        actor,
        Action.JOB_CANCEL,
        cluster=job.cluster or None,
        also=job.also,
        target=str(job.pk),
        atomic=True,
    ) as entry:
        entry.note(title=job.title)
        now = timezone.now()
        asked = Job.objects.filter(pk=job.pk, state__in=OPEN)
        if asked.update(cancel_requested_at=now) != 1:
            raise Conflict(f"{job.title} has already ended", hint="There is nothing left to cancel.")
        Job.objects.filter(pk=job.pk, state=JobState.QUEUED).update(state=JobState.CANCELLED, ended_at=now)
    job.refresh_from_db()
    return job


def sweep(now: datetime) -> dict[str, int]:
    """Wakes rows whose message was lost; ends or re-queues those whose worker died."""
    counts: dict[str, int] = {}
    for job in Job.objects.filter(state__in=OPEN):
        verdict = judge(_waiting(job), now)
        if _carry_out(job, verdict, now):
            counts[verdict.value] = counts.get(verdict.value, 0) + 1
    return counts


def forget_old(now: datetime) -> int:
    return Job.objects.filter(ended_at__lt=now - KEPT).delete()[0]


def _waiting(job: Job) -> Waiting:
    return Waiting(
        running=job.state == JobState.RUNNING,
        resumable=job.resumable,
        attempt=job.attempt,
        created_at=job.created_at,
        leased_until=job.leased_until,
        cancel_requested=job.cancel_requested_at is not None,
    )


def _carry_out(job: Job, verdict: Verdict, now: datetime) -> bool:
    # The lease in the filter is the compare of compare-and-swap: a worker that has just renewed it keeps the job.
    same = Job.objects.filter(pk=job.pk, state=job.state, lease=job.lease, leased_until=job.leased_until)
    match verdict:
        case Verdict.LEAVE:
            return False
        case Verdict.WAKE:
            wake(job.pk)
            return True
        case Verdict.REQUEUE:
            if same.update(state=JobState.QUEUED, lease="", leased_until=None) != 1:
                return False
            wake(job.pk)
            return True
        case Verdict.CANCEL:
            return same.update(state=JobState.CANCELLED, ended_at=now, lease="", leased_until=None) == 1
        case Verdict.INTERRUPT:
            hint = (
                "It is safe to start it again."
                if job.resumable
                else "Look at what it changed before you start it again."
            )
            error = "The worker ended before the job did."
            return (
                same.update(
                    state=JobState.INTERRUPTED,
                    ended_at=now,
                    error=error,
                    hint=hint,
                    lease="",
                    leased_until=None,
                )
                == 1
            )
