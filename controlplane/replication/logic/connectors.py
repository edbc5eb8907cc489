"""A flow as the configurations of MirrorMaker's three connectors. Pure; secrets are references to files of the worker.

What is set here and why: KAFKA.md section 4. The worker writes the copies with its own producer, as its own principal;
the connectors' clients of the target log in the same way, those of the source as the flow's own user.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from controlplane.replication.logic.flows import (
    GROUPS_LEFT_OUT,
    SEPARATOR,
    TOPICS_LEFT_OUT,
    FlowRequest,
    Policy,
    left_out,
    pattern_of,
    wanted,
)

_MIRROR = "org.apache.kafka.connect.mirror"
_BYTES = "org.apache.kafka.connect.converters.ByteArrayConverter"
_POLICIES = {
    Policy.PREFIX: f"{_MIRROR}.DefaultReplicationPolicy",
    Policy.IDENTITY: f"{_MIRROR}.IdentityReplicationPolicy",
}
#: What is not copied from a topic's settings beside what MirrorMaker leaves out itself: how many copies must be in sync
#: is a property of the cluster that serves them.
CONFIGS_LEFT_OUT = (
    "follower.replication.throttled.replicas",
    "leader.replication.throttled.replicas",
    "message.timestamp.difference.max.ms",
    "message.timestamp.type",
    "unclean.leader.election.enable",
    "min.insync.replicas",
)


#: MirrorMaker's switch for following the ACLs of topics.
ACL_SYNC = "sync.topic.acls.enabled"


class Part(StrEnum):
    """The three connectors of a flow. SOURCE copies records, CHECKPOINT offsets of groups, HEARTBEAT shows that it lives."""

    SOURCE = "source"
    CHECKPOINT = "checkpoint"
    HEARTBEAT = "heartbeat"

    @property
    def plugin(self) -> str:
        return f"{_MIRROR}.Mirror{self.value.capitalize()}Connector"


#: Spaces and control characters, which Connect leaves out at the ends of a new connector's name.
_TRIMMED = "".join(map(chr, range(33)))
_NAME = re.compile(rf"(?P<source>.+?)->(?P<target>.+)\.(?:{'|'.join(Part)})", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Ends:
    """How the connectors reach either cluster: settings of Kafka's clients, `bootstrap.servers` among them."""

    source: Mapping[str, str]
    target: Mapping[str, str]


def connector_name(flow: FlowRequest, part: Part) -> str:
    return f"{flow.name}.{part.value}"


def source_of(name: str, target: str) -> str:
    """The source of the flow into `target` whose connector has this name; empty where it is of none."""
    found = _NAME.fullmatch(name.strip(_TRIMMED))
    return found["source"] if found and found["target"] == target else ""


def connectors_of(flow: FlowRequest, ends: Ends) -> dict[str, dict[str, str]]:
    """Name → configuration, in the order in which they are made: offsets can only be translated of what is copied."""
    return {connector_name(flow, part): {**_common(flow, ends, part), **_OWN[part](flow)} for part in Part}


def _common(flow: FlowRequest, ends: Ends, part: Part) -> dict[str, str]:
    return {
        "connector.class": part.plugin,
        "tasks.max": str(flow.tasks_max if part is Part.SOURCE else 1),
        "source.cluster.alias": flow.source,
        "target.cluster.alias": flow.target,
        **{f"source.cluster.{key}": value for key, value in ends.source.items()},
        **{f"target.cluster.{key}": value for key, value in ends.target.items()},
        "replication.policy.class": _POLICIES[flow.policy],
        "replication.policy.separator": SEPARATOR,
        # Bytes as they are; the default header converter would read numbers into text.
        "key.converter": _BYTES,
        "value.converter": _BYTES,
        "header.converter": _BYTES,
        "offset-syncs.topic.location": "target",
    }


def registered_anew(config: Mapping[str, str], ends: Ends) -> dict[str, str]:
    """The connector's settings with other ways to its ends; an end without settings stays as it is."""
    found = dict(config)
    for prefix, way in (("source.cluster.", ends.source), ("target.cluster.", ends.target)):
        if way:
            alias = f"{prefix}alias"
            found = {key: value for key, value in found.items() if key == alias or not key.startswith(prefix)}
            found |= {f"{prefix}{key}": value for key, value in way.items()}
    return found


def _topics(flow: FlowRequest) -> dict[str, str]:
    return {
        "topics": _patterns(wanted(flow.topics)),
        "topics.exclude": ",".join([*TOPICS_LEFT_OUT, *map(pattern_of, left_out(flow.topics))]),
    }


def _groups(flow: FlowRequest) -> dict[str, str]:
    return {
        "groups": _patterns(wanted(flow.groups)),
        "groups.exclude": ",".join([*GROUPS_LEFT_OUT, *map(pattern_of, left_out(flow.groups))]),
    }


def _patterns(names: tuple[str, ...]) -> str:
    return ",".join(map(pattern_of, names))


def _source(flow: FlowRequest) -> dict[str, str]:
    exactly_once = {
        "exactly.once.support": "required",
        # MirrorMaker can vouch for it only where it reads what was committed.
        "consumer.isolation.level": "read_committed",
    }
    return {
        **_topics(flow),
        "replication.factor": "-1",
        "offset-syncs.topic.replication.factor": "-1",
        "refresh.topics.interval.seconds": str(flow.refresh_s),
        "sync.topic.configs.enabled": _flag(flow.sync_configs),
        "sync.topic.configs.interval.seconds": str(flow.refresh_s),
        "config.properties.exclude": ",".join(CONFIGS_LEFT_OUT),
        ACL_SYNC: _flag(flow.sync_acls),
        "sync.topic.acls.interval.seconds": str(flow.refresh_s),
        **(exactly_once if flow.exactly_once else {}),
    }


def _checkpoint(flow: FlowRequest) -> dict[str, str]:
    return {
        **_topics(flow),
        **_groups(flow),
        "checkpoints.topic.replication.factor": "-1",
        "offset-syncs.topic.replication.factor": "-1",
        "refresh.groups.interval.seconds": str(flow.refresh_s),
        "emit.checkpoints.interval.seconds": str(flow.checkpoint_s),
        "sync.group.offsets.enabled": _flag(flow.sync_offsets),
        "sync.group.offsets.interval.seconds": str(flow.checkpoint_s),
    }


def _heartbeat(flow: FlowRequest) -> dict[str, str]:
    return {
        "heartbeats.topic.replication.factor": "-1",
        "emit.heartbeats.interval.seconds": "1",
    }


_OWN = {Part.SOURCE: _source, Part.CHECKPOINT: _checkpoint, Part.HEARTBEAT: _heartbeat}


def _flag(value: bool) -> str:
    return "true" if value else "false"
