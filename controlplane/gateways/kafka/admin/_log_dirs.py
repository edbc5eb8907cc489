"""Log directories: what each broker keeps on disk. A broker that does not answer leaves a gap, never a wait for all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from controlplane.gateways.errors import GatewayError
from controlplane.gateways.kafka import _messages as m
from controlplane.gateways.kafka._messages import Message
from controlplane.gateways.kafka.admin._base import AdminBase, by_topic, node_or_none
from controlplane.gateways.kafka.faults import fault_of, raise_for
from controlplane.gateways.kafka.types import LogDir, ReplicaOnDisk, TopicPartition


class LogDirsAdmin(AdminBase):
    def describe_log_dirs(
        self, brokers: Iterable[int], partitions: Iterable[TopicPartition] | None = None
    ) -> tuple[LogDir, ...]:
        """Of the brokers that answer; raises when none does. `partitions` narrows what is listed."""
        request = log_dirs_request(None if partitions is None else by_topic(partitions))
        with self._call() as call:
            answers = call.ask_each(dict.fromkeys(brokers, request))
        parsed = {broker: _parsed(broker, answer) for broker, answer in answers.items()}
        found = [each for value in parsed.values() if not isinstance(value, GatewayError) for each in value]
        errors = [value for value in parsed.values() if isinstance(value, GatewayError)]
        if errors and len(errors) == len(parsed):
            raise errors[0]
        return tuple(found)


def log_dirs_request(topics: Mapping[str, list[int]] | None) -> Message:
    topic = m.DescribeLogDirs.DescribableLogDirTopic
    wanted = None if topics is None else [topic(topic=n, partitions=p) for n, p in topics.items()]
    return m.DescribeLogDirs(topics=wanted)


def _parsed(broker: int, answer: Message | GatewayError) -> tuple[LogDir, ...] | GatewayError:
    if isinstance(answer, GatewayError):
        return answer
    try:
        return parse_log_dirs(broker, answer)
    except GatewayError as error:
        return error


def parse_log_dirs(broker: int, answer: Message) -> tuple[LogDir, ...]:
    raise_for(answer.error_code, subject=f"log directories of broker {broker}")
    return tuple(_log_dir(broker, result) for result in answer.results)


def _log_dir(broker: int, raw: Message) -> LogDir:
    error = fault_of(raw.error_code)
    return LogDir(
        path=raw.log_dir,
        broker=broker,
        total_bytes=node_or_none(raw.total_bytes),
        usable_bytes=node_or_none(raw.usable_bytes),
        error="" if error is None else error.what,
        replicas=tuple(
            ReplicaOnDisk(
                topic.name, p.partition_index, p.partition_size, p.offset_lag, bool(p.is_future_key)
            )
            for topic in raw.topics
            for p in topic.partitions
        ),
    )
