"""What the parts of the admin face share: how an operation gets to the cluster, and small readers of answers."""

from __future__ import annotations

import base64
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager

from controlplane.gateways.errors import GatewayError
from controlplane.gateways.kafka._channel import Call, Channel
from controlplane.gateways.kafka.types import TopicPartition

RETRY_CODES = frozenset(
    {3, 5, 6, 14, 15, 16, 41, 100}
)  # metadata, leader or coordinator is about to be known


class AdminBase:
    _channel: Channel

    def _call(self, subject: str = "", timeout_s: float | None = None) -> AbstractContextManager[Call]:
        return self._channel.call(subject, timeout_s)

    @property
    def _timeout_ms(self) -> int:
        """What the broker may take: less than we wait, so that its own answer still arrives."""
        return max(1000, int(self._channel.timeout_s * 1000) - 1000)


def kafka_id(raw: uuid.UUID | None) -> str | None:
    """Kafka's way to write a UUID; None for the zero UUID."""
    if raw is None or raw.int == 0:
        return None
    return base64.urlsafe_b64encode(raw.bytes).rstrip(b"=").decode()


def node_or_none(raw: int) -> int | None:
    return raw if raw >= 0 else None


def by_topic(partitions: Iterable[TopicPartition]) -> dict[str, list[int]]:
    grouped: defaultdict[str, list[int]] = defaultdict(list)
    for partition in partitions:
        grouped[partition.topic].append(partition.partition)
    return dict(grouped)


def chunked(names: list[str], size: int) -> Iterator[list[str]]:
    for start in range(0, len(names), size):
        yield names[start : start + size]


def first_error(errors: Iterable[GatewayError | None]) -> GatewayError | None:
    return next((error for error in errors if error is not None), None)
