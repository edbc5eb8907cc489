"""Plans for ACLs: every change is a set to add and a set to remove, shown per principal and resource, before and after.

Create, delete, import and revert differ in where the two sets come from, and in the digest: what the change is about.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from controlplane.acls.logic import checks, commands
from controlplane.acls.logic.authorize import Authorizer, Question, Rule, decide
from controlplane.acls.logic.bindings import (
    EVERYONE,
    digest,
    host_text,
    in_order,
    resource_text,
    text,
    to_json,
)
from controlplane.clusters.logic import blocks
from controlplane.clusters.logic.credentials import ByPrincipal, warnings_for
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
from controlplane.gateways.kafka.access_types import Acl, AclOperation, AclPermission

MOST = 2_000
NOBODY: ByPrincipal = {}
EXPLAINED = 200  # effects worked out one by one; beyond, only the principals are named


@dataclass(frozen=True, slots=True)
class AclChange:
    """The plan to review, and exactly what applying it adds and removes."""

    plan: Plan
    add: tuple[Acl, ...]
    remove: tuple[Acl, ...]


def plan_create(
    wanted: Sequence[Acl],
    state: Authorizer,
    *,
    cluster: str,
    title: str = "",
    accepted: ByPrincipal = NOBODY,
) -> AclChange:
    """Bindings that exist already are left out: creating them again would do nothing. `accepted`: certificates that brokers
    take, for who else would get what a name gets."""
    add = tuple(acl for acl in in_order(wanted) if acl not in state.acls)
    return _change(
        add,
        (),
        state,
        cluster=cluster,
        title=title or _title("Create", add or in_order(wanted)),
        apply_label=f"Create {_count(add)}",
        digest_of=_about(wanted, state),
        refusals=(*checks.refusals_of(wanted), *_nothing(add, "Every binding exists already")),
        accepted=accepted,
    )


def _about(wanted: Sequence[Acl], state: Authorizer) -> list[Acl]:
    """What an addition is reviewed against: the same principals' bindings on the same resources, and no others."""
    touched = {(acl.principal, *_resource(acl)) for acl in wanted}
    return [acl for acl in state.acls if (acl.principal, *_resource(acl)) in touched]


def plan_delete(doomed: Sequence[Acl], state: Authorizer, *, cluster: str, title: str = "") -> AclChange:
    """`doomed` are bindings that exist; an empty list is refused, as nothing would change."""
    present = set(state.acls)
    remove = tuple(acl for acl in in_order(doomed) if acl in present)
    return _change(
        (),
        remove,
        state,
        cluster=cluster,
        title=title or _title("Delete", remove or in_order(doomed)),
        apply_label=f"Delete {_count(remove)}",
        digest_of=remove,
        refusals=(*_of_a_block(remove, state), *_nothing(remove, "No binding matches")),
    )


def plan_exchange(
    wanted: Sequence[Acl],
    unwanted: Sequence[Acl],
    state: Authorizer,
    *,
    cluster: str,
    accepted: ByPrincipal = NOBODY,
) -> AclChange:
    """Some are to be there and others not, whatever is there now."""
    add, remove = _exchanged(wanted, unwanted, state)
    changed = (*add, *remove)
    return _change(
        add,
        remove,
        state,
        cluster=cluster,
        title=_title("Change", changed or in_order(wanted)),
        apply_label=f"Change {_count(changed)}",
        digest_of=_about([*wanted, *unwanted], state),
        refusals=(
            *checks.refusals_of(wanted),
            *_of_a_block(remove, state),
            *_nothing(changed, "Every binding is as it should be already"),
        ),
        accepted=accepted,
    )


def _exchanged(
    wanted: Sequence[Acl], unwanted: Sequence[Acl], state: Authorizer
) -> tuple[tuple[Acl, ...], tuple[Acl, ...]]:
    """What has to be added and removed, so that the wanted are there and the unwanted are not."""
    present = set(state.acls)
    return (
        tuple(acl for acl in in_order(wanted) if acl not in present),
        tuple(acl for acl in in_order(unwanted) if acl in present),
    )


def plan_import(
    wanted: Sequence[Acl],
    state: Authorizer,
    *,
    cluster: str,
    remove_others: bool,
    problems: Sequence[Refusal] = (),
    accepted: ByPrincipal = NOBODY,
) -> AclChange:
    """The set difference between the file and the cluster. What only the cluster has goes when asked, never otherwise."""
    present = set(state.acls)
    add = tuple(acl for acl in in_order(wanted) if acl not in present)
    remove = in_order(present - set(wanted)) if remove_others else ()
    changed = (*add, *remove)
    return _change(
        add,
        remove,
        state,
        cluster=cluster,
        title=f"Import ACLs: {len(add)} to add, {len(remove)} to remove",
        apply_label=f"Change {_count(changed)}",
        digest_of=state.acls if remove_others else _about(wanted, state),
        refusals=(
            *problems,
            *_of_a_block(remove, state),
            *(_nothing(changed, "The cluster has exactly these bindings") if not problems else ()),
        ),
        accepted=accepted,
    )


