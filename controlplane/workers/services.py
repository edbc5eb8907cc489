"""The Connect worker beside a cluster: plan, then a job that the supervisor carries out, verified and audited.

Composes what a worker is made of: its process, and beside a bundled cluster the ACLs of its principals. Every step of the job may be repeated,
so a worker of ours that dies in the middle is followed by another that does the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from controlplane.acls import selectors as acl_selectors
from controlplane.acls import services as acls
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
from controlplane.workers import outside, selectors, standstill
from controlplane.workers.logic.plans import WorkerAct, WorkerRequest, plan_act
from controlplane.workers.logic.rights import Names, needed

KIND = "connect.worker"
#: Of which one at a time is at work on a cluster: the worker's own, and those that change what it loads.
KINDS = (KIND, "connect.plugin")
READY_SECONDS = 180
STOP_SECONDS = 120


def plan(cluster: Cluster, asked: WorkerRequest) -> Plan:
    return refused_while_busy(cluster, _plan_now(cluster, asked), KINDS)


def _plan_now(cluster: Cluster, asked: WorkerRequest) -> Plan:
    rights = _rights(cluster, asked)
    state = selectors.worker_state(cluster, selectors.status_of(cluster))
    if asked.act is WorkerAct.START:
        state = replace(state, missing_bytes=workers.missing_bytes())
    if asked.act is WorkerAct.START and asked.connectors_stopped and state.process and not state.alive:
        state = replace(state, to_stop=standstill.running(cluster, selectors.worker_of(cluster)))
    return plan_act(asked, state, rights.plan if rights else None, cluster=cluster.name)


def _rights(cluster: Cluster, asked: WorkerRequest) -> AclChange | None:
    """Of the worker's principals: those that they lack to run at all, or all that they have. Who enters an external cluster
    as Kastellan itself does has its rights from there."""
    if cluster.external or asked.act is WorkerAct.STOP:
        return None
    if asked.act is WorkerAct.REMOVE:
        ours = (workers.PRINCIPAL, workers.OWN_PRINCIPAL)
        own = [acl for acl in acl_selectors.bindings(cluster) if acl.principal in ours]
        return acls.plan_delete(cluster, own) if own else None
    worker = selectors.worker_or_planned(cluster)
    exactly_once = worker.exactly_once if asked.exactly_once is None else asked.exactly_once
    names = Names(workers.OWN_PRINCIPAL, workers.PRINCIPAL, worker.group, worker.topics)
    return acls.plan_grant(cluster, *needed(names, exactly_once=exactly_once))


def apply(actor: Actor, cluster: Cluster, asked: WorkerRequest, plan: Plan) -> Job:
    with admitted(cluster, KINDS):
        return enqueue(
            kind=KIND,
            title=plan.title,
            args={"act": asked.act.value, **asked.options, "plan": plan.to_json()},
            actor=actor,
            cluster=cluster.name,
            resumable=True,
        )


def run(job: JobRun) -> Mapping[str, Json]:
    wanted = job.args.get("exactly_once")
    asked = WorkerRequest(
        WorkerAct(str(job.args["act"])),
        wanted if isinstance(wanted, bool) else None,
        connectors_stopped=job.args.get("connectors_stopped") is True,
    )
    cluster = Cluster.objects.get(name=job.cluster)
    with (
        operation(
            job.actor,
            Action.WORKER_OPERATE,
            cluster=job.cluster,
            target="connect worker",
            plan=job.plan,
            needs=() if asked.act is WorkerAct.STOP else (Action.ACL_EDIT,),
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
    _make_rights(job, cluster, asked)
    if workers.missing_bytes():
        with job.step("Fetch Kafka Connect"):
            workers.fetch_artifacts()
    with job.step("Certificate and configuration"):
        worker = _prepared(cluster, asked.exactly_once)
        process = workers.worker_process(worker)
    if asked.connectors_stopped:
        _stop_connectors(job, client, cluster, worker)
    start_and_wait(job, client, worker, process)
    return {"worker": worker.process_name, "url": worker.url}


def _stop_connectors(
    job: JobRun, client: bundled.ControlClient, cluster: Cluster, worker: ConnectSpec
) -> None:
    """The supervisor may be about to start it once more: what is written meanwhile would come too late for that start."""
    stop_and_wait(job, client, worker)
    with job.step("Stop its connectors, in its topic"):
        names = standstill.stop_all(cluster, worker)
        job.log(f"Stopped: {', '.join(names) if names else 'none ran'}")


def _make_rights(job: JobRun, cluster: Cluster, asked: WorkerRequest) -> None:
    rights = _rights(cluster, asked)
    if rights is not None:
        with job.step("Rights of its principals"):
            acls.carry_out(cluster, rights)


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
    _make_rights(job, cluster, asked)
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
    _make_rights(job, cluster, asked)
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
