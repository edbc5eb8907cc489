"""Rules, the alerts they gave, who is told of them and what was sent. All of it lives here: Kafka knows nothing of it.

Every time is UTC. After a jump of the wall clock the times of what is open are moved with it (services/evaluating).
"""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from controlplane.core.words import some


class Rule(models.Model):
    """A Prometheus alerting rule. `cluster` empty: on every cluster. `version` counts its changes."""

    name = models.CharField(max_length=200)
    group = models.CharField(max_length=100, default="default")
    cluster = models.CharField(max_length=40, blank=True)
    expr = models.TextField()
    hold = models.DurationField(default=timedelta)
    keep_firing = models.DurationField(default=timedelta)
    labels = models.JSONField(default=dict)
    annotations = models.JSONField(default=dict)
    enabled = models.BooleanField(default=True)
    owner = models.CharField(max_length=240, blank=True)
    version = models.PositiveIntegerField(default=1)
    #: Came with Kastellan; an upgrade replaces it as long as nobody has changed it.
    shipped = models.BooleanField(default=False)
    edited = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        ordering = ("group", "name")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=("group", "name"), name="rule_name_in_group"),
        ]

    def __str__(self) -> str:
        return self.name


class Evaluation(models.Model):
    """How a rule's last evaluation on a cluster went."""

    rule = models.ForeignKey(Rule, on_delete=models.CASCADE, related_name="evaluations")
    cluster = models.CharField(max_length=40)
    evaluated_at = models.DateTimeField()
    duration_ms = models.FloatField(default=0)
    error = models.TextField(blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=("rule", "cluster"), name="evaluation_of_rule"),
        ]


class AlertState(models.TextChoices):
    PENDING = "pending", "Pending"
    FIRING = "firing", "Firing"
    RESOLVED = "resolved", "Resolved"


class Alert(models.Model):
    """One episode of one alert: from its first evaluation to its end. `fingerprint` is the identity of its labels."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    rule = models.ForeignKey(Rule, null=True, on_delete=models.SET_NULL, related_name="alerts")
    name = models.CharField(max_length=200)
    cluster = models.CharField(max_length=40)
    fingerprint = models.CharField(max_length=16)
    labels = models.JSONField()
    annotations = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=AlertState)
    severity = models.CharField(max_length=40, blank=True)
    #: As text: infinities and NaN are values too.
    value = models.CharField(max_length=40)
    active_at = models.DateTimeField()
    fired_at = models.DateTimeField(null=True)
    resolved_at = models.DateTimeField(null=True)
    keep_since = models.DateTimeField(null=True)
    no_data_since = models.DateTimeField(null=True)
    was_firing = models.BooleanField(default=False)

    class Meta:
        ordering = ("-active_at", "fingerprint")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=("rule", "cluster", "fingerprint"),
                condition=Q(resolved_at=None),
                name="one_open_episode",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=("state", "cluster"), name="alert_state"),
            models.Index(fields=("fingerprint", "resolved_at"), name="alert_fingerprint"),
            models.Index(fields=("resolved_at",), name="alert_resolved"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def page(self) -> str:
        """For people elsewhere: who are told of it come from there."""
        return f"{settings.BASE_URL}/clusters/{self.cluster}/alerts/{self.pk}/"


class Acknowledgement(models.Model):
    """Somebody is on it: no more repeats of this episode."""

    alert = models.OneToOneField(Alert, on_delete=models.CASCADE, related_name="acknowledgement")
    by = models.CharField(max_length=240)
    at = models.DateTimeField()
    comment = models.TextField(blank=True)


class ReceiverKind(models.TextChoices):
    WEBHOOK = "webhook", "Webhook"
    EMAIL = "email", "E-mail"
    SLACK = "slack", "Slack"
    TEAMS = "teams", "Microsoft Teams"
    PAGERDUTY = "pagerduty", "PagerDuty"
    TELEGRAM = "telegram", "Telegram"


class Receiver(models.Model):
    """`url` is a webhook's; what other kinds need is in `options` (logic.receivers), and their one secret in `secret`, sealed.

    `allow_private`: an administrator allows this very host beyond the public internet.
    """

    name = models.CharField(max_length=100, unique=True)
    kind = models.CharField(max_length=20, choices=ReceiverKind, default=ReceiverKind.WEBHOOK)
    url = models.CharField(max_length=2000, blank=True)
    options = models.JSONField(default=dict)
    secret = models.TextField(blank=True)
    allow_private = models.BooleanField(default=False)
    send_resolved = models.BooleanField(default=True)
    max_alerts = models.PositiveIntegerField(default=0)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class RouteTree(models.Model):
    """One row. Without it the shipped tree applies."""

    document = models.JSONField()
    version = models.PositiveIntegerField(default=1)
    updated_at = models.DateTimeField()
    updated_by = models.CharField(max_length=240)


class InhibitionRule(models.Model):
    name = models.CharField(max_length=100, unique=True)
    source = models.JSONField(default=list)
    target = models.JSONField(default=list)
    equal = models.JSONField(default=list)
    shipped = models.BooleanField(default=False)

    class Meta:
        ordering = ("name",)


class MuteTime(models.Model):
    name = models.CharField(max_length=100, unique=True)
    intervals = models.JSONField(default=list)

    class Meta:
        ordering = ("name",)


class Silence(models.Model):
    """`cluster` bounds it to what its author may operate; empty: every cluster. Its state follows from its times."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    matchers = models.JSONField()
    cluster = models.CharField(max_length=40, blank=True)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    created_by = models.CharField(max_length=240)
    created_at = models.DateTimeField()
    comment = models.TextField()

    class Meta:
        ordering = ("-ends_at", "id")
        indexes: ClassVar = [models.Index(fields=("ends_at",), name="silence_end")]


