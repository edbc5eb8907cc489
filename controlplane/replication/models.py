"""The replication flows that were made here. What a flow is doing is asked of its connectors, never stored."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models

from controlplane.replication.logic.failover import Attempt, Observation, Step, Taken
from controlplane.replication.logic.flows import FlowRequest, from_json, to_json
from controlplane.replication.logic.progress import Partition, from_topics


class Flow(models.Model):
    """`user`: the SCRAM user in the source that was made for it; empty where the registered way in is used.
    `complete`: its connectors were made; until then the same request goes on with it. `trust`: what its connectors trusted of a
    bundled source when they started, by its SHA-256; empty where that is unknown."""

    source = models.CharField(max_length=64)
    target = models.CharField(max_length=64)
    request = models.JSONField(default=dict)
    user = models.CharField(max_length=249, blank=True)
    complete = models.BooleanField(default=False)
    trust = models.CharField(max_length=64, blank=True)
    anchors = models.JSONField(
        default=dict,
        help_text="Of a flow that was turned round: topic to [partition, upstream, downstream]s.",
    )
    observed = models.JSONField(
        default=dict, help_text="How far behind it was when both sides last answered."
    )
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=240)

    class Meta:
        ordering = ("source", "target")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=("source", "target"), name="one_flow_per_direction"),
        ]

    def __str__(self) -> str:
        return f"{self.source}->{self.target}"

    @property
    def asked(self) -> FlowRequest:
        stored: dict[str, Any] = self.request
        return from_json({**stored, "source": self.source, "target": self.target})

    def remember(self, asked: FlowRequest) -> None:
        self.request = to_json(asked)

    @property
    def observation(self) -> Observation | None:
        stored: dict[str, Any] = self.observed
        return Observation(**stored) if stored else None


class Failover(models.Model):
    """One run of the runbook: rehearsed or real. Its steps with what they found are kept after the flow is gone."""

    source = models.CharField(max_length=64)
    target = models.CharField(max_length=64)
    kind = models.CharField(max_length=20)
    request = models.JSONField(default=dict, help_text="The flow as it was then.")
    steps = models.JSONField(default=dict, help_text="By step: state, times, evidence.")
    copy_ends = models.JSONField(
        default=dict, help_text="When the flow had stopped: topic to [partition, end of the copy]s."
    )
    positions = models.JSONField(
        default=dict, help_text="At that moment: topic to [partition, next record to copy]s."
    )
    denied = models.JSONField(
        default=list, help_text="What its freeze has denied and nobody has lifted: pattern type and name."
    )
    started_at = models.DateTimeField()
    started_by = models.CharField(max_length=240)
    ended_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=20, blank=True)

    class Meta:
        ordering = ("-started_at", "-pk")

    def __str__(self) -> str:
        return f"{self.source}->{self.target} ({self.kind})"

    @property
    def asked(self) -> FlowRequest:
        return from_json(self.request)

    @property
    def stopped(self) -> dict[Partition, tuple[int, int]]:
        """The same place on both sides: the next record to copy, and the end of the copy."""
        ends = from_topics(self.copy_ends)
        upstream = from_topics(self.positions)
        return {where: (offset, ends[where]) for where, offset in upstream.items() if where in ends}

    @property
    def taken(self) -> dict[Step, Taken]:
        stored: dict[str, dict[str, Any]] = self.steps
        return {
            Step(name): Taken(
                Step(name),
                each["state"],
                each["started_at"],
                each.get("ended_at"),
                each.get("evidence"),
                each.get("error", ""),
                tuple(Attempt(**attempt) for attempt in each.get("earlier", ())),
            )
            for name, each in stored.items()
        }
