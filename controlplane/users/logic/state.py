"""A SCRAM user as it is now, with everything that is bound to its principal: what plans are made from.

Kafka never tells a credential's salt or keys, so a new password alone does not move the digest.
"""

from __future__ import annotations

from dataclasses import dataclass

from controlplane.core.plans import state_digest
from controlplane.gateways.kafka.access_types import Acl, ClientQuota, QuotaEntity, ScramCredential


@dataclass(frozen=True, slots=True)
class UserState:
    """`reauth_ms`: connections.max.reauth.ms of the brokers; 0 never ends a connection, None is unknown.

    `seen_ms`: the last minute in which a quota sensor counted this user (Unix ms); None is unknown.
    """

    name: str
    credentials: tuple[ScramCredential, ...] = ()
    acls: tuple[Acl, ...] = ()
    quotas: tuple[ClientQuota, ...] = ()
    reserved: bool = False
    reauth_ms: int | None = None
    seen_ms: int | None = None

    @property
    def principal(self) -> str:
        return f"User:{self.name}"

    @property
    def exists(self) -> bool:
        return bool(self.credentials or self.acls or self.quotas)

    def iterations_of(self, mechanism: str) -> int | None:
        return next((c.iterations for c in self.credentials if str(c.mechanism) == mechanism), None)

    @property
    def digest(self) -> str:
        return state_digest(
            {
                "user": self.name,
                "credentials": sorted((str(c.mechanism), c.iterations) for c in self.credentials),
                "acls": sorted(describe_acl(acl) for acl in self.acls),
                "quotas": sorted((entity_text(q.entity), sorted(q.values.items())) for q in self.quotas),
            }
        )


def describe_acl(acl: Acl) -> str:
    """One line, as kafka-acls.sh would list it."""
    name = f"{acl.resource_name}*" if str(acl.pattern_type) == "PREFIXED" else acl.resource_name
    return f"{acl.permission} {acl.operation} on {acl.resource_type} {name} from {acl.host}"


def entity_text(entity: QuotaEntity) -> str:
    return " + ".join(f"{kind} {'<default>' if name is None else name}" for kind, name in entity)
