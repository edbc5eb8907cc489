"""Plans for SCRAM users: create, rotate, delete (or drop one mechanism). A plan never holds a password.

Overlap when rotating: Kafka keeps one credential per mechanism, so the old password ends with the new one's arrival.
Both work for a while only if they differ in mechanism, or belong to two users.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from controlplane.clusters.logic import block_plans, blocks, quota_words
from controlplane.clusters.logic import credentials as known
from controlplane.clusters.logic.blocks import BlockState
from controlplane.core.access import Action
from controlplane.core.plans import (
    Affected,
    ApiCall,
    Change,
    Json,
    Plan,
    PlanStep,
    Refusal,
    Risk,
    StepKind,
    api_path,
)
from controlplane.gateways.kafka.access_types import Acl, ClientQuota, QuotaEntity
from controlplane.users.logic import commands
from controlplane.users.logic.names import check_name, check_password
from controlplane.users.logic.state import UserState, describe_acl

MECHANISMS = ("SCRAM-SHA-512", "SCRAM-SHA-256")
MIN_ITERATIONS, DEFAULT_ITERATIONS, MAX_ITERATIONS = 4096, 8192, 16384
OBJECT = "SCRAM user"


@dataclass(frozen=True, slots=True)
class SetCredentials:
    """For create and rotate. `generated` is False for a password that a person chose; it travels apart from this."""

    name: str
    mechanisms: tuple[str, ...]
    iterations: int = DEFAULT_ITERATIONS
    generated: bool = True


@dataclass(frozen=True, slots=True)
class DeleteUser:
    """Without mechanisms: all that the user has, and with the switches also what is bound to the principal.

    `block`: the principal is shut out as well, whatever it comes with. A block that is there already always stays.
    """

    name: str
    mechanisms: tuple[str, ...] = ()
    acls: bool = False
    quotas: bool = False
    block: bool = False


def plan_create(
    request: SetCredentials,
    state: UserState,
    *,
    cluster: str,
    password: str | None = None,
    rights_come: bool = False,
) -> Plan:
    """`rights_come`: ACLs are part of what the caller makes of this plan."""
    taken = Refusal(
        "exists", f"SCRAM user {request.name} exists already", "Rotate its password, or choose another name."
    )
    refusals = [
        check_name(request.name, reserved=state.reserved),
        taken if state.credentials else None,
        *_credential_refusals(request, password),
    ]
    warnings = _others(state)
    if state.rights or state.quotas:
        one = len(state.rights) + len(state.quotas) == 1
        warnings.append(
            f"{state.principal} is not new: {_bound(state)} {'is' if one else 'are'} bound to it, and the user gets "
            f"{'it' if one else 'them'} at once."
        )
    elif not rights_come and not state.block.blocked:
        warnings.append(
            "Without an ACL the user can log in and nothing else: this cluster denies by default."
        )
    return Plan(
        action=Action.KAFKA_USER_EDIT,
        title=f"Create SCRAM user {request.name}",
        apply_label=f"Create {request.name}",
        cluster=cluster,
        steps=(PlanStep(StepKind.CREATE, OBJECT, request.name, _new_credentials(request, state)),),
        risk=Risk.REVERSIBLE,
        digest=state.digest,
        warnings=(
            *warnings,
            "The password is shown once, on the page after this one. Nobody can read it again.",
        ),
        refusals=tuple(refusal for refusal in refusals if refusal),
        undo="Delete the user.",
        commands=(commands.upsert(request.name, request.mechanisms, request.iterations),),
        request=_request(request),
        api=_call(request, api_path(cluster, "users"), {"name": request.name}),
    )


def _others(state: UserState) -> list[str]:
    """Who else is this principal, and whether anything is allowed to it at all."""
    return list(known.warnings_of(state.principal, state.accepted, blocked=state.block.blocked))


def _call(request: SetCredentials, path: str, body: Mapping[str, Json]) -> ApiCall | None:
    """The API sets one mechanism at a time, and makes the password itself unless it is given one."""
    if len(request.mechanisms) != 1 or not request.generated:
        return None
    more: dict[str, Json] = {"mechanism": request.mechanisms[0], "iterations": request.iterations}
    return ApiCall("POST", path, {**body, **more})


def plan_rotate(
    request: SetCredentials, state: UserState, *, cluster: str, password: str | None = None
) -> Plan:
    unknown = Refusal("no_credentials", f"{request.name} has no SCRAM credentials", "Create the user.")
    refusals = [
        _reserved_refusal(state),
        None if state.credentials else unknown,
        *_credential_refusals(request, password),
    ]
    replaced = [each for each in request.mechanisms if state.iterations_of(each) is not None]
    return Plan(
        action=Action.KAFKA_USER_EDIT,
        title=f"Rotate the password of {request.name}",
        apply_label=f"Set a new password for {request.name}",
        cluster=cluster,
        steps=(PlanStep(StepKind.ALTER, OBJECT, request.name, _new_credentials(request, state)),),
        risk=Risk.DISRUPTIVE if replaced else Risk.REVERSIBLE,
        digest=state.digest,
        warnings=tuple(_rotation_warnings(request, state, replaced)),
        refusals=tuple(refusal for refusal in refusals if refusal),
        undo=(
            "None: the former password cannot be read. Set it again if you know it."
            if replaced
            else f"Remove {' and '.join(request.mechanisms)} from the user."
        ),
        commands=(commands.upsert(request.name, request.mechanisms, request.iterations),),
        request=_request(request),
        api=_call(request, api_path(cluster, "users", request.name, "rotate"), {}),
    )


def plan_delete(request: DeleteUser, state: UserState, *, cluster: str, block_told: bool = False) -> Plan:
    """`block_told`: what the caller makes of this plan says itself what becomes of the name's certificates."""
    present = [str(credential.mechanism) for credential in state.credentials]
    wanted = [each for each in present if not request.mechanisms or each in request.mechanisms]
    whole = set(wanted) == set(present)
    doomed = _bound_to(request, state) if whole else Doomed()
    steps = (*([_credential_step(state, wanted, whole=whole)] if wanted else []), *doomed.steps)
    nothing = Refusal("nothing", f"{request.name} has nothing of that to delete", "Look at the user again.")
    refusals = [_reserved_refusal(state), None if steps else nothing]
    return Plan(
        action=Action.KAFKA_USER_EDIT,
        title=f"Delete SCRAM user {state.name}" if whole else f"Remove {_listed(request)} from {state.name}",
        apply_label=f"Delete {state.name}" if whole else f"Remove {_listed(request)}",
        cluster=cluster,
        steps=steps,
        risk=Risk.DESTRUCTIVE if whole else Risk.DISRUPTIVE,
        digest=state.digest,
        warnings=(
            *_deletion_warnings(state, request, whole=whole),
            *(_shut_out(state, request) if whole and not block_told else ()),
        ),
        refusals=tuple(refusal for refusal in refusals if refusal),
        affected=_affected(state) if whole else (),
        undo="None for the password. ACLs and quotas can be read in Operations and set again.",
        commands=(
            *([commands.delete(state.name, wanted)] if wanted else []),
            *doomed.commands,
        ),
        confirm_name=state.name if whole else None,
        request={"mechanisms": list(wanted), **doomed.flags},
        api=ApiCall("DELETE", api_path(cluster, "users", state.name) + _options(request)),
    )


