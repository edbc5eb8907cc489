"""Which protection holds against a certificate, in words (CA-6). Two acts, two effects, and neither is the other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from controlplane.clusters.logic.blocks import BlockState


class Protection(StrEnum):
    NONE = "none"
    REVOKED_ONLY = "revoked_only"
    BLOCKED = "blocked"
    BLOCKED_AND_REVOKED = "blocked_and_revoked"
    PARTLY = "partly"
    SUPER_USER = "super_user"
    OVER = "over"
    UNTRUSTED = "untrusted"
    UNKNOWN = "unknown"

    @property
    def tone(self) -> str:
        return {
            Protection.NONE: "info",
            Protection.REVOKED_ONLY: "warn",
            Protection.BLOCKED: "ok",
            Protection.BLOCKED_AND_REVOKED: "ok",
            Protection.PARTLY: "warn",
            Protection.SUPER_USER: "warn",
            Protection.OVER: "ok",
            Protection.UNTRUSTED: "warn",
            Protection.UNKNOWN: "unknown",
        }[self]


@dataclass(frozen=True, slots=True)
class Verdict:
    protection: Protection
    what: str
    hint: str = ""

    @property
    def tone(self) -> str:
        return self.protection.tone


def verdict(
    *,
    principal: str,
    revoked: bool,
    not_after: datetime,
    block: BlockState | None,
    now: datetime,
    trusted: bool | None = True,
    dropped_at: datetime | None = None,
) -> Verdict:
    """`block` is None where the cluster did not answer, `trusted` where its authorities could not be read."""
    if now > not_after:
        return Verdict(
            Protection.OVER,
            "The certificate has ended: brokers refuse new connections with it.",
            "Connections that were open then live on until either side closes them.",
        )
    if trusted is False:
        return _untrusted(revoked, dropped_at)
    until = f"{not_after:%Y-%m-%d %H:%M} UTC"
    if trusted is None:
        return Verdict(
            Protection.UNKNOWN,
            "Whether brokers still trust its authority is unknown: the authorities of the cluster cannot be read.",
            _revoked_hint(until) if revoked else "",
        )
    if block is None:
        return Verdict(
            Protection.UNKNOWN,
            "Whether the principal is blocked is unknown: the cluster does not answer.",
            _revoked_hint(until) if revoked else "",
        )
    if block.super_user and revoked:
        return Verdict(
            Protection.SUPER_USER,
            f"Revoked, but {principal} is a super user: no ACL binds it, and brokers do not ask for the list.",
            f"It is accepted until {until}. Replace the authority's key to end it sooner.",
        )
    return _answered(principal, revoked, until, block)


def _untrusted(revoked: bool, dropped_at: datetime | None) -> Verdict:
    when = f" on {dropped_at:%Y-%m-%d %H:%M} UTC" if dropped_at else ""
    return Verdict(
        Protection.UNTRUSTED,
        f"Not trusted any more: its authority was dropped{when}. Brokers refuse new connections with it.",
        "It was revoked as well. "
        * revoked
        + "Connections that were open then live on until either side closes them. "
        "An application that still has it needs a new certificate.",
    )


def _answered(principal: str, revoked: bool, until: str, block: BlockState) -> Verdict:
    if block.blocked:
        hint = "A renewed certificate of the same name, and a SCRAM user of it, are blocked as well."
        kind = Protection.BLOCKED_AND_REVOKED if revoked else Protection.BLOCKED
        return Verdict(kind, f"{principal} is blocked: it may connect, and everything is denied to it.", hint)
    if block.partly:
        missing = ", ".join(f"{acl.resource_type}" for acl in block.missing)
        return Verdict(
            Protection.PARTLY, f"{principal} is blocked in part: no denial on {missing}.", "Block it again."
        )
    if revoked:
        return Verdict(
            Protection.REVOKED_ONLY,
            f"Revoked, but not blocked: brokers still accept it until {until}.",
            _revoked_hint(until),
        )
    return Verdict(Protection.NONE, f"In force until {until}: what {principal} may do is up to its ACLs.")


def _revoked_hint(until: str) -> str:
    return (
        "Brokers do not ask for the revocation list; programs that do refuse the certificate. "
        f"To keep it out of Kafka before {until}, block the principal."
    )
