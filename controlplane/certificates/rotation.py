"""An authority's key is replaced: the present state, the plan of each step, and the job that carries it out.

The job may be killed anywhere: the phase is in the authority's files, and what is left to do follows from what the
nodes present, trust, and when they started. Run again, it goes on where it stopped.

An authority that is dropped or abandoned is let go in this order, so that it is known for as long as a node may trust it:
1. The files say that it leaves, and no truststore is written with it any more.
2. Every node follows, and is seen to refuse it.
3. It is forgotten.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC

from cryptography import x509
from django.utils import timezone

from controlplane.audit.services import operation
from controlplane.certificates import renewal
from controlplane.certificates.logic.rotation import continues, plan_step
from controlplane.certificates.logic.rotation_state import (
    AuthorityFacts,
    NodeTrust,
    RotationPhase,
    RotationState,
    RotationStep,
)
from controlplane.certificates.models import Certificate
from controlplane.certificates.selectors import fingerprint, key_fingerprint
from controlplane.certificates.services import revocation
from controlplane.certificates.trust import chains, leads_to, remember_dropped
from controlplane.clusters.exclusion import admitted, at_work, refused_while_busy, turn
from controlplane.clusters.models import Cluster
from controlplane.clusters.operations import roll_brokers
from controlplane.core.access import SYSTEM, Action, Actor
from controlplane.core.errors import Conflict, NotVerified
from controlplane.core.plans import Json, Plan
from controlplane.core.verify import verify
from controlplane.gateways import authorities, workers
from controlplane.gateways import broker as bundled
from controlplane.gateways.authorities import Hierarchy, NodeTlsState
from controlplane.gateways.broker import Authorities, Purpose
from controlplane.jobs.models import Job
from controlplane.jobs.run import JobRun
from controlplane.jobs.services import enqueue

log = logging.getLogger(__name__)
KIND = "certificates.rotate"
#: How long `heal` waits for listeners: a task, which comes again.
HEAL_SECONDS = 20.0


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


def plan(
    cluster: Cluster,
    purpose: Purpose,
    step: RotationStep,
    successor: Hierarchy | None = None,
    *,
    key_given: bool = False,
) -> Plan:
    """`successor`: the authority that comes; None makes one of our own when the plan is applied. `key_given`: its key was
    uploaded with it."""
    facts = replace(_facts(successor), key_given=key_given) if successor else None
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
            # Its job leaves a row of its own, under the plain title: what was asked, and what was done.
            plan=replace(reviewed, title=f"{reviewed.title}: started"),
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
        with job.step("Move the authorities' files"):
            _move(spec, purpose, step)
        if purpose is Purpose.CLIENTS:
            with job.step("Publish the revocation lists"):
                revocation.refresh_if_due(cluster)
        distribute(job, cluster, purpose)
        with job.step("Ask every node what it trusts"):
            _confirm(spec, purpose, step)
        if bundled.authorities(spec, purpose).leaving:
            with job.step("Forget the authority that nobody trusts any more"):
                _forget(cluster, purpose)
    return {"phase": bundled.authorities(spec, purpose).phase.value}


def _move(spec: bundled.ClusterSpec, purpose: Purpose, step: RotationStep) -> None:
    """Already done in an earlier attempt: nothing."""
    phase = RotationPhase(bundled.authorities(spec, purpose).phase.value)
    if step is RotationStep.SWITCH and phase is RotationPhase.TRUST_NEW:
        authorities.switch(spec, purpose)
    elif step is RotationStep.FINISH and phase is RotationPhase.SWITCHED:
        authorities.drop(spec, purpose)
    elif step is RotationStep.ABANDON and phase is RotationPhase.TRUST_NEW:
        authorities.abandon(spec, purpose)


def _forget(cluster: Cluster, purpose: Purpose) -> None:
    """Only after every node was seen to refuse it. The date is kept first: what is forgotten could not be named."""
    spec = bundled.bundled_cluster(cluster.name)
    found = bundled.authorities(spec, purpose)
    clients = purpose is Purpose.CLIENTS
    if clients and found.leaving and found.phase is bundled.Phase.DROPPING:
        remember_dropped(cluster, found.leaving)
    authorities.forget(spec, purpose)
    if clients:
        revocation.refresh_if_due(cluster)


def distribute(job: JobRun, cluster: Cluster, purpose: Purpose) -> None:
    """Files, listeners, restarts, in this order; each part does only what is still missing."""
    spec = bundled.bundled_cluster(cluster.name)
    with job.step("Write every node's certificates and truststores"):
        issued = authorities.reissue_due(spec)
        job.log(f"New certificates: {', '.join(issued) if issued else 'none'}")
    with job.step("Write the client files of the user admin"):
        bundled.ensure_admin(bundled.data_paths(), spec)
    if workers.worker_of(spec.name):
        with job.step("The Connect worker starts anew with them"):
            workers.restart_if_stale(spec)
    with job.step("Listeners read their files again"):
        renewal.reload_listeners(
            cluster, [state.node for state in authorities.tls_states(spec) if state.started]
        )
    if purpose is Purpose.BROKERS:
        waiting = [state.node for state in authorities.tls_states(spec) if state.restart_needed]
        with job.step(f"Restart one broker after another ({len(waiting)})"):
            reason = bundled.RestartReason.CA_KEY_REPLACED
            roll_brokers(job, dict.fromkeys(waiting, reason))


def _confirm(spec: bundled.ClusterSpec, purpose: Purpose, step: RotationStep) -> None:
    """Listeners take a moment to follow, so both questions are asked until they are answered right, or time is up."""
    found = bundled.authorities(spec, purpose)
    expected, gone = _expected(found), found.leaving
    again = f"'{step.value}' can be run again: it goes on from here."
    if not _settles(lambda: set(authorities.trusted_by(spec, purpose, expected).values()) == {True}):
        raise NotVerified(
            f"Not every broker takes certificates of {_facts(expected).name}",
            hint=f"The page shows which, their log says why. {again}",
        )
    if gone and not _settles(lambda: _refused_everywhere(spec, purpose, gone)):
        raise NotVerified(
            f"Some broker may still take certificates of {_facts(gone).name}",
            hint=f"The page shows which; a restart makes a broker follow. {again}",
        )


def _expected(found: Authorities) -> Hierarchy:
    """The newest that every broker has to trust."""
    return found.following if found.following and not found.let_go else found.current


def _refused_everywhere(spec: bundled.ClusterSpec, purpose: Purpose, gone: Hierarchy) -> bool:
    """A broker's controller side reads its truststore at the start only, and takes no probe: its start time speaks for it."""
    refused = set(authorities.trusted_by(spec, purpose, gone).values()) == {False}
    if purpose is Purpose.CLIENTS:
        return refused
    return refused and not any(state.restart_needed for state in authorities.tls_states(spec))


