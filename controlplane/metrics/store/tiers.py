"""How long samples are kept how finely: which blocks are made of which, and which samples stay. Pure.

1. `FRESH` blocks of 20 minutes are made from scrapes; two hours of them become one `RAW` block. Nothing is dropped.
2. At the same time they are thinned into the blocks of a sample a minute and one in ten minutes: a chart of a week
   reads those, whatever the age. Each tier is dropped at its own age, the finest first.
3. Thinning keeps real samples at their real times, never means: of a counter the last of each interval, and both
   sides of a reset; of a gauge the last, the lowest and the highest. So `rate` and thresholds stay true in old data.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from controlplane.metrics.store.codec import Times, Values, is_stale

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000
#: A poll writes its scrape up to this long after the time it carries.
GRACE_MS = MINUTE_MS


class Tier(IntEnum):
    FRESH = 0
    RAW = 1
    MINUTE = 2
    TEN_MINUTES = 3


#: How much time one block covers, in milliseconds; blocks begin at multiples of it.
BLOCK_MS = {
    Tier.FRESH: 20 * MINUTE_MS,
    Tier.RAW: 2 * HOUR_MS,
    Tier.MINUTE: DAY_MS,
    Tier.TEN_MINUTES: 30 * DAY_MS,
}
#: The distance that is kept between samples; 0 keeps all.
INTERVAL_MS = {Tier.FRESH: 0, Tier.RAW: 0, Tier.MINUTE: MINUTE_MS, Tier.TEN_MINUTES: 10 * MINUTE_MS}


@dataclass(frozen=True, slots=True)
class Retention:
    """How old samples get, in milliseconds: as polled, then one a minute, then one in ten minutes, then gone."""

    raw: int = 48 * HOUR_MS
    minute: int = 15 * DAY_MS
    ten_minutes: int = 365 * DAY_MS

    def resolution(self, age: int) -> int:
        """The distance of samples of this age, 0 for "as polled"; all in milliseconds."""
        if age <= self.raw:
            return 0
        return INTERVAL_MS[Tier.MINUTE if age <= self.minute else Tier.TEN_MINUTES]


#: What fresh blocks become.
LASTING = (Tier.RAW, Tier.MINUTE, Tier.TEN_MINUTES)


def ripe(oldest: int, now: int) -> tuple[int, int] | None:
    """The two hours of the oldest fresh block, once nothing of them can come any more."""
    start, ends = aligned(oldest, Tier.RAW)
    return (start, ends) if ends + BLOCK_MS[Tier.FRESH] + 2 * GRACE_MS <= now else None


def aligned(at: int, tier: Tier) -> tuple[int, int]:
    """Begin and end of the block of this tier that a time falls into."""
    start = at // BLOCK_MS[tier] * BLOCK_MS[tier]
    return start, start + BLOCK_MS[tier]


def outlived(retention: Retention, now: int) -> Iterator[tuple[Tier, int]]:
    """Of a tier, blocks that begin at this time or before hold nothing that is to be read so finely any more."""
    yield Tier.RAW, now - retention.raw - BLOCK_MS[Tier.RAW]
    yield Tier.MINUTE, now - retention.minute - BLOCK_MS[Tier.MINUTE]


def reading_order(distance: int) -> tuple[tuple[Tier, ...], ...]:
    """Tiers in the order in which they are asked when samples may be `distance` milliseconds apart: the finest that is
    needed first, and each next one for what is older."""
    if distance < INTERVAL_MS[Tier.MINUTE]:
        return (Tier.FRESH, Tier.RAW), (Tier.MINUTE,), (Tier.TEN_MINUTES,)
    if distance < INTERVAL_MS[Tier.TEN_MINUTES]:
        return (Tier.FRESH,), (Tier.MINUTE,), (Tier.TEN_MINUTES,)
    return (Tier.FRESH,), (Tier.TEN_MINUTES,)


def kept(times: Times, values: Values, interval: int, *, counter: bool) -> npt.NDArray[np.bool_]:
    """Which samples stay when one per `interval` (milliseconds) is wanted; stale markers always do."""
    stale = is_stale(values)
    if interval == 0:
        return np.ones(len(times), dtype=bool)
    stays = stale.copy()
    (live,) = np.nonzero(~stale)
    if len(live):
        stays[live[_chosen(times[live] // interval, values[live], counter=counter)]] = True
    return stays


def _chosen(buckets: Times, values: Values, *, counter: bool) -> npt.NDArray[np.intp]:
    (ends,) = np.nonzero(np.diff(buckets, append=buckets[-1] + 1))
    if counter:
        (falls,) = np.nonzero(np.diff(values) < 0)
        return np.concatenate((ends, falls, falls + 1))
    order = np.lexsort((values, buckets))
    starts = np.concatenate((np.zeros(1, np.intp), ends[:-1] + 1))
    # lexsort is stable: `order` holds each interval's samples at the places of that interval, lowest value first.
    extremes = np.concatenate((order[starts], order[ends]))
    last = ends[np.searchsorted(ends, extremes)]
    return np.concatenate((ends, extremes[values[extremes] != values[last]]))
