"""Settings of topics, brokers (one, or the cluster-wide default under the name ""), loggers, groups, client metrics."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from controlplane.gateways.errors import GatewayError, InvalidRequest, NotFound
from controlplane.gateways.kafka import _messages as m
from controlplane.gateways.kafka._channel import Call
from controlplane.gateways.kafka._messages import Message
from controlplane.gateways.kafka.admin._base import AdminBase
from controlplane.gateways.kafka.faults import fault_of
from controlplane.gateways.kafka.types import (
    ConfigEntry,
    ConfigOp,
    ConfigOpType,
    ConfigSource,
    ConfigSynonym,
    ConfigType,
    ResourceRef,
    ResourceType,
)

# Broker settings come without "listener.name.x." in their documentation; a batch keeps answers under a few MB.
BATCH = 250
Entries = dict[ResourceRef, tuple[ConfigEntry, ...]]


class ConfigsAdmin(AdminBase):
    def describe_configs(
        self, refs: Sequence[ResourceRef], *, names: Sequence[str] | None = None, documentation: bool = True
    ) -> Entries:
        """All entries with source, type, synonyms and documentation, or only those of the given names.

        A resource that is gone is left out of many; asked alone it raises `NotFound`.
        """
        answers: dict[ResourceRef, tuple[ConfigEntry, ...] | GatewayError] = {}
        with self._call() as call:
            for node, some in requests_by_node(refs).items():
                for start in range(0, len(some), BATCH):
                    answers |= _ask(call, node, some[start : start + BATCH], names, documentation)
        return readable(answers, alone=len(refs) == 1)

    def incremental_alter_configs(
        self, changes: Mapping[ResourceRef, Sequence[ConfigOp]], *, validate_only: bool = False
    ) -> None:
        """Every resource that can be changed is; the first that could not is raised. Other settings stay."""
        by_node: defaultdict[int | None, dict[ResourceRef, Sequence[ConfigOp]]] = defaultdict(dict)
        for ref, ops in changes.items():
            by_node[node_of(ref)][ref] = ops
        with self._call() as call:
            answers = [
                call.change(alter_request(some, validate_only), node=node) for node, some in by_node.items()
            ]
        errors = [error for answer in answers for error in parse_altered(answer)]
        if errors:
            raise errors[0]


def node_of(ref: ResourceRef) -> int | None:
    """One broker's own settings and loggers are asked of that broker; everything else of any."""
    if ref.type not in (ResourceType.BROKER, ResourceType.BROKER_LOGGER) or ref.name == "":
        return None
    if not ref.name.isdigit():
        raise InvalidRequest(f"{ref.name!r} is not a broker id")
    return int(ref.name)


def requests_by_node(refs: Sequence[ResourceRef]) -> dict[int | None, list[ResourceRef]]:
    grouped: defaultdict[int | None, list[ResourceRef]] = defaultdict(list)
    for ref in refs:
        grouped[node_of(ref)].append(ref)
    return dict(grouped)


def _ask(
    call: Call,
    node: int | None,
    refs: Sequence[ResourceRef],
    names: Sequence[str] | None,
    documentation: bool,
) -> dict[ResourceRef, tuple[ConfigEntry, ...] | GatewayError]:
    return parse_described(call.ask(describe_request(refs, names, documentation), node=node))


def describe_request(
    refs: Sequence[ResourceRef], names: Sequence[str] | None = None, documentation: bool = True
) -> Message:
    resource = m.DescribeConfigs.DescribeConfigsResource
    keys = None if names is None else list(names)
    return m.DescribeConfigs(
        resources=[
            resource(resource_type=ref.type.wire, resource_name=ref.name, configuration_keys=keys)
            for ref in refs
        ],
        include_synonyms=True,
        include_documentation=documentation,
    )


def parse_described(answer: Message) -> dict[ResourceRef, tuple[ConfigEntry, ...] | GatewayError]:
    parsed: dict[ResourceRef, tuple[ConfigEntry, ...] | GatewayError] = {}
    for result in answer.results:
        ref = ResourceRef(ResourceType.of(result.resource_type), result.resource_name)
        error = fault_of(result.error_code, result.error_message, subject=subject_of(ref))
        parsed[ref] = error or tuple(sorted((_entry(raw) for raw in result.configs), key=lambda e: e.name))
    return parsed


def readable(
    answers: Mapping[ResourceRef, tuple[ConfigEntry, ...] | GatewayError], *, alone: bool
) -> Entries:
    """`NotFound` of one among many is no reason to fail the others; any other error is."""
    for answer in answers.values():
        if isinstance(answer, GatewayError) and (alone or not isinstance(answer, NotFound)):
            raise answer
    return {ref: answer for ref, answer in answers.items() if not isinstance(answer, GatewayError)}


def _entry(raw: Message) -> ConfigEntry:
    source = ConfigSource.of(raw.config_source)
    return ConfigEntry(
        name=raw.name,
        value=raw.value,
        default=source == ConfigSource.DEFAULT_CONFIG,
        source=source,
        read_only=raw.read_only,
        sensitive=raw.is_sensitive,
        type=ConfigType.of(raw.config_type),
        documentation=raw.documentation or "",
        synonyms=tuple(ConfigSynonym(s.name, s.value, ConfigSource.of(s.source)) for s in raw.synonyms or ()),
    )


def alter_request(changes: Mapping[ResourceRef, Sequence[ConfigOp]], validate_only: bool) -> Message:
    resource = m.IncrementalAlterConfigs.AlterConfigsResource
    return m.IncrementalAlterConfigs(
        resources=[
            resource(
                resource_type=ref.type.wire,
                resource_name=ref.name,
                configs=[
                    resource.AlterableConfig(
                        name=op.name,
                        config_operation=op.op.wire,
                        value=None if op.op == ConfigOpType.DELETE else op.value,
                    )
                    for op in ops
                ],
            )
            for ref, ops in changes.items()
        ],
        validate_only=validate_only,
    )


def parse_altered(answer: Message) -> list[GatewayError]:
    errors = [
        fault_of(
            result.error_code,
            result.error_message,
            subject=subject_of(ResourceRef(ResourceType.of(result.resource_type), result.resource_name)),
        )
        for result in answer.responses
    ]
    return [error for error in errors if error is not None]


def subject_of(ref: ResourceRef) -> str:
    if ref.type == ResourceType.BROKER and ref.name == "":
        return "the default of all brokers"
    return f"{ref.type.lower().replace('_', ' ')} {ref.name}"
