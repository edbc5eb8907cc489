"""Acts on the brokers of a bundled cluster: plan, then apply through the supervisor, verified and audited.

Restart, roll and add take longer than a request may: they are jobs. `run_*` are their handlers. Only one of them is at
work on a cluster (`exclusion`), and what was planned is looked at again when the job runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Self

from controlplane.audit.services import Entry, operation
from controlplane.clusters import facts
from controlplane.clusters.exclusion import Busy, admitted, refused_while_busy, turn
from controlplane.clusters.logic import broker_plans
from controlplane.clusters.logic.broker_plans import BrokerAct
from controlplane.clusters.models import Cluster
from controlplane.core.access import Action, Actor
from controlplane.core.errors import Conflict, NotFound, Refused
from controlplane.core.plans import Json, Plan, plan_from_json
from controlplane.gateways import broker as bundled
from controlplane.jobs.models import Job
from controlplane.jobs.run import JobRun
from controlplane.jobs.services import enqueue

READY_SECONDS = 180
STOP_SECONDS = 120


def plan_act(cluster: Cluster, broker: int, act: BrokerAct) -> Plan:
    return refused_while_busy(cluster, _act_now(cluster, broker, act))


def _act_now(cluster: Cluster, broker: int, act: BrokerAct) -> Plan:
    return broker_plans.plan_act(act, facts.broker_state(cluster, broker), cluster=cluster.name)


def plan_roll(cluster: Cluster) -> Plan:
    return refused_while_busy(cluster, _roll_now(cluster))


def _roll_now(cluster: Cluster) -> Plan:
    return broker_plans.plan_roll(facts.cluster_processes(cluster), cluster=cluster.name)


def plan_add(cluster: Cluster) -> Plan:
    plan = broker_plans.plan_add(facts.cluster_processes(cluster), cluster=cluster.name)
    return refused_while_busy(cluster, plan)


def apply_act(actor: Actor, cluster: Cluster, broker: int, act: BrokerAct, plan: Plan) -> Job:
    with admitted(cluster):
        return enqueue(
            kind="brokers.act",
            title=plan.title,
            args={"broker": broker, "act": act.value, "plan": plan.to_json()},
            actor=actor,
            cluster=cluster.name,
            resumable=True,
        )


def apply_roll(actor: Actor, cluster: Cluster, plan: Plan) -> Job:
    with admitted(cluster):
        return enqueue(
            kind="brokers.roll",
            title=f"Rolling restart of {cluster.title}",
            args={"plan": plan.to_json()},
            actor=actor,
            cluster=cluster.name,
        )


def apply_add(actor: Actor, cluster: Cluster, plan: Plan) -> Job:
    with admitted(cluster):
        return enqueue(
            kind="brokers.add",
            title=plan.title,
            args={"plan": plan.to_json()},
            actor=actor,
            cluster=cluster.name,
        )


def schedule_roll(
    cluster: Cluster, brokers: Sequence[int], reason: bundled.RestartReason, actor: Actor
) -> Job | None:
    """A rolling restart that nobody reviewed because nothing else helps; none while the brokers are disturbed anyway."""
    try:
        with admitted(cluster):
            return enqueue(
                kind="brokers.roll",
                title=f"Rolling restart of {cluster.title}: {reason.value.replace('_', ' ')}",
                args={"brokers": list(brokers), "reason": reason.value},
                actor=actor,
                cluster=cluster.name,
            )
    except Busy:
        return None


@contextmanager
def broker_operation(job: JobRun, target: str) -> Iterator[Entry]:
    """One audit row with the plan that was reviewed, and how every process of the cluster was before."""
    with operation(
        job.actor,
        Action.BROKER_OPERATE,
        cluster=job.cluster,
        target=target,
        plan=job.plan,
        before=facts.process_words(bundled.bundled_cluster(job.cluster)),
    ) as entry:
        yield entry


def run_act(job: JobRun) -> Mapping[str, Json]:
    broker, act = int(str(job.args["broker"])), BrokerAct(str(job.args["act"]))
    cluster, spec = Cluster.objects.get(name=job.cluster), bundled.bundled_cluster(job.cluster)
    name = process_name(spec, broker)
    with (
        turn(job),
        broker_operation(job, f"broker {broker}") as entry,
        bundled.control() as client,
    ):
        entry.note(act=act.value)
        if not carried_out(job, act, facts.process_status(cluster, broker)):
            with job.step("Look whether the plan still holds"):
                check_again(job, _act_now(cluster, broker, act))
            with job.step(f"{act.verb} {name}"):
                carry_out(client, spec, name, act)
        if act is BrokerAct.STOP:
            with job.step("Controlled shutdown: leaders move, then the process ends"):
                client.wait_for([name], bundled.AT_REST, STOP_SECONDS)
        else:
            others = _started_with(job, client, spec, broker) if act is BrokerAct.START else []
            with job.step("Wait until they are ready" if others else "Wait until it is ready"):
                client.wait_ready([name, *others], READY_SECONDS)
    return {"broker": broker, "act": act.value}


def _started_with(
    job: JobRun, client: bundled.ControlClient, spec: bundled.ClusterSpec, broker: int
) -> list[str]:
    """The controllers without which it would wait in vain, by the names of their processes."""
    needed = facts.voters_needed_with(spec, client.status(), broker)
    names = [process_name(spec, voter) for voter in needed]
    for name in names:
        with job.step(f"Start {name}, for a majority of the controllers"):
            carry_out(client, spec, name, BrokerAct.START)
    return names


def carried_out(job: JobRun, act: BrokerAct, status: bundled.ProcessStatus | None) -> bool:
    """Whether an earlier attempt, whose worker ended, had got that far."""
    if job.attempt == 1 or status is None or job.job.started_at is None:
        return False
    alive = status.state in bundled.ALIVE
    if act is BrokerAct.RESTART:
        return alive and status.since > job.job.started_at.timestamp()
    return alive is (act is BrokerAct.START)


def check_again(job: JobRun, now: Plan, what: str = "The cluster") -> None:
    """The plan was reviewed a while ago; others may have acted since. Nothing is done that it would not say today."""
    if now.refusals:
        raise Refused(now.refusals, now)
    reviewed = job.args.get("plan")
    if isinstance(reviewed, dict) and reviewed.get("digest") != now.digest:
        raise Conflict(
            f"{what} has changed since the plan was reviewed", hint="Nothing was done. Plan it again."
        )


def carry_out(client: bundled.ControlClient, spec: bundled.ClusterSpec, name: str, act: BrokerAct) -> None:
    if act is BrokerAct.START:
        refreshed = bundled.broker_processes(bundled.data_paths(), spec)
        client.apply([process for process in refreshed if process.name == name])
    acts = {BrokerAct.START: client.start, BrokerAct.STOP: client.stop, BrokerAct.RESTART: client.restart}
    acts[act](name)


def run_roll(job: JobRun) -> Mapping[str, Json]:
    """`args` may name `brokers` and a `reason`; without them all are restarted because somebody asked."""
    spec = bundled.bundled_cluster(job.cluster)
    asked = job.args.get("brokers")
    nodes = [int(str(node)) for node in asked] if isinstance(asked, list) else [n.id for n in spec.staying]
    reason = bundled.RestartReason(str(job.args.get("reason", bundled.RestartReason.MANUAL.value)))
    with turn(job), broker_operation(job, "rolling restart") as entry:
        if job.plan is not None:
            with job.step("Look whether the plan still holds"):
                check_again(job, _roll_now(Cluster.objects.get(name=job.cluster)))
        render_settings(spec)
        result = roll_brokers(job, dict.fromkeys(nodes, reason))
        entry.note(reason=reason.value, restarted=list(result))
    return {"restarted": list(result)}


def render_settings(spec: bundled.ClusterSpec) -> None:
    """Each broker starts with its settings as they have to be, as with `up`. Applied to those that run: `apply` would
    also start the others."""
    fresh = bundled.broker_processes(bundled.data_paths(), spec)
    with bundled.control() as client:
        running = {status.name for status in client.status() if status.state in bundled.ALIVE}
        client.apply([process for process in fresh if process.name in running])


def roll_brokers(job: JobRun, reasons: Mapping[int, bundled.RestartReason]) -> tuple[int, ...]:
    """One node at a time after Strimzi's rules, told in the job; returns who was restarted. `Conflict` when it gives up.

    The caller holds the cluster's turn.
    """
    spec, cluster = bundled.bundled_cluster(job.cluster), Cluster.objects.get(name=job.cluster)
    with RollSteps(job) as told, bundled.control() as client:
        facts_of = facts.GatewayFacts(cluster)
        result = bundled.roll(facts_of, client, spec, reasons, told, lambda: cancelled(job))
        if result.outcome is bundled.RollOutcome.CANCELLED:
            job.raise_if_cancelled()
        if result.outcome is bundled.RollOutcome.GIVEN_UP:
            raise Conflict(result.reason, hint="Brokers that were restarted are fine; the others still run.")
    return result.restarted


class RollSteps:
    """Tells a roll in its job: a step for each broker, from its restart until it is ready again."""

    def __init__(self, job: JobRun) -> None:
        self._job = job
        self._step = ExitStack()
        self._done = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._step.__exit__(kind, error, trace)

    def __call__(self, event: bundled.RollEvent) -> None:
        if event.done > self._done:
            self._step.close()
        self._done = event.done
        if event.kind is bundled.RollKind.RESTART:
            self._step.close()
            act = "Start" if event.starts else "Restart"
            self._step.enter_context(self._job.step(f"{act} broker {event.node}"))
        self._job.log(event.text)
        self._job.progress(event.done, event.total, event.text)


def cancelled(job: JobRun) -> bool:
    return bool(Job.objects.filter(pk=job.job.pk, cancel_requested_at__isnull=False).exists())


def run_add(job: JobRun) -> Mapping[str, Json]:
    paths = bundled.data_paths()
    with (
        turn(job),
        broker_operation(job, "add broker") as entry,
        bundled.control() as client,
    ):
        spec = bundled.bundled_cluster(job.cluster)
        with job.step("Look whether the plan still holds"):
            check_next(job, spec)
        with job.step("Certificate, configuration and storage"):
            grown = bundled.add_node(paths, spec)
            node = grown.nodes[-1]
            entry.note(broker=node.id)
        with job.step(f"Start broker {node.id}"):
            name = grown.process_name(node)
            processes = bundled.broker_processes(paths, grown)
            client.apply([process for process in processes if process.name == name])
            client.wait_ready([name], READY_SECONDS)
    return {"broker": node.id}


def check_next(job: JobRun, spec: bundled.ClusterSpec) -> None:
    """The broker that was reviewed is the one that is added, and no other."""
    following = str(max(node.id for node in spec.nodes) + 1)
    reviewed = job.args.get("plan")
    planned = plan_from_json(reviewed).steps[0].name if isinstance(reviewed, dict) else following
    if planned != following:
        raise Conflict(f"Broker {planned} exists already", hint="Nothing was done. Plan it again.")


def process_name(spec: bundled.ClusterSpec, broker: int) -> str:
    node = next((node for node in spec.nodes if node.id == broker), None)
    if node is None:
        raise NotFound(f"There is no broker {broker} in {spec.name}")
    return spec.process_name(node)
