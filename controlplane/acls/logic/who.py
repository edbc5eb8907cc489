"""The reverse of Explain: of one operation on one resource, every principal that may, and the binding that decides.

Asked of the principals that bindings on the resource name, of super users, and of `User:*`, which is everyone else who can
log in. A principal that no covering binding names may what everyone may, and is not listed by itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from controlplane.acls.logic.authorize import Authorizer, Question, Rule, decide, resource_name
from controlplane.acls.logic.bindings import EVERYONE, WILDCARD, names_resource
from controlplane.clusters.logic import blocks
from controlplane.gateways.kafka.access_types import Acl, AclOperation, AclResourceType

YES = frozenset({Rule.SUPER_USER, Rule.ALLOW, Rule.ALLOW_EVERYONE})


@dataclass(frozen=True, slots=True)
class Who:
    """Both host lists are empty where the answer is the same from everywhere. `blocked`: the DENY is an emergency block's."""

    principal: str
    rule: Rule
    decided_by: Acl | None = None
    only_from: tuple[str, ...] = ()
    not_from: tuple[str, ...] = ()
    blocked: bool = False


@dataclass(frozen=True, slots=True)
class WhoMay:
    """`denied`: whom a DENY refuses, whatever else allows it."""

    allowed: tuple[Who, ...]
    denied: tuple[Who, ...]

    @property
    def named(self) -> tuple[Who, ...]:
        """Whom bindings allow it; super users may everything, and there are many on a cluster of many brokers."""
        return tuple(each for each in self.allowed if each.rule is not Rule.SUPER_USER)

    @property
    def super_users(self) -> tuple[Who, ...]:
        return tuple(each for each in self.allowed if each.rule is Rule.SUPER_USER)


def who_may(
    operation: AclOperation, resource_type: AclResourceType, name: str, authorizer: Authorizer
) -> WhoMay:
    name = resource_name(Question(EVERYONE, operation, resource_type, name))
    covering = [acl for acl in authorizer.acls if names_resource(acl, resource_type, name)]
    near = Authorizer(tuple(covering), authorizer.super_users, authorizer.allow_everyone)
    blocked = blocks.blocked_in(authorizer.acls)
    found = [
        _who(principal, Question(principal, operation, resource_type, name), near, blocked)
        for principal in _asked(covering, authorizer.super_users)
    ]
    return WhoMay(
        tuple(each for each in found if each.rule in YES),
        tuple(each for each in found if each.rule is Rule.DENY),
    )


def _asked(covering: Iterable[Acl], super_users: frozenset[str]) -> tuple[str, ...]:
    """Everyone first, super users last."""
    named = {acl.principal for acl in covering} - super_users - {EVERYONE}
    return (EVERYONE, *sorted(named), *sorted(super_users))


def _who(principal: str, asked: Question, near: Authorizer, blocked: frozenset[str]) -> Who:
    anywhere, binding = decide(asked, near)
    hosts = {
        acl.host
        for acl in near.acls
        if acl.principal in (principal, EVERYONE)
        and acl.host != WILDCARD
        and principal not in near.super_users
    }
    answers = {
        host: decide(
            Question(principal, asked.operation, asked.resource_type, asked.resource_name, host), near
        )
        for host in sorted(hosts)
    }
    yes = tuple(host for host, (rule, _) in answers.items() if rule in YES)
    if anywhere in YES:
        no = tuple(host for host in answers if host not in yes)
        return Who(principal, anywhere, binding, not_from=no)
    if yes:
        rule, binding = answers[yes[0]]
        return Who(principal, rule, binding, only_from=yes)
    if anywhere is not Rule.DENY:
        denying = [(rule, acl) for rule, acl in answers.values() if rule is Rule.DENY]
        if denying:
            return Who(principal, Rule.DENY, denying[0][1], only_from=tuple(answers))
    part = binding is not None and blocks.is_part(binding, blocked)
    return Who(principal, anywhere, binding, blocked=part)
