"""Can principal P do operation O on resource R from host H, and which rule decides? Kafka 4.4's StandardAuthorizer.

1. A super user may do everything; no binding is looked at.
2. Of the bindings whose pattern covers the resource, any DENY for the principal (or User:*), the host (or *) and exactly
   this operation (or ALL) refuses.
3. Otherwise any such ALLOW allows. ALLOW of READ, WRITE, DELETE or ALTER implies DESCRIBE, that of ALTER_CONFIGS implies
   DESCRIBE_CONFIGS. DENY implies nothing.
4. Otherwise the answer is no; only a resource that no binding at all covers falls to `allow.everyone.if.no.acl.found`.

Invariant: held against a real broker by tests/acls/test_oracle.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from controlplane.acls.logic.bindings import (
    CLUSTER_NAME,
    EVERYONE,
    WILDCARD,
    code,
    host_text,
    names_resource,
    text,
    words,
)
from controlplane.gateways.kafka.access_types import (
    Acl,
    AclOperation,
    AclPermission,
    AclResourceType,
    PatternType,
)

IMPLIES_DESCRIBE = frozenset({AclOperation.READ, AclOperation.WRITE, AclOperation.DELETE, AclOperation.ALTER})
IMPLIES_DESCRIBE_CONFIGS = frozenset({AclOperation.ALTER_CONFIGS})


@dataclass(frozen=True, slots=True)
class Question:
    """`host` is an address as the broker sees it; `*` stands for one that no binding names."""

    principal: str
    operation: AclOperation
    resource_type: AclResourceType
    resource_name: str
    host: str = WILDCARD

    @property
    def what(self) -> str:
        if self.resource_type == AclResourceType.CLUSTER:
            return f"{self.operation} on the cluster"
        return f"{self.operation} on {words(self.resource_type)} {self.resource_name}"

    def __str__(self) -> str:
        return f"{self.principal} {self.what} from {host_text(self.host)}"


@dataclass(frozen=True, slots=True)
class Authorizer:
    """All that the broker's answer depends on. `unknown` says what of it no broker told; empty where all is known."""

    acls: tuple[Acl, ...]
    super_users: frozenset[str] = frozenset()
    allow_everyone: bool = False
    unknown: str = ""


class Rule(StrEnum):
    """What decided. The words are those of the API."""

    SUPER_USER = "super_user"
    DENY = "deny"
    ALLOW = "allow"
    NO_MATCH = "no_match"
    NO_ACL = "no_acl"
    ALLOW_EVERYONE = "allow_everyone"


ALLOWING = frozenset({Rule.SUPER_USER, Rule.ALLOW, Rule.ALLOW_EVERYONE})


@dataclass(frozen=True, slots=True)
class Decision:
    """`would_allow` are the fewest bindings that turn a refusal round once all of `remove_first` are gone."""

    question: Question
    allowed: bool
    rule: Rule
    reason: str
    decided_by: Acl | None = None
    would_allow: tuple[Acl, ...] = ()
    remove_first: tuple[Acl, ...] = ()


def is_allowed(question: Question, authorizer: Authorizer) -> bool:
    """The answer alone, without its reason and the way out."""
    return decide(question, authorizer)[0] in ALLOWING


def authorize(question: Question, authorizer: Authorizer) -> Decision:
    rule, binding = decide(question, authorizer)
    decision = Decision(
        question=question,
        allowed=rule in ALLOWING,
        rule=rule,
        reason=_reason(rule, binding, question),
        decided_by=binding,
    )
    return decision if decision.allowed else _with_way_out(decision, authorizer)


def decide(question: Question, authorizer: Authorizer) -> tuple[Rule, Acl | None]:
    """The rule, and the binding that the broker's own log would name."""
    if question.principal in authorizer.super_users:
        return Rule.SUPER_USER, None
    name = resource_name(question)
    covering = [acl for acl in authorizer.acls if names_resource(acl, question.resource_type, name)]
    matching = sorted((acl for acl in covering if applies(acl, question)), key=scan_order)
    denying = [acl for acl in matching if acl.permission != AclPermission.ALLOW]
    if denying:
        return Rule.DENY, denying[0]
    if matching:
        return Rule.ALLOW, matching[-1]
    if covering:
        return Rule.NO_MATCH, None
    return (Rule.ALLOW_EVERYONE if authorizer.allow_everyone else Rule.NO_ACL), None


def resource_name(question: Question) -> str:
    return CLUSTER_NAME if question.resource_type == AclResourceType.CLUSTER else question.resource_name


