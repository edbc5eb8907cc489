"""A step that stops half-way on a real broker: cancelled, failed or killed at each of its parts, the truth is told, and it
is taken again to its end."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from broker.paths import DataPaths
from broker.pki import Purpose
from broker.spec import ClusterSpec
from controlplane.certificates import rotation
from controlplane.certificates.logic.rotation_state import RotationPhase, RotationStep
from controlplane.clusters.models import Cluster
from controlplane.core.access import SYSTEM, Role
from controlplane.core.errors import Conflict
from controlplane.gateways import authorities
from controlplane.gateways import broker as bundled
from controlplane.gateways.authorities import Hierarchy
from controlplane.jobs import services as jobs
from controlplane.jobs.models import Job, JobState
from controlplane.jobs.run import JobRun
from tests.certificates.test_rotation import shown, take
from tests.conftest import Api
from tests.web.people import signed_in

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(900)]
MakeApi = Callable[[Role], Api]
API = "clusters/lone/certificates/authorities/{}/rotation/"
PAGE = "/clusters/lone/certificates/authorities/{}/"
#: The parts of a step, by the beginning of their names; the last two only where an authority leaves.
MOVE, LISTS, WRITE, FILES, LISTENERS, RESTART, ASK, FORGET = (
    "Move",
    "Publish",
    "Write every node",
    "Write the client files",
    "Listeners",
    "Restart one",
    "Ask",
    "Forget",
)
CLIENTS_PARTS = (MOVE, LISTS, WRITE, FILES, LISTENERS, ASK, FORGET)
BROKERS_PARTS = (MOVE, WRITE, FILES, LISTENERS, RESTART, ASK, FORGET)


class Killed(BaseException):
    """As kill -9 would: nothing of the job's own is done after it."""


@pytest.fixture(autouse=True)
def at_rest(lone: Cluster) -> Iterator[None]:
    """Whatever a test left is gone on with, so that one failure is one failure."""
    yield
    Job.objects.filter(ended_at=None).update(state=JobState.CANCELLED, ended_at=timezone.now())
    out = {
        RotationPhase.TRUST_NEW: RotationStep.ABANDON,
        RotationPhase.ABANDONING: RotationStep.ABANDON,
        RotationPhase.SWITCHED: RotationStep.FINISH,
        RotationPhase.DROPPING: RotationStep.FINISH,
    }
    for purpose in Purpose:
        phase = rotation.state_of(lone, purpose).phase
        if phase in out:
            take(lone, purpose, out[phase])


@contextmanager
def stopped(monkeypatch: pytest.MonkeyPatch, part: str, how: str, *, late: bool) -> Generator[None]:
    """`late`: when the part is done, else before anything of it is."""
    original = JobRun.step

    @contextmanager
    def step(self: JobRun, name: str) -> Generator[None]:
        here = name.startswith(part)
        if here and how == "cancel":
            Job.objects.filter(pk=self.job.pk).update(cancel_requested_at=timezone.now())
        if here and how != "cancel" and not late:
            raise Conflict("stopped") if how == "fail" else Killed
        with original(self, name):
            yield
        if here and how != "cancel":
            raise Conflict("stopped") if how == "fail" else Killed

    with monkeypatch.context() as patch:
        patch.setattr(JobRun, "step", step)
        yield


def enqueued(lone: Cluster, purpose: Purpose, step: RotationStep) -> uuid.UUID:
    plan = rotation.plan(lone, purpose, step)
    assert plan.refusals == (), plan.refusals
    return rotation.apply(SYSTEM, lone, purpose, step, plan).pk


def interrupt(
    lone: Cluster,
    purpose: Purpose,
    step: RotationStep,
    part: str,
    how: str,
    monkeypatch: pytest.MonkeyPatch,
    *,
    late: bool = False,
) -> Job:
    pk = enqueued(lone, purpose, step)
    with stopped(monkeypatch, part, how, late=late):
        if how == "kill":
            with pytest.raises(Killed):
                jobs.run(pk)
        else:
            jobs.run(pk)
    return Job.objects.get(pk=pk)


def resumed_by_the_sweeper(job: Job) -> None:
    """Its worker is dead: the lease runs out, the row is queued again, and another worker takes it."""
    assert job.state == JobState.RUNNING
    jobs.sweep(timezone.now() + timedelta(hours=1))
    jobs.run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.attempt) == (JobState.SUCCEEDED, 2), (job.error, job.hint, job.log)


def switched(lone: Cluster, spec: ClusterSpec, purpose: Purpose) -> Hierarchy:
    """The old authority, which waits to be dropped."""
    take(lone, purpose, RotationStep.BEGIN)
    take(lone, purpose, RotationStep.SWITCH)
    old = bundled.authorities(spec, purpose).old
    assert old is not None
    return old


def takes(spec: ClusterSpec, purpose: Purpose, hierarchy: Hierarchy) -> bool | None:
    (found,) = authorities.trusted_by(spec, purpose, hierarchy).values()
    return found


