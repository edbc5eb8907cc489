"""What an application of a kind needs, as exact bindings: least privilege, nothing that another binding implies.

In a bundle a name that ends in `*` is a prefix (`orders-*`), `*` alone is every name. What the operations are for:
Kafka's "Authorization and ACLs" (protocol table), KIP-679 for idempotence, KIP-98 for transactions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from controlplane.acls.logic.bindings import CLUSTER_NAME, WILDCARD, in_order
from controlplane.gateways.kafka.access_types import (
    Acl,
    AclOperation,
    AclPermission,
    AclResourceType,
    PatternType,
)

O = AclOperation  # noqa: E741
R = AclResourceType


class Bundle(StrEnum):
    PRODUCER = "producer"
    TRANSACTIONAL_PRODUCER = "transactional_producer"
    CONSUMER = "consumer"
    STREAMS = "streams"
    CONNECT_WORKER = "connect_worker"
    MIRROR_SOURCE = "mirror_source"
    MIRROR_TARGET = "mirror_target"
    AUDITOR = "auditor"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class BundleRequest:
    """`topics` are read from or written to, `outputs` are what a streams application writes."""

    bundle: Bundle
    principal: str
    host: str = WILDCARD
    topics: Sequence[str] = ()
    outputs: Sequence[str] = ()
    group: str = ""
    transactional_id: str = ""
    create_topics: bool = False


@dataclass(frozen=True, slots=True)
class BundleKind:
    """`needs` and `takes` name the fields of the request; `label` and `text` are for people."""

    label: str
    text: str
    needs: tuple[str, ...]
    takes: tuple[str, ...]
    grants: Callable[[BundleRequest], list[Acl]]


def bindings_of(request: BundleRequest) -> tuple[Acl, ...]:
    return in_order(KINDS[request.bundle].grants(request))


def missing(request: BundleRequest) -> tuple[str, ...]:
    """Fields that this bundle cannot do without."""
    return tuple(name for name in KINDS[request.bundle].needs if not getattr(request, name))


def named(name: str) -> tuple[str, PatternType]:
    """`orders` → literal, `orders-*` → prefix, `*` → every name."""
    if name != WILDCARD and name.endswith(WILDCARD):
        return name[:-1], PatternType.PREFIXED
    return name, PatternType.LITERAL


def grant(request: BundleRequest, kind: AclResourceType, name: str, *operations: AclOperation) -> list[Acl]:
    literal, pattern = named(name)
    return [
        Acl(request.principal, request.host, operation, AclPermission.ALLOW, kind, literal, pattern)
        for operation in operations
    ]


def on_topics(request: BundleRequest, topics: Sequence[str], *operations: AclOperation) -> list[Acl]:
    return [acl for topic in topics for acl in grant(request, R.TOPIC, topic, *operations)]


def producer(request: BundleRequest) -> list[Acl]:
    """Idempotent too: since Kafka 2.8 WRITE on the topic is enough, IDEMPOTENT_WRITE on the cluster is not needed."""
    operations = (O.WRITE, O.CREATE) if request.create_topics else (O.WRITE,)
    return on_topics(request, request.topics, *operations)


def transactional_producer(request: BundleRequest) -> list[Acl]:
    """WRITE on the transactional id implies the DESCRIBE that finds the coordinator. With a group: exactly once."""
    group = grant(request, R.GROUP, request.group, O.READ) if request.group else []
    transaction = grant(request, R.TRANSACTIONAL_ID, request.transactional_id, O.WRITE)
    return [*producer(request), *transaction, *group]


def consumer(request: BundleRequest) -> list[Acl]:
    return [*on_topics(request, request.topics, O.READ), *grant(request, R.GROUP, request.group, O.READ)]


def streams(request: BundleRequest) -> list[Acl]:
    """The application id is the group, and the prefix of internal topics and transactional ids."""
    application = request.group.removesuffix(WILDCARD)
    internal = grant(request, R.TOPIC, f"{application}-*", O.CREATE, O.READ, O.WRITE, O.DELETE)
    return [
        *on_topics(request, request.topics, O.READ),
        *on_topics(request, request.outputs, O.WRITE),
        *internal,
        *grant(request, R.GROUP, application, O.READ),
        *grant(request, R.TRANSACTIONAL_ID, f"{application}-*", O.WRITE),
    ]


def connect_worker(request: BundleRequest) -> list[Acl]:
    """`topics`: what its sinks read; `outputs`: what its sources write. Sink groups are called connect-<connector>,
    transactions of sources that write exactly once <group>-<connector>-<task> (KIP-618)."""
    worker = request.group.removesuffix(WILDCARD)
    internal = [f"{worker}-configs", f"{worker}-offsets", f"{worker}-status"]
    sinks = grant(request, R.GROUP, "connect-*", O.READ) if request.topics else []
    return [
        *on_topics(request, internal, O.CREATE, O.READ, O.WRITE, O.DESCRIBE_CONFIGS),
        *grant(request, R.GROUP, worker, O.READ),
        *grant(request, R.TRANSACTIONAL_ID, f"connect-cluster-{worker}", O.WRITE),
        *grant(request, R.TRANSACTIONAL_ID, f"{worker}-*", O.WRITE),
        *on_topics(request, request.topics, O.READ),
        *on_topics(request, request.outputs, O.WRITE, O.CREATE),
        *sinks,
    ]


def mirror_source(request: BundleRequest) -> list[Acl]:
    """On the cluster that is read from. Offset syncs are kept there; DESCRIBE of the cluster reads its ACLs."""
    return [
        *on_topics(request, request.topics, O.READ, O.DESCRIBE_CONFIGS),
        *on_topics(request, ["mm2-offset-syncs.*"], O.CREATE, O.READ, O.WRITE, O.DESCRIBE_CONFIGS),
        *grant(request, R.TOPIC, "heartbeats", O.CREATE, O.READ, O.WRITE, O.DESCRIBE_CONFIGS),
        *grant(request, R.GROUP, request.group or WILDCARD, O.DESCRIBE),
        *grant(request, R.CLUSTER, CLUSTER_NAME, O.DESCRIBE),
    ]


def mirror_target(request: BundleRequest) -> list[Acl]:
    """On the cluster that is written to. READ of groups writes translated offsets, ALTER of the cluster copies ACLs."""
    internal = ["mm2-*", "heartbeats", *request.outputs]
    copies = (O.CREATE, O.WRITE, O.READ, O.ALTER, O.ALTER_CONFIGS)
    return [
        *on_topics(request, request.topics, *copies),
        *on_topics(request, internal, O.CREATE, O.READ, O.WRITE, O.DESCRIBE_CONFIGS),
        *grant(request, R.GROUP, request.group or WILDCARD, O.READ),
        *grant(request, R.CLUSTER, CLUSTER_NAME, O.ALTER),
    ]


def auditor(request: BundleRequest) -> list[Acl]:
    """Sees what there is and how it is set; no READ, so no records."""
    return [
        *grant(request, R.TOPIC, WILDCARD, O.DESCRIBE, O.DESCRIBE_CONFIGS),
        *grant(request, R.GROUP, WILDCARD, O.DESCRIBE, O.DESCRIBE_CONFIGS),
        *grant(request, R.CLUSTER, CLUSTER_NAME, O.DESCRIBE, O.DESCRIBE_CONFIGS),
        *grant(request, R.TRANSACTIONAL_ID, WILDCARD, O.DESCRIBE),
        *grant(request, R.DELEGATION_TOKEN, WILDCARD, O.DESCRIBE),
    ]


def admin(request: BundleRequest) -> list[Acl]:
    """Everything, but by bindings: unlike a super user it can be denied, and taken back without a restart."""
    everywhere = (R.TOPIC, R.GROUP, R.TRANSACTIONAL_ID, R.DELEGATION_TOKEN, R.USER)
    return [
        *(acl for kind in everywhere for acl in grant(request, kind, WILDCARD, O.ALL)),
        *grant(request, R.CLUSTER, CLUSTER_NAME, O.ALL),
    ]


KINDS: Mapping[Bundle, BundleKind] = {
    Bundle.PRODUCER: BundleKind(
        "Producer",
        "Writes to topics; idempotent or not (since Kafka 2.8 that needs nothing more).",
        ("topics",),
        ("create_topics",),
        producer,
    ),
    Bundle.TRANSACTIONAL_PRODUCER: BundleKind(
        "Transactional producer",
        "Writes in transactions. With a group it also commits offsets in them: exactly once.",
        ("topics", "transactional_id"),
        ("group", "create_topics"),
        transactional_producer,
    ),
    Bundle.CONSUMER: BundleKind(
        "Consumer", "Reads topics and commits offsets in its group.", ("topics", "group"), (), consumer
    ),
    Bundle.STREAMS: BundleKind(
        "Streams application",
        "Group is the application.id; its internal topics and transactional ids begin with it.",
        ("topics", "group"),
        ("outputs",),
        streams,
    ),
    Bundle.CONNECT_WORKER: BundleKind(
        "Connect worker",
        "Group is the worker's group.id; its topics are <group>-configs, -offsets and -status.",
        ("group",),
        ("topics", "outputs"),
        connect_worker,
    ),
    Bundle.MIRROR_SOURCE: BundleKind(
        "MirrorMaker, on the source",
        "Reads the mirrored topics and describes groups.",
        ("topics",),
        ("group",),
        mirror_source,
    ),
    Bundle.MIRROR_TARGET: BundleKind(
        "MirrorMaker, on the target",
        "Creates and writes the copies, and translated offsets of groups.",
        ("topics",),
        ("group", "outputs"),
        mirror_target,
    ),
    Bundle.AUDITOR: BundleKind(
        "Read-only auditor", "Describes everything, reads no records.", (), (), auditor
    ),
    Bundle.ADMIN: BundleKind(
        "Admin", "All operations on all resources, revocable unlike a super user.", (), (), admin
    ),
}
