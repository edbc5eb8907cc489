"""Whole bundled clusters: plan, then a job that makes, starts, stops or removes one, verified and audited.

Every step may be repeated: a job whose worker died is taken over by another, which does the rest. What a broken-off
creation left is completed by the same request, or removed.
"""

from __future__ import annotations

from collections.abc import Mapping

from controlplane.accounts.models import RoleGrant
from controlplane.audit.services import operation
from controlplane.clusters import selectors, services
from controlplane.clusters.exclusion import admitted, refused_while_busy, turn
from controlplane.clusters.logic import bundling_plans
from controlplane.clusters.logic.bundling_plans import NewCluster, Room, Whole, WholeAct
from controlplane.clusters.models import Cluster, Kind
from controlplane.clusters.operations import check_again
from controlplane.core.access import Action, Actor
from controlplane.core.plans import Json, Plan
from controlplane.gateways import broker as bundled
from controlplane.gateways import bundling, workers
from controlplane.gateways.errors import NotBundled
from controlplane.jobs.models import Job
from controlplane.jobs.run import JobRun
from controlplane.jobs.services import enqueue

CREATE, ACT = "clusters.create", "clusters.whole"
READY_SECONDS = 180
#: The brokers and the worker of one cluster, one after the other.
STOP_SECONDS = 330


def plan_create(asked: NewCluster) -> Plan:
    known = {spec.name for spec in bundled.bundled_clusters()}
    # A creation that was broken off left a record and no row, or a row that says so: the same request goes on with it.
    taken = set(Cluster.objects.values_list("name", flat=True))
    found = bundling.planned(asked.name, min(max(asked.brokers, 1), bundling_plans.MOST_BROKERS))
    if asked.name in known - taken:
        found = bundled.bundled_cluster(asked.name)
    plan = bundling_plans.plan_create(asked, bundling.port_span(found), found.notes, room(), taken)
    # One creation at a time takes ports; its job is of no cluster yet.
    return refused_while_busy(Cluster(), plan, (CREATE,))


def room() -> Room:
    return Room(bundling.free_memory_mb(), bundling.free_disk_mb(), bundling.MEMORY_MB, bundling.DISK_MB)


def apply_create(actor: Actor, asked: NewCluster, plan: Plan) -> Job:
    return enqueue(
        kind=CREATE,
        title=plan.title,
        args={
            "name": asked.name,
            "title": asked.title,
            "brokers": asked.brokers,
            "colour": asked.colour,
            "plan": plan.to_json(),
        },
        actor=actor,
        resumable=True,
    )


def run_create(job: JobRun) -> Mapping[str, Json]:
    name, title = str(job.args["name"]), str(job.args["title"])
    paths = bundled.data_paths()
    with (
        operation(job.actor, Action.CLUSTER_MANAGE, cluster=name, target=name, plan=job.plan) as entry,
        bundled.control() as client,
    ):
        with job.step("Ports, certificates and storage"):
            spec = bundled.create_cluster(paths, name, int(str(job.args["brokers"])))
            entry.note(ports=bundling.port_span(spec), cluster_id=spec.cluster_id)
        names = [spec.process_name(node) for node in spec.nodes]
        with job.step(f"Start {len(names)} broker{'s' if len(names) > 1 else ''}"):
            client.apply(bundled.broker_processes(paths, spec))
            client.wait_ready(names, READY_SECONDS)
        with job.step("The user admin, and files for your tools"):
            bundled.ensure_admin(paths, spec)
        with job.step("Registered, and read for the first time"):
            services.register_bundled()
            Cluster.objects.filter(name=name).update(
                title=title or name.capitalize(), colour=str(job.args["colour"])
            )
            services.refresh(Cluster.objects.get(name=name))
    return {"cluster": name}


def whole(cluster: Cluster) -> Whole:
    if cluster.external:
        raise NotBundled(
            f"The brokers of {cluster.title} are not run by Kastellan", "They are stopped where they run."
        )
    spec = bundled.bundled_cluster(cluster.name)
    states = {status.name: status.state for status in bundled.processes()}
    alive = sum(states.get(spec.process_name(node)) in bundled.ALIVE for node in spec.staying)
    facts = selectors.facts(cluster)
    return Whole(
        name=cluster.name,
        brokers=len(spec.staying),
        alive=alive,
        topics=facts.topics - facts.internal_topics,
        groups=facts.groups,
        worker=workers.worker_of(cluster.name) is not None,
        needed_by=selectors.needed_by(cluster),
    )


