"""An authority's key is replaced: the present state, the plan of each step, and the job that carries it out.

The job may be killed anywhere: the phase is in the authority's files, and what is left to do follows from what the
nodes present, trust, and when they started. Run again, it goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from django.utils import timezone

from controlplane.audit.services import operation
from controlplane.certificates import renewal
from controlplane.certificates.logic.rotation import (
    AuthorityFacts,
    NodeTrust,
    RotationPhase,
    RotationState,
    RotationStep,
    continues,
    plan_step,
)
from controlplane.certificates.models import Certificate
from controlplane.certificates.services import revocation
from controlplane.certificates.trust import chains, leads_to, remember_dropped
from controlplane.clusters.exclusion import admitted, at_work, refused_while_busy, turn
from controlplane.clusters.models import Cluster
from controlplane.clusters.operations import roll_brokers
from controlplane.core.access import Action, Actor
from controlplane.core.errors import Conflict, NotVerified
from controlplane.core.plans import Json, Plan
from controlplane.core.verify import verify
from controlplane.gateways import authorities
from controlplane.gateways import broker as bundled
from controlplane.gateways.authorities import Hierarchy, NodeTlsState
from controlplane.gateways.broker import Authorities, Purpose
from controlplane.jobs.models import Job
from controlplane.jobs.run import JobRun
from controlplane.jobs.services import enqueue

KIND = "certificates.rotate"


def state_of(cluster: Cluster, purpose: Purpose) -> RotationState:
    """Asks every node what it presents and trusts: seconds, never from memory."""
    spec = bundled.bundled_cluster(cluster.name)
    found = bundled.authorities(spec, purpose)
    busy = at_work(cluster.name)
    return RotationState(
        purpose=purpose.value,
        phase=RotationPhase(found.phase.value),
        current=_facts(found.current),
        following=_facts(found.following) if found.following else None,
        old=_facts(found.old) if found.old else None,
        nodes=_nodes(spec, purpose, found),
        dependents=_dependents(cluster, found.old) if found.old and purpose is Purpose.CLIENTS else (),
        busy=busy.title if busy else "",
    )


def signing_request(actor: Actor, cluster: Cluster, purpose: Purpose) -> str:
    """The request for an issuing authority. Its key is made at the first time, waits here sealed, and is kept in the audit's
    sight; asked again, the request is for the same key."""
    target = f"{purpose.value} authority"
    with operation(actor, Action.AUTHORITY_MANAGE, cluster=cluster.name, target=target) as entry:
        entry.note(act="signing request")
        return authorities.signing_request(bundled.bundled_cluster(cluster.name), purpose)


def newest_job(cluster: Cluster, purpose: Purpose) -> Job | None:
    return Job.objects.filter(cluster=cluster.name, kind=KIND, args__purpose=purpose.value).first()


def _dependents(cluster: Cluster, old: Hierarchy) -> tuple[str, ...]:
    """Client certificates that are refused once the old authority is dropped: every one that is accepted until then and
    is not revoked, those that were renewed too, for the application may still use the old files."""
    root = old.root.certificate
    below = [issuer for issuer, chain in chains(cluster).items() if leads_to(chain, root)]
    valid = Certificate.objects.filter(
        cluster=cluster, issuer__in=below, revoked_at=None, not_after__gte=timezone.now()
    )
    return tuple(
        f"{row.common_name} ({row.serial}{', renewed already' if row.replaced_by else ''})" for row in valid
    )


def plan(cluster: Cluster, purpose: Purpose, step: RotationStep, successor: Hierarchy | None = None) -> Plan:
    """`successor`: the authority that comes; None makes one of our own when the plan is applied."""
    facts = _facts(successor) if successor else None
    if step is RotationStep.BEGIN and facts is None:
        facts = AuthorityFacts(
            "a new authority of Kastellan's own", "made when applied", "ten years from then"
        )
    planned = plan_step(step, state_of(cluster, purpose), cluster=cluster.name, successor=facts)
    return refused_while_busy(cluster, planned)


def apply(
    actor: Actor,
    cluster: Cluster,
    purpose: Purpose,
    step: RotationStep,
    reviewed: Plan,
    successor: Hierarchy | None = None,
) -> Job:
    """The new authority is put into its place at once (its key goes into no job); the nodes follow in a job."""
    spec = bundled.bundled_cluster(cluster.name)
    state = state_of(cluster, purpose)
    if successor is not None and continues(step, state):
        raise Conflict(
            "Another new authority is trusted already", hint="Abandon that one first, then begin with yours."
        )
    with (
        operation(
            actor,
            Action.AUTHORITY_MANAGE,
            cluster=cluster.name,
            target=f"{purpose.value} authority",
            plan=reviewed,
        ) as entry,
        admitted(cluster),
    ):
        if step is RotationStep.BEGIN and not continues(step, state):
            coming = successor or authorities.new_hierarchy(spec, purpose)
            authorities.begin(spec, purpose, coming)
        job = enqueue(
            kind=KIND,
            title=reviewed.title,
            args={"purpose": purpose.value, "step": step.value, "plan": reviewed.to_json()},
            actor=actor,
            cluster=cluster.name,
            resumable=True,
        )
        entry.note(job=str(job.pk))
        return job


def run(job: JobRun) -> Mapping[str, Json]:
    purpose, step = Purpose(str(job.args["purpose"])), RotationStep(str(job.args["step"]))
    cluster = Cluster.objects.get(name=job.cluster)
    spec = bundled.bundled_cluster(job.cluster)
    target = f"{purpose.value} authority"
    with (
        turn(job),
        operation(
            job.actor, Action.AUTHORITY_MANAGE, cluster=job.cluster, target=target, plan=job.plan
        ) as entry,
    ):
        entry.note(step=step.value, attempt=job.attempt)
        before = bundled.authorities(spec, purpose)
        gone = _leaving(step, before)
        if gone and step is RotationStep.FINISH and purpose is Purpose.CLIENTS:
            remember_dropped(cluster, gone)
        with job.step("Move the authorities' files"):
            _move(spec, purpose, step, before)
        if purpose is Purpose.CLIENTS:
            with job.step("Publish the revocation lists"):
                revocation.refresh_if_due(cluster)
        distribute(job, cluster, purpose)
        with job.step("Ask every node what it trusts"):
            _confirm(spec, purpose, step, gone)
    return {"phase": bundled.authorities(spec, purpose).phase.value}


def _move(spec: bundled.ClusterSpec, purpose: Purpose, step: RotationStep, before: Authorities) -> None:
    """Already done in an earlier attempt: nothing."""
    phase = RotationPhase(before.phase.value)
    if step is RotationStep.SWITCH and phase is RotationPhase.TRUST_NEW:
        authorities.switch(spec, purpose)
    elif step is RotationStep.FINISH and phase is RotationPhase.SWITCHED:
        authorities.finish(spec, purpose)
    elif step is RotationStep.ABANDON and phase is RotationPhase.TRUST_NEW:
        authorities.abandon(spec, purpose)


def distribute(job: JobRun, cluster: Cluster, purpose: Purpose) -> None:
    """Files, listeners, restarts, in this order; each part does only what is still missing."""
    spec = bundled.bundled_cluster(cluster.name)
    with job.step("Write every node's certificates and truststores"):
        issued = authorities.reissue_due(spec)
        job.log(f"New certificates: {', '.join(issued) if issued else 'none'}")
    with job.step("Listeners read their files again"):
        renewal.reload_listeners(
            cluster, [state.node for state in authorities.tls_states(spec) if state.started]
        )
    if purpose is Purpose.BROKERS:
        waiting = [state.node for state in authorities.tls_states(spec) if state.restart_needed]
        with job.step(f"Restart one broker after another ({len(waiting)})"):
            reason = bundled.RestartReason.CA_KEY_REPLACED
            roll_brokers(job, dict.fromkeys(waiting, reason))
    with job.step("Write the client files of the user admin"):
        bundled.ensure_admin(bundled.data_paths(), spec)


def _leaving(step: RotationStep, before: Authorities) -> Hierarchy | None:
    """The authority that nobody may trust after this step."""
    if step is RotationStep.FINISH:
        return before.old
    return before.following if step is RotationStep.ABANDON else None


def _confirm(spec: bundled.ClusterSpec, purpose: Purpose, step: RotationStep, gone: Hierarchy | None) -> None:
    """Listeners take a moment to follow, so both questions are asked until they are answered right, or time is up."""
    found = bundled.authorities(spec, purpose)
    expected = found.following or found.current
    if not _settles(lambda: set(authorities.trusted_by(spec, purpose, expected).values()) == {True}):
        raise NotVerified(
            f"Not every broker takes certificates of {_facts(expected).name}",
            hint=f"The page shows which, their log says why. '{step.value}' can be run again: it goes on from here.",
        )
    if gone and not _settles(lambda: set(authorities.trusted_by(spec, purpose, gone).values()) == {False}):
        raise NotVerified(
            f"Some broker still takes certificates of {_facts(gone).name}",
            hint="Restart the brokers one by one: Brokers, Rolling restart.",
        )


def _settles(holds: Callable[[], bool]) -> bool:
    try:
        verify("what the brokers trust", holds, seconds=renewal.SETTLE_SECONDS)
    except NotVerified:
        return False
    return True


def _nodes(spec: bundled.ClusterSpec, purpose: Purpose, found: Authorities) -> tuple[NodeTrust, ...]:
    trusts = authorities.trusted_by(spec, purpose, found.following) if found.following else {}
    return tuple(
        NodeTrust(
            node=state.node,
            running=state.started is not None,
            trusts_next=trusts.get(state.node),
            presents_current=_presents(state),
            restarted_since=not state.restart_needed,
        )
        for state in authorities.tls_states(spec)
    )


def _presents(state: NodeTlsState) -> bool:
    return not state.stale_listeners and not state.silent_listeners


def _facts(hierarchy: Hierarchy) -> AuthorityFacts:
    root = hierarchy.root.certificate
    return AuthorityFacts(
        name=_name(root),
        fingerprint=root.fingerprint(hashes.SHA256()).hex(),
        ends=f"{root.not_valid_after_utc.astimezone(UTC):%Y-%m-%d}",
        external=hierarchy.external,
    )


def _name(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string()
