"""What is known of a principal's certificates, for domains that hand out rights and have no certificates of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from controlplane.core.words import counted


@dataclass(frozen=True, slots=True)
class Accepted:
    """Certificates of one principal that brokers take now. The `revoked` ones are among the `serials`: brokers ask for no
    list. `until` is when the last of the revoked ones ends.
    """

    serials: tuple[str, ...] = ()
    revoked: tuple[str, ...] = ()
    until: datetime | None = None


NOTHING = Accepted()
ByPrincipal = Mapping[str, Accepted]


def still_accepted(accepted: Accepted) -> str:
    """`1 revoked certificate of this name is still accepted until 2027-02-01`; empty where there is none."""
    if not accepted.revoked or accepted.until is None:
        return ""
    count = len(accepted.revoked)
    which = counted(count, "revoked certificate")
    return (
        f"{which} of this name {'is' if count == 1 else 'are'} still accepted until {accepted.until:%Y-%m-%d}"
    )


def warnings_of(principal: str, accepted: Accepted, *, blocked: bool) -> tuple[str, ...]:
    """What to mind before a name gets rights or credentials: who else gets them, and whether they count at all."""
    found = []
    said = still_accepted(accepted)
    if said:
        it = "it" if len(accepted.revoked) == 1 else "one"
        remedy = (
            f"The block of {principal} keeps {it} out; lifting it lets {it} in."
            if blocked
            else f"Whoever has {it} acts as {principal} and gets this too, as brokers do not ask for the revocation "
            f"list. Block {principal}, take another name, or replace the clients' authority first."
        )
        found.append(f"{said}. {remedy}")
    if blocked:
        found.append(f"{principal} is blocked: everything is denied to it until the block is lifted.")
    return tuple(found)


def warnings_for(
    principals: Iterable[str], accepted: ByPrincipal, blocked: frozenset[str]
) -> tuple[str, ...]:
    """The same for several; where there is more than one, each sentence names whose it is."""
    names = sorted(set(principals))
    prefix = len(names) > 1
    return tuple(
        f"{name}: {said}" if prefix else said
        for name in names
        for said in warnings_of(name, accepted.get(name, NOTHING), blocked=name in blocked)
    )
