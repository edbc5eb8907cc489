"""Who hears of which alerts now: routing, silences, inhibition, grouping, and why. Writes the outbox.

1. Firing alerts are routed; each (receiver, group) has a log: what the receiver was told, when to look again.
2. A group that is due is decided: a notification is inserted and the log is written in one transaction.
3. Silences, inhibitions and mute times keep a firing alert quiet. That one is over is said nevertheless, once, to whoever
   was told of it: "resolved" closes what "firing" opened, also where the route has changed since.
A receiver's log remembers what it was told, so a restart neither repeats nor forgets.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings
from django.db import transaction

from controlplane.alerts.logic import mute_times, routing, silences, webhook
from controlplane.alerts.logic.dedup import Entry, NotifyReason, needs_update
from controlplane.alerts.logic.inhibition import Inhibitor
from controlplane.alerts.logic.labels import CLUSTER
from controlplane.alerts.logic.mute_times import TimeInterval
from controlplane.alerts.logic.routing import EVERYBODY, Route
from controlplane.alerts.logic.silences import SilenceRule
from controlplane.alerts.models import Acknowledgement, Alert, AlertState, GroupLog, Notification, Receiver
from controlplane.alerts.services import rows

GroupId = tuple[int, str]


@dataclass(slots=True)
class _Group:
    receiver: Receiver
    route: Route
    key: str
    labels: Mapping[str, str]
    log: GroupLog | None
    alerts: dict[str, Alert] = field(default_factory=dict)

    @property
    def told(self) -> frozenset[str]:
        return frozenset(self.log.firing) if self.log else frozenset()

    @property
    def entry(self) -> Entry | None:
        if self.log is None or self.log.notified_at is None:
            return None
        return Entry(self.told, frozenset(self.log.resolved), self.log.notified_at)


def dispatch(now: datetime) -> int:
    """Returns how many notifications were written."""
    return _Dispatch(now).run()


class _Dispatch:
    def __init__(self, now: datetime) -> None:
        self.now = now
        self.root = rows.route_tree()
        self.receivers = {row.name: row for row in Receiver.objects.all()}
        opened = list(Alert.objects.filter(resolved_at=None))
        self.firing = {row.fingerprint: row for row in opened if row.state == AlertState.FIRING}
        self.waiting = frozenset(row.fingerprint for row in opened if row.state != AlertState.FIRING)
        self.silences: tuple[SilenceRule, ...] = rows.silence_rules(now)
        self.inhibitor = Inhibitor(
            rows.inhibit_rules(), {key: row.labels for key, row in self.firing.items()}
        )
        self.intervals: dict[str, tuple[TimeInterval, ...]] = rows.intervals()
        self.quiet: dict[str, bool] = {}

    def run(self) -> int:
        return sum(self._look(group) for group in self._groups().values())

    # Groups

    def _groups(self) -> dict[GroupId, _Group]:
        """Of what fires, and of what receivers have been told and not heard the end of."""
        logs = {(row.receiver_id, row.digest): row for row in GroupLog.objects.select_related("receiver")}
        found: dict[GroupId, _Group] = {}
        for key, alert in self.firing.items():
            for route in routing.match(self.root, alert.labels):
                for receiver in self._receivers_of(route):
                    self._group(found, logs, receiver, route, alert).alerts[key] = alert
        for group_id, row in logs.items():
            if group_id not in found and row.next_flush_at is not None:
                route = next(
                    (r for r in routing.walk(self.root) if row.key.startswith(f"{r.key}:")), self.root
                )
                found[group_id] = _Group(row.receiver, route, row.key, row.labels, row)
        return found

    def _group(
        self,
        found: dict[GroupId, _Group],
        logs: Mapping[GroupId, GroupLog],
        receiver: Receiver,
        route: Route,
        alert: Alert,
    ) -> _Group:
        key = route.group_key(alert.labels)
        group_id = (receiver.pk, rows.group_digest(key))
        if group_id not in found:
            labels = route.group_labels(alert.labels)
            found[group_id] = _Group(receiver, route, key, labels, logs.get(group_id))
        return found[group_id]

    def _receivers_of(self, route: Route) -> Iterable[Receiver]:
        if route.receiver == EVERYBODY:
            return self.receivers.values()
        known = self.receivers.get(route.receiver)
        return [known] if known else []

    # One group

    def _look(self, group: _Group) -> int:
        due = self._due_at(group)
        if group.log is None or group.log.next_flush_at is None:
            group.log = self._opened(group, due)
        return self._flush(group, group.log) if due <= self.now else 0

    def _due_at(self, group: _Group) -> datetime:
        """A new group waits for its companions, counted from when the first of them fired."""
        if group.log is not None and group.log.next_flush_at is not None:
            return group.log.next_flush_at
        first = min((row.fired_at or self.now for row in group.alerts.values()), default=self.now)
        return first + group.route.group_wait

    def _opened(self, group: _Group, due: datetime) -> GroupLog:
        row, _ = GroupLog.objects.update_or_create(
            receiver=group.receiver,
            digest=rows.group_digest(group.key),
            defaults={"next_flush_at": due, "labels": dict(group.labels), "key": group.key},
        )
        return row

    def _flush(self, group: _Group, row: GroupLog) -> int:
        if mute_times.is_muted(group.route.mute, group.route.active, self.intervals, self.now):
            return self._next(group, row)
        loud = {key: alert for key, alert in group.alerts.items() if not self._is_quiet(key, alert)}
        still = group.told & (self.firing.keys() | self.waiting)
        over = self._over(group.told - still)
        reason = needs_update(
            group.entry,
            frozenset(loud) | still,
            frozenset(over),
            repeat=group.route.repeat_interval,
            now=self.now,
            send_resolved=group.receiver.send_resolved,
        )
        if reason is NotifyReason.NONE or (reason is NotifyReason.REPEAT and self._is_known(loud)):
            return self._next(group, row)
        return self._notify(group, row, reason, loud, over, sorted(frozenset(loud) | still))

    def _is_quiet(self, key: str, alert: Alert) -> bool:
        if key not in self.quiet:
            silenced = silences.silenced_by(self.silences, alert.labels, self.now)
            self.quiet[key] = bool(silenced) or self.inhibitor.by(alert.labels) is not None
        return self.quiet[key]

    def _over(self, keys: frozenset[str]) -> dict[str, Alert]:
        ended = Alert.objects.filter(fingerprint__in=keys, resolved_at__isnull=False) if keys else ()
        return {row.fingerprint: row for row in sorted(ended, key=lambda row: row.resolved_at or self.now)}

    def _is_known(self, loud: Mapping[str, Alert]) -> bool:
        """Somebody has acknowledged every one of them: no need to repeat."""
        pks = [alert.pk for alert in loud.values()]
        return bool(pks) and Acknowledgement.objects.filter(alert__in=pks).count() == len(pks)

    def _notify(
        self,
        group: _Group,
        row: GroupLog,
        reason: NotifyReason,
        loud: Mapping[str, Alert],
        over: Mapping[str, Alert],
        told: list[str],
    ) -> int:
        items = [*loud.values(), *(over.values() if group.receiver.send_resolved else ())]
        if not items and reason is not NotifyReason.ALL_RESOLVED:
            return self._next(group, row)
        with transaction.atomic():
            if items:
                _insert(group, row, reason, items, self.now)
            row.firing, row.resolved, row.notified_at = told, sorted(over), self.now
            self._schedule(group, row)
            row.save()
        return 1 if items else 0

    def _next(self, group: _Group, row: GroupLog) -> int:
        self._schedule(group, row)
        row.save(update_fields=["next_flush_at"])
        return 0

    def _schedule(self, group: _Group, row: GroupLog) -> None:
        """A group with nothing firing and nothing to close is over; its next alert waits like a first one."""
        alive = bool(group.alerts) or bool(row.firing)
        row.next_flush_at = self.now + group.route.group_interval if alive else None


def _insert(group: _Group, row: GroupLog, reason: NotifyReason, items: list[Alert], now: datetime) -> None:
    envelope = webhook.Envelope(
        receiver=group.receiver.name,
        group_key=group.key,
        group_labels=group.labels,
        reason=reason,
        external_url=settings.BASE_URL,
        max_alerts=group.receiver.max_alerts,
    )
    body = webhook.body(envelope, [_item(alert) for alert in items])
    clusters = {alert.labels.get(CLUSTER, "") for alert in items}
    Notification.objects.create(
        webhook_id=f"msg_{uuid.uuid4().hex}",
        group=row,
        receiver=group.receiver,
        receiver_name=group.receiver.name,
        cluster=clusters.pop() if len(clusters) == 1 else "",
        group_key=group.key,
        status=body["status"],
        reason=reason.value,
        alerts=len(items),
        payload=json.dumps(body, ensure_ascii=False, separators=(",", ":")),
        created_at=now,
        next_attempt_at=now,
        told_before=list(row.firing),
    )


def _item(alert: Alert) -> webhook.Item:
    return webhook.Item(
        labels=alert.labels,
        annotations=alert.annotations,
        starts_at=alert.fired_at or alert.active_at,
        ends_at=alert.resolved_at,
        generator_url=alert.page,
    )