class GroupLog(models.Model):
    """What a receiver was told of a group, and when the group is looked at next; None: it has nothing to say."""

    receiver = models.ForeignKey(Receiver, on_delete=models.CASCADE, related_name="groups")
    digest = models.CharField(max_length=64)
    key = models.TextField()
    labels = models.JSONField(default=dict)
    firing = models.JSONField(default=list)
    resolved = models.JSONField(default=list)
    notified_at = models.DateTimeField(null=True)
    next_flush_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=("receiver", "digest"), name="group_of_receiver"),
        ]


class NotificationKind(models.TextChoices):
    ALERT = "alert", "Alert"
    TEST = "test", "Test"


class NotificationState(models.TextChoices):
    WAITING = "waiting", "Waiting"
    SENT = "sent", "Sent"
    REFUSED = "refused", "Refused"
    EXPIRED = "expired", "Expired"


class Notification(models.Model):
    """The outbox. A row is written with the group's log in one transaction; its id and payload are the same in every attempt."""

    webhook_id = models.CharField(max_length=64, unique=True)
    kind = models.CharField(max_length=10, choices=NotificationKind, default=NotificationKind.ALERT)
    group = models.ForeignKey(GroupLog, null=True, on_delete=models.SET_NULL, related_name="notifications")
    receiver = models.ForeignKey(Receiver, null=True, on_delete=models.SET_NULL, related_name="notifications")
    receiver_name = models.CharField(max_length=100)
    #: The one cluster that it speaks of; empty for several or none.
    cluster = models.CharField(max_length=40, blank=True)
    group_key = models.TextField(blank=True)
    status = models.CharField(max_length=10)
    reason = models.CharField(max_length=40)
    alerts = models.PositiveIntegerField()
    payload = models.TextField()
    state = models.CharField(max_length=10, choices=NotificationState, default=NotificationState.WAITING)
    attempts = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField()
    next_attempt_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    claim = models.CharField(max_length=32, blank=True)
    claimed_until = models.DateTimeField(null=True)
    #: What the group's receiver had been told before: if this one is refused, it still has not heard the rest.
    told_before = models.JSONField(default=list)

    class Meta:
        ordering = ("-created_at", "-id")
        indexes: ClassVar = [
            models.Index(fields=("state", "next_attempt_at"), name="notification_due"),
            models.Index(fields=("group", "state"), name="notification_group"),
        ]

    @property
    def about(self) -> str:
        """The alerts by name, as many as there are names."""
        try:
            told = json.loads(self.payload)["alerts"]
            names = {str(each["labels"]["alertname"]) for each in told}
        except (ValueError, KeyError, TypeError):
            return ""
        return some(sorted(names))


class DeliveryAttempt(models.Model):
    notification = models.ForeignKey(Notification, on_delete=models.CASCADE, related_name="deliveries")
    at = models.DateTimeField()
    duration_ms = models.PositiveIntegerField()
    status = models.PositiveIntegerField(null=True)
    excerpt = models.TextField(blank=True)
    error = models.TextField(blank=True)
    verdict = models.CharField(max_length=10)

    class Meta:
        ordering = ("at", "id")


class Beat(models.Model):
    """One row: the evaluator's clock, its lease, and what it stamped last."""

    wall = models.DateTimeField(null=True)
    monotonic = models.FloatField(default=0)
    boot = models.CharField(max_length=64, blank=True)
    #: By the monotonic clock: until then nothing is judged, the samples are at the wrong times.
    settling_until = models.FloatField(default=0)
    completed_at = models.DateTimeField(null=True)
    duration_ms = models.PositiveIntegerField(default=0)
    lease = models.CharField(max_length=32, blank=True)
    lease_boot = models.CharField(max_length=64, blank=True)
    lease_monotonic = models.FloatField(default=0)
    lease_wall = models.DateTimeField(null=True)
    shipped = models.CharField(max_length=64, blank=True)
