"""The state of a topic that plans are made from, and its digest: what If-Match compares.

Leaders and ISRs are left out: they move by themselves and must not make a reviewed plan stale.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from controlplane.core.plans import state_digest


@dataclass(frozen=True, slots=True)
class TopicState:
    """A topic as it is now. `configs` holds what is set on the topic itself; `defaults` what applies otherwise."""

    name: str
    topic_id: str
    replicas: tuple[tuple[int, ...], ...]
    configs: Mapping[str, str]
    defaults: Mapping[str, str | None] = field(default_factory=dict)
    internal: bool = False
    size_bytes: int | None = None
    records: int | None = None
    groups: tuple[str, ...] = ()

    @property
    def partitions(self) -> int:
        return len(self.replicas)

    @property
    def replication_factor(self) -> int:
        return max((len(replicas) for replicas in self.replicas), default=0)

    @property
    def digest(self) -> str:
        return state_digest(
            {
                "topic": self.name,
                "id": self.topic_id,
                "replicas": [list(replicas) for replicas in self.replicas],
                "configs": dict(sorted(self.configs.items())),
            }
        )


@dataclass(frozen=True, slots=True)
class ClusterState:
    """What a new topic depends on. Names are the cluster's topics; brokers are those alive."""

    brokers: int
    names: frozenset[str]
    min_insync_replicas: int = 1

    def digest_for(self, name: str) -> str:
        """A plan to create stays valid while the name is free and as many brokers live."""
        return state_digest({"create": name, "exists": name in self.names, "brokers": self.brokers})
