"""Removing a broker of a bundled cluster: plan, then a job that moves its replicas and takes it out.

Every step may be repeated: a worker that dies, or a person who plans it again, goes on from where it stopped. The
order, and why a kill in the middle leaves nothing half-known, is that of `broker.removal`.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from controlplane.clusters import facts, services
from controlplane.clusters.exclusion import admitted, refused_while_busy, turn
from controlplane.clusters.logic import removal_plans
from controlplane.clusters.logic.removal_plans import Hosted, Removal, RemovalState
from controlplane.clusters.models import Cluster
from controlplane.clusters.operations import READY_SECONDS, broker_operation, check_again
from controlplane.core.access import Actor
from controlplane.core.errors import Conflict, NotFound
from controlplane.core.plans import Json, Plan
from controlplane.core.verify import verify
from controlplane.gateways import broker as bundled
from controlplane.gateways import broker_removal
from controlplane.gateways.errors import GatewayError
from controlplane.gateways.kafka.gateway import KafkaGateway
from controlplane.gateways.kafka.types import TopicDescription, TopicPartition
from controlplane.jobs.models import Job
from controlplane.jobs.run import JobRun
from controlplane.jobs.services import enqueue

LOOK_SECONDS = 0.5
#: Without any partition arriving in this time the job gives up; the moves that have begun go on in Kafka.
STUCK_SECONDS = 1800.0
#: Brokers learn of a finished move a moment after the controller: what looks impossible may only look so.
SETTLES_SECONDS = 15.0


def plan_remove(cluster: Cluster, asked: Removal) -> Plan:
    return refused_while_busy(cluster, _plan_now(cluster, asked))


def _plan_now(cluster: Cluster, asked: Removal) -> Plan:
    return removal_plans.plan_remove(asked, removal_state(cluster, asked.broker), cluster=cluster.name)


def removal_state(cluster: Cluster, broker: int) -> RemovalState:
    spec = bundled.bundled_cluster(cluster.name)
    node = next((node for node in spec.nodes if node.id == broker), None)
    if node is None:
        raise NotFound(f"There is no broker {broker} in {cluster.title}", hint="Brokers lists all.")
    status = facts.process_of(spec, bundled.processes(), broker)
    word = status.state.value if status else bundled.ProcessState.STOPPED.value
    known = RemovalState(
        process=word,
        alive=status is not None and status.state in bundled.ALIVE,
        controllers=len(spec.controllers),
        controller=node.controller,
        leaving=broker in spec.leaving,
    )
    return known if node.controller else _with_replicas(known, services.gateway_for(cluster), spec, broker)


def _with_replicas(
    known: RemovalState, gateway: KafkaGateway, spec: bundled.ClusterSpec, broker: int
) -> RemovalState:
    try:
        # In this order: a move that ends in between is then seen as moving still, never as replicas too many at rest.
        moving = {each.partition for each in gateway.list_partition_reassignments()}
        topics = gateway.list_topics(internal=True)
        serving = {node.id for node in gateway.describe_cluster().brokers if not node.fenced}
    except GatewayError as error:
        return RemovalState(known.process, known.alive, known.controllers, unjudged=error.what)
    counts = Counter(replica for topic in topics for p in topic.partitions for replica in p.replicas)
    stay = serving & {node.id for node in spec.staying} - {broker}
    return replace(
        known,
        hosted=tuple(hosted_on(topics, broker, moving)),
        load={each: counts[each] for each in sorted(stay)},
        size=_size_on(gateway, broker) if known.alive else None,
    )


def hosted_on(topics: tuple[TopicDescription, ...], broker: int, moving: set[TopicPartition]) -> list[Hosted]:
    return [
        Hosted(topic.name, p.index, p.replicas, p.isr, TopicPartition(topic.name, p.index) in moving)
        for topic in topics
        for p in topic.partitions
        if broker in p.replicas
    ]


def _size_on(gateway: KafkaGateway, broker: int) -> int | None:
    try:
        log_dirs = gateway.describe_log_dirs([broker])
    except GatewayError:
        return None
    return sum(replica.size for each in log_dirs for replica in each.replicas)


def apply_remove(actor: Actor, cluster: Cluster, asked: Removal, plan: Plan) -> Job:
    with admitted(cluster):
        return enqueue(
            kind="brokers.remove",
            title=plan.title,
            args={
                "broker": asked.broker,
                "move_replicas": asked.move_replicas,
                "delete_data": asked.delete_data,
                "plan": plan.to_json(),
            },
            actor=actor,
            cluster=cluster.name,
            resumable=True,
        )


def run_remove(job: JobRun) -> Mapping[str, Json]:
    asked = Removal(
        int(str(job.args["broker"])), bool(job.args["move_replicas"]), bool(job.args["delete_data"])
    )
    cluster, broker = Cluster.objects.get(name=job.cluster), asked.broker
    with (
        turn(job),
        broker_operation(job, f"broker {broker}") as entry,
        bundled.control() as client,
    ):
        spec = bundled.bundled_cluster(job.cluster)
        if all(node.id != broker for node in spec.nodes):
            return {"broker": broker, "note": "An earlier attempt had finished."}
        if job.attempt == 1:
            with job.step("Look whether the plan still holds"):
                check_again(job, _plan_now(cluster, asked))
        entry.note(**_options(asked))
        with job.step(f"Move the replicas of broker {broker} to the others"):
            entry.note(moved=move_replicas(job, cluster, broker))
        spec = broker_removal.begin(spec, broker)
        with job.step("Controlled shutdown: the process ends, and is not started again"):
            broker_removal.stop(client, spec, broker)
        with job.step("Look for replicas that came meanwhile"):
            keep_if_used(cluster, client, spec, broker)
        with job.step("Kafka forgets its registration"):
            broker_removal.unregister(spec, broker)
        with job.step(
            f"{'Delete' if asked.delete_data else 'Set aside'} its data, delete its keys and settings"
        ):
            aside = broker_removal.forget(client, spec, broker, delete_data=asked.delete_data)
        verify(f"that broker {broker} is gone", lambda: _is_gone(cluster, broker))
        services.refresh_health(cluster)
    return {"broker": broker, "data": str(aside) if aside else None}


def _options(asked: Removal) -> dict[str, Json]:
    return {"move_replicas": asked.move_replicas, "delete_data": asked.delete_data}


def _is_gone(cluster: Cluster, broker: int) -> bool:
    return all(node.id != broker for node in services.gateway_for(cluster).describe_cluster().brokers)


def move_replicas(job: JobRun, cluster: Cluster, broker: int) -> dict[str, Json]:
    """Until the broker hosts nothing; returns what was moved, with the replicas before. Cancelling leaves begun moves be."""
    before: dict[str, Json] = {}
    left, heard, fine = -1, time.monotonic(), time.monotonic()
    while (state := removal_state(cluster, broker)).hosted or state.unjudged:
        job.raise_if_cancelled()
        obstacle = begin_moves(job, services.gateway_for(cluster), broker, state, before)
        fine = fine if obstacle else time.monotonic()
        if obstacle and time.monotonic() - fine > SETTLES_SECONDS:
            raise Conflict(obstacle, hint="Nothing was removed. Plan it again.")
        if len(state.hosted) != left:
            left, heard = len(state.hosted), time.monotonic()
        if time.monotonic() - heard > STUCK_SECONDS:
            raise Conflict(
                f"No replica has arrived for {STUCK_SECONDS / 60:.0f} minutes; {left} are still on broker {broker}",
                hint="Look at the brokers that receive them. Kafka goes on moving; start the removal again later.",
            )
        total = max(len(before), left)
        job.progress(total - left, total, f"{left} replicas still on broker {broker}")
        time.sleep(LOOK_SECONDS)
    job.log(f"Broker {broker} hosts no replica.")
    return before


def begin_moves(
    job: JobRun, gateway: KafkaGateway, broker: int, state: RemovalState, before: dict[str, Json]
) -> str:
    """Also of what was placed there since; what moves already is left to arrive. Returns what stands in the way."""
    found = removal_plans.plan_moves(broker, state)
    targets = {TopicPartition(m.hosted.topic, m.hosted.partition): m.replicas for m in found.moves}
    refused = gateway.alter_partition_reassignments(targets)
    for move in found.moves:
        if TopicPartition(move.hosted.topic, move.hosted.partition) not in refused:
            before.setdefault(str(move.hosted), list(move.hosted.replicas))
            job.log(f"{move.hosted}: from broker {broker} to broker {move.target}")
    for name, why in found.stuck:
        return f"{name} cannot be moved: {why}"
    return next((error.what for error in refused.values()), "")


def keep_if_used(
    cluster: Cluster, client: bundled.ControlClient, spec: bundled.ClusterSpec, broker: int
) -> None:
    """A topic made between the last move and the end of the process may have come to the broker: then it stays."""
    gateway, until = services.gateway_for(cluster), time.monotonic() + SETTLES_SECONDS
    while hosted := hosted_on(gateway.list_topics(internal=True), broker, set()):
        if time.monotonic() > until:
            break
        time.sleep(LOOK_SECONDS)
    else:
        return
    kept = broker_removal.keep(spec, broker)
    name = kept.process_name(kept.node(broker))
    client.apply([p for p in bundled.broker_processes(bundled.data_paths(), kept) if p.name == name])
    client.wait_ready([name], READY_SECONDS)
    raise Conflict(
        f"{hosted[0]} was placed on broker {broker} meanwhile, so it was started again",
        hint="Nothing is lost. Start the removal again: it moves that too.",
    )
