"""The Connect worker beside a cluster: plan, then a job that the supervisor carries out, verified and audited.

Composes what a worker is made of: its process, and beside a bundled cluster the ACLs of its principal. Every step of the job may be repeated,
so a worker of ours that dies in the middle is followed by another that does the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from controlplane.acls import selectors as acl_selectors
from controlplane.acls import services as acls
from controlplane.acls.logic.bundles import Bundle, BundleRequest, bindings_of
from controlplane.acls.logic.plans import AclChange
from controlplane.audit.services import operation
from controlplane.clusters.exclusion import admitted, refused_while_busy
from controlplane.clusters.models import Cluster
from controlplane.clusters.operations import check_again
from controlplane.core.access import Action, Actor
from controlplane.core.plans import Json, Plan
from controlplane.gateways import broker as bundled
from controlplane.gateways import workers
from controlplane.gateways.workers import ConnectSpec
from controlplane.jobs.models import Job
from controlplane.jobs.run import JobRun
from controlplane.jobs.services import enqueue
from controlplane.workers import outside, selectors
from controlplane.workers.logic.plans import WorkerAct, WorkerRequest, plan_act

KIND = "connect.worker"
#: Of which one at a time is at work on a cluster: the worker's own, and those that change what it loads.
KINDS = (KIND, "connect.plugin")
READY_SECONDS = 180
STOP_SECONDS = 120


def plan(cluster: Cluster, asked: WorkerRequest) -> Plan:
    return refused_while_busy(cluster, _plan_now(cluster, asked), KINDS)


def _plan_now(cluster: Cluster, asked: WorkerRequest) -> Plan:
    rights = _rights(cluster, asked.act)
    state = selectors.worker_state(cluster, selectors.status_of(cluster))
    if asked.act is WorkerAct.START:
        state = replace(state, missing_bytes=workers.missing_bytes())
    return plan_act(asked, state, rights.plan if rights else None, cluster=cluster.name)


def _rights(cluster: Cluster, act: WorkerAct) -> AclChange | None:
    """Of the worker's principal: those that it lacks to run at all, or all that it has. Who enters an external cluster as
    Kastellan itself does has its rights from there."""
    if cluster.external:
        return None
    if act is WorkerAct.START:
        request = BundleRequest(Bundle.CONNECT_WORKER, workers.PRINCIPAL, group=workers.GROUP)
        return acls.plan_grant(cluster, bindings_of(request))
    if act is WorkerAct.REMOVE:
        own = [acl for acl in acl_selectors.bindings(cluster) if acl.principal == workers.PRINCIPAL]
        return acls.plan_delete(cluster, own) if own else None
    return None


def apply(actor: Actor, cluster: Cluster, asked: WorkerRequest, plan: Plan) -> Job:
    with admitted(cluster, KINDS):
        return enqueue(
            kind=KIND,
            title=plan.title,
            args={"act": asked.act.value, "exactly_once": asked.exactly_once, "plan": plan.to_json()},
            actor=actor,
            cluster=cluster.name,
            resumable=True,
        )


def run(job: JobRun) -> Mapping[str, Json]:
    wanted = job.args.get("exactly_once")
    asked = WorkerRequest(WorkerAct(str(job.args["act"])), wanted if isinstance(wanted, bool) else None)
    cluster = Cluster.objects.get(name=job.cluster)
    with (
        operation(
            job.actor,
            Action.WORKER_OPERATE,
            cluster=job.cluster,
            target="connect worker",
            plan=job.plan,
            needs=(Action.ACL_EDIT,) if asked.act in (WorkerAct.START, WorkerAct.REMOVE) else (),
        ) as entry,
        bundled.control() as client,
    ):
        entry.note(act=asked.act.value)
        if job.attempt == 1:
            with job.step("Look whether the plan still holds"):
                check_again(job, _plan_now(cluster, asked), "The worker")
        return _ACTS[asked.act](job, client, cluster, asked)


def _start(
    job: JobRun, client: bundled.ControlClient, cluster: Cluster, asked: WorkerRequest
) -> dict[str, Json]:
    rights = _rights(cluster, WorkerAct.START)
    if rights is not None:
        with job.step("Rights of its principal"):
            acls.carry_out(cluster, rights)
    if workers.missing_bytes():
        with job.step("Fetch Kafka Connect"):
            workers.fetch_artifacts()
    with job.step("Certificate and configuration"):
        worker = _prepared(cluster, asked.exactly_once)
        process = workers.worker_process(worker)
    start_and_wait(job, client, worker, process)
    return {"worker": worker.process_name, "url": worker.url}


def _prepared(cluster: Cluster, exactly_once: bool | None = None) -> ConnectSpec:
    if cluster.external:
        return outside.prepare(cluster, exactly_once)
    return workers.create_worker(bundled.bundled_cluster(cluster.name), exactly_once=exactly_once)


def start_and_wait(
    job: JobRun, client: bundled.ControlClient, worker: ConnectSpec, process: bundled.ProcessSpec
) -> None:
    with job.step(f"Start {worker.process_name}, until it has joined its group"):
        workers.remember_stopped(worker, stopped=False)
        client.apply([process])
        client.start(worker.process_name)
        client.wait_ready([worker.process_name], READY_SECONDS)


def _stop(
    job: JobRun, client: bundled.ControlClient, cluster: Cluster, asked: WorkerRequest
) -> dict[str, Json]:
    worker = selectors.worker_of(cluster)
    stop_and_wait(job, client, worker)
    return {"worker": worker.process_name}


def stop_and_wait(job: JobRun, client: bundled.ControlClient, worker: ConnectSpec) -> None:
    name = worker.process_name
    with job.step(f"Stop {name}: its tasks commit what they have done"):
        workers.remember_stopped(worker, stopped=True)
        if selectors.supervised(client, name):
            client.stop(name)
            client.wait_for([name], bundled.AT_REST, STOP_SECONDS)


def _restart(
    job: JobRun, client: bundled.ControlClient, cluster: Cluster, asked: WorkerRequest
) -> dict[str, Json]:
    """By a stop and a start: the configuration is written anew in between."""
    worker = _prepared(cluster, asked.exactly_once)
    _stop(job, client, cluster, asked)
    start_and_wait(job, client, worker, workers.worker_process(worker))
    return {"worker": worker.process_name}


def _remove(
    job: JobRun, client: bundled.ControlClient, cluster: Cluster, asked: WorkerRequest
) -> dict[str, Json]:
    worker = selectors.worker_if_any(cluster)
    if worker is not None:
        _stop(job, client, cluster, asked)
        with job.step("Forget its process, keys, plugins and credentials"):
            client.apply([], [worker.process_name])
            workers.forget_worker(cluster.name)
    rights = _rights(cluster, WorkerAct.REMOVE)
    if rights is not None:
        with job.step("Rights of its principal"):
            acls.carry_out(cluster, rights)
    return {"removed": True}


def follow(cluster: Cluster) -> bool:
    """Of an external cluster: whether its worker was restarted, since its registration had changed."""
    return outside.follow(cluster, KINDS)


_ACTS = {
    WorkerAct.START: _start,
    WorkerAct.STOP: _stop,
    WorkerAct.RESTART: _restart,
    WorkerAct.REMOVE: _remove,
}
