"""Between rows and the values of `logic`: alerts, silences, inhibitions, mute times, the routing tree."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable
from datetime import datetime

from controlplane.alerts.logic import matchers, mute_times, routing
from controlplane.alerts.logic.humanize import go_float
from controlplane.alerts.logic.inhibition import InhibitRule
from controlplane.alerts.logic.labels import ALERT_NAME
from controlplane.alerts.logic.matchers import Matchers
from controlplane.alerts.logic.mute_times import TimeInterval
from controlplane.alerts.logic.routing import Route
from controlplane.alerts.logic.silences import SilenceRule
from controlplane.alerts.logic.states import Instance, State
from controlplane.alerts.models import Alert, InhibitionRule, MuteTime, RouteTree, Rule, Silence

#: Every column that a cycle may change.
CHANGING = (
    "annotations", "state", "value", "active_at", "fired_at", "resolved_at", "keep_since", "no_data_since",
    "was_firing",
)  # fmt: skip
SEVERITY = "severity"


def instance_of(row: Alert) -> Instance:
    return Instance(
        key=row.fingerprint,
        labels=row.labels,
        annotations=row.annotations,
        state=State(row.state),
        value=float(row.value),
        active_at=row.active_at,
        fired_at=row.fired_at,
        resolved_at=row.resolved_at,
        keep_since=row.keep_since,
        no_data_since=row.no_data_since,
        was_firing=row.was_firing,
        id=str(row.pk),
    )


def alert_of(instance: Instance, rule: Rule, cluster: str) -> Alert:
    """A new episode gets its id here."""
    return Alert(
        id=uuid.UUID(instance.id) if instance.id else uuid.uuid4(),
        rule=rule,
        name=instance.labels.get(ALERT_NAME, rule.name)[:200],
        cluster=cluster,
        fingerprint=instance.key,
        labels=dict(instance.labels),
        annotations=dict(instance.annotations),
        state=instance.state.value,
        severity=instance.labels.get(SEVERITY, "")[:40],
        value=go_float(instance.value),
        active_at=instance.active_at,
        fired_at=instance.fired_at,
        resolved_at=instance.resolved_at,
        keep_since=instance.keep_since,
        no_data_since=instance.no_data_since,
        was_firing=instance.was_firing,
    )


def store(alerts: Iterable[Alert]) -> None:
    """Inserts and updates in one statement per batch, by id."""
    Alert.objects.bulk_create(
        alerts, batch_size=500, update_conflicts=True, unique_fields=["id"], update_fields=CHANGING
    )


def all_matchers(texts: Iterable[str]) -> Matchers:
    return tuple(each for text in texts for each in matchers.parse(text))


def silence_rule(row: Silence) -> SilenceRule:
    return SilenceRule(str(row.pk), all_matchers(row.matchers), row.starts_at, row.ends_at, row.cluster)


def silence_rules(now: datetime) -> tuple[SilenceRule, ...]:
    return tuple(silence_rule(row) for row in Silence.objects.filter(ends_at__gt=now))


def inhibit_rules() -> tuple[InhibitRule, ...]:
    return tuple(
        InhibitRule(row.name, all_matchers(row.source), all_matchers(row.target), tuple(row.equal))
        for row in InhibitionRule.objects.all()
    )


def intervals() -> dict[str, tuple[TimeInterval, ...]]:
    return {row.name: tuple(map(mute_times.parse, row.intervals)) for row in MuteTime.objects.all()}


def route_tree() -> Route:
    row = RouteTree.objects.first()
    return routing.parse(row.document if row else routing.SHIPPED)


def group_digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
