"""Changes to SCRAM users: plan, apply inside `audit.operation`, then really log in before saying that it is done.

Passwords pass through here as arguments and results only. They are in no plan, audit row, log, job or cache.
"""

from __future__ import annotations

import base64
import io
import secrets
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from django.views.decorators.debug import sensitive_variables

from controlplane.audit.services import Entry, operation
from controlplane.clusters import blocking
from controlplane.clusters.logic import blocks
from controlplane.clusters.logic.client_config import Endpoint, ScramLogin, client_files, snippets
from controlplane.clusters.models import Cluster
from controlplane.clusters.services import client_endpoint, gateway_for, guard_for, takes_passwords
from controlplane.core.access import Action, Actor
from controlplane.core.errors import NotVerified, StateChanged
from controlplane.core.locks import exclusive
from controlplane.core.plans import Json, Plan
from controlplane.core.verify import verify
from controlplane.gateways.errors import GatewayError
from controlplane.gateways.kafka._transport import AddressGuard
from controlplane.gateways.kafka.access_types import AclFilter, CredentialMechanism
from controlplane.gateways.kafka.preflight import preflight
from controlplane.gateways.kafka.security import KafkaConnection, ScramMechanism, ScramTls, Tls
from controlplane.gateways.kafka.types import Cause
from controlplane.users import selectors
from controlplane.users.logic import plans
from controlplane.users.logic.plans import DeleteUser, SetCredentials
from controlplane.users.logic.state import UserState, describe_acl, entity_text

LISTENER = "SASL_SSL"
#: Such a broker is down, not of another opinion; one that answers is enough.
AWAY = frozenset({Cause.REFUSED, Cause.TIMED_OUT, Cause.NAME_UNKNOWN})
Step = tuple[str, Callable[[], object]]


@dataclass(frozen=True, slots=True)
class Issued:
    """What is shown once. `confirmed` is False where no broker let the new password in within the time."""

    name: str
    password: str = field(repr=False)
    mechanisms: tuple[str, ...]
    confirmed: bool
    endpoint: Endpoint

    @property
    def login(self) -> ScramLogin:
        return ScramLogin(self.name, self.password, self.mechanisms[0])

    @property
    def files(self) -> dict[str, str]:
        return client_files(self.endpoint, self.login)

    @property
    def snippets(self) -> dict[str, str]:
        return snippets(self.endpoint, self.login)

    @property
    def zip_base64(self) -> str:
        """Built in the request and handed over inside the page: it is never stored anywhere."""
        raw = io.BytesIO()
        with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in self.files.items():
                archive.writestr(f"{self.name}/{name}", text)
        return base64.b64encode(raw.getvalue()).decode()


def generate_password() -> str:
    """256 random bits in 43 characters that need no escape anywhere."""
    return secrets.token_urlsafe(32)


@sensitive_variables("password")
def plan_create(
    cluster: Cluster, request: SetCredentials, password: str | None = None, *, rights_come: bool = False
) -> Plan:
    """`password` is the given one, for its checks; None where one will be generated."""
    state = selectors.user_state(cluster, request.name)
    return plans.plan_create(request, state, cluster=cluster.name, password=password, rights_come=rights_come)


@sensitive_variables("password")
def plan_rotate(cluster: Cluster, request: SetCredentials, password: str | None = None) -> Plan:
    state = selectors.existing(cluster, request.name)
    return plans.plan_rotate(request, state, cluster=cluster.name, password=password)


@sensitive_variables("password", "chosen")
def apply_credentials(
    actor: Actor, cluster: Cluster, request: SetCredentials, plan: Plan, password: str | None = None
) -> Issued:
    """For create and rotate: sets one credential per mechanism, reads them back, logs in on every broker."""
    with (
        operation(actor, plan.action, cluster=cluster.name, target=request.name, plan=plan) as entry,
        exclusive(f"scram-{cluster.name}-{request.name}"),
    ):
        state = selectors.user_state(cluster, request.name)
        if state.digest != plan.digest:
            raise StateChanged(f"{request.name} was changed a moment ago by somebody else", etag=state.digest)
        entry.remember(image(state))
        return set_credentials(entry, cluster, request, password)


@sensitive_variables("password", "chosen")
def set_credentials(
    entry: Entry, cluster: Cluster, request: SetCredentials, password: str | None = None
) -> Issued:
    """The act itself, inside an operation of the caller's."""
    chosen = generate_password() if password is None else password
    endpoint = client_endpoint(cluster, LISTENER)
    for mechanism in request.mechanisms:
        gateway_for(cluster).upsert_user_scram_credential(
            request.name, CredentialMechanism(mechanism), chosen, request.iterations
        )
    confirmed = _confirm(entry, cluster, request, endpoint, chosen)
    return Issued(request.name, chosen, request.mechanisms, confirmed, endpoint)


def plan_delete(cluster: Cluster, request: DeleteUser, *, block_told: bool = False) -> Plan:
    """`block_told`: as part of a plan that says what becomes of the name's certificates."""
    state = selectors.existing(cluster, request.name)
    return plans.plan_delete(request, state, cluster=cluster.name, block_told=block_told)


def apply_delete(actor: Actor, cluster: Cluster, request: DeleteUser, plan: Plan) -> None:
    """Credentials go first: nobody logs in while rights are taken apart. A failed step leaves a plan for the rest."""
    state = selectors.existing(cluster, request.name)
    parts = (("acls", Action.ACL_EDIT), ("quotas", Action.QUOTA_EDIT), ("block", Action.ACL_EDIT))
    needs = list(dict.fromkeys(action for part, action in parts if plan.request[part]))
    with operation(
        actor, plan.action, cluster=cluster.name, target=request.name, plan=plan, needs=needs
    ) as entry:
        entry.remember(image(state))
        take_apart(entry, cluster, request, state, plan)


