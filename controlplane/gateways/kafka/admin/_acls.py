"""ACLs, with raw numbers kept: one operation that is newer than we are must not hide all the others."""

from __future__ import annotations

from collections.abc import Sequence

from controlplane.gateways.kafka import _messages as m
from controlplane.gateways.kafka._messages import Message
from controlplane.gateways.kafka.access_types import (
    Acl,
    AclFilter,
    AclOperation,
    AclPermission,
    AclResourceType,
    PatternType,
)
from controlplane.gateways.kafka.admin._base import AdminBase
from controlplane.gateways.kafka.faults import raise_for

EVERYTHING = AclFilter()


class AclsAdmin(AdminBase):
    def describe_acls(
        self, matching: AclFilter = EVERYTHING, *, broker: int | None = None
    ) -> tuple[Acl, ...]:
        """As any broker knows them, or the given one: they learn of a change one after the other."""
        with self._call("ACLs") as call:
            return parse_acls(call.ask(describe_request(matching), node=broker))

    def create_acls(self, acls: Sequence[Acl]) -> None:
        """All that can be are created; the first that could not is raised. One that exists is no error."""
        with self._call("ACLs") as call:
            answer = call.change(create_request(acls))
        for acl, result in zip(acls, answer.results, strict=True):
            raise_for(result.error_code, result.error_message, subject=f"ACL of {acl.principal}")

    def delete_acls(self, matching: Sequence[AclFilter]) -> tuple[Acl, ...]:
        """What was deleted, the before-image."""
        with self._call("ACLs") as call:
            return parse_deleted(call.change(delete_request(matching)))


def describe_request(matching: AclFilter) -> Message:
    return m.DescribeAcls(**_filter_fields(matching))


def delete_request(matching: Sequence[AclFilter]) -> Message:
    return m.DeleteAcls(filters=[m.DeleteAcls.DeleteAclsFilter(**_filter_fields(each)) for each in matching])


def _filter_fields(matching: AclFilter) -> dict[str, int | str | None]:
    return {
        "resource_type_filter": matching.resource_type.wire,
        "resource_name_filter": matching.resource_name,
        "pattern_type_filter": matching.pattern_type.wire,
        "principal_filter": matching.principal,
        "host_filter": matching.host,
        "operation": matching.operation.wire,
        "permission_type": matching.permission.wire,
    }


def create_request(acls: Sequence[Acl]) -> Message:
    return m.CreateAcls(
        creations=[
            m.CreateAcls.AclCreation(
                resource_type=acl.resource_type.wire,
                resource_name=acl.resource_name,
                resource_pattern_type=acl.pattern_type.wire,
                principal=acl.principal,
                host=acl.host,
                operation=acl.operation.wire,
                permission_type=acl.permission.wire,
            )
            for acl in acls
        ]
    )


def parse_acls(answer: Message) -> tuple[Acl, ...]:
    raise_for(answer.error_code, answer.error_message, subject="ACLs")
    return tuple(_acl(raw, resource) for resource in answer.resources for raw in resource.acls)


def parse_deleted(answer: Message) -> tuple[Acl, ...]:
    deleted: list[Acl] = []
    for result in answer.filter_results:
        raise_for(result.error_code, result.error_message, subject="ACLs")
        for raw in result.matching_acls:
            raise_for(raw.error_code, raw.error_message, subject=f"ACL of {raw.principal}")
            deleted.append(_acl(raw, raw))
    return tuple(deleted)


def _acl(raw: Message, resource: Message) -> Acl:
    return Acl(
        principal=raw.principal,
        host=raw.host,
        operation=AclOperation.of(raw.operation),
        permission=AclPermission.of(raw.permission_type),
        resource_type=AclResourceType.of(resource.resource_type),
        resource_name=resource.resource_name,
        pattern_type=PatternType.of(resource.pattern_type),
    )
