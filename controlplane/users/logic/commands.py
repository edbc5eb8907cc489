"""The `kafka-*.sh` lines that do the same as a plan, for "copy as CLI". A password stays a shell variable."""

from __future__ import annotations

from collections.abc import Sequence

from controlplane.core.commands import line
from controlplane.gateways.kafka.access_types import Acl, QuotaEntity

FLAGS = {"user": "users", "client-id": "clients", "ip": "ips"}


def upsert(name: str, mechanisms: Sequence[str], iterations: int) -> str:
    values = ",".join(f"{each}=[iterations={iterations},password=$PASSWORD]" for each in mechanisms)
    head = line("kafka-configs.sh", "--alter", "--entity-type", "users", "--entity-name", name)
    return f'{head} --add-config "{values}"'


def delete(name: str, mechanisms: Sequence[str]) -> str:
    return line(
        "kafka-configs.sh", "--alter", "--entity-type", "users", "--entity-name", name,
        "--delete-config", ",".join(mechanisms),
    )  # fmt: skip


def delete_acls(acl: Acl) -> str:
    kind = {
        "TOPIC": ("--topic", acl.resource_name),
        "GROUP": ("--group", acl.resource_name),
        "TRANSACTIONAL_ID": ("--transactional-id", acl.resource_name),
        "DELEGATION_TOKEN": ("--delegation-token", acl.resource_name),
        "USER": ("--user-principal", acl.resource_name),
    }.get(str(acl.resource_type), ("--cluster",))
    who = "--allow" if str(acl.permission) == "ALLOW" else "--deny"
    return line(
        "kafka-acls.sh", "--remove", "--force", f"{who}-principal", acl.principal, f"{who}-host", acl.host,
        "--operation", _camel(str(acl.operation)), *kind,
        "--resource-pattern-type", str(acl.pattern_type).lower(),
    )  # fmt: skip


def delete_quotas(entity: QuotaEntity, keys: Sequence[str]) -> str:
    who: list[str] = []
    for kind, name in entity:
        who += ["--entity-type", FLAGS.get(kind, kind)]
        who += ["--entity-default"] if name is None else ["--entity-name", name]
    return line("kafka-configs.sh", "--alter", *who, "--delete-config", ",".join(sorted(keys)))


def _camel(operation: str) -> str:
    return "".join(part.capitalize() for part in operation.split("_"))
