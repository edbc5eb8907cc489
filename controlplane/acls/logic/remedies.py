"""What a refused client will ask for next: the bundle of its kind, so that allowing one thing is not followed by the next refusal.

A producer that is refused WRITE needs no more than that; a consumer that is refused its topic will be refused its group a
moment later. Names that the same principal was refused elsewhere fill the bundle in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from controlplane.acls.logic.authorize import Authorizer, Question, is_allowed
from controlplane.acls.logic.authorizer_log import Denial
from controlplane.acls.logic.bundles import KINDS, Bundle
from controlplane.gateways.kafka.access_types import AclOperation, AclResourceType

TOPIC, GROUP, TRANSACTIONAL_ID = (
    str(AclResourceType.TOPIC),
    str(AclResourceType.GROUP),
    str(AclResourceType.TRANSACTIONAL_ID),
)
READ, WRITE, DESCRIBE = str(AclOperation.READ), str(AclOperation.WRITE), str(AclOperation.DESCRIBE)
#: Requests that only a client of that kind sends.
PRODUCES = frozenset({"Produce", "PRODUCE", "InitProducerId", "INIT_PRODUCER_ID"})
CONSUMES = frozenset({"Fetch", "FETCH", "JoinGroup", "JOIN_GROUP", "OffsetFetch", "OFFSET_FETCH"})


@dataclass(frozen=True, slots=True)
class Remedy:
    """A bundle with what is known of it; what it still needs is asked for."""

    bundle: Bundle
    principal: str
    topics: tuple[str, ...] = ()
    group: str = ""
    transactional_id: str = ""

    @property
    def label(self) -> str:
        return KINDS[self.bundle].label.lower()

    @property
    def query(self) -> str:
        """For the form of bundles."""
        given = {"bundle": self.bundle.value, "principal": self.principal, "topics": ", ".join(self.topics)}
        more = {"group": self.group, "transactional_id": self.transactional_id}
        return urlencode({name: value for name, value in (given | more).items() if value})

    @property
    def body(self) -> Mapping[str, object]:
        """For `POST acls/`, which says what is missing."""
        given = {"name": self.bundle.value, "principal": self.principal, "topics": list(self.topics)}
        more = {"group": self.group, "transactional_id": self.transactional_id}
        return given | {name: value for name, value in more.items() if value}


def allowed_now(row: Denial, state: Authorizer) -> bool:
    """Whether the same question would be answered otherwise by now."""
    asked = Question(
        row.principal,
        AclOperation(row.operation),
        AclResourceType(row.resource_type),
        row.resource_name,
        row.host,
    )
    return is_allowed(asked, state)


def remedies(row: Denial, others: Iterable[Denial]) -> tuple[Remedy, ...]:
    """None under a DENY, and for what no client of a usual kind asks for. Where both kinds ask, both are offered."""
    if row.denied_by is not None:
        return ()
    theirs = [each for each in others if each.principal == row.principal and each.denied_by is None]
    return tuple(_remedy(bundle, row, theirs) for bundle in _kinds(row))


def _kinds(row: Denial) -> tuple[Bundle, ...]:
    place = (row.resource_type, row.operation)
    if place == (TOPIC, WRITE):
        return (Bundle.PRODUCER,)
    if place == (TOPIC, READ) or (row.resource_type == GROUP and row.operation in (READ, DESCRIBE)):
        return (Bundle.CONSUMER,)
    if row.resource_type == TRANSACTIONAL_ID:
        return (Bundle.TRANSACTIONAL_PRODUCER,)
    if place != (TOPIC, DESCRIBE):
        return ()
    asked = frozenset(row.requests)
    if asked & PRODUCES:
        return (Bundle.PRODUCER,)
    return (Bundle.CONSUMER,) if asked & CONSUMES else (Bundle.PRODUCER, Bundle.CONSUMER)


def _remedy(bundle: Bundle, row: Denial, theirs: Iterable[Denial]) -> Remedy:
    """Of the other names only those that leave no doubt: one group, one id; every topic that fits."""
    rows = [row, *theirs]
    fitting = WRITE if bundle is not Bundle.CONSUMER else READ
    topics = dict.fromkeys(
        each.resource_name
        for each in rows
        if each.resource_type == TOPIC and (each is row or each.operation == fitting)
    )
    return Remedy(
        bundle,
        row.principal,
        tuple(topics),
        _only(rows, GROUP) if bundle is Bundle.CONSUMER else "",
        _only(rows, TRANSACTIONAL_ID) if bundle is Bundle.TRANSACTIONAL_PRODUCER else "",
    )


def _only(rows: Iterable[Denial], kind: str) -> str:
    names = {each.resource_name for each in rows if each.resource_type == kind}
    return names.pop() if len(names) == 1 else ""
