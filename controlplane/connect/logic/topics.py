"""Names of topics in a connector's settings that Kafka would never take. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from controlplane.clusters.logic.topic_names import check_name
from controlplane.connect.logic.rights import DEAD_LETTERS, is_mirror
from controlplane.core.plans import Refusal

#: Connect's own of sinks, and what sources with a single topic call it.
SETTINGS = ("topics", "topic", DEAD_LETTERS)


def named_in(config: Mapping[str, str], setting: str) -> tuple[str, ...]:
    names = (name.strip() for name in config.get(setting, "").split(","))
    return tuple(dict.fromkeys(name for name in names if name))


def refusals(config: Mapping[str, str]) -> Iterator[Refusal]:
    """A mirror's are patterns; `${…}` is filled in by the worker or the plugin."""
    if is_mirror(config):
        return
    yield from _of_pattern(config.get("topics.regex", ""))
    for setting in SETTINGS:
        for name in named_in(config, setting):
            found = None if "${" in name else check_name(name)
            # Kafka's own may be read.
            if found and found.code != "name_reserved":
                yield Refusal(
                    f"config_{setting}",
                    f"{setting}: no topic can be called {name[:300]!r}: {found.what}",
                    "Kafka takes 1 to 249 of a-z, A-Z, 0-9, '.', '_' and '-'.",
                )


#: A worker may read its own topics, and so a connector could: all that others are told would be for its taking.
_WORKERS = ("kastellan-connect-configs", "kastellan-connect-offsets", "kastellan-connect-status")


def _of_pattern(pattern: str) -> Iterator[Refusal]:
    if not pattern:
        return
    try:
        taken = [topic for topic in _WORKERS if re.fullmatch(pattern, topic)]
    except re.error as error:
        yield Refusal("config_topics.regex", f"topics.regex cannot be read: {error}", "Write it more simply.")
        return
    if taken:
        yield Refusal(
            "config_topics.regex",
            f"topics.regex takes {taken[0]} too, a Connect worker's own",
            "Leave those out: (?!kastellan-connect-) before it.",
        )
