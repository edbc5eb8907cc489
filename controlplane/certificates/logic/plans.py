"""Plans of what happens to one certificate: issue, renew, revoke. Each takes the present state and the clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from controlplane.certificates.logic.csr import SigningRequest, describe_key, read_request
from controlplane.certificates.logic.expiry import in_words
from controlplane.certificates.logic.names import check_name
from controlplane.certificates.logic.state import Issued, IssueState, Origin, Reason, SameKey
from controlplane.clusters.logic.credentials import warnings_of
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

MIN_DAYS, MAX_DAYS, DEFAULT_DAYS = 1, 365, 90
REFUSED = "Brokers refuse the present certificate already: its authority was dropped."
OPEN_CONNECTIONS = (
    "Connections that are open now stay open: Kafka looks at a certificate only when one is made."
)


@dataclass(frozen=True, slots=True)
class IssueCertificate:
    """`csr` empty: the key is made here and handed over once."""

    common_name: str
    days: int = DEFAULT_DAYS
    csr: str = field(default="", repr=False)

    @property
    def origin(self) -> Origin:
        return Origin.CSR if self.csr.strip() else Origin.GENERATED


@dataclass(frozen=True, slots=True)
class RenewCertificate:
    """`csr`: a new request, for certificates whose key its owner keeps; empty: the same key goes on."""

    days: int = DEFAULT_DAYS
    csr: str = field(default="", repr=False)


def ends_at(days: int, issuer_ends: datetime, now: datetime) -> datetime:
    """No certificate outlives the one that signed it."""
    return min(now + timedelta(days=days), issuer_ends)


def plan_issue(
    request: IssueCertificate, state: IssueState, *, cluster: str, now: datetime, rights_come: bool = False
) -> Plan:
    """`rights_come`: ACLs are part of what the caller makes of this plan."""
    signing = read_request(request.csr) if request.csr.strip() else None
    refusals = _refusals(request.days, signing, state)
    name = request.common_name
    return Plan(
        action=Action.CERTIFICATE_ISSUE,
        title=f"Issue a certificate for {name}",
        apply_label=f"Issue for {name}",
        cluster=cluster,
        steps=(PlanStep(StepKind.CREATE, "certificate", name, _facts(request.days, signing, state, now)),),
        risk=Risk.REVERSIBLE,
        digest=state.digest,
        warnings=_warnings(request.days, signing, state, now, rights_come=rights_come),
        refusals=refusals,
        undo="Revoke the certificate and block its principal.",
        request=_request(name, request.days, signing),
        api=_call(cluster, {"common_name": name, "days": request.days}, request.csr),
    )


def _refusals(days: int, signing: SigningRequest | Refusal | None, state: IssueState) -> tuple[Refusal, ...]:
    found = [check_name(state.common_name, reserved=state.reserved), days_refusal(days)]
    if isinstance(signing, Refusal):
        found.append(signing)
    if state.compromised_key:
        found.append(
            Refusal(
                "key_compromised",
                "A certificate with this key was revoked because somebody else may have the key",
                "Make a new key and a new request.",
            )
        )
    if state.foreign_hosts:
        found.append(
            Refusal(
                "hosts",
                f"The authority may not certify {', '.join(state.foreign_hosts)}",
                "Only loopback and private addresses, localhost, and names of this machine. Make the request without: brokers "
                "look at the principal alone.",
            )
        )
    if state.principal is None and found[0] is None:
        found.append(
            Refusal(
                "no_principal",
                "No rule of ssl.principal.mapping.rules applies to this name",
                "Brokers would refuse every connection with such a certificate.",
            )
        )
    return tuple(refusal for refusal in found if refusal is not None)


def days_refusal(days: int) -> Refusal | None:
    if MIN_DAYS <= days <= MAX_DAYS:
        return None
    return Refusal("days", f"{days} days", f"Between {MIN_DAYS} and {MAX_DAYS}: renewing is one click.")


def _facts(
    days: int, signing: SigningRequest | Refusal | None, state: IssueState, now: datetime
) -> tuple[Change, ...]:
    changes = [
        Change("principal", None, state.principal or "none"),
        Change("subject", None, f"CN={state.common_name}"),
        Change("key", None, _key(signing)),
        Change("valid until", None, f"{ends_at(_sane(days), state.issuer_ends, now):%Y-%m-%d %H:%M} UTC"),
        Change("usable for", None, "TLS client authentication"),
        Change("issued by", None, state.issuer),
    ]
    if isinstance(signing, SigningRequest) and signing.hosts:
        changes.append(Change("alternative names", None, ", ".join(signing.hosts)))
    return tuple(changes)


def _key(signing: SigningRequest | Refusal | None) -> str:
    match signing:
        case None:
            return "elliptic curve P-256, made here and handed over once"
        case Refusal():
            return "of the request, which is refused"
    return f"{describe_key(signing.public_key)}, kept by its owner"


def _sane(days: int) -> int:
    return min(max(days, MIN_DAYS), MAX_DAYS)


def _warnings(
    days: int,
    signing: SigningRequest | Refusal | None,
    state: IssueState,
    now: datetime,
    *,
    rights_come: bool = False,
) -> tuple[str, ...]:
    found = _others(state)
    if now + timedelta(days=_sane(days)) > state.issuer_ends:
        left = in_words((state.issuer_ends - now).total_seconds())
        found.append(f"The issuing certificate ends in {left}, and this one with it.")
    if state.live:
        count = len(state.live)
        found.append(
            f"{count} certificate{'s' if count > 1 else ''} of this name {'are' if count > 1 else 'is'} valid already: "
            "all act as the same principal. To replace one, renew it."
        )
    if state.scram_user:
        found.append("A SCRAM user of this name exists. Both are the same principal: same ACLs, same quotas.")
    if state.acls == 0 and not rights_come and not state.blocked:
        found.append("No ACL names this principal yet: it will be able to connect, and to do nothing.")
    if state.acls:
        found.append(
            f"{state.acls} ACL{'s' if state.acls > 1 else ''} of this principal apply to it at once."
        )
    if isinstance(signing, SigningRequest):
        found.append(
            "Of the request only the key and the alternative names are used; its subject is ignored."
        )
    return tuple(found)


def _others(state: IssueState) -> list[str]:
    """Who else comes as this principal, and whether anything is allowed to it at all."""
    return (
        list(warnings_of(state.principal, state.accepted, blocked=state.blocked)) if state.principal else []
    )


def _request(name: str, days: int, signing: SigningRequest | Refusal | None) -> dict[str, Json]:
    """What the audit keeps: never the request's text, which may be anything."""
    key = describe_key(signing.public_key) if isinstance(signing, SigningRequest) else ""
    return {"common_name": name, "days": days, "origin": "csr" if signing else "generated", "key": key}


