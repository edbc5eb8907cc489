"""The way home of groups that read copies: from offsets of `main.orders` in the source back to `orders` in the target. Pure.

A failover moved them to the copies of a flow; the flow back copies those to nobody, since they came from there. Their place
in the originals is found by what the flow out wrote down, read the other way:

1. The newest sync at or before the group's offset: exactly there its upstream offset, beyond it the record after.
2. Where the flow out had stopped: who has read all of the copy up to there goes on where the flow would have.
3. The further of the two: either alone is never past what the group has read, so records may come again, none is missed.
4. Never back behind what the group has committed in the original itself, unless it went back in the copy.
5. Not before the first record that is still there, and not at all beyond the last: then the topic was made anew.
6. Where nothing says its place, and it has no commit in the original: at the first record that is there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from controlplane.replication.logic.flows import FlowRequest
from controlplane.replication.logic.offsets import SyncStore, Translated
from controlplane.replication.logic.progress import GroupOffset, Partition


@dataclass(frozen=True, slots=True)
class WayOut:
    """What is known of the flow that had copied out of the target. By partition of the original: `stopped` is the next
    record to copy and the end of the copy at one moment, `firsts` and `ends` are of the original now."""

    syncs: SyncStore = field(default_factory=SyncStore)
    stopped: Mapping[Partition, tuple[int, int]] = field(default_factory=dict)
    firsts: Mapping[Partition, int] = field(default_factory=dict)
    ends: Mapping[Partition, int] = field(default_factory=dict)


def home(out: WayOut, original: Partition, read: int, before: int | None) -> Translated:
    """`read`: what the group has committed in the copy; `before`: in the original."""
    if original not in out.ends:
        return Translated(None, why="the original is not there any more")
    found = _place(out, original, read)
    first = out.firsts.get(original, 0)
    if found.offset is None:
        # Its own commit there holds anyway. Without one the client's auto.offset.reset would rule, and may skip all.
        return (
            Translated(first, min(read, out.ends[original] - first), found.why) if before is None else found
        )
    if before is not None and before > found.offset and not _went_back(out, original, read, before):
        found = Translated(before, 0)
    place = max(found.offset or 0, first)
    if place > out.ends[original]:
        return Translated(None, why="the original was made anew: it ends before that")
    return Translated(place, found.behind)


def _place(out: WayOut, original: Partition, read: int) -> Translated:
    found = out.syncs.back(*original, read)
    upstream, end = out.stopped.get(original, (0, read + 1))
    if read < end:
        return found
    if found.offset is None or found.offset <= upstream:
        return Translated(upstream, 0)
    return found


def _went_back(out: WayOut, original: Partition, read: int, before: int) -> bool:
    """Whether it stands before the place in the copy that its own offset in the original has there."""
    there = out.syncs.translate(*original, before).offset
    return there is not None and read < there


def homecomers(
    asked: FlowRequest,
    out: WayOut,
    committed: Mapping[str, Mapping[Partition, int]],
    there: Mapping[str, Mapping[Partition, int]],
) -> tuple[GroupOffset, ...]:
    """`committed` in the source of the flow home, `there` in its target."""
    found = []
    for group in sorted(committed):
        for (topic, partition), read in sorted(committed[group].items()):
            original = asked.home_of(topic)
            if original is None:
                continue
            before = there.get(group, {}).get((original, partition))
            place = home(out, (original, partition), read, before)
            found.append(
                GroupOffset(
                    group,
                    topic,
                    partition,
                    read,
                    place.offset,
                    place.behind,
                    there=before,
                    why=place.why,
                    into=original,
                )
            )
    return tuple(found)
