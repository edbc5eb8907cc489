"""Silences: pending, active or expired by their times alone, never stored as such. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from controlplane.alerts.logic.labels import CLUSTER, Labels
from controlplane.alerts.logic.matchers import Matchers, matches_all


class SilenceState(StrEnum):
    PENDING = "pending"
    ACTIVE = "active"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class SilenceRule:
    """`cluster` bounds it to what its author may operate; empty: every cluster."""

    id: str
    matchers: Matchers
    starts_at: datetime
    ends_at: datetime
    cluster: str = ""

    def covers(self, labels: Labels) -> bool:
        here = not self.cluster or labels.get(CLUSTER, "") == self.cluster
        return here and matches_all(self.matchers, labels)


def state(starts_at: datetime, ends_at: datetime, now: datetime) -> SilenceState:
    if now < starts_at:
        return SilenceState.PENDING
    return SilenceState.ACTIVE if now < ends_at else SilenceState.EXPIRED


def silenced_by(silences: Iterable[SilenceRule], labels: Labels, now: datetime) -> tuple[str, ...]:
    return tuple(
        each.id
        for each in silences
        if state(each.starts_at, each.ends_at, now) is SilenceState.ACTIVE and each.covers(labels)
    )


def is_too_wide(matchers: Matchers) -> bool:
    """It would silence everything: one matcher at least has to refuse an alert without labels (as Alertmanager)."""
    return matches_all(matchers, {})
