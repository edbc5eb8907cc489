"""How an issued certificate stands: one state of each, which list filters return exactly, and the words of its badge.

Brokers ask for no revocation list, so "revoked" alone says too little: until its end it is accepted, unless its principal
is blocked or its authority dropped.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from controlplane.certificates.logic.expiry import Life, Span


class Standing(StrEnum):
    """The first that fits, in this order: revoked, untrusted (its authority was dropped before its end), replaced,
    expired, valid.
    """

    REVOKED = "revoked"
    UNTRUSTED = "untrusted"
    REPLACED = "replaced"
    EXPIRED = "expired"
    VALID = "valid"


@dataclass(frozen=True, slots=True)
class Facts:
    """`trusted` and `blocked` are None where they could not be read. `old_authority`: it stops being trusted when the
    replacement of its authority's key ends.
    """

    revoked: bool
    replaced: bool
    span: Span
    trusted: bool | None = True
    blocked: bool | None = False
    old_authority: bool = False

    @property
    def over(self) -> bool:
        return self.span.life is Life.EXPIRED

    @property
    def refused(self) -> bool:
        """By brokers, before its end."""
        return self.trusted is False and not self.over

    @property
    def standing(self) -> Standing:
        if self.revoked:
            return Standing.REVOKED
        if self.refused:
            return Standing.UNTRUSTED
        if self.replaced:
            return Standing.REPLACED
        return Standing.EXPIRED if self.over else Standing.VALID

    @property
    def still_accepted(self) -> bool | None:
        """Revoked, and brokers let it in and allow what its principal may; None where that could not be read."""
        if not self.revoked or self.over or self.trusted is False or self.blocked:
            return False
        return True if self.trusted and self.blocked is False else None

    @property
    def words(self) -> str:
        if self.standing is not Standing.REVOKED:
            plain = self.span.life.value if self.standing is Standing.VALID else self.standing.value
            return f"{plain}, blocked" if self.blocked and not (self.over or self.refused) else plain
        return f"revoked, {self._after_revocation}"

    @property
    def _after_revocation(self) -> str:
        if self.over:
            return "ended"
        if self.trusted is False:
            return "untrusted"
        if self.blocked:
            return "blocked"
        return "still accepted" if self.still_accepted else "perhaps still accepted"

    @property
    def tone(self) -> str:
        match self.standing:
            case Standing.REVOKED:
                return "unknown" if self.still_accepted is False else "critical"
            case Standing.UNTRUSTED:
                return "critical"
            case Standing.REPLACED:
                return "unknown"
        return "warn" if self.blocked and not self.over else self.span.tone
