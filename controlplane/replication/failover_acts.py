"""What each step of a failover does: run inside a job and an operation, and answered with what was found and measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from controlplane.clusters import selectors as clusters
from controlplane.clusters.services import gateway_for
from controlplane.core.errors import NotVerified
from controlplane.core.plans import Json
from controlplane.core.words import counted
from controlplane.gateways.connect import State
from controlplane.gateways.kafka.types import TopicPartition
from controlplane.jobs.run import JobRun
from controlplane.replication import comparing, freezing, readiness, reversal, selectors, services, watching
from controlplane.replication.logic.failover import Kind, Step, left_behind, seconds_lost, stood_still
from controlplane.replication.logic.flows import FlowRequest
from controlplane.replication.logic.offset_plans import not_restored
from controlplane.replication.logic.progress import Partition, PartitionLag, by_topic, from_topics
from controlplane.replication.logic.readiness import problems
from controlplane.replication.models import Failover

#: So long no end offset may move before the freeze counts as proven.
STILL_SECONDS = 10.0
FREEZE_SECONDS = 60.0
DRAIN_SECONDS = 1800.0
STOP_SECONDS = 60.0
ASK_EVERY = 1.0


def _check(job: JobRun, run: Failover, asked: FlowRequest) -> dict[str, Json]:
    found = readiness.of(asked)
    for problem in problems(Kind(run.kind), found):
        job.log(problem)
    return found.evidence()


def _do_freeze(job: JobRun, run: Failover, asked: FlowRequest) -> dict[str, Json]:
    source, target = services.ends(asked)
    if freezing.follow_acls(asked, target, follow=False):
        job.log("The flow does not follow the ACLs of topics any more: the freeze would follow the clients")
    change = freezing.missing(source, freezing.denials(asked, source))
    if change is not None:
        freezing.carry_out(run, source, change)
    job.log("Everybody but super users is denied to write; looking whether the ends stand still")
    deadline = time.monotonic() + FREEZE_SECONDS
    while True:
        before = watching.source_ends(asked, source, target)
        _wait(job, STILL_SECONDS)
        after = watching.source_ends(asked, source, target)
        moved = stood_still(before, after)
        if not moved:
            break
        if time.monotonic() > deadline:
            raise NotVerified(
                f"Somebody still writes: {', '.join(moved[:5])}",
                hint="Super users are not bound by ACLs: stop those clients, then take the step again.",
            )
        job.log(f"Still written to: {', '.join(moved[:5])}")
    return {
        "denied": [f"{pattern.lower()} {name}" for pattern, name in run.denied],
        "stood_still_s": STILL_SECONDS,
        "end_offsets": sum(after.values()),
        "frozen_at": datetime.now(UTC).isoformat(),
    }


def _not_copied(left: int) -> str:
    return f"{counted(left, 'record')} not copied yet"


def _wait(job: JobRun, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        job.raise_if_cancelled()
        time.sleep(min(ASK_EVERY, max(until - time.monotonic(), 0)))


def _drain(job: JobRun, run: Failover, asked: FlowRequest) -> dict[str, Json]:
    source, target = services.ends(asked)
    deadline, first = time.monotonic() + DRAIN_SECONDS, None
    rehearsal = Kind(run.kind) is Kind.REHEARSAL
    goal = watching.source_ends(asked, source, target)
    state = selectors.health(asked, target).state
    if state != "running":
        job.log(f"The flow is {state}: it has to run for this to end")
    while True:
        progress = watching.progress_of(asked, source, target)
        left = None
        if progress.known:
            left = _left(progress.rows, goal) if rehearsal else left_behind(progress.rows)
        first = left if first is None else first
        if left == 0:
            waited = DRAIN_SECONDS - (deadline - time.monotonic())
            return {"records_at_begin": first, "records_left": 0, "waited_s": round(waited, 1)}
        if time.monotonic() > deadline:
            raise NotVerified(
                "unknown how far it is" if left is None else _not_copied(left),
                hint="Look at the flow's connectors, then take the step again.",
            )
        job.progress(
            (first or 0) - (left or 0),
            first,
            "unknown" if left is None else _not_copied(left),
        )
        _wait(job, ASK_EVERY)


def _left(rows: tuple[PartitionLag, ...], goal: Mapping[Partition, int]) -> int | None:
    """Of what was there when the rehearsal looked: writing goes on meanwhile."""
    if any(row.position is None for row in rows):
        return None
    return sum(max(goal.get((row.topic, row.partition), 0) - (row.position or 0), 0) for row in rows)


def _stop(job: JobRun, run: Failover, asked: FlowRequest) -> dict[str, Json]:
    source, target = services.ends(asked)
    progress = watching.progress_of(asked, source, target)
    # One more round of checkpoints, so that the last commits of the source are known in the target.
    _wait(job, min(asked.checkpoint_s + 1, 70))
    connect = services.connect_to(target)
    names = list(services.states(asked, target))
    for name in names:
        connect.stop(name)
    deadline = time.monotonic() + STOP_SECONDS
    while any(connect.status(name).state is not State.STOPPED for name in names):
        if time.monotonic() > deadline:
            raise NotVerified(
                "A connector does not stop", hint="Look at the worker's log, then take the step again."
            )
        _wait(job, ASK_EVERY)
    # Until now only the flow wrote there: what clients write after this is what a flow back has to copy.
    run.copy_ends = by_topic(watching.copy_ends(asked, source, target))
    run.positions = by_topic(watching.positions_of(asked, target))
    run.save(update_fields=["copy_ends", "positions"])
    return {
        "stopped": [*names],
        "records_lost": left_behind(progress.rows) if progress.known else None,
        "seconds_lost": progress.totals.seconds if progress.known else None,
        "source": progress.error or "answers",
    }


def _offsets(job: JobRun, run: Failover, asked: FlowRequest) -> dict[str, Json]:
    source, target = services.ends(asked)
    rows = watching.translation_of(asked, source, target).rows
    active = set(readiness.active_in(target, {row.group for row in rows}))
    there = gateway_for(target)
    moved: list[str] = []
    for group in sorted({row.group for row in rows} - active):
        wanted_ = {
            TopicPartition(row.into, row.partition): row.translated
            for row in rows
            if row.group == group and row.translated is not None and row.translated != row.there
        }
        if not wanted_:
            continue
        there.alter_group_offsets(
            group, {key: offset for key, offset in wanted_.items() if offset is not None}
        )
        moved.append(group)
        job.log(f"{group}: {len(wanted_)} partition(s)")
    set_ = [row for row in rows if row.group in moved]
    return {
        "groups": [*moved],
        # MirrorMaker had committed them at the very places already.
        "in_place": [*sorted({row.group for row in rows if row.in_place} - set(moved) - active)],
        "left_alone": [*sorted(active)],
        "before": [[row.group, row.into, row.partition, row.there] for row in set_],
        "after": [
            [row.group, row.into, row.partition, row.there if row.translated is None else row.translated]
            for row in set_
        ],
        "not_restored": list(not_restored(rows)),
        "read_again": sum(row.behind or 0 for row in rows if row.group not in active),
    }


def _switch(job: JobRun, run: Failover, asked: FlowRequest) -> dict[str, Json]:
    """A person says so. What can be seen is whether somebody reads in the target by now."""
    _, target = services.ends(asked)
    back = reversal.turned(asked)
    if freezing.standing(back, target):
        freezing.lift(back, target, freezing.plan_lift(back, target))
        job.log(f"The freeze of {asked.target} is lifted: the clients come home")
    groups = {
        name for name in clusters.groups(target).values_list("group", flat=True) if asked.group_followed(name)
    }
    return {
        "confirmed_by": job.actor.name,
        "groups_reading_in_target": [*readiness.active_in(target, groups)],
        "switched_at": datetime.now(UTC).isoformat(),
    }


def _loss(job: JobRun, run: Failover, asked: FlowRequest) -> dict[str, Json]:
    """What the source has and its copy has not. It was written down how far the flow had come before it stopped."""
    progress = watching.progress_of(asked, *services.ends(asked))
    lost = left_behind(progress.rows)
    if not progress.known or lost is None:
        raise NotVerified(
            f"{asked.source} does not tell how far it had been written: {progress.error or 'no position is known'}",
            hint="Start its brokers, then take the step again. The clients in the target need not wait for it.",
        )
    rows = [row for row in progress.rows if row.lag]
    oldest = min((row.waiting_since_ms for row in rows if row.waiting_since_ms is not None), default=None)
    last = watching.newest_of(services.ends(asked)[0], rows)
    answered = (run.taken[Step.CHECK].evidence or {}).get("last_known_at")
    signs = [*([last] if last is not None else []), *([_ms(str(answered))] if answered else [])]
    return {
        "records_lost": lost,
        "seconds_lost": seconds_lost(lost, oldest, signs, _ms(run.taken[Step.STOP].started_at)),
        "only_in_source": [
            f"{row.topic}-{row.partition} from offset {row.position} to {(row.end or 0) - 1}" for row in rows
        ],
    }


def _ms(at: str) -> int:
    return int(datetime.fromisoformat(at).timestamp() * 1000)


def _verify(job: JobRun, run: Failover, asked: FlowRequest) -> dict[str, Json]:
    source, target = services.ends(asked)
    # Where the flow was stopped, clients may have written behind its copies since.
    ends = from_topics(run.copy_ends)
    return comparing.compare(asked, source, target, ends=ends, told=job.log).evidence()


ACTS: Mapping[Step, Callable[[JobRun, Failover, FlowRequest], dict[str, Json]]] = {
    Step.CHECK: _check,
    Step.FREEZE: _do_freeze,
    Step.DRAIN: _drain,
    Step.STOP: _stop,
    Step.OFFSETS: _offsets,
    Step.SWITCH: _switch,
    Step.VERIFY: _verify,
    Step.LOSS: _loss,
    Step.REVERSE: reversal.turn_round,
}
