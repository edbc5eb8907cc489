"""Rights on a Kafka cluster that a connector uses, in the words of ACLs. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from controlplane.connect.logic.plans import TopicUse, makes_topics

#: A connector's own group, unless its settings name another.
GROUP_OVERRIDE = "consumer.override.group.id"
DEAD_LETTERS = "errors.deadletterqueue.topic.name"


@dataclass(frozen=True, slots=True)
class Right:
    """`name` is empty where nobody tells it."""

    operation: str
    resource_type: str
    name: str = ""

    def __str__(self) -> str:
        right = self.operation.capitalize()
        what = self.resource_type.lower().replace("_", " ")
        return f"{right} on the {what} {self.name}" if self.name else f"{right} on its {what}"


def is_mirror(config: Mapping[str, str]) -> bool:
    """Its topics are on two clusters, so that it is not told which of them a setting is about."""
    return ".mirror." in config.get("connector.class", "")


def needed(name: str, config: Mapping[str, str], uses: Iterable[TopicUse]) -> tuple[Right, ...]:
    """For the topics that the configuration names one by one; of those that it chooses as it runs nothing is known."""
    if is_mirror(config):
        return ()
    found: list[Right] = []
    for use in uses:
        found.append(Right("WRITE" if use.writes else "READ", "TOPIC", use.name))
        if use.writes and not use.exists and makes_topics(config):
            found.append(Right("CREATE", "TOPIC", use.name))
    if any(not use.writes for use in uses):
        found.append(Right("READ", "GROUP", config.get(GROUP_OVERRIDE) or f"connect-{name}"))
        if letters := config.get(DEAD_LETTERS):
            found.append(Right("WRITE", "TOPIC", letters))
    return tuple(found)
