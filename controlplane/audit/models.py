"""The record of what was done: operations in a hash chain, its head, and answers kept for Idempotency-Key.

Rows name users and clusters by text: they outlive what they describe.
"""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.db import models

from controlplane.audit.titles import title_of


class Outcome(models.TextChoices):
    RUNNING = "running", "Running"
    SUCCEEDED = "succeeded", "Succeeded"
    FAILED = "failed", "Failed"
    REFUSED = "refused", "Refused"
    PARTIAL = "partial", "Partly done"
    INTERRUPTED = "interrupted", "Interrupted"


class Operation(models.Model):
    """One act. It is written as running before anything is touched, and sealed into the chain when it ends."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    seq = models.BigIntegerField(null=True, unique=True)
    started_at = models.DateTimeField()
    sealed_at = models.DateTimeField(null=True)
    duration_ms = models.PositiveIntegerField(default=0)
    actor = models.CharField(max_length=240)
    actor_kind = models.CharField(max_length=12)
    action = models.CharField(max_length=60)
    cluster = models.CharField(max_length=40, blank=True)
    also = models.CharField(
        max_length=64, blank=True, help_text="The other cluster, of an act that is about two."
    )
    target = models.CharField(max_length=400, blank=True)
    outcome = models.CharField(max_length=12, choices=Outcome, default=Outcome.RUNNING)
    plan = models.JSONField(null=True)
    before = models.JSONField(null=True, help_text="The before-image: what a revert needs.")
    details = models.JSONField(default=dict)
    error = models.TextField(blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    previous_hash = models.CharField(max_length=64, blank=True)
    hash = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ("-started_at", "-pk")
        indexes: ClassVar = [
            models.Index(fields=("-started_at",), name="operation_time"),
            models.Index(fields=("cluster", "target"), name="operation_target"),
            models.Index(fields=("actor",), name="operation_actor"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def title(self) -> str:
        return title_of(self.action, self.target, self.plan, self.details)

    @property
    def job(self) -> str | None:
        """Of the job that did it, or that it started."""
        found = self.details.get("job")
        return str(found) if found else None


class ChainHead(models.Model):
    """The one row that every sealing locks and moves on: it puts operations in an order."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    seq = models.BigIntegerField(default=0)
    hash = models.CharField(max_length=64, default="0" * 64)


class StoredAnswer(models.Model):
    """An Idempotency-Key in flight or answered. The body is encrypted; secrets shown once are left out of it."""

    scope = models.CharField(max_length=64)
    key = models.CharField(max_length=200)
    fingerprint = models.CharField(max_length=64)
    claimed_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)
    status = models.PositiveSmallIntegerField(null=True)
    body = models.TextField(blank=True)
    headers = models.JSONField(default=dict)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=("scope", "key"), name="one_answer_per_key"),
        ]
