"""Reads: alerts with what keeps them quiet, rules with their health, silences with their state, the outbox. Never writes."""

from __future__ import annotations

from controlplane.alerts.logic.states import Sight
from controlplane.metrics.selectors import store

#: max(3 polls, 60 s).
UNSEEN_MS = 60_000
#: Of a broker that has not been asked for longer than this nothing is expected: it was removed.
FORGOTTEN_MS = 900_000


def sight(cluster: str, now_ms: int) -> Sight:
    """Which brokers of a cluster cannot be seen: their last poll failed, or is too long ago."""
    last = {
        each.labels.get("broker", ""): (each.times[-1], each.values[-1])
        for each in store().select(cluster, "up", {}, now_ms - FORGOTTEN_MS, now_ms)
    }
    silent = frozenset(broker for broker, (at, up) in last.items() if not up or now_ms - at > UNSEEN_MS)
    return Sight(cluster_silent=len(silent) == len(last), silent_brokers=silent)
