"""What the alerts API takes and answers with. Durations are Prometheus' strings, values may be `+Inf` and so are text."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from controlplane.alerts.logic.backoff import Verdict
from controlplane.alerts.logic.silences import SilenceState
from controlplane.alerts.models import (
    Alert,
    AlertState,
    DeliveryAttempt,
    Notification,
    NotificationState,
    Receiver,
    ReceiverKind,
    Rule,
    Silence,
)
from controlplane.alerts.mute_api import NamedIntervalsField
from controlplane.alerts.selectors import Quiet
from controlplane.alerts.services import receiving, ruling, silencing

SILENCE_STATES = tuple(state.value for state in SilenceState)
VERDICTS = tuple(verdict.value for verdict in Verdict)
LONGEST_EXPR = 10_000
LONGEST_TEXT = 5000
ONE_LINE = r"^[^\x00-\x1f\x7f]+$"
DURATION = r"^[0-9ywdhms]+$"


class AcknowledgementSerializer(serializers.Serializer[Any]):
    by = serializers.CharField()
    at = serializers.DateTimeField()
    comment = serializers.CharField(allow_blank=True)


class AlertSerializer(serializers.Serializer[Any]):
    """One episode of one alert. `no_data_since`: its data cannot be seen since then, and it stays what it was."""

    id = serializers.UUIDField()
    fingerprint = serializers.CharField(
        help_text="Of its labels: the same in every episode, as in Alertmanager."
    )
    name = serializers.CharField()
    cluster = serializers.CharField()
    state = serializers.ChoiceField(AlertState.choices)
    severity = serializers.CharField(allow_blank=True)
    labels = serializers.DictField(child=serializers.CharField(allow_blank=True))
    annotations = serializers.DictField(child=serializers.CharField(allow_blank=True))
    value = serializers.CharField()
    active_at = serializers.DateTimeField()
    fired_at = serializers.DateTimeField(allow_null=True)
    resolved_at = serializers.DateTimeField(allow_null=True)
    no_data_since = serializers.DateTimeField(allow_null=True)
    rule = serializers.IntegerField(allow_null=True, help_text="null: the rule was deleted.")
    silenced_by = serializers.ListField(child=serializers.CharField(), help_text="Ids of silences.")
    inhibited_by = serializers.ListField(child=serializers.CharField(), help_text="Fingerprints of alerts.")
    acknowledged_by = AcknowledgementSerializer(allow_null=True)


class AcknowledgeInput(serializers.Serializer[Any]):
    comment = serializers.CharField(max_length=1000, required=False, allow_blank=True)


class EvaluationSerializer(serializers.Serializer[Any]):
    cluster = serializers.CharField()
    evaluated_at = serializers.DateTimeField()
    duration_ms = serializers.FloatField()
    error = serializers.CharField(allow_blank=True)


class _Timed(serializers.Serializer[Any]):
    """`for` is a word of Python's own, so it is added by name."""

    def get_fields(self) -> dict[str, Any]:
        found: dict[str, Any] = super().get_fields()
        found["for"] = serializers.CharField()
        return found


