"""Client quotas of users, client ids, both together, addresses, and the defaults of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from controlplane.gateways.kafka import _messages as m
from controlplane.gateways.kafka._messages import Message
from controlplane.gateways.kafka.access_types import ClientQuota, QuotaEntity
from controlplane.gateways.kafka.admin._base import AdminBase
from controlplane.gateways.kafka.faults import raise_for

EXACT, DEFAULT = 0, 1  # how a component of a filter matches


class QuotasAdmin(AdminBase):
    def describe_client_quotas(
        self, entity: QuotaEntity | None = None, *, broker: int | None = None
    ) -> tuple[ClientQuota, ...]:
        """Of all entities, or exactly of one. `broker`: as that broker knows them."""
        with self._call("quotas") as call:
            return parse_quotas(call.ask(describe_request(entity), node=broker))

    def alter_client_quotas(
        self, entity: QuotaEntity, values: Mapping[str, float | None], *, validate_only: bool = False
    ) -> None:
        """Sets the given values, removes those that are None; others stay."""
        with self._call("quotas") as call:
            answer = call.change(alter_request(entity, values, validate_only))
        for entry in answer.entries:
            raise_for(entry.error_code, entry.error_message, subject="quota")


def describe_request(entity: QuotaEntity | None) -> Message:
    return m.DescribeClientQuotas(components=_components(entity or ()), strict=entity is not None)


def _components(entity: QuotaEntity) -> Sequence[Message]:
    return [
        m.DescribeClientQuotas.ComponentData(
            entity_type=kind, match_type=DEFAULT if name is None else EXACT, match=name
        )
        for kind, name in entity
    ]


def parse_quotas(answer: Message) -> tuple[ClientQuota, ...]:
    raise_for(answer.error_code, answer.error_message, subject="quotas")
    return tuple(
        ClientQuota(
            entity=tuple(sorted(((e.entity_type, e.entity_name) for e in entry.entity), key=lambda e: e[0])),
            values={value.key: value.value for value in entry.values},
        )
        for entry in answer.entries or ()
    )


def alter_request(entity: QuotaEntity, values: Mapping[str, float | None], validate_only: bool) -> Message:
    entry = m.AlterClientQuotas.EntryData
    return m.AlterClientQuotas(
        entries=[
            entry(
                entity=[entry.EntityData(entity_type=kind, entity_name=name) for kind, name in entity],
                ops=[
                    entry.OpData(key=key, value=0.0 if value is None else float(value), remove=value is None)
                    for key, value in values.items()
                ],
            )
        ],
        validate_only=validate_only,
    )