def plan_revert(
    created: Sequence[Acl],
    deleted: Sequence[Acl],
    state: Authorizer,
    *,
    cluster: str,
    accepted: ByPrincipal = NOBODY,
    operation: str = "",
) -> AclChange:
    """What an operation deleted comes back, what it created goes; what has happened to them since is respected."""
    add, remove = _exchanged(deleted, created, state)
    changed = (*add, *remove)
    return _change(
        add,
        remove,
        state,
        cluster=cluster,
        title=f"Revert: {len(add)} to recreate, {len(remove)} to delete",
        apply_label=f"Revert {_count(changed)}",
        digest_of=[acl for acl in state.acls if acl in {*created, *deleted}],
        refusals=(
            *_of_a_block(remove, state),
            *_nothing(changed, "Everything is as it was before that operation already"),
        ),
        accepted=accepted,
        api=ApiCall("POST", api_path(cluster, "acls", "revert", operation)) if operation else None,
    )


def _change(
    add: tuple[Acl, ...],
    remove: tuple[Acl, ...],
    state: Authorizer,
    *,
    cluster: str,
    title: str,
    apply_label: str,
    digest_of: Iterable[Acl],
    refusals: tuple[Refusal, ...],
    accepted: ByPrincipal = NOBODY,
    api: ApiCall | None = None,
) -> AclChange:
    if len(add) + len(remove) > MOST:
        too_many = f"{len(add) + len(remove):,} bindings in one change"
        refusals = (*refusals, Refusal("too_many", too_many, f"At most {MOST:,}: split it."))
    plan = Plan(
        action=Action.ACL_EDIT,
        title=title,
        apply_label=apply_label,
        cluster=cluster,
        steps=_steps(add, remove, state),
        risk=Risk.DISRUPTIVE if remove or _denies(add) or _closes(add, state) else Risk.REVERSIBLE,
        digest=digest(digest_of),
        warnings=(
            *_who_else(add, state, accepted),
            *checks.warnings_of(add, state.super_users),
            *_closing(add, state),
        ),
        refusals=refusals,
        affected=_affected(add, remove, state),
        undo="Revert, on this operation's page under Operations: it brings back exactly what was there.",
        commands=(*commands.lines("--add", add), *commands.lines("--remove", remove)),
        request={"add": [to_json(acl) for acl in add], "remove": [to_json(acl) for acl in remove]},
        api=api or _call(add, remove, cluster),
    )
    return AclChange(plan, add, remove)


def _call(add: Sequence[Acl], remove: Sequence[Acl], cluster: str) -> ApiCall | None:
    """One request creates or deletes exactly these; a change that does both is an import's or a revert's own request."""
    if bool(add) == bool(remove):
        return None
    body: dict[str, Json] = {"acls": [to_json(acl) for acl in add or remove]}
    return ApiCall("POST" if add else "DELETE", api_path(cluster, "acls"), body)


def _who_else(add: Sequence[Acl], state: Authorizer, accepted: ByPrincipal) -> tuple[str, ...]:
    """Of the principals that get a right: whoever has a revoked certificate of the name gets it too."""
    given = {acl.principal for acl in add if acl.permission == AclPermission.ALLOW}
    return warnings_for(given - {EVERYONE}, accepted, blocks.blocked_in(state.acls))


def _of_a_block(remove: Sequence[Acl], state: Authorizer) -> tuple[Refusal, ...]:
    """An emergency block is lifted by an act of its own, whole, and by nothing that tidies up."""
    parts, _ = blocks.apart(remove, blocks.blocked_in(state.acls))
    return tuple(
        Refusal(
            "blocked",
            f"{principal} is blocked in an emergency, and this would lift the block: everything is denied to it by "
            f"{sum(acl.principal == principal for acl in parts)} of these bindings",
            f"Lift the block of {principal} if it is over: that is a plan of its own, on its page under Explain or "
            "Findings, and in the API at acls/block/. Or leave its bindings out.",
        )
        for principal in sorted({acl.principal for acl in parts})
    )


