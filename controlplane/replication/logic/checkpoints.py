"""Whether MirrorMaker keeps up with the commits of groups. Pure.

A checkpoint is written only when a group's place in the copy moves forward: the age of its newest one alone says nothing
of a group that stands still. So the age counts while one is due:

1. It is due where the group's committed offset, translated, is ahead of the checkpoint.
2. MirrorMaker keeps fewer places in memory than the topic of syncs holds, and translates a lagging group less exactly: it
   is due only where the commit moved on by more than twice what the group is behind the newest sync.
3. The age is the time since one was first seen to be due, and never more than that of the group's newest checkpoint: a
   busy group always has the next one due.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from controlplane.replication.logic.flows import FlowRequest
from controlplane.replication.logic.offsets import Checkpoint, SyncStore
from controlplane.replication.logic.progress import Partition

Marks = Mapping[tuple[str, str, int], Checkpoint]


def due(
    asked: FlowRequest, committed: Mapping[str, Mapping[Partition, int]], syncs: SyncStore, marks: Marks
) -> dict[str, bool]:
    """By group that has committed an offset of what is copied."""
    found: dict[str, bool] = {}
    for group, offsets in committed.items():
        for (topic, partition), offset in offsets.items():
            if asked.copied(topic):
                mark = marks.get((group, asked.copy_of(topic), partition))
                found[group] = found.get(group, False) or _is_due(syncs, topic, partition, offset, mark)
    return found


def _is_due(syncs: SyncStore, topic: str, partition: int, offset: int, mark: Checkpoint | None) -> bool:
    place = syncs.translate(topic, partition, offset).offset
    newest = syncs.partitions.get((topic, partition))
    if place is None or newest is None:
        return False
    behind = max(newest.upstream - offset, 0)
    if mark is None:
        return behind == 0
    return place > mark.downstream and offset - mark.upstream > 2 * behind


def ages(
    groups: Mapping[str, bool],
    newest_ms: Mapping[str, int],
    before: Mapping[str, float],
    elapsed_s: float,
    now_ms: int,
) -> dict[str, float]:
    """Seconds by group. `before`: what the last poll said, `elapsed_s` ago; `newest_ms`: of each group's newest checkpoint."""
    found = {}
    for group, is_due in groups.items():
        age = before[group] + elapsed_s if group in before else 0.0
        if group in newest_ms:
            age = min(age, max(now_ms - newest_ms[group], 0) / 1000)
        found[group] = age if is_due else 0.0
    return found


def newest(records: Iterable[tuple[str, int | None]]) -> dict[str, int]:
    """Of (group, time written) pairs: the newest time by group."""
    found: dict[str, int] = {}
    for group, at in records:
        if at is not None:
            found[group] = max(at, found.get(group, at))
    return found