class RuleSerializer(_Timed):
    """An alerting rule as Prometheus has them. `cluster` empty: it is asked on every cluster."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    group = serializers.CharField()
    cluster = serializers.CharField(allow_blank=True)
    expr = serializers.CharField()
    keep_firing_for = serializers.CharField()
    labels = serializers.DictField(child=serializers.CharField(allow_blank=True))
    annotations = serializers.DictField(child=serializers.CharField(allow_blank=True))
    enabled = serializers.BooleanField()
    owner = serializers.CharField(allow_blank=True)
    shipped = serializers.BooleanField(help_text="It came with Kastellan.")
    edited = serializers.BooleanField(help_text="It was changed here: upgrades leave it alone.")
    updated_at = serializers.DateTimeField()
    state = serializers.ChoiceField(("inactive", "pending", "firing"))
    health = serializers.ChoiceField(("unknown", "ok", "err"))
    evaluations = EvaluationSerializer(many=True)


def texts(longest: int) -> serializers.DictField:
    child = serializers.CharField(max_length=longest, allow_blank=True, trim_whitespace=False)
    return serializers.DictField(child=child, required=False)


class RuleInput(serializers.Serializer[Any]):
    name = serializers.RegexField(ONE_LINE, max_length=200)
    expr = serializers.CharField(max_length=LONGEST_EXPR)
    keep_firing_for = serializers.RegexField(DURATION, max_length=40, required=False)
    labels = texts(LONGEST_TEXT)
    annotations = texts(LONGEST_TEXT)
    group = serializers.RegexField(ONE_LINE, max_length=100, required=False)
    cluster = serializers.CharField(max_length=40, required=False, allow_blank=True)
    enabled = serializers.BooleanField(required=False)

    def get_fields(self) -> dict[str, Any]:
        found: dict[str, Any] = super().get_fields()
        found["for"] = serializers.RegexField(
            DURATION, max_length=40, required=False, help_text="Such as 5m; 0s unless told."
        )
        return found


class AlterRuleInput(RuleInput):
    name = serializers.RegexField(ONE_LINE, max_length=200, required=False)
    expr = serializers.CharField(max_length=LONGEST_EXPR, required=False)


class SilenceSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    state = serializers.ChoiceField(SILENCE_STATES)
    matchers = serializers.ListField(child=serializers.CharField())
    cluster = serializers.CharField(allow_blank=True, help_text="Empty: every cluster.")
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    created_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    comment = serializers.CharField()


class SilenceInput(serializers.Serializer[Any]):
    """A dry run lists the open alerts that it would keep quiet."""

    matchers = serializers.ListField(
        child=serializers.CharField(max_length=1200),
        min_length=1,
        max_length=50,
        help_text='Alertmanager\'s syntax: alertname="BrokerDown", topic=~"orders.*".',
    )
    starts_at = serializers.DateTimeField(required=False, help_text="Now, unless told.")
    ends_at = serializers.DateTimeField()
    comment = serializers.CharField(max_length=1000)
    cluster = serializers.CharField(max_length=40, required=False, allow_blank=True)


class ReceiverSerializer(serializers.Serializer[Any]):
    """A webhook takes Alertmanager's messages, version 4, signed after Standard Webhooks when it has a secret.

    Others are told in words, one message per group.
    """

    id = serializers.IntegerField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(ReceiverKind.choices)
    url = serializers.CharField(
        allow_blank=True, help_text="Of a webhook; its path only for those who may set it."
    )
    options = serializers.DictField()
    has_secret = serializers.BooleanField()
    allow_private = serializers.BooleanField(help_text="Its host may be off the public internet.")
    send_resolved = serializers.BooleanField()
    max_alerts = serializers.IntegerField(help_text="Per message; 0 is all.")
    created_at = serializers.DateTimeField()


class ReceiverInput(serializers.Serializer[Any]):
    name = serializers.RegexField(ONE_LINE, max_length=100)
    kind = serializers.ChoiceField(ReceiverKind.choices, required=False)
    url = serializers.CharField(max_length=2000, required=False, allow_blank=True, help_text="Of a webhook.")
    options = serializers.DictField(
        required=False,
        help_text="email: host, port, security (starttls, tls, none), user, from, to; pagerduty: region (us, eu); "
        "telegram: chats; webhook: template, a body in JSON that names parts of the message; email and webhook: ca_pem, "
        "the authority that signed its certificate.",
    )
    secret = serializers.CharField(
        max_length=2000,
        required=False,
        allow_blank=True,
        help_text="webhook: whsec_ and base64; email: the password; slack: the webhook's URL; teams: the workflow's URL; "
        "pagerduty: the integration key; telegram: the bot's token. Empty removes it. Never shown.",
    )
    allow_private = serializers.BooleanField(required=False)
    send_resolved = serializers.BooleanField(required=False)
    max_alerts = serializers.IntegerField(min_value=0, max_value=10_000, required=False)


class AlterReceiverInput(ReceiverInput):
    name = serializers.RegexField(ONE_LINE, max_length=100, required=False)


class RoutingSerializer(serializers.Serializer[Any]):
    """As in Alertmanager's configuration file. The receiver `*` is everybody, the empty one nobody."""

    route = serializers.DictField()
    inhibit_rules = serializers.ListField(child=serializers.DictField())
    time_intervals = NamedIntervalsField()


