"""Who watches the watcher: when the rules' evaluation has stopped, or the web app, and what is said of it. Pure.

The evaluation leaves a stamp by the machine's own clock after every complete cycle. What has failed for long enough is
told once, again every hour, and once more when it is over.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

#: Cycles are five seconds apart, and one may take twenty.
STALE_S = 45.0
#: Of a start, and after the machine slept.
GRACE_S = 120.0
AGAIN_S = 3600.0
HEARTBEAT_S = 60.0
#: Part → its stamp's file in the state directory.
STAMPS = {"evaluation": "alerts-stamp.json", "worker": "worker-stamp.json"}


@dataclass(frozen=True, slots=True)
class Stamp:
    """Seconds since boot, and which boot."""

    at: float
    boot: str

    def write(self) -> str:
        return json.dumps({"at": self.at, "boot": self.boot})


def read(text: str) -> Stamp | None:
    try:
        found = json.loads(text)
        return Stamp(float(found["at"]), str(found["boot"]))
    except (ValueError, KeyError, TypeError):
        return None


@dataclass(frozen=True, slots=True)
class Watched:
    """Since when each part fails, and when that was told last; seconds since boot."""

    started: float
    failing: Mapping[str, float] = field(default_factory=dict)
    told: Mapping[str, float] = field(default_factory=dict)
    #: When it worked again, of which nobody has heard yet.
    over: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Notice:
    part: str
    firing: bool
    text: str
    #: Since when it fails, in seconds since boot.
    since: float
    #: The same until somebody heard it, another at the next telling: what receivers tell repeats by.
    id: str


def stale(stamp: Stamp | None, boot: str, now: float, started: float) -> bool:
    """A stamp of another boot, or none at all, is stale once the start had its time."""
    if stamp is None or stamp.boot != boot:
        return now - started > GRACE_S
    return now - stamp.at > STALE_S and now - started > STALE_S


def step(state: Watched, failed: Mapping[str, str], now: float) -> tuple[Watched, list[Notice]]:
    """`failed`: part → what is wrong with it now."""
    failing = {part: state.failing.get(part, now) for part in failed}
    told, notices = dict(state.told), list[Notice]()
    for part, words in failed.items():
        if part not in told or now - told[part] >= AGAIN_S:
            notices.append(_notice(part, True, words, failing[part], told.get(part)))
            told[part] = now
    over = {part: state.over.get(part, now) for part in told if part not in failed}
    for part, ended in over.items():
        since = state.failing.get(part, ended)
        words = f"{part} works again, after {(ended - since) / 60:.0f} minutes."
        notices.append(_notice(part, False, words, since, told.pop(part)))
    return replace(state, failing=failing, told=told, over=over), notices


def unheard(before: Watched, after: Watched) -> Watched:
    """Nobody heard what a step had to say: the next one says it again, as of the same time."""
    return Watched(before.started, {**before.failing, **after.failing}, before.told, after.over)


def _notice(part: str, firing: bool, text: str, since: float, told: float | None) -> Notice:
    known = json.dumps([part, firing, since, told])
    return Notice(part, firing, text, since, f"watch_{hashlib.sha256(known.encode()).hexdigest()[:24]}")
