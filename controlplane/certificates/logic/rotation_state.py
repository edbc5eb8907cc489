"""Where the replacement of an authority's key stands: its phases and steps, what an authority is, what each node does. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from controlplane.core.plans import state_digest


class RotationStep(StrEnum):
    BEGIN = "begin"
    SWITCH = "switch"
    FINISH = "finish"
    ABANDON = "abandon"


class RotationPhase(StrEnum):
    NONE = "none"
    TRUST_NEW = "trust_new"
    ABANDONING = "abandoning"
    SWITCHED = "switched"
    DROPPING = "dropping"


NEEDS = {
    RotationStep.BEGIN: RotationPhase.NONE,
    RotationStep.SWITCH: RotationPhase.TRUST_NEW,
    RotationStep.ABANDON: RotationPhase.TRUST_NEW,
    RotationStep.FINISH: RotationPhase.SWITCHED,
}


#: The phase that a step leads to: taken again there, it goes on where it stopped.
LEADS_TO = {
    RotationStep.BEGIN: RotationPhase.TRUST_NEW,
    RotationStep.SWITCH: RotationPhase.SWITCHED,
    RotationStep.FINISH: RotationPhase.DROPPING,
    RotationStep.ABANDON: RotationPhase.ABANDONING,
}
#: Some authority is on its way out: it counts as trusted until every node was seen to refuse it, and is then forgotten.
LEAVING = frozenset({RotationPhase.ABANDONING, RotationPhase.DROPPING})


@dataclass(frozen=True, slots=True)
class AuthorityFacts:
    """An authority in a few words: its root, and the one below it that issues. Fingerprints are SHA-256 in hex.

    `issuing` is empty where nothing is made yet; `key` is the fingerprint of the issuing one's public key (`key_given`: it
    was uploaded), `chain` those of all its certificates.
    """

    name: str
    fingerprint: str
    ends: str
    external: bool = False
    issuing: str = ""
    issuing_ends: str = ""
    key: str = ""
    key_given: bool = False
    chain: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        return f"{self.name}, until {self.ends}, SHA-256 {self.fingerprint[:16]}…"

    @property
    def issuer(self) -> str:
        """Who signs leaves, and below whom: only the root is trusted, and the root need not be the one that issues."""
        if not self.issuing:
            return self.words
        if self.issues_itself:
            return f"{self.issuing}, until {self.issuing_ends}, itself the root"
        return f"{self.issuing}, until {self.issuing_ends}, below {self.name}"

    @property
    def issues_itself(self) -> bool:
        return self.external and self.chain == (self.fingerprint,)

    @property
    def digest(self) -> str:
        """Of all that was given: certificates and key."""
        return state_digest({"chain": sorted(self.chain), "key": self.key})


@dataclass(frozen=True, slots=True)
class NodeTrust:
    """What one node was seen to do now. `trusts_next` is None where there is no next authority, or nobody answered;
    `trusts_leaving`, of the one that is being dropped or abandoned, likewise."""

    node: int
    running: bool
    trusts_next: bool | None = None
    presents_current: bool = True
    restarted_since: bool = True
    trusts_leaving: bool | None = None


@dataclass(frozen=True, slots=True)
class RotationState:
    """`dependents`: valid certificates that the old authority issued. `busy`: the job that works on it now."""

    purpose: str
    phase: RotationPhase
    current: AuthorityFacts
    following: AuthorityFacts | None = None
    old: AuthorityFacts | None = None
    nodes: tuple[NodeTrust, ...] = ()
    dependents: tuple[str, ...] = ()
    busy: str = ""

    @property
    def digest(self) -> str:
        roots = [each.fingerprint if each else None for each in (self.current, self.following, self.old)]
        return state_digest({"authority": self.purpose, "phase": self.phase.value, "roots": roots})

    @property
    def brokers(self) -> bool:
        return self.purpose == "brokers"
