"""What single clients use, from Kafka's quota sensors: rates and throttle times per user and client id.

1. A broker has such sensors only while some quota of that kind is configured; one that is idle for an hour goes.
2. Which labels a sensor has follows the level of the quota that decides: user, client id, or both.
3. Users are percent-encoded in them (Kafka's Sanitizer), client ids are not. Limits hold per broker, and so do these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import unquote

from controlplane.metrics import elsewhere, query
from controlplane.metrics.logic.rates import STALE_MS
from controlplane.metrics.names import Sample, encoded_user
from controlplane.metrics.promql import EvaluationError, PromQLError
from controlplane.metrics.query import QueryError
from controlplane.metrics.selectors import store
from controlplane.metrics.sources import is_elsewhere

#: (user, client id) → broker → value.
Rates = dict[tuple[str, str], dict[str, float]]

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
    read = _elsewhere(cluster, now) if is_elsewhere(cluster) else partial(_fresh, cluster, now=now)
    for key, sensor in SENSORS.items():
        rates, throttled = read(sensor.rate), read(sensor.throttle)
        for client, per_broker in rates.items():
            longest = max(throttled.get(client, {}).values(), default=0.0)
            found.setdefault(client, {})[key] = Use(per_broker, longest)
    return tuple(
        ClientUse(unquote(user), client_id, uses) for (user, client_id), uses in sorted(found.items())
    )


def last_seen(cluster: str, user: str, now: int) -> int | None:
    """When a sensor last counted something of this user, within the last hour; None: unknown, not "never"."""
    if is_elsewhere(cluster):
        return _last_seen_elsewhere(cluster, user, now)
    where = {"user": encoded_user(user)}
    seen = [
        ts
        for sensor in SENSORS.values()
        for series in store().select(cluster, sensor.rate, where, now - HOUR_MS, now)
        for ts, value in zip(series.times, series.values, strict=True)
        if value > 0
    ]
    return max(seen, default=None)


def _last_seen_elsewhere(cluster: str, user: str, now: int) -> int | None:
    """To the minute."""
    names = "|".join(sensor.rate for sensor in SENSORS.values())
    asked = query.parse(f'max({{__name__=~"{names}",user="{encoded_user(user)}"}}) > 0')
    try:
        answer = query.evaluate_range(
            cluster, asked, now - HOUR_MS, now, 60_000, timeout=query.INSTANT_TIMEOUT_S
        )
    except (PromQLError, EvaluationError):
        return None
    return max((int(series.times[-1]) for series in answer.series), default=None)


def _elsewhere(cluster: str, now: int) -> Callable[[str], Rates]:
    """All sensors in one request; none while the server does not answer."""
    names = [name for sensor in SENSORS.values() for name in (sensor.rate, sensor.throttle)]
    try:
        points = elsewhere.latest(cluster, names, now)
    except QueryError:
        points = {}
    return lambda name: _by_client((each.labels, each.value) for each in points.get(name, ()))


def _by_client(values: Iterable[tuple[Mapping[str, str], float]]) -> Rates:
    found: Rates = {}
    for labels, value in values:
        client = (labels.get("user", ""), labels.get("client_id", ""))
        if client != ("", ""):
            found.setdefault(client, {})[labels.get("broker", "")] = value
    return found


def _fresh(cluster: str, name: str, now: int) -> Rates:
    rows = store().select(cluster, name, {}, now - WINDOW_MS, now)
    fresh = ((each.labels, each.values[-1]) for each in rows if now - each.times[-1] <= STALE_MS)
    return _by_client(fresh)


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