@dataclass(frozen=True, slots=True)
class Doomed:
    """What goes with a user, and the block that comes in its place, where one is wanted and not there yet."""

    acls: tuple[Acl, ...] = ()
    quotas: tuple[ClientQuota, ...] = ()
    block: BlockState | None = None

    @property
    def steps(self) -> tuple[PlanStep, ...]:
        return (
            *(PlanStep(StepKind.DELETE, "ACL", describe_acl(acl)) for acl in self.acls),
            *(_quota_step(quota.entity, quota.values) for quota in self.quotas),
            *(block_plans.steps(self.block) if self.block else ()),
        )

    @property
    def commands(self) -> tuple[str, ...]:
        return (
            *(commands.delete_acls(acl) for acl in self.acls),
            *(commands.delete_quotas(quota.entity, tuple(quota.values)) for quota in self.quotas),
            *([blocks.command(self.block.principal)] if self.block else ()),
        )

    @property
    def flags(self) -> dict[str, Json]:
        return {
            "acls": bool(self.acls),
            "quotas": bool(self.quotas),
            "block": self.block is not None,
        }


def _bound_to(request: DeleteUser, state: UserState) -> Doomed:
    """Denials of a block, one that is there or one that this completes, are no ACLs to delete."""
    block = state.block if request.block and not state.block.blocked else None
    acls = state.rights_beside(block=state.block.blocked or block is not None)
    return Doomed(acls if request.acls else (), state.quotas if request.quotas else (), block)


def _options(request: DeleteUser) -> str:
    asked = {
        "mechanism": request.mechanisms[0] if len(request.mechanisms) == 1 else "",
        "acls": "true" if request.acls else "",
        "quotas": "true" if request.quotas else "",
        "block": "true" if request.block else "",
    }
    given = {name: value for name, value in asked.items() if value}
    return f"?{urlencode(given)}" if given else ""


def _credential_refusals(request: SetCredentials, password: str | None) -> list[Refusal | None]:
    unknown = set(request.mechanisms) - set(MECHANISMS)
    mechanism = Refusal("mechanism", "Kafka knows no such SCRAM mechanism", f"Use {' or '.join(MECHANISMS)}.")
    iterations = Refusal(
        "iterations",
        f"{request.iterations:,} iterations",
        f"Kafka takes {MIN_ITERATIONS:,} to {MAX_ITERATIONS:,}.",
    )
    return [
        mechanism if unknown or not request.mechanisms else None,
        None if MIN_ITERATIONS <= request.iterations <= MAX_ITERATIONS else iterations,
        check_password(password) if password is not None else None,
    ]


def _reserved_refusal(state: UserState) -> Refusal | None:
    if not state.reserved:
        return None
    return Refusal(
        "name_reserved",
        f"{state.name} belongs to Kastellan itself",
        "Its password is kept in the data directory and set again at each start.",
    )


