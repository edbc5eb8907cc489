"""Which topic names Kafka accepts (org.apache.kafka.common.internals.Topic), and which collide.

Kafka's metrics turn '.' into '_', so the broker refuses a name that equals another after that replacement.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from controlplane.core.plans import Refusal

MAX_LENGTH = 249
LEGAL = re.compile(r"[a-zA-Z0-9._-]+")
INTERNAL = frozenset(
    {"__consumer_offsets", "__transaction_state", "__share_group_state", "__cluster_metadata"}
)

#: Of the Connect workers that Kastellan runs: settings of connectors, their offsets and states, and the key by which workers
#: trust each other. Whoever writes there goes past every check of what a connector may do.
OF_WORKERS = re.compile(r"kastellan-connect(-[0-9a-f]{8})?-(configs|offsets|status)")


def of_worker(name: str) -> bool:
    return bool(OF_WORKERS.fullmatch(name))


def check_name(name: str) -> Refusal | None:
    if not name:
        return Refusal("name_empty", "A topic needs a name", "Use letters, digits, '.', '_' and '-'.")
    if name in (".", ".."):
        return Refusal("name_illegal", f"A topic cannot be called {name!r}", "Use another name.")
    if len(name) > MAX_LENGTH:
        return Refusal(
            "name_too_long",
            f"The name has {len(name)} characters; Kafka takes at most {MAX_LENGTH}",
            "Shorten it: the name becomes a directory name on the brokers.",
        )
    if not LEGAL.fullmatch(name):
        bad = next(character for character in name if not LEGAL.fullmatch(character))
        return Refusal(
            "name_illegal",
            f"The name contains {bad!r}, which Kafka does not allow",
            "Use letters, digits, '.', '_' and '-'.",
        )
    if name in INTERNAL:
        return Refusal("name_reserved", f"{name} is Kafka's own", "Use another name.")
    if of_worker(name):
        return Refusal("name_of_worker", f"{name} is a Connect worker's own", "Use another name.")
    return None


def collision(name: str, existing: Iterable[str]) -> str | None:
    """The existing topic that `name` would collide with in metric names; an equal name is no collision."""
    key = name.replace(".", "_")
    return next((other for other in existing if other != name and other.replace(".", "_") == key), None)
