"""What people really ask: may this application produce, produce in transactions, consume? Several questions, one answer.

Since Kafka 2.8 (KIP-679) an idempotent producer needs no more than WRITE on its topic.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from controlplane.acls.logic.authorize import Authorizer, Decision, Question, authorize, fewest_grants
from controlplane.clusters.logic import blocks
from controlplane.gateways.kafka.access_types import Acl, AclOperation, AclResourceType

TOPIC, GROUP, TRANSACTIONAL_ID = (
    AclResourceType.TOPIC,
    AclResourceType.GROUP,
    AclResourceType.TRANSACTIONAL_ID,
)
WRITE, READ, DESCRIBE = AclOperation.WRITE, AclOperation.READ, AclOperation.DESCRIBE


class Task(StrEnum):
    PRODUCE = "produce"
    PRODUCE_IN_TRANSACTIONS = "produce_in_transactions"
    CONSUME = "consume"

    @property
    def label(self) -> str:
        return {
            "produce": "Produce to a topic (idempotent too)",
            "produce_in_transactions": "Produce to a topic in transactions",
            "consume": "Consume a topic in a group",
        }[self.value]


@dataclass(frozen=True, slots=True)
class TaskQuestion:
    """`second` is the group of a consumer or the transactional id of a producer."""

    task: Task
    principal: str
    topic: str
    second: str = ""
    host: str = "*"


@dataclass(frozen=True, slots=True)
class Part:
    """One of the questions behind a task, and what the client needs it for."""

    why: str
    decision: Decision


@dataclass(frozen=True, slots=True)
class Verdict:
    allowed: bool
    reason: str
    parts: tuple[Part, ...]
    would_allow: tuple[Acl, ...]
    remove_first: tuple[Acl, ...]
    #: The principal whose emergency block is among `remove_first`: it is lifted whole, by a plan of its own.
    blocked: str = ""

    @property
    def others_first(self) -> tuple[Acl, ...]:
        """`remove_first` without the block."""
        return blocks.apart(self.remove_first, {self.blocked} if self.blocked else ())[1]

    @property
    def decided_by(self) -> Acl | None:
        """The binding behind the first refusal, or behind the last allowance."""
        refused = [part.decision for part in self.parts if not part.decision.allowed]
        return refused[0].decided_by if refused else self.parts[-1].decision.decided_by


def answer(asked: Question | TaskQuestion, authorizer: Authorizer) -> Verdict:
    """One operation, or all that a task needs."""
    behind = (("", asked),) if isinstance(asked, Question) else questions_of(asked)
    parts = tuple(Part(why, authorize(question, authorizer)) for why, question in behind)
    return _combined(parts, authorizer)


def _combined(parts: tuple[Part, ...], authorizer: Authorizer) -> Verdict:
    decisions = [part.decision for part in parts]
    refused = [decision for decision in decisions if not decision.allowed]
    added, removed = fewest_grants(decisions, authorizer)
    block, _ = blocks.apart(removed, blocks.blocked_in(authorizer.acls))
    blocked = block[0].principal if block else ""
    reason = refused[0].reason if refused else decisions[0].reason
    return Verdict(
        allowed=not refused,
        reason=f"{blocked} is blocked in an emergency. {reason}" if blocked else reason,
        parts=parts,
        would_allow=added,
        remove_first=removed,
        blocked=blocked,
    )


def questions_of(asked: TaskQuestion) -> tuple[tuple[str, Question], ...]:
    """Stronger operations first, so that what they imply needs no binding of its own."""

    def question(operation: AclOperation, kind: AclResourceType, name: str) -> Question:
        return Question(asked.principal, operation, kind, name, asked.host)

    if asked.task is Task.CONSUME:
        return (
            ("read the records", question(READ, TOPIC, asked.topic)),
            ("find the topic's leaders", question(DESCRIBE, TOPIC, asked.topic)),
            ("join the group and commit offsets", question(READ, GROUP, asked.second)),
            ("find the group's coordinator", question(DESCRIBE, GROUP, asked.second)),
        )
    produce = (
        ("append records", question(WRITE, TOPIC, asked.topic)),
        ("find the topic's leaders", question(DESCRIBE, TOPIC, asked.topic)),
    )
    if asked.task is Task.PRODUCE:
        return produce
    return (
        *produce,
        ("begin and end transactions", question(WRITE, TRANSACTIONAL_ID, asked.second)),
        ("find the transaction's coordinator", question(DESCRIBE, TRANSACTIONAL_ID, asked.second)),
    )
