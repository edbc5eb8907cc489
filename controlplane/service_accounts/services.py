"""A service account made, and removed: one plan, one operation, one download. Composes users, ACLs, quotas, certificates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from controlplane.acls import services as acls
from controlplane.acls.logic import bundles
from controlplane.acls.logic.bundles import BundleRequest, bindings_of
from controlplane.acls.logic.plans import AclChange
from controlplane.audit.services import Entry, operation
from controlplane.certificates.logic.plans import DEFAULT_DAYS, IssueCertificate
from controlplane.certificates.logic.state import Reason
from controlplane.certificates.models import Certificate
from controlplane.certificates.services import issuing, revocation
from controlplane.certificates.services.issuing import Delivery
from controlplane.clusters import blocking
from controlplane.clusters.models import Cluster
from controlplane.core.access import Action, Actor
from controlplane.core.errors import AppError
from controlplane.core.plans import Json, Plan, Refusal, Risk
from controlplane.gateways.errors import GatewayError
from controlplane.quotas import services as quotas
from controlplane.quotas.logic.entities import entity_of
from controlplane.quotas.logic.plans import AlterQuotas
from controlplane.service_accounts import selectors
from controlplane.service_accounts.logic.compose import compose_create, compose_remove
from controlplane.users import services as users
from controlplane.users.logic.plans import DeleteUser, SetCredentials
from controlplane.users.selectors import user_state
from controlplane.users.services import Issued

CERTIFICATE = "certificate"


@dataclass(frozen=True, slots=True)
class CreateAccount:
    """`credential`: a SCRAM mechanism, or `certificate`. Without a bundle the account may log in and nothing else."""

    name: str
    credential: str
    days: int = DEFAULT_DAYS
    bundle: BundleRequest | None = None
    quotas: Mapping[str, float] = field(default_factory=dict)

    @property
    def principal(self) -> str:
        return f"User:{self.name}"

    @property
    def scram(self) -> SetCredentials:
        return SetCredentials(self.name, (self.credential,))

    @property
    def certificate(self) -> IssueCertificate:
        return IssueCertificate(self.name, self.days, "")

    @property
    def quota(self) -> AlterQuotas:
        return AlterQuotas(entity_of({"user": self.name}), dict(self.quotas))


@dataclass(frozen=True, slots=True)
class Parts:
    """The plans that a new account is composed of; those that have nothing to do are left out."""

    credential: Plan
    rights: AclChange | None
    quota: Plan | None

    @property
    def plans(self) -> tuple[Plan, ...]:
        return tuple(plan for plan in (self.rights and self.rights.plan, self.quota, self.credential) if plan)


@dataclass(frozen=True, slots=True)
class Made:
    """What is shown once: one of the two, by the kind of credential."""

    request: CreateAccount
    issued: Issued | None = None
    delivery: Delivery | None = None


def plan_create(cluster: Cluster, request: CreateAccount) -> Plan:
    return compose_create(
        request.name,
        _parts(cluster, request).plans,
        cluster=cluster.name,
        request=_request(request),
        body=_body(request),
        refusals=_bundle_refusals(request),
    )


def apply_create(actor: Actor, cluster: Cluster, request: CreateAccount, plan: Plan) -> Made:
    """What was done before a failure stays and is named; the same request again does the rest."""
    parts = _parts(cluster, request)
    login = Action.CERTIFICATE_ISSUE if request.credential == CERTIFICATE else Action.KAFKA_USER_EDIT
    needs = [login]
    needs += [Action.ACL_EDIT] if request.bundle else []
    needs += [Action.QUOTA_EDIT] if request.quotas else []
    with operation(
        actor, plan.action, cluster=cluster.name, target=request.name, plan=plan, needs=needs
    ) as entry:
        steps: list[tuple[str, Callable[[], object]]] = []
        if parts.rights is not None:
            steps.append(("ACLs", partial(acls.carry_out, cluster, parts.rights)))
        if parts.quota is not None:
            steps.append(("quota", partial(quotas.carry_out, cluster, request.quota)))
        _in_order(entry, steps)
        if request.credential == CERTIFICATE:
            return Made(request, delivery=issuing.deliver(actor, cluster, request.certificate))
        return Made(request, issued=users.set_credentials(entry, cluster, request.scram))


def plan_remove(cluster: Cluster, name: str, *, block: bool = False) -> Plan:
    """`block`: the principal is shut out as well. Its certificates, revoked here or earlier, are accepted until they end."""
    state = user_state(cluster, name)
    parts = [users.plan_delete(cluster, _all_of(name), block_told=True)] if state.exists else []
    certificates = _certificates(cluster, name)
    parts += [revocation.plan_revoke(cluster, each, REASON, block_told=True) for each in certificates]
    if parts and block and not state.block.blocked:
        parts.append(blocking.plan_block(cluster, state.principal))
    return compose_remove(
        name,
        parts,
        cluster=cluster.name,
        block=block,
        blocked=state.block.blocked,
        still_accepted=len(state.accepted.serials) if parts else 0,
    )


def apply_remove(actor: Actor, cluster: Cluster, name: str, plan: Plan, *, block: bool = False) -> None:
    """The block comes first, if it is wanted. Then credentials and rights: a certificate stays valid on the wire, and may
    then do nothing."""
    state, certificates = user_state(cluster, name), _certificates(cluster, name)
    with operation(
        actor, plan.action, cluster=cluster.name, target=name, plan=plan, needs=REMOVAL_NEEDS
    ) as entry:
        entry.remember(users.image(state))
        if block and not state.block.blocked:
            blocking.block(entry, cluster, state.principal)
            state = user_state(cluster, name)
        steps: list[tuple[str, Callable[[], object]]] = [
            (f"certificate {each.serial}", partial(revocation.revoke, actor, cluster, each, REASON))
            for each in certificates
        ]
        if state.exists:
            own = users.plan_delete(cluster, _all_of(name))
            users.take_apart(entry, cluster, _all_of(name), state, own)
        _in_order(entry, steps)


REASON = Reason.CESSATION_OF_OPERATION
REMOVAL_NEEDS = (
    Action.KAFKA_USER_EDIT,
    Action.ACL_EDIT,
    Action.QUOTA_EDIT,
    Action.CERTIFICATE_REVOKE,
)


def _parts(cluster: Cluster, request: CreateAccount) -> Parts:
    rights = None
    if request.bundle is not None and not bundles.missing(request.bundle):
        rights = acls.plan_grant(cluster, bindings_of(request.bundle))
    quota = quotas.plan_alter(cluster, request.quota) if request.quotas else None
    if quota and selectors.nobody_yet(cluster, request.name):
        quota = replace(quota, risk=Risk.REVERSIBLE)
    if request.credential == CERTIFICATE:
        rights_come = request.bundle is not None
        credential = issuing.plan_issue(cluster, request.certificate, rights_come=rights_come)
    else:
        credential = users.plan_create(cluster, request.scram, rights_come=request.bundle is not None)
    return Parts(credential, rights, quota)


def _bundle_refusals(request: CreateAccount) -> list[Refusal]:
    if request.bundle is None:
        return []
    return [
        Refusal("bundle", f"{request.bundle.bundle.value} needs {name.replace('_', ' ')}", "Name it.")
        for name in bundles.missing(request.bundle)
    ]


def _in_order(entry: Entry, steps: list[tuple[str, Callable[[], object]]]) -> None:
    done: list[Json] = []
    for name, step in steps:
        try:
            step()
        except (GatewayError, AppError) as error:
            entry.partly(done=done, failed=name, error=error.what)
            raise
        done.append(name)
    entry.note(done=done)


def _all_of(name: str) -> DeleteUser:
    return DeleteUser(name, acls=True, quotas=True)


def _certificates(cluster: Cluster, name: str) -> list[Certificate]:
    return selectors.valid_certificates(cluster, name)


def _body(request: CreateAccount) -> dict[str, Json]:
    """As the API takes it; what is as unless told is left out."""
    wanted: dict[str, Json] = {"name": request.name, "credential": request.credential}
    if request.credential == CERTIFICATE:
        wanted["days"] = request.days
    if request.bundle:
        wanted["rights"] = _rights(request.bundle)
    return wanted | ({"quotas": dict(request.quotas)} if request.quotas else {})


def _rights(bundle: BundleRequest) -> dict[str, Json]:
    said: dict[str, Json] = {
        "topics": list(bundle.topics),
        "outputs": list(bundle.outputs),
        "group": bundle.group,
        "transactional_id": bundle.transactional_id,
        "create_topics": bundle.create_topics,
        "host": "" if bundle.host == "*" else bundle.host,
    }
    return {"bundle": bundle.bundle.value, **{name: value for name, value in said.items() if value}}


def _request(request: CreateAccount) -> dict[str, Json]:
    return {
        "name": request.name,
        "credential": request.credential,
        "bundle": request.bundle.bundle.value if request.bundle else None,
        "quotas": dict(request.quotas),
    }
