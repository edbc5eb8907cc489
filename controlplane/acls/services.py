"""Changes to ACLs: plan, then apply the very plan inside `audit.operation`, and wait until every broker knows.

`plan_*` never writes. `apply` takes the change that was reviewed; callers have compared its digest (If-Match, form).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from controlplane.acls import selectors
from controlplane.acls.logic import plans, transfer
from controlplane.acls.logic.bindings import exactly, from_json, to_json
from controlplane.acls.logic.plans import AclChange
from controlplane.acls.logic.selection import Filters, select
from controlplane.acls.logic.transfer import FileFormat
from controlplane.audit import selectors as audit
from controlplane.audit.services import operation
from controlplane.clusters.credentials import accepted_certificates
from controlplane.clusters.models import Cluster
from controlplane.clusters.services import gateway_for
from controlplane.core.access import Action, Actor
from controlplane.core.errors import NotFound
from controlplane.core.verify import verify
from controlplane.gateways.kafka.access_types import Acl

BATCH = 500


def plan_create(cluster: Cluster, wanted: Sequence[Acl], *, title: str = "") -> AclChange:
    return plans.plan_create(
        wanted,
        selectors.authorizer(cluster),
        cluster=cluster.name,
        title=title,
        accepted=accepted_certificates(cluster),
    )


def plan_grant(cluster: Cluster, wanted: Sequence[Acl], unwanted: Sequence[Acl] = ()) -> AclChange | None:
    """As a part of a larger plan, where it is no mistake that all of it is there already: None then. `unwanted`: bindings
    that are not to be there afterwards."""
    change = plans.plan_exchange(
        wanted,
        unwanted,
        selectors.authorizer(cluster),
        cluster=cluster.name,
        accepted=accepted_certificates(cluster),
    )
    known = tuple(refusal for refusal in change.plan.refusals if refusal.code != "nothing")
    changes = change.add or change.remove or known
    return replace(change, plan=replace(change.plan, refusals=known)) if changes else None


def plan_delete(cluster: Cluster, doomed: Sequence[Acl]) -> AclChange:
    return plans.plan_delete(doomed, selectors.authorizer(cluster), cluster=cluster.name)


def plan_delete_matching(cluster: Cluster, filters: Filters) -> AclChange:
    state = selectors.authorizer(cluster)
    return plans.plan_delete(select(state.acls, filters), state, cluster=cluster.name)


def plan_import(cluster: Cluster, text: str, given: FileFormat, *, remove_others: bool) -> AclChange:
    parsed = transfer.read(text, given)
    return plans.plan_import(
        parsed.acls,
        selectors.authorizer(cluster),
        cluster=cluster.name,
        remove_others=remove_others,
        problems=transfer.problems_of(parsed),
        accepted=accepted_certificates(cluster),
    )


def plan_revert(actor: Actor, cluster: Cluster, uid: str) -> AclChange:
    """From the before-image that `apply` left in an operation of this cluster."""
    found = audit.get_operation(actor, uid)
    before = found.before
    if found.action != Action.ACL_EDIT or found.cluster != cluster.name or not isinstance(before, dict):
        raise NotFound(
            f"Operation {uid} changed no ACL of {cluster.title}", hint="Operations lists those that did."
        )
    return plans.plan_revert(
        _recorded(before, "created"),
        _recorded(before, "deleted"),
        selectors.authorizer(cluster),
        cluster=cluster.name,
        accepted=accepted_certificates(cluster),
        operation=uid,
    )


def _recorded(before: Mapping[str, Any], name: str) -> tuple[Acl, ...]:
    return tuple(from_json(each) for each in before.get(name, ()))


def apply(actor: Actor, cluster: Cluster, change: AclChange) -> None:
    plan = change.plan
    with operation(actor, plan.action, cluster=cluster.name, target=target_of(change), plan=plan) as entry:
        entry.remember(
            {
                "created": [to_json(acl) for acl in change.add],
                "deleted": [to_json(acl) for acl in change.remove],
            }
        )
        carry_out(cluster, change)


def carry_out(cluster: Cluster, change: AclChange) -> None:
    """The act itself, inside an operation of the caller's. Creates before it deletes, so that nobody is without a right
    between the two."""
    gateway = gateway_for(cluster)
    for some in _chunks(change.add):
        gateway.create_acls(some)
    for some in _chunks(change.remove):
        gateway.delete_acls([exactly(acl) for acl in some])
    verify("the ACLs on every broker", lambda: known_everywhere(cluster, change.add, change.remove))


def target_of(change: AclChange) -> str:
    principals = sorted({acl.principal for acl in (*change.add, *change.remove)})
    return principals[0] if len(principals) == 1 else f"{len(principals)} principals"


def known_everywhere(cluster: Cluster, added: Sequence[Acl], removed: Sequence[Acl]) -> bool:
    gateway = gateway_for(cluster)
    for node in gateway.describe_cluster().brokers:
        if node.fenced:
            continue
        here = set(gateway.describe_acls(broker=node.id))
        if not here.issuperset(added) or not here.isdisjoint(removed):
            return False
    return True


def _chunks(acls: Sequence[Acl]) -> list[Sequence[Acl]]:
    return [acls[start : start + BATCH] for start in range(0, len(acls), BATCH)]
