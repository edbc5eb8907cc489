"""What single clients use, from Kafka's quota sensors: rates and throttle times per user and client id.

1. A broker has such sensors only while some quota of that kind is configured; one that is idle for an hour goes.
2. Which labels a sensor has follows the level of the quota that decides: user, client id, or both.
3. Users are percent-encoded in them (Kafka's Sanitizer), client ids are not. Limits hold per broker, and so do these.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from controlplane.metrics.logic.rates import STALE_MS
from controlplane.metrics.names import Sample, encoded_user
from controlplane.metrics.selectors import store

WINDOW_MS = 60_000
HOUR_MS = 3_600_000
#: Clients choose their ids freely: beyond this many per broker and kind only the busiest are kept.
MOST_PER_KIND = 500


@dataclass(frozen=True, slots=True)
class Sensor:
    """The metrics of one quota key."""

    rate: str
    throttle: str


SENSORS: Mapping[str, Sensor] = {
    "producer_byte_rate": Sensor("kafka_server_produce_byte_rate", "kafka_server_produce_throttle_time"),
    "consumer_byte_rate": Sensor("kafka_server_fetch_byte_rate", "kafka_server_fetch_throttle_time"),
    "request_percentage": Sensor("kafka_server_request_request_time", "kafka_server_request_throttle_time"),
    "controller_mutation_rate": Sensor(
        "kafka_server_controllermutation_mutation_rate", "kafka_server_controllermutation_throttle_time"
    ),
}


@dataclass(frozen=True, slots=True)
class Use:
    """`rates` per broker now; `throttle_ms` the longest on any broker, 0 when the sensor is there and never had to."""

    rates: Mapping[str, float]
    throttle_ms: float = 0.0

    @property
    def highest(self) -> float:
        return max(self.rates.values(), default=0.0)

    @property
    def total(self) -> float:
        return sum(self.rates.values())


@dataclass(frozen=True, slots=True)
class ClientUse:
    """Empty user or client id: the sensor counts all users of the client id, or all client ids of the user."""

    user: str
    client_id: str
    by_key: Mapping[str, Use] = field(default_factory=dict[str, Use])


def usage(cluster: str, now: int) -> tuple[ClientUse, ...]:
    """Every client that a sensor counts now."""
    found: dict[tuple[str, str], dict[str, Use]] = {}
    for key, sensor in SENSORS.items():
        rates = _fresh(cluster, sensor.rate, now)
        throttled = _fresh(cluster, sensor.throttle, now)
        for client, per_broker in rates.items():
            longest = max(throttled.get(client, {}).values(), default=0.0)
            found.setdefault(client, {})[key] = Use(per_broker, longest)
    return tuple(
        ClientUse(unquote(user), client_id, uses) for (user, client_id), uses in sorted(found.items())
    )


def last_seen(cluster: str, user: str, now: int) -> int | None:
    """When a sensor last counted something of this user, within the last hour; None: unknown, not "never"."""
    where = {"user": encoded_user(user)}
    seen = [
        ts
        for sensor in SENSORS.values()
        for series in store().select(cluster, sensor.rate, where, now - HOUR_MS, now)
        for ts, value in zip(series.times, series.values, strict=True)
        if value > 0
    ]
    return max(seen, default=None)


def _fresh(cluster: str, name: str, now: int) -> dict[tuple[str, str], dict[str, float]]:
    found: dict[tuple[str, str], dict[str, float]] = {}
    for series in store().select(cluster, name, {}, now - WINDOW_MS, now):
        labels = series.labels
        client = (labels.get("user", ""), labels.get("client_id", ""))
        if now - series.times[-1] <= STALE_MS and client != ("", ""):
            found.setdefault(client, {})[labels.get("broker", "")] = series.values[-1]
    return found


def bounded(samples: list[Sample]) -> list[Sample]:
    """Drops the idlest clients of a kind beyond the bound, so that invented client ids cannot fill the store."""
    kept = {
        name: _busiest(samples, name)
        for sensor in SENSORS.values()
        for name in (sensor.rate, sensor.throttle)
    }
    return [each for each in samples if each.name not in kept or each.labels in kept[each.name]]


def _busiest(samples: list[Sample], name: str) -> set[tuple[tuple[str, str], ...]]:
    found = sorted((each for each in samples if each.name == name), key=lambda each: -each.value)
    return {each.labels for each in found[:MOST_PER_KIND]}