def _settles(holds: Callable[[], bool], seconds: float = renewal.SETTLE_SECONDS) -> bool:
    try:
        verify("what the brokers trust", holds, seconds=seconds)
    except NotVerified:
        return False
    return True


def heal(cluster: Cluster) -> tuple[Purpose, ...]:
    """What an interrupted step left behind, as far as no broker has to restart: listeners read their files again, and what
    no broker trusts any more is forgotten. Returns where something was done; tells the log what waits for a person."""
    spec = bundled.bundled_cluster(cluster.name)
    if all(bundled.authorities(spec, purpose).phase is bundled.Phase.NONE for purpose in Purpose):
        return ()
    if at_work(cluster.name) is not None:
        return ()
    try:
        with bundled.turn(bundled.data_paths(), cluster.name, "An interrupted replacement of a key"):
            return tuple(purpose for purpose in Purpose if _healed(cluster, spec, purpose))
    except bundled.TurnTaken:
        return ()


def _healed(cluster: Cluster, spec: bundled.ClusterSpec, purpose: Purpose) -> bool:
    found = bundled.authorities(spec, purpose)
    if found.phase is bundled.Phase.NONE:
        return False
    lagging = _lagging(spec, purpose, found)
    if not lagging and not found.leaving:
        return False
    target = f"{purpose.value} authority"
    with operation(SYSTEM, Action.AUTHORITY_MANAGE, cluster=cluster.name, target=target) as entry:
        entry.note(act="go on with an interrupted step", phase=found.phase.value, reload=list(lagging))
        renewal.reload_listeners(cluster, lagging)
        gone = found.leaving
        if gone and _settles(lambda: _refused_everywhere(spec, purpose, gone), HEAL_SECONDS):
            _forget(cluster, purpose)
            entry.note(forgotten=_facts(gone).name)
        elif gone:
            log.warning(
                "%s of the %s authority of %s is not confirmed by every broker: go on with it on its page",
                found.phase.value,
                purpose.value,
                cluster.name,
            )
    return True


def _lagging(spec: bundled.ClusterSpec, purpose: Purpose, found: Authorities) -> tuple[int, ...]:
    """Brokers that run, and whose listeners do not trust what their files say."""
    running = {state.node for state in authorities.tls_states(spec) if state.started is not None}
    takes = authorities.trusted_by(spec, purpose, _expected(found))
    refuses = authorities.trusted_by(spec, purpose, found.leaving) if found.leaving else {}
    return tuple(
        node
        for node in sorted(running)
        if takes.get(node) is not True or refuses.get(node, False) is not False
    )


def _nodes(spec: bundled.ClusterSpec, purpose: Purpose, found: Authorities) -> tuple[NodeTrust, ...]:
    leaving = authorities.trusted_by(spec, purpose, found.leaving) if found.leaving else {}
    following = found.following if not found.let_go else None
    trusts = authorities.trusted_by(spec, purpose, following) if following else {}
    return tuple(
        NodeTrust(
            node=state.node,
            running=state.started is not None,
            trusts_next=trusts.get(state.node),
            presents_current=_presents(state, purpose, found),
            restarted_since=not state.restart_needed,
            trusts_leaving=leaving.get(state.node),
        )
        for state in authorities.tls_states(spec)
    )


def _presents(state: NodeTlsState, purpose: Purpose, found: Authorities) -> bool:
    """What its file holds; and, after a switch, that the file holds a certificate of the new authority already."""
    current = found.current.issuing.certificate
    if purpose is Purpose.BROKERS and not (state.leaf and authorities.signed_by(state.leaf, current)):
        return False
    return not state.stale_listeners and not state.silent_listeners


def _facts(hierarchy: Hierarchy) -> AuthorityFacts:
    root, issuing = hierarchy.root.certificate, hierarchy.issuing.certificate
    chain = dict.fromkeys(fingerprint(each) for each in (*hierarchy.path, root))
    return AuthorityFacts(
        name=_name(root),
        fingerprint=fingerprint(root),
        ends=_day(root),
        external=hierarchy.external,
        issuing=_name(issuing),
        issuing_ends=_day(issuing),
        key=key_fingerprint(hierarchy.issuing.key.public_key()),
        chain=tuple(chain),
    )


def _day(certificate: x509.Certificate) -> str:
    return f"{certificate.not_valid_after_utc.astimezone(UTC):%Y-%m-%d}"


def _name(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string()