def _steps(add: Sequence[Acl], remove: Sequence[Acl], state: Authorizer) -> tuple[PlanStep, ...]:
    """Per principal; per resource and host the bindings before and after."""
    gone = set(remove)
    before = _by_place(state.acls)
    after = _by_place((*(acl for acl in state.acls if acl not in gone), *add))
    touched: dict[str, dict[str, None]] = {}
    for acl in in_order((*add, *remove)):
        touched.setdefault(acl.principal, {})[_place(acl)] = None
    adding, removing = ({acl.principal for acl in some} for some in (add, remove))
    return tuple(
        PlanStep(
            _kind(principal in adding, principal in removing),
            "ACLs of",
            principal,
            tuple(
                Change(place, before.get((principal, place)), after.get((principal, place)))
                for place in touched[principal]
            ),
        )
        for principal in sorted(touched)
    )


def _kind(adds: bool, removes: bool) -> StepKind:
    if adds and removes:
        return StepKind.ALTER
    return StepKind.CREATE if adds else StepKind.DELETE


def _place(acl: Acl) -> str:
    return f"{resource_text(acl)} from {host_text(acl.host)}"


def _by_place(acls: Iterable[Acl]) -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], list[str]] = {}
    for acl in in_order(acls):
        found.setdefault((acl.principal, _place(acl)), []).append(f"{acl.permission} {acl.operation}")
    return {key: ", ".join(words) for key, words in found.items()}


def _resource(acl: Acl) -> tuple[str, str, str]:
    return (str(acl.resource_type), acl.resource_name, str(acl.pattern_type))


def _denies(add: Iterable[Acl]) -> bool:
    return any(acl.permission == AclPermission.DENY for acl in add)


def _closes(add: Sequence[Acl], state: Authorizer) -> bool:
    return bool(_closing(add, state))


def _closing(add: Sequence[Acl], state: Authorizer) -> tuple[str, ...]:
    """Under allow.everyone the first binding on a resource takes it from everybody else."""
    if not state.allow_everyone:
        return ()
    known = {_resource(acl) for acl in state.acls}
    first = {resource_text(acl) for acl in add if _resource(acl) not in known}
    return tuple(
        f"The first binding on {name}: until now everyone may use it, from then on only who is allowed."
        for name in sorted(first)
    )


def _affected(add: Sequence[Acl], remove: Sequence[Acl], state: Authorizer) -> tuple[Affected, ...]:
    """Per principal, what it gains or loses on the very resources that the bindings name."""
    after = replace(state, acls=(*(acl for acl in state.acls if acl not in set(remove)), *add))
    notes: dict[str, list[str]] = {}
    for number, acl in enumerate((*add, *remove)):
        notes.setdefault(acl.principal, [])
        note = _effect(acl, state, after) if number < EXPLAINED else ""
        if note and note not in notes[acl.principal]:
            notes[acl.principal].append(note)
    return tuple(
        Affected("principal", name, note="; ".join(found[:4]) + (" …" if len(found) > 4 else ""))
        for name, found in sorted(notes.items())
    )


def _effect(acl: Acl, before: Authorizer, after: Authorizer) -> str:
    """Decided for the resource that the pattern itself names; the rule behind an answer that stays is not told."""
    if acl.principal == EVERYONE:
        return "everyone"
    if acl.operation == AclOperation.ALL:
        return f"{'gains' if acl in after.acls else 'loses'} {acl.permission} ALL on {resource_text(acl)}"
    question = Question(acl.principal, acl.operation, acl.resource_type, acl.resource_name, acl.host)
    was, will = _allowed(question, before), _allowed(question, after)
    what = f"{acl.operation} on {resource_text(acl)}"
    if was == will:
        return f"still {'may' if will else 'may not'} {what}"
    return f"{'gains' if will else 'loses'} {what}"


def _allowed(question: Question, state: Authorizer) -> bool:
    return decide(question, state)[0] in (Rule.ALLOW, Rule.SUPER_USER, Rule.ALLOW_EVERYONE)


def _nothing(changed: Sequence[Acl], what: str) -> tuple[Refusal, ...]:
    return () if changed else (Refusal("nothing", "Nothing would change", f"{what}."),)


def _title(verb: str, acls: Sequence[Acl]) -> str:
    if len(acls) == 1:
        return f"{verb} ACL: {text(acls[0])}"
    principals = {acl.principal for acl in acls}
    whose = f" of {next(iter(principals))}" if len(principals) == 1 else ""
    return f"{verb} {_count(acls)}{whose}"


def _count(acls: Sequence[Acl]) -> str:
    return f"{len(acls)} binding{'' if len(acls) == 1 else 's'}"
