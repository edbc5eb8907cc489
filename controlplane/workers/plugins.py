"""Plugins of a bundled Connect worker: brought aside by a job, reviewed file by file as a plan, installed or removed by a job.

A worker that does not come up with a new plugin gets its old files back: what was tried is then still there to be looked at.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

from controlplane.audit.services import operation
from controlplane.clusters.exclusion import admitted, refused_while_busy
from controlplane.clusters.models import Cluster
from controlplane.clusters.operations import check_again
from controlplane.core.access import Action, Actor
from controlplane.core.errors import AppError, Conflict, Invalid, NotFound, NotVerified
from controlplane.core.plans import Json, Plan, StepKind
from controlplane.core.words import byte_size, some
from controlplane.gateways import broker as bundled
from controlplane.gateways import plugins, workers
from controlplane.gateways.errors import GatewayError
from controlplane.gateways.plugin_spec import Plugin
from controlplane.jobs.models import Job
from controlplane.jobs.run import Cancelled, JobRun, LeaseLost
from controlplane.jobs.services import enqueue
from controlplane.workers import selectors
from controlplane.workers.logic.plugins import PluginState
from controlplane.workers.logic.plugins import plan_discard as _plan_discard
from controlplane.workers.logic.plugins import plan_install as _plan_install
from controlplane.workers.logic.plugins import plan_remove as _plan_remove
from controlplane.workers.services import KINDS, start_and_wait, stop_and_wait

STAGE, CHANGE = "connect.stage", "connect.plugin"
MOST_STAGED = 10
CANCEL_EVERY = 1.0


def stage(actor: Actor, cluster: Cluster, coordinates: str, name: str = "") -> Job:
    """A job that downloads what the coordinates name and describes it. Nothing is loaded by it."""
    canonical = plugins.canonical(coordinates)
    return _stage(actor, cluster, canonical, {"coordinates": canonical, "name": name})


def stage_upload(
    actor: Actor, cluster: Cluster, filename: str, size: int, chunks: Iterable[bytes], name: str = ""
) -> Job:
    if size > plugins.MOST_BYTES:
        raise Invalid(
            f"The file is larger than {plugins.MOST_BYTES >> 30} GiB", hint="That is no connector plugin."
        )
    return _stage(actor, cluster, filename, {"filename": filename, "name": name}, chunks)


def _stage(
    actor: Actor,
    cluster: Cluster,
    what: str,
    args: Mapping[str, Json],
    chunks: Iterable[bytes] | None = None,
) -> Job:
    selectors.worker_of(cluster)
    plugins.discard_stale(cluster.name, time.time(), _awaited(cluster))
    if len(plugins.places(cluster.name)) >= MOST_STAGED:
        raise Conflict(
            f"{MOST_STAGED} plugins wait for a review, or are being brought",
            hint="Install or discard some of them first. What was cancelled makes room after ten minutes.",
        )
    place = plugins.new_place(cluster.name)
    if chunks is not None:
        plugins.receive(cluster.name, place, chunks)
    return enqueue(
        kind=STAGE,
        title=f"Bring the plugin {what}",
        args={**args, "staged": place},
        actor=actor,
        cluster=cluster.name,
        resumable=True,
    )


def _awaited(cluster: Cluster) -> set[str]:
    """Places of which a job is at work."""
    jobs = Job.objects.filter(kind__in=(STAGE, CHANGE), cluster=cluster.name, ended_at=None)
    return {str(args.get("staged", "")) for args in jobs.values_list("args", flat=True)}


def run_stage(job: JobRun) -> Mapping[str, Json]:
    place, name = str(job.args["staged"]), str(job.args["name"])
    what = str(job.args.get("filename") or job.args["coordinates"])
    with operation(job.actor, Action.PLUGIN_MANAGE, cluster=job.cluster, target=f"plugin {what}") as entry:
        try:
            # Somebody may have looked at what an earlier attempt brought: nothing else takes its place.
            plugin = plugins.staged(job.cluster).get(place) or _bring(job, place, name)
        except LeaseLost:
            raise
        except Exception:
            plugins.discard(job.cluster, place)
            raise
        entry.note(brought=plugin.origin, staged=place)
    with job.step("Ready for your review: nothing of it is loaded yet"):
        pass
    return {
        "plugin": plugin.name,
        "origin": plugin.origin,
        "files": len(plugin.files),
        "size": byte_size(plugin.size),
        "offers": some([each.name for each in plugin.classes]),
        "staged": place,
        "page": f"/clusters/{job.cluster}/connect-worker/plugins/staged/{place}/",
    }


def _bring(job: JobRun, place: str, name: str) -> Plugin:
    if "filename" in job.args:
        with job.step("Unpack and look at every file"):
            return plugins.stage_upload(job.cluster, place, str(job.args["filename"]), name)
    with job.step("Download, unpack and look at every file"):
        return plugins.stage_coordinates(
            job.cluster, place, str(job.args["coordinates"]), name, _counter(job)
        )


def _counter(job: JobRun) -> Callable[[int], None]:
    """Says how much has come, and ends the download of a job that was cancelled."""
    done, asked = 0, time.monotonic()

    def add(size: int) -> None:
        nonlocal done, asked
        done += size
        job.progress(0, None, f"{byte_size(done)} downloaded")
        if time.monotonic() - asked > CANCEL_EVERY:
            asked = time.monotonic()
            job.raise_if_cancelled()

    return add


def plan_discard(cluster: Cluster, place: str) -> Plan:
    """Not while a plugin is installed: its place holds the way back."""
    plan = _plan_discard(place, staged_of(cluster, place), cluster=cluster.name)
    return refused_while_busy(cluster, plan, KINDS)


def apply_discard(actor: Actor, cluster: Cluster, place: str, plan: Plan) -> None:
    with (
        operation(actor, Action.PLUGIN_MANAGE, cluster=cluster.name, target="plugin", plan=plan),
        admitted(cluster, KINDS),
    ):
        plugins.discard(cluster.name, place)


def staged_of(cluster: Cluster, place: str) -> Plugin:
    found = plugins.staged(cluster.name).get(place)
    if found is None:
        raise NotFound(
            "There is no such plugin", hint="It was installed, discarded or too old: bring it again."
        )
    return found


def installed_of(cluster: Cluster, name: str) -> Plugin:
    found = next((each for each in plugins.installed(cluster.name) if each.name == name), None)
    if found is None:
        raise NotFound(
            f"There is no plugin {name}", hint="The page of plugins lists those that are installed."
        )
    return found


def plan_install(cluster: Cluster, place: str) -> Plan:
    return refused_while_busy(cluster, _install_now(cluster, place), KINDS)


def _install_now(cluster: Cluster, place: str) -> Plan:
    return _plan_install(place, staged_of(cluster, place), state_of(cluster), cluster=cluster.name)


def plan_remove(cluster: Cluster, name: str) -> Plan:
    return refused_while_busy(cluster, _remove_now(cluster, name), KINDS)


def _remove_now(cluster: Cluster, name: str) -> Plan:
    return _plan_remove(installed_of(cluster, name), state_of(cluster), cluster=cluster.name)


def state_of(cluster: Cluster) -> PluginState:
    status = selectors.status_of(cluster)
    return PluginState(
        worker=selectors.worker_state(cluster, status),
        installed=plugins.installed(cluster.name),
        by_hand=plugins.unlocked(cluster.name),
        connectors=selectors.classes_in_use(cluster),
    )


def apply_install(actor: Actor, cluster: Cluster, place: str, plan: Plan) -> Job:
    return _apply(actor, cluster, plan, {"staged": place})


def apply_remove(actor: Actor, cluster: Cluster, name: str, plan: Plan) -> Job:
    return _apply(actor, cluster, plan, {"plugin": name})


def _apply(actor: Actor, cluster: Cluster, plan: Plan, args: Mapping[str, Json]) -> Job:
    with admitted(cluster, KINDS):
        return enqueue(
            kind=CHANGE,
            title=plan.title,
            args={**args, "plan": plan.to_json()},
            actor=actor,
            cluster=cluster.name,
            resumable=True,
        )


def run_change(job: JobRun) -> Mapping[str, Json]:
    cluster, place = Cluster.objects.get(name=job.cluster), str(job.args.get("staged", ""))
    name = str(job.args.get("plugin", ""))
    with operation(
        job.actor, Action.PLUGIN_MANAGE, cluster=job.cluster, target="connect worker", plan=job.plan
    ) as entry:
        entry.note(act="install" if place else "remove")
        if job.attempt == 1:
            with job.step("Look whether the plan still holds"):
                now = _install_now(cluster, place) if place else _remove_now(cluster, name)
                check_again(job, now, "The worker or its plugins")
        return _install(job, cluster, place) if place else _remove(job, cluster, name)


def _install(job: JobRun, cluster: Cluster, place: str) -> dict[str, Json]:
    assert job.plan is not None
    reviewed = str(job.plan.request["reviewed"])
    if place not in plugins.staged(cluster.name):
        # An earlier attempt of this job came as far as its last act.
        there = next((each for each in plugins.installed(cluster.name) if each.fingerprint == reviewed), None)
        if there is not None:
            return _told(there)
    staged_of(cluster, place)
    _stop_if_it_ran(job, cluster)
    try:
        with job.step("Move its files into place, each as it was reviewed"):
            plugin = plugins.install(cluster.name, place, reviewed)
    except GatewayError:
        _start_if_it_ran(job, cluster)
        raise
    try:
        _start_if_it_ran(job, cluster)
        if _runs_anew(job):
            _see_that_it_is_offered(job, cluster, plugin)
    except Cancelled:
        # The worker stays stopped, as the job's steps say, and has what it had.
        plugins.put_back(cluster.name, place)
        raise
    except (AppError, GatewayError) as error:
        job.log(f"{error.what}: the files that were there before come back")
        with job.step("Put back what was there before"):
            plugins.put_back(cluster.name, place)
        _stop_if_it_ran(job, cluster)
        _start_if_it_ran(job, cluster)
        raise NotVerified(
            f"The worker did not take {plugin.name}: {error.what}",
            hint="It runs again with what it had before; the plugin waits for another look. The worker's log says more.",
        ) from error
    plugins.discard(cluster.name, place)
    return _told(plugin)


def _told(plugin: Plugin) -> dict[str, Json]:
    return {"plugin": plugin.name, "origin": plugin.origin, "offers": some(plugin.connectors)}


def _remove(job: JobRun, cluster: Cluster, name: str) -> dict[str, Json]:
    _stop_if_it_ran(job, cluster)
    with job.step("Delete its files"):
        plugins.remove(cluster.name, name)
    _start_if_it_ran(job, cluster)
    return {"plugin": name, "removed": True}


def _runs_anew(job: JobRun) -> bool:
    """Whether the worker ran when the plan was made; a job that is taken over finds it stopped by the first attempt."""
    return job.plan is not None and any(step.kind is StepKind.RUN for step in job.plan.steps)


def _stop_if_it_ran(job: JobRun, cluster: Cluster) -> None:
    if _runs_anew(job):
        with bundled.control() as client:
            stop_and_wait(job, client, selectors.worker_of(cluster))


def _start_if_it_ran(job: JobRun, cluster: Cluster) -> None:
    if _runs_anew(job):
        worker = selectors.worker_of(cluster)
        process = workers.worker_process(worker)
        with bundled.control() as client:
            start_and_wait(job, client, worker, process)


def _see_that_it_is_offered(job: JobRun, cluster: Cluster, plugin: Plugin) -> None:
    with job.step("Ask the worker what it offers"):
        offered = {each.name for each in workers.rest_api(selectors.worker_of(cluster)).plugins()}
        missing = [name for name in plugin.connectors if name not in offered]
        if missing:
            raise NotVerified(f"the worker does not offer {some(missing)}", hint="The worker's log says why.")
