"""Rows of the alerting pages: alerts with what keeps them quiet, rules with how they stand."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Count, Q, QuerySet
from django.urls import reverse
from django.utils import timezone

from controlplane.alerts import selectors
from controlplane.alerts.logic.inhibition import Inhibitor
from controlplane.alerts.logic.places import places
from controlplane.alerts.models import Alert, AlertState, Beat, Evaluation, Rule, Silence
from controlplane.alerts.pages import AlertRow, RuleRow, SilenceRow
from controlplane.alerts.services import rows, silencing
from controlplane.clusters.logic.verdict import Alarm
from controlplane.clusters.models import Cluster, Kind


def hush() -> selectors.Hush:
    now = timezone.now()
    inhibitor = Inhibitor(rows.inhibit_rules(), selectors.firing_labels())
    return selectors.Hush(rows.silence_rules(now), inhibitor, now)


def alert_rows(found: Iterable[Alert]) -> list[AlertRow]:
    quiet = hush()
    bundled = set(Cluster.objects.filter(kind=Kind.BUNDLED).values_list("name", flat=True))
    return [
        AlertRow(
            row,
            quiet.of(row),
            row.acknowledgement.by if hasattr(row, "acknowledgement") else "",
            tuple(
                (each.title, reverse(each.page, args=each.args))
                for each in places(row.cluster, row.labels, bundled=row.cluster in bundled)
            ),
        )
        for row in found
    ]


def alerts_of(cluster: Cluster) -> QuerySet[Alert]:
    """The watchdog is left out: it always fires."""
    return selectors.alerts([cluster.name]).exclude(severity="none")


def alarms(cluster: Cluster) -> tuple[Alarm, ...]:
    """What fires and is neither silenced nor explained by another alert."""
    found = list(alerts_of(cluster).filter(state=AlertState.FIRING))
    if not found:
        return ()
    quiet = hush()
    return tuple(
        Alarm(row.name, row.severity, row.annotations.get("summary") or row.name, row.active_at, str(row.pk))
        for row in found
        if not quiet.of(row).quieted
    )


def open_counts(cluster: Cluster) -> tuple[int, int]:
    """Firing and pending."""
    found = alerts_of(cluster).aggregate(
        firing=Count("pk", filter=Q(state=AlertState.FIRING)),
        pending=Count("pk", filter=Q(state=AlertState.PENDING)),
    )
    return found["firing"], found["pending"]


def rule_rows(cluster: Cluster) -> list[RuleRow]:
    rules = Rule.objects.filter(cluster__in=("", cluster.name)).annotate(
        firing=Count("alerts", filter=Q(alerts__state=AlertState.FIRING, alerts__cluster=cluster.name)),
        pending=Count("alerts", filter=Q(alerts__state=AlertState.PENDING, alerts__cluster=cluster.name)),
    )
    last = {row.rule_id: row for row in Evaluation.objects.filter(cluster=cluster.name)}
    return [_rule_row(rule, last.get(rule.pk)) for rule in rules]


def _rule_row(rule: Rule, last: Evaluation | None) -> RuleRow:
    return RuleRow(
        rule=rule,
        name=rule.name,
        group=rule.group,
        severity=str(rule.labels.get("severity", "")),
        firing=getattr(rule, "firing", 0),
        pending=getattr(rule, "pending", 0),
        enabled=rule.enabled,
        error=last.error if last and rule.enabled else "",
        evaluated_at=last.evaluated_at if last else None,
    )


def silence_rows(cluster: Cluster) -> list[SilenceRow]:
    now = timezone.now()
    return [
        SilenceRow(
            silence=row,
            matchers=", ".join(row.matchers),
            state=silencing.state_of(row, now).value,
            created_by=row.created_by,
            starts_at=row.starts_at,
            ends_at=row.ends_at,
            comment=row.comment,
        )
        for row in Silence.objects.filter(cluster__in=("", cluster.name))
    ]


def beat() -> Beat:
    return Beat.objects.filter(pk=1).first() or Beat()
