"""One evaluation of every rule on every cluster: query, step, store. One transaction per rule and cluster.

What a rule gave stays in rows, so a restart loses nothing; what could not be asked stays what it was, without data.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from celery.exceptions import SoftTimeLimitExceeded
from django.db import transaction
from django.db.models import F

from controlplane.alerts.logic import seeing, states
from controlplane.alerts.logic.seeing import RuleFailed, Words
from controlplane.alerts.logic.states import RESTART_AFTER, Instance, Seen, Sight, Step, Timing
from controlplane.alerts.models import Alert, Evaluation, GroupLog, Notification, NotificationState, Rule
from controlplane.alerts.services import rows
from controlplane.clusters.models import Cluster
from controlplane.core.errors import AppError
from controlplane.gateways.errors import GatewayError
from controlplane.metrics.query import Point, QueryError

log = logging.getLogger(__name__)
#: Of one cycle, well within the task's time limit: what is left is marked, and what was seen is told.
BUDGET_S = 12.0
#: Of one rule's labels and annotations.
WORDS_S = 2.0
#: Rules that took longer are evaluated after the others.
SLOW_MS = 500.0
Query = Callable[[str, str, int], Iterable[Point]]
Look = Callable[[str, int], Sight]


@dataclass(frozen=True, slots=True)
class Counted:
    """Of one cycle."""

    rules: int = 0
    failed: int = 0
    alerts: int = 0
    transitions: int = 0

    def plus(self, other: Counted) -> Counted:
        return Counted(
            self.rules + other.rules,
            self.failed + other.failed,
            self.alerts + other.alerts,
            self.transitions + other.transitions,
        )


def evaluate(now: datetime, *, query: Query, look: Look) -> Counted:
    clusters = list(Cluster.objects.values_list("name", flat=True))
    sights = {name: look(name, _ms(now)) for name in clusters}
    opened = _open_alerts()
    last = {(row.rule_id, row.cluster): row for row in Evaluation.objects.all()}
    total, stamps = Counted(), []
    ends = time.monotonic() + BUDGET_S
    for rule in _quick_first(Rule.objects.filter(enabled=True), last):
        for cluster in clusters if not rule.cluster else [rule.cluster] * (rule.cluster in sights):
            previous = opened.get((rule.pk, cluster), {})
            before = last.get((rule.pk, cluster))
            work = _Work(rule, cluster, previous, before.evaluated_at if before else now, now, ends)
            counted, stamp = work.run(query, sights[cluster])
            total = total.plus(counted)
            stamps.append(stamp)
    _stamp(stamps)
    return total


def _quick_first(rules: Iterable[Rule], last: Mapping[tuple[int, str], Evaluation]) -> list[Rule]:
    """A rule that takes long holds up only those that take longer."""
    took: dict[int, float] = {}
    for (rule, _), row in last.items():
        took[rule] = max(took.get(rule, 0.0), row.duration_ms)
    return sorted(rules, key=lambda rule: took.get(rule.pk, 0.0) > SLOW_MS)


def _open_alerts() -> dict[tuple[int | None, str], dict[str, Instance]]:
    found: dict[tuple[int | None, str], dict[str, Instance]] = {}
    for row in Alert.objects.filter(resolved_at=None):
        found.setdefault((row.rule_id, row.cluster), {})[row.fingerprint] = rows.instance_of(row)
    return found


def _stamp(stamps: list[Evaluation]) -> None:
    Evaluation.objects.bulk_create(
        stamps,
        update_conflicts=True,
        unique_fields=["rule", "cluster"],
        update_fields=["evaluated_at", "duration_ms", "error"],
    )


@dataclass(frozen=True, slots=True)
class _Work:
    rule: Rule
    cluster: str
    previous: Mapping[str, Instance]
    last_at: datetime
    now: datetime
    #: By the monotonic clock: of the whole cycle.
    ends: float

    def run(self, query: Query, sight: Sight) -> tuple[Counted, Evaluation]:
        started = time.monotonic()
        step, error = self._step(query, sight)
        self._store(step)
        stamp = Evaluation(
            rule=self.rule,
            cluster=self.cluster,
            evaluated_at=self.now,
            duration_ms=(time.monotonic() - started) * 1000,
            error=error,
        )
        counted = Counted(1, int(bool(error)), len(step.instances), len(step.transitions))
        return counted, stamp

    def _step(self, query: Query, sight: Sight) -> tuple[Step, str]:
        timing = Timing(self.rule.hold, self.rule.keep_firing)
        if time.monotonic() > self.ends:
            return self._unseen(), "Not evaluated: the rules took too long together. See which are slow."
        try:
            seen = self._seen(query(self.cluster, self.rule.expr, _ms(self.now)))
        except (QueryError, RuleFailed, AppError, GatewayError) as error:
            return self._unseen(), str(error) or type(error).__name__
        except SoftTimeLimitExceeded:
            raise
        except (
            Exception
        ) as error:  # one rule's failure, like one broker's in the poll loop, is not everybody's
            log.exception("rule %s on %s could not be evaluated", self.rule.name, self.cluster)
            return self._unseen(), f"{type(error).__name__} (the log has the details)"
        previous = dict(self.previous)
        if self.now - self.last_at > RESTART_AFTER:
            known = states.restored(timing, previous.values(), self.last_at, self.now)
            previous = {each.key: each for each in known}
        return states.step(timing, previous, seen, sight, self.now), ""

    def _unseen(self) -> Step:
        return Step(tuple(states.unseen(each, self.now) for each in self.previous.values()))

    def _seen(self, points: Iterable[Point]) -> dict[str, Seen]:
        words = Words(self.rule.name, self.cluster, self.rule.labels, self.rule.annotations)
        pairs = ((each.labels, each.value) for each in points)
        return seeing.seen(words, pairs, self._deadline(time.monotonic() + WORDS_S))

    def _deadline(self, ends: float) -> Callable[[], None]:
        def check() -> None:
            if time.monotonic() > ends:
                raise RuleFailed(f"Its labels and annotations took more than {WORDS_S:.0f} s to fill in")

        return check

    def _store(self, step: Step) -> None:
        changed = [each for each in step.instances if each != self.previous.get(each.key)]
        if not changed and not step.gone:
            return
        with transaction.atomic():
            rows.store([rows.alert_of(each, self.rule, self.cluster) for each in changed])
            Alert.objects.filter(pk__in=[each.id for each in step.gone]).delete()


def end_alerts(rule: Rule, now: datetime) -> None:
    """The rule is switched off or deleted: what fired is resolved, what waited is forgotten. In the caller's transaction."""
    for row in Alert.objects.filter(rule=rule, resolved_at=None):
        after = states.ended(rows.instance_of(row), now)
        if after is None:
            row.delete()
        else:
            Alert.objects.filter(pk=row.pk).update(
                state=after.state.value, resolved_at=now, keep_since=None, no_data_since=None
            )


def move_times(jump: timedelta) -> None:
    """After a jump of the wall clock: no interval of what is open is cut or stretched by it."""
    Alert.objects.filter(resolved_at=None).update(
        **_moved(jump, "active_at", "fired_at", "keep_since", "no_data_since")
    )
    Evaluation.objects.update(**_moved(jump, "evaluated_at"))
    GroupLog.objects.update(**_moved(jump, "notified_at", "next_flush_at"))
    waiting = Notification.objects.filter(state=NotificationState.WAITING)
    waiting.update(**_moved(jump, "created_at", "next_attempt_at", "claimed_until"))


def _moved(jump: timedelta, *columns: str) -> dict[str, object]:
    return {column: F(column) + jump for column in columns}


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