def plan_renew(
    request: RenewCertificate, old: Issued, state: IssueState, *, cluster: str, now: datetime
) -> Plan:
    signing = read_request(request.csr) if request.csr.strip() else None
    refusals = [*_refusals(request.days, signing, state), *_renew_refusals(request, old)]
    same_key = old.origin is Origin.CSR and signing is None
    facts = [
        change
        for change in _facts(request.days, signing, state, now)
        if change.field in ("principal", "subject", "issued by", "alternative names")
    ]
    key = "the same key, kept by its owner" if same_key else _key(signing)
    until = ends_at(_sane(request.days), state.issuer_ends, now)
    changes = (
        *facts,
        Change("key", None, key),
        Change("valid until", f"{old.not_after:%Y-%m-%d %H:%M} UTC", f"{until:%Y-%m-%d %H:%M} UTC"),
        Change("replaces", None, old.serial),
    )
    return Plan(
        action=Action.CERTIFICATE_ISSUE,
        title=f"Renew the certificate of {old.common_name}",
        apply_label=f"Renew {old.common_name}",
        cluster=cluster,
        steps=(PlanStep(StepKind.CREATE, "certificate", old.common_name, changes),),
        risk=Risk.REVERSIBLE,
        digest=old.digest,
        warnings=_renew_warnings(request, old, state, now),
        refusals=tuple(refusals),
        undo="Revoke the new certificate. The old one is not touched.",
        request={**_request(old.common_name, request.days, signing), "replaces": old.serial},
        api=_call(cluster, {"days": request.days}, request.csr, old.serial, "renew"),
    )


def _call(cluster: str, body: Mapping[str, Json], csr: str, *parts: str) -> ApiCall:
    """A signing request is read from its owner's file: its text is kept in no plan."""
    files = {"csr": "request.pem"} if csr.strip() else {}
    return ApiCall("POST", api_path(cluster, "certificates", *parts), body, files)


def _renew_refusals(request: RenewCertificate, old: Issued) -> list[Refusal]:
    found = []
    if old.revoked:
        found.append(
            Refusal(
                "revoked", "The certificate is revoked", "Issue a new one, with a new key, if it is wanted."
            )
        )
    if old.replaced_by:
        found.append(
            Refusal("replaced", "The certificate has been renewed already", "Renew its successor instead.")
        )
    if request.csr.strip() and old.origin is Origin.GENERATED:
        found.append(
            Refusal(
                "csr",
                "This certificate's key was made here",
                "Issue a new certificate from the request instead.",
            )
        )
    return found