def _new_credentials(request: SetCredentials, state: UserState) -> tuple[Change, ...]:
    how = "generated" if request.generated else "given"
    changes = []
    for mechanism in request.mechanisms:
        before = state.iterations_of(mechanism)
        old = None if before is None else f"{before:,} iterations"
        changes.append(Change(mechanism, old, f"{request.iterations:,} iterations, new password ({how})"))
    return tuple(changes)


def _rotation_warnings(request: SetCredentials, state: UserState, replaced: list[str]) -> list[str]:
    warnings = _others(state)
    other = [each for each in MECHANISMS if state.iterations_of(each) is None]
    if replaced:
        warnings.append(
            f"The former password of {' and '.join(replaced)} stops working for new connections at once: "
            "Kafka keeps one credential per mechanism."
        )
        advice = f"the other mechanism ({other[0]}), or " if other else ""
        warnings.append(
            f"To let old and new overlap, set the new password on {advice}a second user, "
            "move the clients, then remove the old one."
        )
    else:
        warnings.append(
            f"Overlapping rotation: clients that use {' and '.join(str(c.mechanism) for c in state.credentials)} go on "
            f"with the former password; those that you move use {' and '.join(request.mechanisms)} with the new one. "
            "Remove the old mechanism when all have moved."
        )
    warnings.append(_connections(state))
    return warnings


def _connections(state: UserState) -> str:
    """What becomes of connections that stand: Kafka asks again only where a listener says when."""
    if state.reauth_ms is None:
        return "Connections that stand stay until clients reconnect or re-authenticate (connections.max.reauth.ms)."
    if state.reauth_ms == 0:
        return (
            "Connections that stand stay until the clients reconnect: connections.max.reauth.ms is 0, "
            "so brokers never ask them to authenticate again."
        )
    return f"Connections that stand must authenticate again within {state.reauth_ms / 60_000:.3g} minutes."


def _deletion_warnings(state: UserState, request: DeleteUser, *, whole: bool) -> list[str]:
    if not whole:
        return ["Clients that use this mechanism can no longer log in.", _connections(state)]
    warnings = []
    if state.credentials:  # without, nobody logs in under this name by password
        warnings = [f"Clients that log in as {state.name} can no longer connect.", _connections(state)]
    if state.seen_ms is None:
        warnings.append("Seen in the last hour: unknown. Kafka lists no connections by principal.")
    else:
        warnings.append("Seen in the last hour: yes. A quota sensor counted requests of this user.")
    kept = replace(
        state, acls=() if request.acls else state.rights, quotas=() if request.quotas else state.quotas
    )
    if kept.acls or kept.quotas:
        warnings.append(f"Kept: {_bound(kept)}. A later user or certificate of this name gets them.")
    return warnings


def _shut_out(state: UserState, request: DeleteUser) -> list[str]:
    """What becomes of whoever still comes as this principal by certificate."""
    if state.block.blocked:
        return [
            f"The block of {state.principal} stays: a later user or certificate of this name is blocked too."
        ]
    if request.block:
        return [
            f"{state.principal} is blocked as well, until somebody lifts it: also for a new user of this name."
        ]
    if not state.accepted.serials:
        return []
    said = known.still_accepted(state.accepted)
    live = len(state.accepted.serials) - len(state.accepted.revoked)
    both = [said] if said else []
    both += (
        [f"{_count(live, 'valid certificate')} of this name stay{'s' if live == 1 else ''}"] if live else []
    )
    return [f"{'. '.join(both)}. To keep every certificate out too, block {state.principal} in this plan."]


def _credential_step(state: UserState, wanted: list[str], *, whole: bool) -> PlanStep:
    changes = tuple(Change(each, f"{state.iterations_of(each):,} iterations", None) for each in wanted)
    return PlanStep(StepKind.DELETE if whole else StepKind.ALTER, OBJECT, state.name, changes)


def _quota_step(entity: QuotaEntity, values: Mapping[str, float]) -> PlanStep:
    changes = tuple(Change(label, limit, None) for label, limit in quota_words.limits(values))
    return PlanStep(StepKind.DELETE, "quota", quota_words.title(entity), changes)


def _affected(state: UserState) -> tuple[Affected, ...]:
    return (
        *(Affected("ACL", describe_acl(acl)) for acl in state.rights),
        *(Affected("quota", quota_words.title(quota.entity)) for quota in state.quotas),
    )


def _bound(state: UserState) -> str:
    parts = [
        _count(len(state.rights), "ACL") if state.rights else "",
        _count(len(state.quotas), "quota entity", "quota entities") if state.quotas else "",
    ]
    return " and ".join(part for part in parts if part)


def _listed(request: DeleteUser) -> str:
    return " and ".join(request.mechanisms)


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def _request(request: SetCredentials) -> dict[str, Json]:
    return {
        "name": request.name,
        "mechanisms": list(request.mechanisms),
        "iterations": request.iterations,
        "generated": request.generated,
    }
