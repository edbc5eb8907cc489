"""Windows in which the brokers' authorizers say what they allow. Kafka is the store of ACLs; only the watching is ours."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class AclWatch(models.Model):
    """A raised log level is a debt: `restored_at` stays empty until every broker has its own level back.

    `levels` maps a broker to the level before; `used` the key of a binding to when it last decided something.
    """

    cluster = models.CharField(max_length=40)
    started_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    restored_at = models.DateTimeField(null=True)
    levels = models.JSONField(default=dict)
    used = models.JSONField(default=dict)
    complete = models.BooleanField(default=True, help_text="No line of a log was missed.")
    error = models.TextField(blank=True)

    class Meta:
        ordering = ("-started_at",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=("cluster",), condition=models.Q(restored_at=None), name="one_open_watch_per_cluster"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.cluster} {self.started_at}"
