"""What changed then: the operations and the alerts of a cluster in a stretch of time. Never writes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from django.db.models import Q

from controlplane.alerts.models import Alert
from controlplane.audit import selectors as audit
from controlplane.audit.models import Operation, Outcome
from controlplane.core.access import Action, Actor, can
from controlplane.metrics.logic.ranges import TimeRange

#: Of each kind, the newest: more could not be told apart on a chart.
MOST = 100
#: What changes no cluster.
NO_CHANGE = (Action.TOPIC_PRODUCE.value, Action.ALERT_SILENCE.value)


class Kind(StrEnum):
    OPERATION = "operation"
    ALERT = "alert"


@dataclass(frozen=True, slots=True)
class Change:
    """`until` is the end of an alert; None is still going on, or a moment. `id` is of the operation or the alert."""

    kind: Kind
    id: str
    at: datetime
    until: datetime | None
    title: str
    tone: str
    by: str = ""


def changes(actor: Actor, cluster: str, period: TimeRange) -> tuple[Change, ...]:
    """In order of time; what this actor may not see is left out."""
    start, end = _time(period.start), _time(period.end)
    found: list[Change] = []
    if can(actor, Action.AUDIT_VIEW, cluster).allowed:
        found += _operations(actor, cluster, start, end)
    if can(actor, Action.ALERT_VIEW, cluster).allowed:
        found += _alerts(cluster, start, end)
    return tuple(sorted(found, key=lambda each: each.at))


def _operations(actor: Actor, cluster: str, start: datetime, end: datetime) -> Iterator[Change]:
    rows = audit.visible(actor).filter(cluster=cluster, started_at__gte=start, started_at__lte=end)
    for row in rows.exclude(outcome=Outcome.REFUSED).exclude(action__in=NO_CHANGE)[:MOST]:
        yield Change(Kind.OPERATION, str(row.uid), row.started_at, None, row.title, _tone(row), row.actor)


def _tone(row: Operation) -> str:
    return "info" if row.outcome in (Outcome.SUCCEEDED, Outcome.RUNNING) else "warn"


def _alerts(cluster: str, start: datetime, end: datetime) -> Iterator[Change]:
    """Those that fired in this time, whenever they began and ended."""
    rows = Alert.objects.filter(cluster=cluster, fired_at__isnull=False, fired_at__lte=end)
    rows = rows.filter(Q(resolved_at=None) | Q(resolved_at__gte=start)).exclude(severity="none")
    for row in rows.order_by("-fired_at")[:MOST]:
        assert row.fired_at is not None, "the query asked for it"
        title = row.annotations.get("summary") or row.name
        tone = "critical" if row.severity == "critical" else "warn"
        yield Change(Kind.ALERT, str(row.pk), row.fired_at, row.resolved_at, title, tone)


def _time(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
