"""A SCRAM user as it is now, with everything that is bound to its principal: what plans are made from.

Kafka never tells a credential's salt or keys, so a new password alone does not move the digest.
"""

from __future__ import annotations

from dataclasses import dataclass

from controlplane.clusters.logic import blocks
from controlplane.clusters.logic.blocks import BlockState
from controlplane.clusters.logic.credentials import NOTHING, Accepted
from controlplane.core.plans import state_digest
from controlplane.gateways.kafka.access_types import Acl, ClientQuota, QuotaEntity, ScramCredential


@dataclass(frozen=True, slots=True)
class UserState:
    """`reauth_ms`: connections.max.reauth.ms of the brokers; 0 never ends a connection, None is unknown.

    `seen_ms`: the last minute in which a quota sensor counted this user (Unix ms); None is unknown.
    `accepted`: certificates of the same name that brokers take, the revoked ones among them.
    """

    name: str
    credentials: tuple[ScramCredential, ...] = ()
    acls: tuple[Acl, ...] = ()
    quotas: tuple[ClientQuota, ...] = ()
    reserved: bool = False
    reauth_ms: int | None = None
    seen_ms: int | None = None
    accepted: Accepted = NOTHING

    @property
    def principal(self) -> str:
        return f"User:{self.name}"

    @property
    def exists(self) -> bool:
        """A block alone makes no user: it may have outlived one."""
        return bool(self.credentials or self.rights or self.quotas)

    @property
    def block(self) -> BlockState:
        return blocks.state_of(self.principal, self.acls, super_user=self.reserved)

    @property
    def rights(self) -> tuple[Acl, ...]:
        """The ACLs, without those that an emergency block is made of."""
        return self.rights_beside(block=self.block.blocked)

    def rights_beside(self, *, block: bool) -> tuple[Acl, ...]:
        """The same for a block that is there, or that a plan completes."""
        return blocks.apart(self.acls, {self.principal} if block else ())[1]

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
    """As digests and records have it. For people: `quota_words.title`."""
    return " + ".join(f"{kind} {'<default>' if name is None else name}" for kind, name in entity)
