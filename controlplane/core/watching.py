"""Who watches the watcher: when the rules' evaluation has stopped, or the web app, and what is said of it. Pure.

The evaluation leaves a stamp by the machine's own clock after every complete cycle. What has failed for long enough is
told once, again every hour, and once more when it is over.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

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


@dataclass(frozen=True, slots=True)
class Notice:
    part: str
    firing: bool
    text: str


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
            told[part] = now
            notices.append(Notice(part, True, words))
    for part in [each for each in told if each not in failed]:
        del told[part]
        minutes = (now - state.failing.get(part, now)) / 60
        notices.append(Notice(part, False, f"{part} works again, after {minutes:.0f} minutes."))
    return replace(state, failing=failing, told=told), notices


def body(notice: Notice, url: str, at: datetime) -> bytes:
    """Alertmanager's shape, as far as a dead man's switch needs it: whoever reads webhooks reads this. `at`: of what is told."""
    status = "firing" if notice.firing else "resolved"
    labels = {"alertname": "KastellanStopped", "part": notice.part, "severity": "critical"}
    never = "0001-01-01T00:00:00Z"
    alert = {
        "status": status, "labels": labels, "annotations": {"summary": notice.text}, "generatorURL": url,
        "startsAt": at.isoformat(), "endsAt": never if notice.firing else at.isoformat(),
    }  # fmt: skip
    return json.dumps(
        {
            "version": "4", "receiver": "fallback", "status": status, "alerts": [alert], "groupLabels": labels,
            "commonLabels": labels, "commonAnnotations": alert["annotations"], "externalURL": url,
            "groupKey": f"{{}}:{notice.part}", "truncatedAlerts": 0,
        }
    ).encode()  # fmt: skip
