"""Lines of `kafka.authorizer.logger` of Kafka 4.4: refusals (INFO), and with DEBUG also which binding allowed something.

Names in a line are whatever clients sent, so the fixed words are matched from the outside in; a line that does not fit is
passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo

from controlplane.acls.logic.bindings import key, to_json
from controlplane.gateways.kafka.access_types import (
    Acl,
    AclOperation,
    AclPermission,
    AclResourceType,
    PatternType,
)

AT = r"^\[(?P<at>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3})\]"
STAMP = re.compile(AT)
LINE = re.compile(
    AT + r" \w+ Principal = (?P<principal>.+?) is (?P<verdict>Denied|Allowed)"
    r" operation = (?P<operation>\w+) from host = (?P<host>\S+) on resource = (?P<type>\w+):LITERAL:(?P<name>.+)"
    r" for request = (?P<request>\w+) with resourceRefCount = \d+ based on rule (?P<rule>.+?)"
    r"(?: \(kafka\.authorizer\.logger\))?$"
)
ACL = re.compile(
    r"acl=StandardAcl\W(?:resourceType=)(?P<resource_type>\w+), resourceName=(?P<resource_name>.+), patternType=(?P<pattern_type>\w+),"
    r" principal=(?P<principal>.+), host=(?P<host>\S+), operation=(?P<operation>\w+), permissionType=(?P<permission>\w+)\W"
)
TYPES = {
    "Topic": AclResourceType.TOPIC,
    "Group": AclResourceType.GROUP,
    "Cluster": AclResourceType.CLUSTER,
    "TransactionalId": AclResourceType.TRANSACTIONAL_ID,
    "DelegationToken": AclResourceType.DELEGATION_TOKEN,
    "User": AclResourceType.USER,
}


@dataclass(frozen=True, slots=True)
class Judged:
    """One line: who asked for what, whether it was allowed, and the broker's own words for the rule."""

    at: datetime
    allowed: bool
    principal: str
    operation: AclOperation
    resource_type: AclResourceType
    resource_name: str
    host: str
    request: str
    rule: str

    @property
    def binding(self) -> Acl | None:
        """The binding that decided, if one did."""
        found = ACL.search(self.rule)
        if found is None:
            return None
        part = found.groupdict()
        return Acl(
            part["principal"],
            part["host"],
            AclOperation(part["operation"]),
            AclPermission(part["permission"]),
            AclResourceType(part["resource_type"]),
            part["resource_name"],
            PatternType(part["pattern_type"]),
        )


@dataclass(frozen=True, slots=True)
class Denial:
    """The same refusal, however often: newest time and count. `fix` is what "allow this" plans; None under a DENY."""

    at: datetime
    count: int
    principal: str
    operation: str
    resource_type: str
    resource_name: str
    host: str
    requests: tuple[str, ...]
    rule: str
    denied_by: Acl | None

    @property
    def key(self) -> str:
        return key(self.fix)

    @property
    def fix(self) -> Acl:
        return Acl(
            self.principal,
            "*",
            AclOperation(self.operation),
            AclPermission.ALLOW,
            AclResourceType(self.resource_type),
            self.resource_name,
        )


def begins_at(lines: Iterable[str]) -> datetime | None:
    """The time of the first line that has one, in this machine's zone."""
    found = next((found for line in lines if (found := STAMP.match(line))), None)
    return None if found is None else _time(found["at"], None)


def _time(raw: str, zone: tzinfo | None) -> datetime:
    naive = datetime.strptime(raw, "%Y-%m-%d %H:%M:%S,%f")  # noqa: DTZ007 (its zone comes next)
    return naive.astimezone() if zone is None else naive.replace(tzinfo=zone)


def judged(lines: Iterable[str], zone: tzinfo | None = None) -> Iterator[Judged]:
    """`zone` is that of the broker's clock; None is this machine's."""
    for line in lines:
        if " operation = " not in line:
            continue
        found = LINE.match(line)
        if found is None or found["type"] not in TYPES:
            continue
        yield Judged(
            at=_time(found["at"], zone),
            allowed=found["verdict"] == "Allowed",
            principal=found["principal"],
            operation=AclOperation(found["operation"]),
            resource_type=TYPES[found["type"]],
            resource_name=found["name"],
            host=found["host"],
            request=found["request"],
            rule=found["rule"],
        )


def denials(found: Iterable[Judged], ours: frozenset[str] = frozenset()) -> tuple[Denial, ...]:
    """Newest first, one per principal, operation, resource and host; nobody has to allow what `ours` only tried."""
    grouped: dict[tuple[str, ...], list[Judged]] = {}
    for each in found:
        if not each.allowed and each.principal not in ours:
            place = (each.principal, each.operation, each.resource_type, each.resource_name, each.host)
            grouped.setdefault(place, []).append(each)
    rows = [_denial(some) for some in grouped.values()]
    return tuple(sorted(rows, key=lambda row: row.at, reverse=True))


def _denial(some: list[Judged]) -> Denial:
    newest = max(some, key=lambda each: each.at)
    return Denial(
        at=newest.at,
        count=len(some),
        principal=newest.principal,
        operation=str(newest.operation),
        resource_type=str(newest.resource_type),
        resource_name=newest.resource_name,
        host=newest.host,
        requests=tuple(sorted({each.request for each in some})),
        rule=newest.rule,
        denied_by=newest.binding,
    )


def used_bindings(found: Iterable[Judged]) -> dict[str, datetime]:
    """Keys of the bindings that decided something, and when they last did."""
    used: dict[str, datetime] = {}
    for each in found:
        binding = each.binding
        if binding is not None:
            name = key(binding)
            used[name] = max(each.at, used.get(name, each.at))
    return used


def denial_json(row: Denial) -> dict[str, object]:
    return {
        "at": row.at.isoformat(),
        "count": row.count,
        "principal": row.principal,
        "operation": row.operation,
        "resource_type": row.resource_type,
        "resource_name": row.resource_name,
        "host": row.host,
        "requests": list(row.requests),
        "rule": row.rule,
        "allow_this": None if row.denied_by else to_json(row.fix),
    }
