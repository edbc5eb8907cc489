"""A worker's connectors stopped before it starts, for one of them may be what ends it. Pure.

What Connect itself writes when somebody stops a connector (KIP-875): no tasks, and the state that it is meant to have. Keys are
as org.apache.kafka.connect.storage.KafkaConfigBackingStore has them; of each the last record counts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

CONNECTOR, TARGET_STATE, COMMIT = "connector-", "target-state-", "commit-"
#: A worker from before KIP-875 reads `state` alone.
STOPPED = {"state": "PAUSED", "state.v2": "STOPPED"}
NO_TASKS = {"tasks": 0}
Pair = tuple[str, bytes | None]


def to_stop(records: Iterable[Pair]) -> tuple[str, ...]:
    """Connectors that are there and would run."""
    last = dict(records)
    names = sorted(
        key.removeprefix(CONNECTOR) for key, value in last.items() if key.startswith(CONNECTOR) and value
    )
    return tuple(name for name in names if not _is_stopped(last.get(f"{TARGET_STATE}{name}")))


def _is_stopped(value: bytes | None) -> bool:
    try:
        found = json.loads(value or b"{}")
    except ValueError:
        return False
    return isinstance(found, dict) and found.get("state.v2") == STOPPED["state.v2"]


def stopping(names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """In the order in which Connect writes them."""
    for name in names:
        yield f"{COMMIT}{name}", json.dumps(NO_TASKS).encode()
        yield f"{TARGET_STATE}{name}", json.dumps(STOPPED).encode()