def take_apart(entry: Entry, cluster: Cluster, request: DeleteUser, state: UserState, plan: Plan) -> None:
    """The act itself, inside an operation of the caller's; `plan` is the one that `plan_delete` made."""
    done: list[Json] = []
    for name, step in _deletion_steps(entry, cluster, state, plan):
        try:
            step()
        except GatewayError as error:
            entry.partly(done=done, failed=name, error=error.what)
            raise
        done.append(name)
    verify(f"that {plan.title} has happened", lambda: _is_gone(cluster, request, plan))


def _deletion_steps(entry: Entry, cluster: Cluster, state: UserState, plan: Plan) -> list[Step]:
    gateway = gateway_for(cluster)
    wanted = plan.request["mechanisms"]
    steps: list[Step] = [
        (str(each.mechanism), partial(gateway.delete_user_scram_credential, state.name, each.mechanism))
        for each in state.credentials
        if isinstance(wanted, list) and str(each.mechanism) in wanted
    ]
    if plan.request["acls"]:
        steps.append(
            (
                "ACLs",
                partial(
                    gateway.delete_acls,
                    blocks.filters(
                        state.rights_beside(block=state.block.blocked or bool(plan.request["block"]))
                    ),
                ),
            )
        )
    if plan.request["quotas"]:
        for quota in state.quotas:
            removed = partial(gateway.alter_client_quotas, quota.entity, dict.fromkeys(quota.values))
            steps.append((entity_text(quota.entity), removed))
    if plan.request["block"]:
        # Before anything is taken away: in between, nothing that a User:* binding allows is open to the name.
        steps.insert(0, ("block", partial(blocking.block, entry, cluster, state.principal)))
    return steps


def _is_gone(cluster: Cluster, request: DeleteUser, plan: Plan) -> bool:
    wanted = plan.request["mechanisms"]
    gone = set(wanted if isinstance(wanted, list) else ())
    if any(gone & known.keys() for known in _known_everywhere(cluster, request.name)):
        return False
    if plan.request["acls"] and _has_acls_anywhere(cluster, f"User:{request.name}"):
        return False
    return not (plan.request["quotas"] and selectors.user_state(cluster, request.name).quotas)


def _has_acls_anywhere(cluster: Cluster, principal: str) -> bool:
    """On any broker that lives: one that has not heard yet would go on letting the application in. A block is no right."""
    gateway = gateway_for(cluster)
    living = (node for node in gateway.describe_cluster().brokers if not node.fenced)
    found = (gateway.describe_acls(AclFilter(principal=principal), broker=node.id) for node in living)
    return any(blocks.apart(some, blocks.blocked_in(some))[1] for some in found)


@sensitive_variables("password")
def _confirm(
    entry: Entry, cluster: Cluster, request: SetCredentials, endpoint: Endpoint, password: str
) -> bool:
    """Kafka took the credential, so the password must be handed over in any case: a failure here is told, not raised."""
    try:
        verify(f"user {request.name}", lambda: _has_credentials(cluster, request))
        if not takes_passwords(cluster):
            entry.note(confirmed="read back; no listener for passwords is known, so no login was tried")
            return False
        guard = guard_for(cluster)
        for mechanism in request.mechanisms:
            login = ScramTls(request.name, password, ScramMechanism(mechanism), _trust(endpoint))
            verify(f"a login by {mechanism}", partial(logs_in, endpoint.bootstrap, login, guard=guard))
    except (NotVerified, GatewayError) as error:
        entry.partly(unconfirmed=error.what)
        return False
    entry.note(confirmed="read back, and logged in on every broker that answers")
    return True


def _has_credentials(cluster: Cluster, request: SetCredentials) -> bool:
    return all(
        known.get(mechanism) == request.iterations
        for known in _known_everywhere(cluster, request.name)
        for mechanism in request.mechanisms
    )


def _known_everywhere(cluster: Cluster, name: str) -> list[dict[str, int]]:
    """Mechanism to iterations, as each broker that lives knows them: whoever reads next sees the change."""
    gateway = gateway_for(cluster)
    return [
        {
            str(credential.mechanism): credential.iterations
            for credential in gateway.describe_user_scram_credentials([name], broker=node.id)
        }
        for node in gateway.describe_cluster().brokers
        if not node.fenced
    ]


def _trust(endpoint: Endpoint) -> Tls:
    return Tls(ca_pem=endpoint.ca_pem, check_hostname=endpoint.check_hostname)


def logs_in(bootstrap: str, login: ScramTls, *, guard: AddressGuard | None = None) -> bool:
    """Every broker that answers lets the login in, and at least one does answer. `guard` is the cluster's own."""
    ways = [KafkaConnection(each, login, allow_private=guard is None) for each in bootstrap.split(",")]
    causes = [preflight(way, guard=guard).cause for way in ways]
    present = [cause for cause in causes if cause not in AWAY]
    return bool(present) and all(cause is Cause.OK for cause in present)


def image(state: UserState) -> Json:
    """The before-image: what can be read of a user."""
    return {
        "credentials": [f"{c.mechanism}, {c.iterations} iterations" for c in state.credentials],
        "acls": [describe_acl(acl) for acl in state.acls],
        "quotas": [{"entity": entity_text(q.entity), "values": dict(q.values)} for q in state.quotas],
    }