def told(call: Api, purpose: Purpose) -> dict[str, Any]:
    answer: dict[str, Any] = call("GET", API.format(purpose.value)).json()
    return answer


def current_step(purpose: Purpose) -> tuple[str, str]:
    """What the page has as the step to take now, and what its button says."""
    page = signed_in(Role.ADMIN).get(PAGE.format(purpose.value)).content.decode()
    found = [item for item in page.split("<li>") if "<strong>" in item and "</button>" in item]
    assert len(found) == 1, page
    return found[0].split("<strong>")[1].split("</strong>")[0], found[0].split("</button>")[0].split(">")[-1]


def finish(lone: Cluster, spec: ClusterSpec, purpose: Purpose, old: Hierarchy) -> None:
    """Taken again, and then nobody trusts it, and nothing is known of it any more."""
    take(lone, purpose, RotationStep.FINISH)
    assert rotation.state_of(lone, purpose).phase is RotationPhase.NONE
    assert takes(spec, purpose, old) is False


def test_a_drop_that_was_cancelled_says_that_brokers_still_accept_and_goes_on_from_the_page(
    lone: Cluster, lone_spec: ClusterSpec, api: MakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    call, path = api(Role.ADMIN), "clusters/lone/certificates/"
    serial = str(call("POST", path, {"common_name": "orders"}).json()["serial"])
    old = switched(lone, lone_spec, Purpose.CLIENTS)
    assert told(call, Purpose.CLIENTS)["old"]["external"] is False
    job = interrupt(lone, Purpose.CLIENTS, RotationStep.FINISH, MOVE, "cancel", monkeypatch, late=True)
    assert job.state == JobState.CANCELLED
    assert takes(lone_spec, Purpose.CLIENTS, old) is True
    _tells_that_it_is_accepted(call, path, serial, phase="switched")
    job = interrupt(lone, Purpose.CLIENTS, RotationStep.FINISH, LISTS, "cancel", monkeypatch)
    assert job.state == JobState.CANCELLED
    assert takes(lone_spec, Purpose.CLIENTS, old) is True
    _tells_that_it_is_accepted(call, path, serial, phase="dropping")
    assert told(call, Purpose.CLIENTS)["brokers"][0]["trusts_leaving"] is True
    assert current_step(Purpose.CLIENTS) == ("Drop the old authority", "Go on…")
    begin = call("POST", f"{API.format('clients')}?dry_run=true", {"step": "begin"}).json()
    assert begin["refusals"][0]["what"].startswith("The old authority is being dropped")
    page = signed_in(Role.ADMIN).get(f"/clusters/lone/certificates/{serial}/").content.decode()
    assert "brokers may still accept this certificate" in page
    finish(lone, lone_spec, Purpose.CLIENTS, old)
    read = call("GET", f"{path}{serial}/").json()
    assert (read["trusted"], read["state"]) == (False, "untrusted")
    assert read["untrusted_since"]


def _tells_that_it_is_accepted(call: Api, path: str, serial: str, *, phase: str) -> None:
    state = told(call, Purpose.CLIENTS)
    assert (state["phase"], state["old"] is None) == (phase, False)
    read = call("GET", f"{path}{serial}/").json()
    assert (read["trusted"], read["untrusted_since"], read["old_authority"]) == (True, None, True)
    assert serial in shown(call, path, "valid")
    assert shown(call, path, "untrusted") == set()


def test_the_periodic_task_goes_on_with_a_drop_that_nobody_goes_on_with(
    lone: Cluster, lone_spec: ClusterSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = switched(lone, lone_spec, Purpose.CLIENTS)
    assert rotation.heal(lone) == ()  # what waits for a person is left to the person
    interrupt(lone, Purpose.CLIENTS, RotationStep.FINISH, WRITE, "fail", monkeypatch)
    assert takes(lone_spec, Purpose.CLIENTS, old) is True
    authorities.reissue_due(lone_spec)
    assert rotation.heal(lone) == (Purpose.CLIENTS,)
    assert rotation.state_of(lone, Purpose.CLIENTS).phase is RotationPhase.NONE
    assert takes(lone_spec, Purpose.CLIENTS, old) is False


def test_a_worker_that_dies_in_a_drop_is_followed_by_another(
    lone: Cluster, lone_spec: ClusterSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = switched(lone, lone_spec, Purpose.CLIENTS)
    job = interrupt(lone, Purpose.CLIENTS, RotationStep.FINISH, MOVE, "kill", monkeypatch, late=True)
    assert rotation.state_of(lone, Purpose.CLIENTS).phase is RotationPhase.DROPPING
    resumed_by_the_sweeper(job)
    assert rotation.state_of(lone, Purpose.CLIENTS).phase is RotationPhase.NONE
    assert takes(lone_spec, Purpose.CLIENTS, old) is False


def test_an_authority_that_was_half_abandoned_is_known_until_brokers_refuse_it(
    lone: Cluster, lone_spec: ClusterSpec, api: MakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(lone, Purpose.CLIENTS, RotationStep.BEGIN)
    following = bundled.authorities(lone_spec, Purpose.CLIENTS).following
    assert following is not None
    interrupt(lone, Purpose.CLIENTS, RotationStep.ABANDON, LISTENERS, "cancel", monkeypatch)
    assert takes(lone_spec, Purpose.CLIENTS, following) is True
    state = told(api(Role.ADMIN), Purpose.CLIENTS)
    assert (state["phase"], state["brokers"][0]["trusts_leaving"]) == ("abandoning", True)
    page = signed_in(Role.ADMIN).get(PAGE.format("clients")).content.decode()
    assert "Go on abandoning the new one…" in page
    assert "Begin…" not in page
    take(lone, Purpose.CLIENTS, RotationStep.ABANDON)
    assert rotation.state_of(lone, Purpose.CLIENTS).phase is RotationPhase.NONE
    assert takes(lone_spec, Purpose.CLIENTS, following) is False


@pytest.mark.slow
@pytest.mark.parametrize("how", ["cancel", "fail", "kill"])
@pytest.mark.parametrize("part", CLIENTS_PARTS)
def test_a_drop_of_the_clients_authority_is_resumed_wherever_it_stopped(
    lone: Cluster, lone_spec: ClusterSpec, monkeypatch: pytest.MonkeyPatch, part: str, how: str
) -> None:
    old = switched(lone, lone_spec, Purpose.CLIENTS)
    job = interrupt(lone, Purpose.CLIENTS, RotationStep.FINISH, part, how, monkeypatch)
    phase = rotation.state_of(lone, Purpose.CLIENTS).phase
    _known_while_it_is_trusted(lone_spec, Purpose.CLIENTS, old, phase)
    if how == "kill":
        resumed_by_the_sweeper(job)
    elif phase is not RotationPhase.NONE:
        finish(lone, lone_spec, Purpose.CLIENTS, old)
    assert rotation.state_of(lone, Purpose.CLIENTS).phase is RotationPhase.NONE
    assert takes(lone_spec, Purpose.CLIENTS, old) is False


@pytest.mark.slow
@pytest.mark.parametrize("how", ["cancel", "kill"])
@pytest.mark.parametrize("part", BROKERS_PARTS)
def test_a_drop_of_the_brokers_authority_is_resumed_wherever_it_stopped(
    lone: Cluster, lone_spec: ClusterSpec, monkeypatch: pytest.MonkeyPatch, part: str, how: str
) -> None:
    old = switched(lone, lone_spec, Purpose.BROKERS)
    job = interrupt(lone, Purpose.BROKERS, RotationStep.FINISH, part, how, monkeypatch)
    phase = rotation.state_of(lone, Purpose.BROKERS).phase
    _known_while_it_is_trusted(lone_spec, Purpose.BROKERS, old, phase)
    if how == "kill":
        resumed_by_the_sweeper(job)
    elif phase is not RotationPhase.NONE:
        finish(lone, lone_spec, Purpose.BROKERS, old)
    assert rotation.state_of(lone, Purpose.BROKERS).phase is RotationPhase.NONE
    assert takes(lone_spec, Purpose.BROKERS, old) is False


def _known_while_it_is_trusted(
    spec: ClusterSpec, purpose: Purpose, old: Hierarchy, phase: RotationPhase
) -> None:
    if phase is RotationPhase.NONE:
        assert takes(spec, purpose, old) is False
    known = bundled.authorities(spec, purpose).known_roots
    assert (old.root.certificate in known) is (phase is not RotationPhase.NONE)


@pytest.mark.slow
@pytest.mark.parametrize("part", [MOVE, WRITE, FILES, LISTENERS, RESTART, ASK])
@pytest.mark.parametrize("step", [RotationStep.BEGIN, RotationStep.SWITCH])
def test_begin_and_switch_of_the_brokers_authority_let_nothing_follow_that_is_not_done(
    lone: Cluster,
    lone_spec: ClusterSpec,
    data_paths: DataPaths,
    monkeypatch: pytest.MonkeyPatch,
    step: RotationStep,
    part: str,
) -> None:
    """Half of a step is not the whole: the next one is refused, unless all but the question was done."""
    following = {RotationStep.BEGIN: RotationStep.SWITCH, RotationStep.SWITCH: RotationStep.FINISH}[step]
    if step is RotationStep.SWITCH:
        take(lone, Purpose.BROKERS, RotationStep.BEGIN)
    interrupt(lone, Purpose.BROKERS, step, part, "fail", monkeypatch)
    refused = rotation.plan(lone, Purpose.BROKERS, following).refusals
    assert bool(refused) is (part != ASK)
    take(lone, Purpose.BROKERS, step)
    assert rotation.plan(lone, Purpose.BROKERS, following).refusals == ()
