"""Long work as rows: who wants what, how far it is, what it said. The row is the truth, a Celery message wakes it up."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.db import models


class JobState(models.TextChoices):
    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    SUCCEEDED = "succeeded", "Succeeded"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"
    INTERRUPTED = "interrupted", "Interrupted"


class Job(models.Model):
    """`steps` is a list of {name, state, started_at, ended_at}; `actor` is kept whole so that the work runs as them."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=60)
    title = models.CharField(max_length=200)
    cluster = models.CharField(max_length=40, blank=True)
    also = models.CharField(
        max_length=64, blank=True, help_text="The other cluster, of work that is about two."
    )
    args = models.JSONField(default=dict)
    actor = models.JSONField()
    actor_name = models.CharField(max_length=240)
    request_id = models.CharField(
        max_length=64, blank=True, help_text="Of the request that asked for the work."
    )
    state = models.CharField(max_length=12, choices=JobState, default=JobState.QUEUED)
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    attempt = models.PositiveSmallIntegerField(default=0)
    resumable = models.BooleanField(
        default=False, help_text="Its handler may be started again from the beginning."
    )
    lease = models.CharField(max_length=32, blank=True)
    leased_until = models.DateTimeField(null=True)
    cancel_requested_at = models.DateTimeField(null=True)
    done = models.BigIntegerField(default=0)
    total = models.BigIntegerField(null=True)
    message = models.CharField(max_length=400, blank=True)
    steps = models.JSONField(default=list)
    log = models.TextField(blank=True)
    result = models.JSONField(null=True)
    error = models.TextField(blank=True)
    hint = models.TextField(blank=True)

    class Meta:
        ordering = ("-created_at", "-id")
        indexes: ClassVar = [
            models.Index(fields=("state", "leased_until"), name="job_state_lease"),
            models.Index(fields=("-created_at",), name="job_created"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def finished(self) -> bool:
        return self.state not in (JobState.QUEUED, JobState.RUNNING)

    @property
    def percent(self) -> int | None:
        """Unknown stays None: a bar without a total would be a lie."""
        if not self.total:
            return None
        return min(100 * self.done // self.total, 100)