class RoutingInput(serializers.Serializer[Any]):
    """What is left out stays as it is."""

    route = serializers.DictField(required=False)
    inhibit_rules = serializers.ListField(child=serializers.DictField(), required=False, max_length=200)
    time_intervals = NamedIntervalsField(required=False, max_length=200)


class AttemptSerializer(serializers.Serializer[Any]):
    """One request to a receiver: what it answered, and what that means."""

    at = serializers.DateTimeField()
    duration_ms = serializers.IntegerField()
    status = serializers.IntegerField(allow_null=True, help_text="null: no answer came.")
    excerpt = serializers.CharField(allow_blank=True, help_text="The beginning of the answer.")
    error = serializers.CharField(allow_blank=True)
    verdict = serializers.ChoiceField(VERDICTS)


class NotificationRowSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    webhook_id = serializers.CharField(help_text="The same in every attempt.")
    kind = serializers.CharField(help_text="alert, or test.")
    receiver = serializers.CharField()
    cluster = serializers.CharField(allow_blank=True)
    group_key = serializers.CharField(allow_blank=True)
    status = serializers.CharField()
    reason = serializers.CharField()
    alerts = serializers.IntegerField()
    state = serializers.ChoiceField(NotificationState.choices)
    attempts = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    next_attempt_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)


class NotificationSerializer(NotificationRowSerializer):
    payload = serializers.CharField(help_text="The body as it is sent: JSON.")
    deliveries = AttemptSerializer(many=True)


def alert_json(row: Alert, quiet: Quiet) -> dict[str, Any]:
    known = getattr(row, "acknowledgement", None)
    fields = (
        "id", "fingerprint", "name", "cluster", "state", "severity", "labels", "annotations", "value", "active_at",
        "fired_at", "resolved_at", "no_data_since",
    )  # fmt: skip
    return {
        **{name: getattr(row, name) for name in fields},
        "rule": row.rule_id,
        "silenced_by": list(quiet.silenced_by),
        "inhibited_by": list(quiet.inhibited_by),
        "acknowledged_by": {"by": known.by, "at": known.at, "comment": known.comment} if known else None,
    }


def rule_json(row: Rule) -> dict[str, Any]:
    evaluations = list(row.evaluations.all())
    states = {alert.state for alert in row.alerts.all() if alert.resolved_at is None}
    failed = any(each.error for each in evaluations)
    return {
        "id": row.pk,
        **ruling.document_of(row),
        **{name: getattr(row, name) for name in ("owner", "shipped", "edited", "updated_at")},
        "state": next((state for state in ("firing", "pending") if state in states), "inactive"),
        "health": "err" if failed else "ok" if evaluations else "unknown",
        "evaluations": [
            {name: getattr(each, name) for name in ("cluster", "evaluated_at", "duration_ms", "error")}
            for each in evaluations
        ],
    }


def silence_json(row: Silence, state: SilenceState) -> dict[str, Any]:
    times = {"starts_at": row.starts_at, "ends_at": row.ends_at, "created_at": row.created_at}
    return {**silencing.document_of(row), **times, "state": state.value}


def receiver_json(row: Receiver, *, whole: bool = False) -> dict[str, Any]:
    return {"id": row.pk, **receiving.document_of(row, whole=whole), "created_at": row.created_at}


def attempt_json(row: DeliveryAttempt) -> dict[str, Any]:
    return {
        name: getattr(row, name) for name in ("at", "duration_ms", "status", "excerpt", "error", "verdict")
    }


def notification_json(row: Notification) -> dict[str, Any]:
    fields = (
        "id", "webhook_id", "kind", "cluster", "group_key", "status", "reason", "alerts", "state", "attempts",
        "created_at", "finished_at",
    )  # fmt: skip
    waits = row.state == NotificationState.WAITING
    return {
        **{name: getattr(row, name) for name in fields},
        "receiver": row.receiver_name,
        "next_attempt_at": row.next_attempt_at if waits else None,
    }
