"""What is odd about a cluster's bindings: without effect, shadowed, redundant, too wide, without credentials, unused.

What cannot be known is a finding of the tone "unknown", never silently left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from controlplane.acls.logic.authorize import Authorizer, implies
from controlplane.acls.logic.bindings import (
    EVERYONE,
    WILDCARD,
    covers_pattern,
    in_order,
    key,
    resource_text,
    text,
)
from controlplane.acls.logic.checks import refusals_of
from controlplane.clusters.logic import blocks
from controlplane.core.words import counted
from controlplane.gateways.kafka.access_types import Acl, AclOperation, AclPermission, PatternType

HARMLESS = frozenset({AclOperation.DESCRIBE, AclOperation.DESCRIBE_CONFIGS, AclOperation.DESCRIBE_TOKENS})


class FindingKind(StrEnum):
    BLOCKED = "blocked"
    NO_EFFECT = "no_effect"
    SHADOWED = "shadowed"
    REDUNDANT = "redundant"
    TOO_WIDE = "too_wide"
    NO_CREDENTIALS = "no_credentials"
    UNUSED = "unused"

    @property
    def label(self) -> str:
        return self.value.replace("_", " ").capitalize()


class Tone(StrEnum):
    """As badges have them."""

    WARN = "warn"
    INFO = "info"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    kind: FindingKind
    tone: Tone
    what: str
    hint: str
    acls: tuple[Acl, ...]
    #: Whose emergency block it is about: it is lifted by a plan of its own, never by deleting bindings.
    blocked: str = ""

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(key(acl) for acl in self.acls)


@dataclass(frozen=True, slots=True)
class Usage:
    """What the last finished window saw. `complete` is False when log lines may have been missed."""

    started_at: datetime
    ended_at: datetime
    used: Mapping[str, str] = field(default_factory=dict)
    complete: bool = True

    @property
    def minutes(self) -> str:
        seconds = (self.ended_at - self.started_at).total_seconds()
        return f"{seconds / 60:.0f} min" if seconds >= 60 else f"{seconds:.0f} s"


def findings(
    state: Authorizer,
    *,
    scram_users: frozenset[str] | None = None,
    certificates: frozenset[str] = frozenset(),
    usage: Usage | None = None,
) -> tuple[Finding, ...]:
    """`scram_users` None: they could not be read. Both sets are of principals (`User:ann`)."""
    everything = in_order(state.acls)
    blocked_names = blocks.blocked_in(everything)
    # A block is no rule that somebody wrote badly: what it covers is not shadowed but suspended, and none of it goes.
    _, acls = blocks.apart(everything, blocked_names)
    return (
        *blocked(blocked_names, acls, known_to_log_in(state.super_users, scram_users, certificates)),
        *no_effect(acls, state.super_users),
        *shadowed(acls),
        *redundant(acls),
        *too_wide(acls),
        *no_credentials(acls, state.super_users, scram_users, certificates),
        *unused(acls, usage),
    )


def known_to_log_in(
    super_users: frozenset[str], scram_users: frozenset[str] | None, certificates: frozenset[str]
) -> frozenset[str] | None:
    """None where SCRAM users could not be read."""
    return None if scram_users is None else super_users | certificates | scram_users


def blocked(names: Iterable[str], others: Sequence[Acl], known: frozenset[str] | None) -> list[Finding]:
    found = []
    for name in sorted(names):
        count = sum(acl.principal == name and acl.permission == AclPermission.ALLOW for acl in others)
        idle = (
            f", so {counted(count, 'allowing binding')} of it {'does' if count == 1 else 'do'} not count"
            if count
            else ""
        )
        what = f"{name} is blocked in an emergency: everything is denied to it{idle}"
        gone = known is not None and name not in known
        hint = (
            "Nobody of this name can log in with anything of Kastellan's any more. A later one would be blocked too: lift "
            "it if the name is wanted again."
            if gone
            else "It stays until somebody lifts it. Bindings of the block are deleted by that act alone."
        )
        found.append(Finding(FindingKind.BLOCKED, Tone.INFO, what, hint, (), name))
    return found


def no_effect(acls: Sequence[Acl], super_users: frozenset[str]) -> list[Finding]:
    found = []
    for acl in acls:
        refusals = refusals_of([acl])
        if refusals:
            found.append(
                Finding(FindingKind.NO_EFFECT, Tone.WARN, refusals[0].what, refusals[0].hint, (acl,))
            )
        elif acl.principal in super_users:
            what = f"{acl.principal} is a super user: {text(acl)} binds nobody"
            found.append(Finding(FindingKind.NO_EFFECT, Tone.INFO, what, "Delete it.", (acl,)))
    return found


def shadowed(acls: Sequence[Acl]) -> list[Finding]:
    """An ALLOW that a DENY covers whole: whoever it speaks to is refused all the same."""
    denies = _index(acl for acl in acls if acl.permission == AclPermission.DENY)
    found = []
    for acl in acls:
        if acl.permission != AclPermission.ALLOW:
            continue
        over = next((deny for deny in _near(denies, acl) if covers(deny, acl)), None)
        if over is not None:
            what = f"{text(acl)} never allows anything: {text(over)}"
            hint = "Delete the ALLOW, or the DENY if it is a mistake."
            found.append(Finding(FindingKind.SHADOWED, Tone.WARN, what, hint, (acl,)))
    return found


def redundant(acls: Sequence[Acl]) -> list[Finding]:
    """A binding that another of the same permission covers: without it nothing would change. Beside one that is too wide
    it is not the narrow one that should go, so nothing is said of it."""
    index = _index(acls)
    found = []
    for acl in acls:
        covering = (other for other in _near(index, acl) if _makes_superfluous(other, acl))
        wider = next((other for other in covering if not _width(other)), None)
        if wider is not None:
            what = f"{text(acl)} adds nothing to {text(wider)}"
            found.append(Finding(FindingKind.REDUNDANT, Tone.INFO, what, "Delete the narrower one.", (acl,)))
    return found


def _makes_superfluous(other: Acl, acl: Acl) -> bool:
    return other != acl and other.permission == acl.permission and covers(other, acl)


def covers(outer: Acl, inner: Acl) -> bool:
    """Whether `outer` speaks to every question that `inner` speaks to. ALLOW may imply, DENY never does."""
    if outer.principal not in (inner.principal, EVERYONE) or outer.host not in (inner.host, WILDCARD):
        return False
    if not covers_pattern(outer, inner):
        return False
    if outer.operation in (AclOperation.ALL, inner.operation):
        return True
    return outer.permission == AclPermission.ALLOW and implies(outer.operation, inner.operation)


def too_wide(acls: Sequence[Acl]) -> list[Finding]:
    hint = "Name the principals and resources that need it, or a prefix."
    return [
        Finding(FindingKind.TOO_WIDE, Tone.WARN, what, hint, (acl,)) for acl in acls if (what := _width(acl))
    ]


def _width(acl: Acl) -> str:
    """What is too wide about it; empty if nothing is."""
    if acl.permission != AclPermission.ALLOW or acl.operation in HARMLESS:
        return ""
    if acl.principal == EVERYONE:
        return f"Everyone who can log in may {acl.operation} on {resource_text(acl)}"
    if acl.resource_name == WILDCARD and acl.pattern_type == PatternType.LITERAL:
        return f"{acl.principal} may {acl.operation} on {resource_text(acl)}, now and in future"
    return ""


def no_credentials(
    acls: Sequence[Acl],
    super_users: frozenset[str],
    scram_users: frozenset[str] | None,
    certificates: frozenset[str],
) -> list[Finding]:
    known = super_users | certificates | (scram_users or frozenset())
    found = []
    for principal in sorted({acl.principal for acl in acls} - known - {EVERYONE}):
        theirs = tuple(acl for acl in acls if acl.principal == principal)
        many = f"{len(theirs)} binding{'' if len(theirs) == 1 else 's'}"
        if scram_users is None:
            why = "whether it can log in is not known: SCRAM users could not be read"
        else:
            why = (
                "no SCRAM user and no valid certificate of Kastellan's; one from elsewhere may have this name"
            )
        what = f"{principal} has {many}, but {why}"
        hint = "Delete them if nobody is called so any more."
        found.append(Finding(FindingKind.NO_CREDENTIALS, Tone.UNKNOWN, what, hint, theirs))
    return found


def unused(acls: Sequence[Acl], usage: Usage | None) -> list[Finding]:
    if not acls:
        return []
    if usage is None:
        what = "Which bindings are in use is not known"
        hint = "Kafka keeps no record. Watch them for some minutes: the button is on this page."
        return [Finding(FindingKind.UNUSED, Tone.UNKNOWN, what, hint, ())]
    found = []
    if not usage.complete:
        what = "The last window missed some lines of the brokers' logs: what it did not see may be in use"
        found.append(
            Finding(FindingKind.UNUSED, Tone.UNKNOWN, what, "Watch again when the load is lower.", ())
        )
    idle = tuple(acl for acl in acls if key(acl) not in usage.used)
    if idle:
        what = f"{len(idle)} of {len(acls)} bindings decided nothing within {usage.minutes}"
        hint = "Rare work (a nightly job, a failover) may still need them: a window is a sample."
        found.append(Finding(FindingKind.UNUSED, Tone.INFO, what, hint, idle))
    return found


def _index(acls: Iterable[Acl]) -> dict[tuple[str, str], list[Acl]]:
    """By resource type and principal, so that thousands of bindings are not compared each with each."""
    found: dict[tuple[str, str], list[Acl]] = {}
    for acl in acls:
        found.setdefault((str(acl.resource_type), acl.principal), []).append(acl)
    return found


def _near(index: Mapping[tuple[str, str], list[Acl]], acl: Acl) -> list[Acl]:
    kind = str(acl.resource_type)
    own = index.get((kind, acl.principal), [])
    return own if acl.principal == EVERYONE else [*own, *index.get((kind, EVERYONE), [])]
