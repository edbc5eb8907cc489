"""One poll of a flow into the metric history of its target: state, lag, heartbeat, checkpoints.

What could not be learnt has no sample; it is never 0. `kastellan_flow_poll_up` says that the lag is known.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass

from controlplane.clusters.models import Cluster
from controlplane.gateways.errors import GatewayError
from controlplane.metrics.logic.lag import next_poll_s
from controlplane.metrics.names import Sample, sample
from controlplane.metrics.selectors import end_series, store
from controlplane.replication import selectors, watching
from controlplane.replication.logic import checkpoints
from controlplane.replication.logic.flows import FlowRequest
from controlplane.replication.models import Flow

INTERVAL_S = 30
DURATION = "kastellan_flow_poll_duration_seconds"
CHECKPOINT_AGE = "kastellan_flow_checkpoint_age_seconds"
#: `FlowHealth.state`: what it may say.
STATES = (
    "running", "paused", "stopped", "failed", "incomplete", "mixed", "unassigned", "restarting", "destroyed", "unknown",
)  # fmt: skip
#: How far back the last poll is looked for: longer than the longest pause between two.
LAST_MS = 600_000
#: A beat comes up to this much early.
SLACK_MS = 2_000
#: Beyond it the lag of single topics is left out.
MOST_TOPICS = 500
PREFIX = "flow-"


@dataclass(frozen=True, slots=True)
class Last:
    """What the poll before said, and when."""

    at_ms: int
    took_s: float
    ages: dict[str, float]


def target_of(source: str) -> str:
    """The name of the scrapes in the store of the target cluster."""
    return f"{PREFIX}{source}"


def last_poll(asked: FlowRequest, now: int) -> Last | None:
    latest = store().latest(asked.target, target_of(asked.source), now - LAST_MS)
    if latest is None:
        return None
    at, values = latest
    took = next((value for (name, _), value in values.items() if name == DURATION), 0.0)
    ages = {
        json.loads(labels)["consumergroup"]: value
        for (name, labels), value in values.items()
        if name == CHECKPOINT_AGE
    }
    return Last(at, took, ages)


def due(last: Last | None, now: int) -> bool:
    """A flow that takes long to read is read less often."""
    if last is None:
        return True
    return now - last.at_ms + SLACK_MS >= next_poll_s(last.took_s, shortest=INTERVAL_S) * 1000


def poll(asked: FlowRequest, source: Cluster, target: Cluster, now: int, last: Last | None) -> None:
    """Stores one scrape at `now` (Unix milliseconds)."""
    started = time.monotonic()
    health = selectors.health(asked, target)
    found = [*_of_state(health.state), *_of_objective(asked)]
    known = False
    if not health.error:
        progress = _progress(asked, source, target)
        known = progress is not None and progress.known
        if progress is not None and known:
            selectors.remember(asked, progress.totals)
        found += _of_progress(progress, known=known) if progress else ()
        found += _of_checkpoints(asked, source, target, now, last)
    found += [sample("kastellan_flow_poll_up", known), sample(DURATION, time.monotonic() - started)]
    _store(asked, now, found)


def unread(asked: FlowRequest, now: int, took_s: float) -> None:
    """It took too long: said, and not asked again at once."""
    unknown = [sample("kastellan_flow_poll_up", 0), sample(DURATION, took_s)]
    _store(asked, now, [*_of_objective(asked), *unknown])


def _store(asked: FlowRequest, now: int, found: list[Sample]) -> None:
    ends = (("source", asked.source), ("target", asked.target))
    labelled = [Sample(each.name, tuple(sorted((*each.labels, *ends))), each.value) for each in found]
    store().append(asked.target, target_of(asked.source), now, labelled)


def _progress(asked: FlowRequest, source: Cluster, target: Cluster) -> watching.Progress | None:
    try:
        return watching.progress_of(asked, source, target)
    except GatewayError:
        return None


def _of_state(now: str) -> Iterator[Sample]:
    for state in STATES:
        yield sample("kastellan_flow_state", state == now, state=state)


def _of_objective(asked: FlowRequest) -> Iterator[Sample]:
    """So that rules compare with it in PromQL; a flow without one has no sample."""
    if asked.rpo_s is not None:
        yield sample("kastellan_flow_rpo_seconds", asked.rpo_s)
    if asked.rpo_records is not None:
        yield sample("kastellan_flow_rpo_records", asked.rpo_records)


def _of_progress(found: watching.Progress, *, known: bool) -> Iterator[Sample]:
    """The heartbeat is in the target, so it is told also while the source is silent."""
    if found.heartbeat_age_s is not None:
        yield sample("kastellan_flow_heartbeat_age_seconds", found.heartbeat_age_s)
    if not known:
        return
    yield sample("kastellan_flow_partitions", found.totals.partitions)
    if found.totals.partitions and found.totals.records is None:
        return
    yield sample("kastellan_flow_lag_records", found.totals.records or 0)
    seconds = found.totals.seconds if found.totals.records else 0.0
    if seconds is not None:
        yield sample("kastellan_flow_lag_seconds", seconds)
    topics = {row.topic for row in found.rows}
    for topic in sorted(topics) if len(topics) <= MOST_TOPICS else ():
        lag = sum(row.lag or 0 for row in found.rows if row.topic == topic)
        yield sample("kastellan_flow_topic_lag_records", lag, topic=topic)


def _of_checkpoints(
    asked: FlowRequest, source: Cluster, target: Cluster, now: int, last: Last | None
) -> Iterator[Sample]:
    try:
        found = watching.checkpoints_of(asked, source, target)
    except GatewayError:
        return
    before, elapsed = (last.ages, (now - last.at_ms) / 1000) if last else ({}, 0.0)
    ages = checkpoints.ages(found.due, found.newest_ms, before, elapsed, now)
    for group, age in ages.items():
        yield sample(CHECKPOINT_AGE, age, consumergroup=group)


def end_gone(cluster: str, now: int) -> None:
    """Ends what was said of flows into the cluster that are no more."""
    there = {
        target_of(source) for source in Flow.objects.filter(target=cluster).values_list("source", flat=True)
    }
    for target in store().targets(cluster, now - LAST_MS):
        if target.startswith(PREFIX) and target not in there:
            end_series(cluster, target, now, now - LAST_MS)
