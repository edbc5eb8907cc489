"""One plan out of several: a service account is credentials, rights and a quota, made and removed in one reviewed act.

The parts are plans of their own domains; what refuses one of them refuses the whole. Rights and quota come before the
credentials: whoever can log in has the rights at once, and a secret is handed over only when all else has succeeded.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from controlplane.core.access import Action
from controlplane.core.plans import ApiCall, Json, Plan, Refusal, Risk, api_path, state_digest
from controlplane.core.words import counted

SEVERITY = (Risk.REVERSIBLE, Risk.DISRUPTIVE, Risk.DESTRUCTIVE)


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """What a name has on the cluster now. Counts are None where they could not be read. `revoked`: certificates that
    are, and that brokers accept all the same until they end. `blocked`: everything is denied to it; that is no ACL of its.
    """

    name: str
    mechanisms: tuple[str, ...] = ()
    certificates: int = 0
    acls: int | None = 0
    quotas: int | None = 0
    reserved: bool = False
    revoked: int = 0
    blocked: bool = False

    @property
    def principal(self) -> str:
        return f"User:{self.name}"

    @property
    def only_blocked(self) -> bool:
        """Deleted but for its block: there is nothing left to delete."""
        return self.blocked and not (self.mechanisms or self.certificates or self.acls or self.quotas)

    @property
    def credentials(self) -> str:
        parts = [*self.mechanisms]
        if self.certificates:
            parts.append(f"{self.certificates} certificate{'s' if self.certificates != 1 else ''}")
        if self.revoked:
            parts.append(
                f"{self.revoked} revoked certificate{'s' if self.revoked != 1 else ''} that brokers still accept"
            )
        return ", ".join(parts)


def compose_create(
    name: str,
    parts: Sequence[Plan],
    *,
    cluster: str,
    request: dict[str, Json],
    body: dict[str, Json],
    refusals: Iterable[Refusal] = (),
) -> Plan:
    """`body`: of the request to the API that asks for the same."""
    return _compose(
        parts,
        title=f"Create service account {name}",
        apply_label=f"Create {name}",
        cluster=cluster,
        undo="Delete the service account: one plan as well.",
        refusals=tuple(refusals),
        confirm_name=None,
        request=request,
        api=ApiCall("POST", api_path(cluster, "service-accounts"), body),
    )


def made_with_it(acls: int | None, *, quota: bool) -> str:
    """`3 ACLs and a quota`: what stands beside the credentials; empty where they are all, or nobody could say."""
    return " and ".join([*([counted(acls, "ACL")] if acls else []), *(["a quota"] if quota else [])])


def compose_remove(
    name: str,
    parts: Sequence[Plan],
    *,
    cluster: str,
    block: bool = False,
    blocked: bool = False,
    still_accepted: int = 0,
) -> Plan:
    """`still_accepted`: certificates of the name, revoked or about to be, that brokers go on taking. `block`: the plan
    blocks it; `blocked`: it is already."""
    nothing = Refusal("nothing", f"Nothing on this cluster belongs to {name}", "Look at the list again.")
    return _compose(
        parts,
        title=f"Delete service account {name}",
        apply_label=f"Delete {name}",
        cluster=cluster,
        undo="None for passwords and certificates. ACLs and quotas can be read in Operations and set again.",
        refusals=() if parts else (nothing,),
        confirm_name=name,
        request={"name": name, "block": block},
        api=ApiCall("DELETE", api_path(cluster, "service-accounts", name) + ("?block=true" if block else "")),
        first=(_stays_blocked(name, still_accepted, now=not blocked),)
        if block or blocked
        else _left(name, still_accepted),
    )


def _stays_blocked(name: str, count: int, *, now: bool) -> str:
    state = "is blocked by this plan" if now else "is blocked already, and stays so"
    use = f" {counted(count, 'certificate')} of this name will be of no use on Kafka." if count else ""
    return (
        f"User:{name} {state}, until somebody lifts the block: also for a later user or certificate of this name.{use} "
        "The name stays in the list, marked as blocked."
    )


def _left(name: str, count: int) -> tuple[str, ...]:
    if not count:
        return ()
    one = count == 1
    return (
        f"Brokers go on accepting {counted(count, 'certificate')} of this name until {'it ends' if one else 'they end'}. "
        f"Without ACLs {'it' if one else 'they'} may do only what User:* may, and whatever a later {name} may: block "
        "the principal in this plan to keep it out altogether.",
    )


def _compose(
    parts: Sequence[Plan],
    *,
    title: str,
    apply_label: str,
    cluster: str,
    undo: str,
    refusals: tuple[Refusal, ...],
    confirm_name: str | None,
    request: dict[str, Json],
    api: ApiCall,
    first: tuple[str, ...] = (),
) -> Plan:
    return Plan(
        action=Action.SERVICE_ACCOUNT_EDIT,
        title=title,
        apply_label=apply_label,
        cluster=cluster,
        steps=tuple(step for part in parts for step in part.steps),
        risk=max((part.risk for part in parts), key=SEVERITY.index, default=Risk.REVERSIBLE),
        digest=state_digest({"parts": [part.digest for part in parts]}),
        warnings=tuple(dict.fromkeys((*first, *(warning for part in parts for warning in part.warnings)))),
        refusals=(*refusals, *dict.fromkeys(refusal for part in parts for refusal in part.refusals)),
        affected=tuple(dict.fromkeys(item for part in parts for item in part.affected)),
        undo=undo,
        commands=tuple(command for part in parts for command in part.commands),
        confirm_name=confirm_name,
        request=request,
        api=api,
    )


def accounts_of(
    scram: dict[str, list[str]],
    certificates: dict[str, int],
    acls: dict[str, int] | None,
    quotas: dict[str, int] | None,
    reserved: Iterable[str] = (),
    revoked: dict[str, int] | None = None,
    blocked: Collection[str] = (),
) -> tuple[AccountFacts, ...]:
    """Every name that has anything, or is blocked; the product's own ones are left out. None: that part could not be read.
    A revoked certificate alone makes no account: it is what a deleted one leaves. A block is lifted where it is seen.
    """
    revoked = revoked or {}
    names = {*scram, *certificates, *(acls or {}), *(quotas or {}), *blocked} - set(reserved)
    return tuple(
        AccountFacts(
            name=name,
            mechanisms=tuple(sorted(scram.get(name, ()))),
            certificates=certificates.get(name, 0),
            acls=None if acls is None else acls.get(name, 0),
            quotas=None if quotas is None else quotas.get(name, 0),
            revoked=revoked.get(name, 0),
            blocked=name in blocked,
        )
        for name in sorted(names)
    )
