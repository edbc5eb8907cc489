"""The facts that plans about certificates are made from, each with the digest that If-Match takes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from controlplane.clusters.logic.credentials import NOTHING, Accepted
from controlplane.core.plans import state_digest


class Origin(StrEnum):
    GENERATED = "generated"
    CSR = "csr"


class Reason(StrEnum):
    """RFC 5280's reasons that an issuer of leaves has use for; `certificateHold` is left out: a block is lifted instead."""

    UNSPECIFIED = "unspecified"
    KEY_COMPROMISE = "key_compromise"
    SUPERSEDED = "superseded"
    CESSATION_OF_OPERATION = "cessation_of_operation"
    PRIVILEGE_WITHDRAWN = "privilege_withdrawn"

    @property
    def words(self) -> str:
        return {
            "unspecified": "No reason given",
            "key_compromise": "Somebody else has, or may have, the key",
            "superseded": "Replaced by another certificate",
            "cessation_of_operation": "No longer in use",
            "privilege_withdrawn": "It may no longer do what it did",
        }[self.value]


@dataclass(frozen=True, slots=True)
class SameKey:
    """Another certificate of the same public key, neither revoked nor over."""

    serial: str
    common_name: str
    principal: str


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate that was issued earlier. `trusted` is None where the authorities could not be read."""

    serial: str
    common_name: str
    principal: str
    origin: Origin
    not_before: datetime
    not_after: datetime
    revoked: bool = False
    replaced_by: str = ""
    trusted: bool | None = True
    same_key: tuple[SameKey, ...] = ()

    @property
    def refused(self) -> bool:
        """Brokers trust its authority no longer. What is unknown is not said to be refused."""
        return self.trusted is False

    @property
    def digest(self) -> str:
        state: dict[str, object] = {
            "serial": self.serial,
            "revoked": self.revoked,
            "replaced_by": self.replaced_by,
        }
        if self.same_key:
            state["same_key"] = sorted(each.serial for each in self.same_key)
        if self.refused:
            state["refused"] = True
        return state_digest(state)


@dataclass(frozen=True, slots=True)
class IssueState:
    """`acls` and `scram_user` are None where the cluster did not answer; `live` are valid certificates of the name.
    `foreign_hosts` are alternative names of a request that the authority may not certify. `accepted`: what brokers take of
    the principal now, revoked ones too; `blocked`: everything is denied to it. A block is not counted in `acls`.
    """

    common_name: str
    reserved: bool
    principal: str | None
    issuer: str
    issuer_ends: datetime
    live: tuple[Issued, ...] = ()
    acls: int | None = None
    scram_user: bool | None = None
    compromised_key: bool = False
    foreign_hosts: tuple[str, ...] = ()
    accepted: Accepted = NOTHING
    blocked: bool = False

    @property
    def digest(self) -> str:
        return state_digest(
            {
                "name": self.common_name,
                "issuer": self.issuer,
                "live": sorted(each.serial for each in self.live),
                "compromised_key": self.compromised_key,
            }
        )