def plan_whole(cluster: Cluster, act: WholeAct, *, delete_data: bool = False) -> Plan:
    return refused_while_busy(
        cluster, bundling_plans.plan_whole(act, whole(cluster), delete_data=delete_data)
    )


def apply_whole(
    actor: Actor, cluster: Cluster, act: WholeAct, plan: Plan, *, delete_data: bool = False
) -> Job:
    with admitted(cluster):
        return enqueue(
            kind=ACT,
            title=plan.title,
            args={"act": act.value, "delete_data": delete_data, "plan": plan.to_json()},
            actor=actor,
            cluster=cluster.name,
            resumable=True,
        )


def run_whole(job: JobRun) -> Mapping[str, Json]:
    act, delete_data = WholeAct(str(job.args["act"])), bool(job.args["delete_data"])
    with (
        turn(job),
        operation(
            job.actor, Action.CLUSTER_MANAGE, cluster=job.cluster, target=job.cluster, plan=job.plan
        ) as entry,
        bundled.control() as client,
    ):
        entry.note(act=act.value, delete_data=delete_data)
        if job.attempt == 1:
            with job.step("Look whether the plan still holds"):
                known = whole(Cluster.objects.get(name=job.cluster))
                check_again(job, bundling_plans.plan_whole(act, known, delete_data=delete_data))
        spec = next((each for each in bundled.bundled_clusters() if each.name == job.cluster), None)
        if act is WholeAct.START and spec is not None:
            _start(job, client, spec)
        elif spec is not None:
            _stop(job, client, spec)
        if act is WholeAct.REMOVE:
            aside = _remove(job, client, spec, delete_data=delete_data)
            entry.note(set_aside=aside)
    return {"cluster": job.cluster, "act": act.value}


def _start(job: JobRun, client: bundled.ControlClient, spec: bundled.ClusterSpec) -> None:
    names = [spec.process_name(node) for node in spec.staying]
    with job.step("Start its brokers"):
        bundling.remember_stopped(spec, stopped=False)
        client.apply(bundled.broker_processes(bundled.data_paths(), spec))
        for name in names:
            client.start(name)
        client.wait_ready(names, READY_SECONDS)
    worker = workers.worker_of(spec.name)
    if worker is not None and not worker.stopped:
        with job.step("Start its Connect worker"):
            client.apply([workers.worker_process(worker)])


def _stop(job: JobRun, client: bundled.ControlClient, spec: bundled.ClusterSpec) -> None:
    """The worker first, whose tasks commit what they have done; the brokers hand over what they can."""
    bundling.remember_stopped(spec, stopped=True)
    worker = workers.worker_of(spec.name)
    names = [
        *([worker.process_name] if worker else []),
        *(spec.process_name(node) for node in reversed(spec.nodes)),
    ]
    known = {status.name for status in client.status()}
    for name in (each for each in names if each in known):
        with job.step(f"Stop {name}"):
            client.stop(name)
            client.wait_for([name], bundled.AT_REST, STOP_SECONDS)


def _remove(
    job: JobRun, client: bundled.ControlClient, spec: bundled.ClusterSpec | None, *, delete_data: bool
) -> str | None:
    aside = None
    if spec is not None:
        with job.step("Forget its processes; delete its files, or set them aside"):
            worker = workers.worker_of(spec.name)
            gone = [
                *([worker.process_name] if worker else []),
                *(spec.process_name(node) for node in spec.nodes),
            ]
            known = {status.name for status in client.status()}
            client.apply([], [name for name in gone if name in known])
            aside = bundling.forget(spec, delete_data=delete_data)
    with job.step("Forget its registration and the roles on it"):
        row = Cluster.objects.filter(name=job.cluster, kind=Kind.BUNDLED).first()
        if row is not None:
            RoleGrant.objects.filter(cluster=job.cluster).delete()
            row.delete()
            services.close_gateway(row)
    return str(aside) if aside else None
