"""What the metric history says of connectors now: records and errors. Unknown is None, never 0.

Only the worker that runs here is polled. Of another the history is where the Kafka cluster's metrics are read from a
Prometheus server, if that scrapes its workers under the names of Strimzi's rules.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from controlplane.metrics import query
from controlplane.metrics.query import QueryError
from controlplane.metrics.sources import is_elsewhere

#: As the charts have it: of polls that may fail or come late there are still two.
RATE = "1m"
ERRORS_WITHIN = "5m"
_C = "kafka_connect_"


@dataclass(frozen=True, slots=True)
class Measured:
    """`read` and `written` are records per second: of a source read there and written to topics, of a sink read from topics
    and given to it. `errors`: in the last five minutes, each attempt counted; `last_error_at`: since its tasks were started."""

    read: float | None = None
    written: float | None = None
    errors: int | None = None
    last_error_at: datetime | None = None


UNKNOWN = Measured()


def _sum(metric: str, within: str, how: str = "rate") -> str:
    return f"sum by (connector) ({how}({_C}{metric}[{within}]))"


_EITHER = {
    "read": ("source_task_source_record_poll_total", "sink_task_sink_record_read_total"),
    "written": ("source_task_source_record_write_total", "sink_task_sink_record_send_total"),
}
#: A connector is a source or a sink.
QUERIES = {
    **{name: " or ".join(_sum(metric, RATE) for metric in metrics) for name, metrics in _EITHER.items()},
    "errors": _sum("task_error_total_record_errors", ERRORS_WITHIN, "increase"),
    "last": f"max by (connector) ({_C}task_error_last_error_timestamp) > 0",
}


def is_measured(cluster: str, *, bundled: bool) -> bool:
    return bundled or is_elsewhere(cluster)


def measured(cluster: str) -> Mapping[str, Measured]:
    """By connector; those of which nothing is known are left out."""
    now = time.time_ns() // 1_000_000
    try:
        found = {name: _by_connector(cluster, text, now) for name, text in QUERIES.items()}
    except QueryError:
        return {}
    return {name: _of(name, found) for name in {each for values in found.values() for each in values}}


def _by_connector(cluster: str, text: str, now: int) -> dict[str, float]:
    return {each.labels.get("connector", ""): each.value for each in query.instant(cluster, text, now)}


def _of(name: str, found: Mapping[str, Mapping[str, float]]) -> Measured:
    errors, last = found["errors"].get(name), found["last"].get(name)
    return Measured(
        found["read"].get(name),
        found["written"].get(name),
        # An increase is extrapolated to the ends of its range: it is no whole number.
        None if errors is None else round(errors) or int(errors > 0),
        None if last is None else datetime.fromtimestamp(last / 1000, UTC),
    )
