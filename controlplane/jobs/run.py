"""What a job's handler is given: its arguments, its actor, and the ways to say how far it is.

Every call that writes also asks whether the lease still holds: a worker that was taken for dead stops.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db import connection
from django.utils import timezone

from controlplane.core.access import Actor, Role, known_actions
from controlplane.core.plans import Json, Plan, plan_from_json
from controlplane.jobs.leases import HEARTBEAT_SECONDS, LEASE
from controlplane.jobs.models import Job

PROGRESS_EVERY = 0.25
LOG_LIMIT = 200_000


class Cancelled(Exception):
    """Somebody asked for the job to stop."""


class LeaseLost(Exception):
    """Another worker, or the sweeper, has taken this job over."""


class JobRun:
    def __init__(self, job: Job) -> None:
        self.job = job
        self.args: Mapping[str, Json] = job.args
        self.actor = actor_from_json(job.actor)
        self.cluster: str = job.cluster
        self.attempt = job.attempt
        reviewed = job.args.get("plan")
        #: What was reviewed before the job was made; None for work that nobody has to review.
        self.plan: Plan | None = plan_from_json(reviewed) if reviewed else None
        self._steps: list[dict[str, Any]] = list(job.steps) if job.attempt > 1 else []
        self._written = 0.0

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """A named part, shown with its state and duration."""
        self.raise_if_cancelled()
        entry: dict[str, Any] = {"name": name, "state": "running", "started_at": _now(), "ended_at": None}
        self._steps.append(entry)
        self._save(steps=self._steps, message=name[:400])
        try:
            yield
        except BaseException as error:
            entry["state"] = "cancelled" if isinstance(error, Cancelled) else "failed"
            raise
        else:
            entry["state"] = "done"
        finally:
            entry["ended_at"] = _now()
            Job.objects.filter(pk=self.job.pk, lease=self.job.lease).update(steps=self._steps)

    def progress(self, done: int, total: int | None, message: str = "") -> None:
        """Cheap to call often: written at most four times a second, and always at the end."""
        now = time.monotonic()
        if done != total and now - self._written < PROGRESS_EVERY:
            return
        self._written = now
        self._save(done=done, total=total, **({"message": message[:400]} if message else {}))

    def log(self, text: str) -> None:
        """A line for people, with its time. Never secrets."""
        line = f"{timezone.now():%H:%M:%S} {text}\n"
        self.job.log = (self.job.log + line)[-LOG_LIMIT:]
        self._save(log=self.job.log)

    def raise_if_cancelled(self) -> None:
        asked = Job.objects.filter(pk=self.job.pk).values_list("cancel_requested_at", flat=True).first()
        if asked is not None:
            raise Cancelled

    def _save(self, **fields: Any) -> None:
        held = Job.objects.filter(pk=self.job.pk, lease=self.job.lease)
        if held.update(leased_until=timezone.now() + LEASE, **fields) != 1:
            raise LeaseLost


@contextmanager
def heartbeat(job: Job) -> Iterator[None]:
    """Keeps the lease while the handler is busy elsewhere, from a thread with its own database connection."""
    stop = threading.Event()

    def beat() -> None:
        try:
            while not stop.wait(HEARTBEAT_SECONDS):
                Job.objects.filter(pk=job.pk, lease=job.lease).update(leased_until=timezone.now() + LEASE)
        finally:
            connection.close()

    thread = threading.Thread(target=beat, name=f"job-{job.pk}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def actor_to_json(actor: Actor) -> dict[str, Json]:
    scopes: Json = None if actor.scopes is None else [scope.value for scope in sorted(actor.scopes)]
    roles: Json = {cluster: role.value for cluster, role in actor.roles.items()}
    return {
        "name": actor.name,
        "kind": actor.kind,
        "user_id": actor.user_id,
        "roles": roles,
        "scopes": scopes,
    }


def actor_from_json(data: Mapping[str, Any]) -> Actor:
    """As the actor was when the job was made: losing a role does not stop work that was allowed."""
    scopes = data.get("scopes")
    return Actor(
        name=data["name"],
        kind=data["kind"],
        roles={cluster: Role(role) for cluster, role in data["roles"].items()},
        user_id=data.get("user_id"),
        scopes=None if scopes is None else known_actions(scopes),
    )


def _now() -> str:
    moment: datetime = timezone.now()
    return moment.isoformat(timespec="milliseconds")
