"""Offsets committed as a simple consumer commits them: without joining the group."""

from __future__ import annotations

from typing import Any

import confluent_kafka

from controlplane.gateways.kafka.security import KafkaConnection, librdkafka_settings
from tests.waiting import eventually

#: The offsets topic is only being made, or the group's coordinator is only reading it.
RETRIED = (
    confluent_kafka.KafkaError.NOT_COORDINATOR,
    confluent_kafka.KafkaError.COORDINATOR_NOT_AVAILABLE,
    confluent_kafka.KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
)


def commit(connection: KafkaConnection, group: str, offsets: dict[tuple[str, int], int]) -> None:
    """Commits offsets by topic and partition; waits up to 30 s for the group's coordinator."""
    simple: Any = confluent_kafka.Consumer(librdkafka_settings(connection) | {"group.id": group})
    wanted = [confluent_kafka.TopicPartition(topic, index, at) for (topic, index), at in offsets.items()]

    def committed() -> bool:
        try:
            simple.commit(offsets=wanted, asynchronous=False)
        except confluent_kafka.KafkaException as error:
            if error.args[0].code() in RETRIED:
                return False
            raise
        return True

    eventually(committed, timeout=30)
    simple.close()
