"""The opt-in window that shows which bindings are in use: at most ten minutes of DEBUG on `kafka.authorizer.logger`.

1. A row says which level each broker had, before any is raised: from then on the levels are a debt.
2. The level is raised on every broker; the brokers' logs are read until the end, a cancel or a failure.
3. Whatever ends the window, the levels are set back and read back. If that fails, or the worker dies, `restore_overdue`
   tries again each minute until every broker has its own level.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone

from controlplane.acls import selectors
from controlplane.acls.logic.authorizer_log import begins_at, judged, used_bindings
from controlplane.acls.models import AclWatch
from controlplane.audit.services import operation
from controlplane.clusters.models import Cluster
from controlplane.clusters.services import gateway_for
from controlplane.core.access import Action, Actor
from controlplane.core.errors import Conflict
from controlplane.core.plans import (
    ApiCall,
    Change,
    Json,
    Plan,
    PlanStep,
    Refusal,
    Risk,
    StepKind,
    api_path,
    state_digest,
)
from controlplane.gateways import broker as bundled
from controlplane.gateways.errors import GatewayError
from controlplane.gateways.kafka.types import ConfigOp, ConfigOpType, ResourceRef, ResourceType
from controlplane.jobs.models import Job
from controlplane.jobs.run import JobRun
from controlplane.jobs.services import enqueue

LOGGER = "kafka.authorizer.logger"
RAISED = "DEBUG"
MOST_MINUTES = 10
POLL_SECONDS = 2.0
LOG_BYTES = 4_000_000
GRACE = timedelta(seconds=30)
INTERRUPTED = "The window ended before its time; the levels were set back afterwards."


def plan_watch(cluster: Cluster, minutes: int) -> Plan:
    levels = levels_of(cluster)
    refusals = []
    if cluster.external:
        what = f"The brokers of {cluster.title} are not run by Kastellan: it cannot read their logs"
        refusals.append(
            Refusal("external", what, "Raise the level of kafka.authorizer.logger and read them there.")
        )
    if selectors.open_watch(cluster) is not None:
        refusals.append(
            Refusal("open", "A window is open already", "Wait for its end, or cancel its job under Jobs.")
        )
    if not 1 <= minutes <= MOST_MINUTES:
        refusals.append(Refusal("minutes", f"{minutes} minutes", f"From 1 to {MOST_MINUTES}."))
    return Plan(
        action=Action.ACL_EDIT,
        title=f"Watch for {minutes} min which ACLs are in use",
        apply_label="Start watching",
        cluster=cluster.name,
        steps=tuple(
            PlanStep(StepKind.RUN, "broker", broker, (Change(LOGGER, level, RAISED, "and back afterwards"),))
            for broker, level in levels.items()
        ),
        risk=Risk.REVERSIBLE,
        digest=state_digest({"watch": levels, "open": bool(refusals)}),
        warnings=(
            "Every request that is allowed becomes a line in the brokers' logs meanwhile: they grow with the load.",
        ),
        refusals=tuple(refusals),
        undo="None needed: the level goes back by itself, also when this control plane dies meanwhile.",
        request={"minutes": minutes},
        api=ApiCall("POST", api_path(cluster.name, "acls", "watch"), {"minutes": minutes}),
    )


def start(actor: Actor, cluster: Cluster, minutes: int, plan: Plan) -> Job:
    return enqueue(
        kind="acls.watch",
        title=plan.title,
        args={"seconds": minutes * 60, "plan": plan.to_json()},
        actor=actor,
        cluster=cluster.name,
    )


def run_watch(job: JobRun) -> Mapping[str, Json]:
    cluster = Cluster.objects.get(name=job.cluster)
    seconds = min(int(str(job.args["seconds"])), MOST_MINUTES * 60)
    with operation(job.actor, Action.ACL_EDIT, cluster=job.cluster, target=LOGGER, plan=job.plan) as entry:
        row = open_window(cluster, timezone.now(), seconds)
        entry.note(levels=row.levels, seconds=seconds)
        try:
            with job.step(f"Raise {LOGGER} on {len(row.levels)} brokers"):
                set_levels(cluster, dict.fromkeys(row.levels, RAISED))
            with job.step("Watch"):
                _watch(job, cluster, row)
        except BaseException:
            row.error = INTERRUPTED
            row.save(update_fields=["error"])
            raise
        finally:
            restore(cluster, row, timezone.now())
        entry.note(bindings_used=len(row.used), complete=row.complete)
    return {"bindings_used": len(row.used), "complete": row.complete}


def open_window(cluster: Cluster, now: datetime, seconds: int) -> AclWatch:
    try:
        with transaction.atomic():
            return AclWatch.objects.create(
                cluster=cluster.name,
                started_at=now,
                ends_at=now + timedelta(seconds=seconds),
                levels=levels_of(cluster),
            )
    except IntegrityError as error:
        raise Conflict(
            "A window is open already", hint="Wait for its end, or cancel its job under Jobs."
        ) from error


def _watch(job: JobRun, cluster: Cluster, row: AclWatch) -> None:
    spec = bundled.bundled_cluster(cluster.name)
    total = round((row.ends_at - row.started_at).total_seconds())
    seen: dict[str, datetime] = {}
    while True:
        over = timezone.now() >= row.ends_at
        for broker in row.levels:
            _read_log(spec, broker, row, seen)
        row.save(update_fields=["used", "complete"])
        gone = round((timezone.now() - row.started_at).total_seconds())
        job.progress(min(gone, total), total, f"{len(row.used)} bindings in use so far")
        job.raise_if_cancelled()
        if over:
            _note_restarts(cluster, row)
            return
        left = (row.ends_at - timezone.now()).total_seconds()
        time.sleep(min(max(left, 0.1), POLL_SECONDS))


def _note_restarts(cluster: Cluster, row: AclWatch) -> None:
    """A broker that restarted, came or went meanwhile was not listened to all the time."""
    if levels_of(cluster) != dict.fromkeys(row.levels, RAISED):
        row.complete = False
        row.save(update_fields=["complete"])


def _read_log(spec: bundled.ClusterSpec, broker: str, row: AclWatch, seen: dict[str, datetime]) -> None:
    """A log that begins later than the last reading ended has been cut or rotated between the two."""
    lines = bundled.broker_log(spec, int(broker), LOG_BYTES).splitlines()
    begins = begins_at(lines)
    if begins is not None and begins > seen.get(broker, row.started_at):
        row.complete = False
    found = [each for each in judged(lines) if each.at >= row.started_at]
    if found:
        seen[broker] = found[-1].at
        row.used |= {name: at.isoformat() for name, at in used_bindings(found).items()}


def restore(cluster: Cluster, row: AclWatch, now: datetime) -> bool:
    """Every broker that is still there has its own level back; otherwise the debt stays."""
    gateway = gateway_for(cluster)
    try:
        there = {str(node.id) for node in gateway.describe_cluster().brokers}
        wanted = {broker: level for broker, level in row.levels.items() if broker in there}
        set_levels(cluster, wanted)
        held = levels_of(cluster)
    except GatewayError:
        return False
    if any(held.get(broker) != level for broker, level in wanted.items()):
        return False
    row.restored_at = now
    row.save(update_fields=["restored_at"])
    return True


def restore_overdue(now: datetime) -> int:
    """For the schedule: windows whose job is not there any more to end them."""
    restored = 0
    for row in AclWatch.objects.filter(restored_at=None, ends_at__lt=now - GRACE):
        cluster = Cluster.objects.filter(name=row.cluster).first()
        row.error = row.error or INTERRUPTED
        row.save(update_fields=["error"])
        if cluster is not None:
            restored += restore(cluster, row, now)
    return restored


def levels_of(cluster: Cluster) -> dict[str, str]:
    """The level of the logger on each live broker."""
    gateway = gateway_for(cluster)
    live = [node.id for node in gateway.describe_cluster().brokers if not node.fenced]
    refs = [ResourceRef(ResourceType.BROKER_LOGGER, str(broker)) for broker in sorted(live)]
    found = gateway.describe_configs(refs, names=[LOGGER], documentation=False)
    return {
        ref.name: next((entry.value or "INFO" for entry in entries if entry.name == LOGGER), "INFO")
        for ref, entries in found.items()
    }


def set_levels(cluster: Cluster, levels: Mapping[str, str]) -> None:
    if not levels:
        return
    gateway_for(cluster).incremental_alter_configs(
        {
            ResourceRef(ResourceType.BROKER_LOGGER, broker): [ConfigOp(LOGGER, ConfigOpType.SET, level)]
            for broker, level in levels.items()
        }
    )