def applies(acl: Acl, question: Question) -> bool:
    """Principal, host and operation; the resource has been looked at already."""
    if acl.principal not in (question.principal, EVERYONE):
        return False
    if acl.host not in (question.host, WILDCARD):
        return False
    if acl.operation in (AclOperation.ALL, question.operation):
        return True
    return acl.permission == AclPermission.ALLOW and implies(acl.operation, question.operation)


def implies(granted: AclOperation, asked: AclOperation) -> bool:
    """Of ALLOW only: a DENY of READ leaves DESCRIBE as it was."""
    if asked == AclOperation.DESCRIBE:
        return granted in IMPLIES_DESCRIBE
    return asked == AclOperation.DESCRIBE_CONFIGS and granted in IMPLIES_DESCRIBE_CONFIGS


def scan_order(acl: Acl) -> tuple[object, ...]:
    """The order in which the authorizer walks its bindings: longer names first, the wildcard resource last."""
    wildcard = acl.resource_name == WILDCARD and acl.pattern_type == PatternType.LITERAL
    return (
        wildcard,
        -len(acl.resource_name),
        code(acl.pattern_type),
        code(acl.operation),
        acl.principal.encode("utf-16-be", "surrogatepass"),
        acl.host,
        code(acl.permission),
    )


def _with_way_out(decision: Decision, authorizer: Authorizer) -> Decision:
    question = decision.question
    in_the_way = tuple(
        acl
        for acl in authorizer.acls
        if acl.permission != AclPermission.ALLOW
        and names_resource(acl, question.resource_type, resource_name(question))
        and applies(acl, question)
    )
    left = replace(authorizer, acls=tuple(acl for acl in authorizer.acls if acl not in in_the_way))
    rule, _ = decide(question, left)
    would_allow = () if rule in (Rule.ALLOW, Rule.ALLOW_EVERYONE) else (smallest_grant(question),)
    return replace(decision, would_allow=would_allow, remove_first=tuple(sorted(in_the_way, key=scan_order)))


def smallest_grant(question: Question) -> Acl:
    """One literal binding for this principal, host and operation, and nothing more."""
    return Acl(
        principal=question.principal,
        host=question.host,
        operation=question.operation,
        permission=AclPermission.ALLOW,
        resource_type=question.resource_type,
        resource_name=resource_name(question),
        pattern_type=PatternType.LITERAL,
    )


def _reason(rule: Rule, binding: Acl | None, question: Question) -> str:
    what = "the cluster" if question.resource_type == AclResourceType.CLUSTER else question.resource_name
    match rule:
        case Rule.SUPER_USER:
            return f"{question.principal} is a super user: no binding binds it."
        case Rule.DENY if binding is not None:
            return f"Denied by: {text(binding)}. A DENY wins over every ALLOW."
        case Rule.ALLOW if binding is not None:
            implied = "" if binding.operation in (AclOperation.ALL, question.operation) else _implied(binding)
            return f"Allowed by: {text(binding)}.{implied}"
        case Rule.ALLOW_EVERYONE:
            return f"No binding covers {what}, and allow.everyone.if.no.acl.found is true."
        case Rule.NO_ACL:
            return f"No binding covers {what}, so nobody but super users may do anything on it."
        case _:
            return f"No binding that covers {what} allows this principal, host and operation."


def _implied(binding: Acl) -> str:
    asked = "DESCRIBE_CONFIGS" if binding.operation in IMPLIES_DESCRIBE_CONFIGS else "DESCRIBE"
    return f" ALLOW of {binding.operation} implies {asked}."


def fewest_grants(
    decisions: Iterable[Decision], authorizer: Authorizer
) -> tuple[tuple[Acl, ...], tuple[Acl, ...]]:
    """(to add, to remove first) that turn all of `decisions` round: a grant that an earlier one implies is left out."""
    removed: list[Acl] = []
    added: list[Acl] = []
    refused = [decision for decision in decisions if not decision.allowed]
    for decision in refused:
        removed += [acl for acl in decision.remove_first if acl not in removed]
    for decision in refused:
        acls = (*(acl for acl in authorizer.acls if acl not in removed), *added)
        rule, _ = decide(decision.question, replace(authorizer, acls=acls))
        if rule not in (Rule.ALLOW, Rule.ALLOW_EVERYONE, Rule.SUPER_USER):
            added.append(smallest_grant(decision.question))
    return tuple(added), tuple(removed)