def _renew_warnings(
    request: RenewCertificate, old: Issued, state: IssueState, now: datetime
) -> tuple[str, ...]:
    found = _others(state)
    if now + timedelta(days=_sane(request.days)) > state.issuer_ends:
        left = in_words((state.issuer_ends - now).total_seconds())
        found.append(f"The issuing certificate ends in {left}, and this one with it.")
    if old.refused:
        found.append(REFUSED)
    elif now <= old.not_after:
        found.append(
            f"The old certificate stays valid until {old.not_after:%Y-%m-%d %H:%M} UTC: "
            "give the new files to the application first, then revoke the old one if you want it gone."
        )
    return tuple(found)


def revoked_with(reason: Reason, issued: Issued) -> tuple[SameKey, ...]:
    """A key that others may have is revoked wherever it is certified."""
    return issued.same_key if reason is Reason.KEY_COMPROMISE else ()


def plan_revoke(
    reason: Reason,
    issued: Issued,
    *,
    cluster: str,
    blocked: bool | None,
    now: datetime,
    block_told: bool = False,
) -> Plan:
    """`block_told`: what the caller makes of this plan says itself whether the principal is blocked."""
    refusals = (
        [Refusal("revoked", "The certificate is revoked already", "A revocation is for good.")]
        if issued.revoked
        else []
    )
    others = revoked_with(reason, issued)
    steps = [_revoked(issued.serial, _state(issued, now), reason, listed=not issued.refused)]
    steps += [_revoked(each.serial, f"valid, of {each.common_name}", reason) for each in others]
    return Plan(
        action=Action.CERTIFICATE_REVOKE,
        title=f"Revoke the certificate of {issued.common_name}",
        apply_label="Revoke it",
        cluster=cluster,
        steps=tuple(steps),
        risk=Risk.DESTRUCTIVE,
        digest=issued.digest,
        warnings=(
            *_same_key_warnings(reason, issued),
            *_revoke_warnings(issued, blocked, now, block_told=block_told),
        ),
        refusals=tuple(refusals),
        affected=tuple(
            Affected("principal", name)
            for name in dict.fromkeys((issued.principal, *(each.principal for each in others)))
        ),
        undo="None: a revoked certificate stays revoked. Issue a new one.",
        confirm_name=issued.common_name,
        request={"reason": reason.value},
        api=ApiCall(
            "POST", api_path(cluster, "certificates", issued.serial, "revoke"), {"reason": reason.value}
        ),
    )


def _revoked(serial: str, state: str, reason: Reason, *, listed: bool = True) -> PlanStep:
    changes = [Change("state", state, "revoked"), Change("reason", None, reason.words)]
    if listed:
        changes.append(Change("revocation list", "without it", f"with serial {serial}"))
    return PlanStep(StepKind.ALTER, "certificate", serial, tuple(changes))


def _state(issued: Issued, now: datetime) -> str:
    if now > issued.not_after:
        return "ended"
    if issued.refused:
        return "not trusted any more"
    return "replaced" if issued.replaced_by else "valid"


def _same_key_warnings(reason: Reason, issued: Issued) -> tuple[str, ...]:
    count = len(issued.same_key)
    if not count:
        return ()
    names = ", ".join(f"{each.common_name} ({each.serial})" for each in issued.same_key)
    which = f"{count} other certificate{'s have' if count > 1 else ' has'} the same key: {names}."
    if reason is Reason.KEY_COMPROMISE:
        return (f"{which} Whoever has the key has {'them' if count > 1 else 'it'} too: revoked as well.",)
    return (
        f"{which} With this reason {'they stay' if count > 1 else 'it stays'} as {'they are' if count > 1 else 'it is'}.",
    )


def _revoke_warnings(
    issued: Issued, blocked: bool | None, now: datetime, *, block_told: bool
) -> tuple[str, ...]:
    if now > issued.not_after:
        return ("The certificate has ended already: brokers refuse it anyway.",)
    if issued.refused:
        return (f"{REFUSED} No list is published for that authority any more.", OPEN_CONNECTIONS)
    found = [
        "Brokers do not ask for the revocation list: they go on accepting the certificate until "
        f"{issued.not_after:%Y-%m-%d %H:%M} UTC."
    ]
    if blocked and not block_told:
        found.append(f"{issued.principal} is blocked, so the certificate is of no use on Kafka.")
    elif not block_told:
        found.append(f"To keep it out of Kafka now, block {issued.principal} as well: a plan of its own.")
    return (*found, OPEN_CONNECTIONS)
