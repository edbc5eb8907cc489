"""Reads: alerts with what keeps them quiet, and which brokers cannot be seen. Never writes."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from django.db.models import QuerySet

from controlplane.alerts.logic import silences
from controlplane.alerts.logic.inhibition import Inhibitor
from controlplane.alerts.logic.labels import text_of
from controlplane.alerts.logic.preview import Mask, Sights, Times
from controlplane.alerts.logic.silences import SilenceRule
from controlplane.alerts.logic.states import Sight
from controlplane.alerts.models import Alert, AlertState, Beat, Rule
from controlplane.metrics import query
from controlplane.metrics.promql import PromQLError
from controlplane.metrics.selectors import retention, store
from controlplane.metrics.sources import is_elsewhere, source_of

#: max(3 polls, 60 s).
UNSEEN_MS = 60_000
#: Of a broker that has not been asked for longer than this nothing is expected: it was removed.
FORGOTTEN_MS = 900_000
FINGERPRINT = re.compile(r"[0-9a-f]{16}")


def sight(cluster: str, now_ms: int) -> Sight:
    """Which brokers of a cluster cannot be seen: their last poll failed, or is too long ago."""
    if is_elsewhere(cluster):
        return Sight()  # a server that does not answer fails each query by itself
    last = {
        each.labels.get("broker", ""): (each.times[-1], each.values[-1])
        for each in store().select(cluster, _sign_of_life(cluster), {}, now_ms - FORGOTTEN_MS, now_ms)
    }
    silent = frozenset(broker for broker, (at, up) in last.items() if not up or now_ms - at > UNSEEN_MS)
    return Sight(cluster_silent=len(silent) == len(last), silent_brokers=silent)


def _sign_of_life(cluster: str) -> str:
    """Where nobody is polled over HTTP, all that is known of a cluster was read over Kafka's protocol."""
    return "up" if source_of(cluster) else "kastellan_protocol_poll_up"


def sights(cluster: str, times: Times) -> Sights:
    """The same for every one of these moments of the past, where samples are as far apart as they are kept."""
    begin, end = int(times[0]), int(times[-1])
    now = time.time_ns() // 1_000_000
    ages = np.array([retention().resolution(now - int(at)) for at in times])
    unseen = np.maximum(UNSEEN_MS, ages * query.LOOKBACK_DISTANCES)
    silent: dict[str, Mask] = {}
    known: list[Mask] = []
    if is_elsewhere(cluster):
        return Sights(np.zeros(len(times), dtype=np.bool_), {})
    for each in store().select(cluster, _sign_of_life(cluster), {}, begin - FORGOTTEN_MS, end):
        at = np.asarray(each.times, dtype=np.int64)
        place = np.searchsorted(at, times, side="right") - 1
        age = times - at[np.maximum(place, 0)]
        expected = (place >= 0) & (age <= FORGOTTEN_MS)
        down = np.asarray(each.values, dtype=np.float64)[np.maximum(place, 0)] == 0
        silent[each.labels.get("broker", "")] = expected & (down | (age > unseen))
        known.append(expected & ~(down | (age > unseen)))
    seen_any = np.logical_or.reduce(known) if known else np.zeros(len(times), dtype=np.bool_)
    return Sights(~seen_any, silent)


def alerts(clusters: Iterable[str]) -> QuerySet[Alert]:
    """Of these clusters; what was never more than pending and is gone was never an alert."""
    return Alert.objects.filter(cluster__in=list(clusters)).select_related("acknowledgement", "rule")


def find_alert(rows: QuerySet[Alert], wanted: str) -> Alert | None:
    """By its id, or by the fingerprint of its labels: then the open episode, else the last."""
    if FINGERPRINT.fullmatch(wanted):
        found = rows.filter(fingerprint=wanted)
        return found.filter(resolved_at=None).first() or found.order_by("-resolved_at").first()
    try:
        return rows.filter(pk=uuid.UUID(wanted)).first()
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Quiet:
    """Why a firing alert is not told: the silences' ids, the alert that explains it."""

    silenced_by: tuple[str, ...] = ()
    inhibited_by: tuple[str, ...] = ()

    @property
    def quieted(self) -> bool:
        return bool(self.silenced_by or self.inhibited_by)


class Hush:
    """Silences and inhibitions as they are now, for as many alerts as a page shows."""

    def __init__(self, rules: tuple[SilenceRule, ...], inhibitor: Inhibitor, now: datetime) -> None:
        self._rules, self._inhibitor, self._now = rules, inhibitor, now

    def of(self, row: Alert) -> Quiet:
        if row.state == AlertState.RESOLVED:
            return Quiet()
        by = self._inhibitor.by(row.labels)
        return Quiet(silences.silenced_by(self._rules, row.labels, self._now), (by.by,) if by else ())


def firing_labels() -> dict[str, dict[str, str]]:
    firing = Alert.objects.filter(state=AlertState.FIRING, resolved_at=None)
    return dict(firing.values_list("fingerprint", "labels"))


def last_evaluation() -> datetime | None:
    """When the last cycle of all rules was done."""
    return Beat.objects.filter(pk=1).values_list("completed_at", flat=True).first()


def matches(row: Alert, words: str) -> bool:
    return words.lower() in f"{row.name} {text_of(row.labels)} {row.annotations.get('summary', '')}".lower()


def metrics_of_rules() -> dict[str, frozenset[str]]:
    """Rule → the metrics that it reads, of those that are on: for whoever says which of them a source lacks."""
    found = {}
    for rule in Rule.objects.filter(enabled=True).order_by("name"):
        try:
            names = {each.name for each in query.parse(rule.expr).selectors()}
        except PromQLError:
            continue
        found[rule.name] = frozenset(names - {""})
    return found
