"""Values of partition reassignments. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from controlplane.gateways.kafka.types import TopicPartition


@dataclass(frozen=True, slots=True)
class Reassignment:
    """A move at work: `adding` still copy, `removing` go when they have; `replicas` are both."""

    partition: TopicPartition
    replicas: tuple[int, ...]
    adding: tuple[int, ...]
    removing: tuple[int, ...]
