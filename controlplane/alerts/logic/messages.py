"""What people read: a title and a text of a notification, from the message that a webhook would get. Pure.

A group is one message: what fires first, worst first, then what is over. Both are cut where a service would refuse them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MOST_ALERTS = 20
LONGEST_TITLE, LONGEST_TEXT = 200, 3500
RANKS = {"critical": 0, "warning": 1, "info": 2}
#: Said already, or not for people.
UNTOLD = frozenset({"alertname", "severity"})


@dataclass(frozen=True, slots=True)
class Message:
    title: str
    text: str
    resolved: bool
    severity: str
    #: The same for every message of a group: what is resolved is found by it.
    group: str


def message_of(body: Mapping[str, Any]) -> Message:
    alerts = sorted(body["alerts"], key=_rank)
    firing = [each for each in alerts if each["status"] == "firing"]
    over = [each for each in alerts if each["status"] != "firing"]
    parts = [*_part("Firing", firing), *_part("Resolved", over)]
    if len(alerts) > MOST_ALERTS or body.get("truncatedAlerts"):
        left = max(len(alerts) - MOST_ALERTS, 0) + int(body.get("truncatedAlerts") or 0)
        parts.append(f"… and {left} more.")
    parts.append(str(body.get("externalURL", "")))
    return Message(
        title=_cut(_title(body, firing, over), LONGEST_TITLE),
        text=_cut("\n\n".join(filter(None, parts)), LONGEST_TEXT),
        resolved=not firing,
        severity=min((_severity(each) for each in firing), key=lambda name: RANKS.get(name, 3), default=""),
        group=str(body["groupKey"]),
    )


def _title(body: Mapping[str, Any], firing: list[Any], over: list[Any]) -> str:
    """`[FIRING 2] BrokerDown (main): Broker 2 is not reached`; the summary where there is one alert."""
    state = f"FIRING {len(firing)}" if firing else f"RESOLVED {len(over)}"
    shown = firing or over
    names = sorted({str(each["labels"].get("alertname", "")) for each in shown})
    name = names[0] if len(names) == 1 else f"{len(names)} kinds of alerts"
    cluster = body.get("commonLabels", {}).get("cluster", "")
    said = str(shown[0]["annotations"].get("summary", "")) if len(shown) == 1 else ""
    return f"[{state}] {name}{f' ({cluster})' if cluster else ''}{f': {said}' if said else ''}"


def _part(title: str, alerts: list[Any]) -> list[str]:
    return [f"{title}:", *(_alert(each) for each in alerts[:MOST_ALERTS])] if alerts else []


def _alert(each: Mapping[str, Any]) -> str:
    labels, words = each["labels"], each["annotations"]
    rest = ", ".join(f"{name}={labels[name]}" for name in sorted(labels) if name not in UNTOLD)
    severity = _severity(each)
    head = f"{labels.get('alertname', '')}{f' [{severity}]' if severity else ''}"
    lines = [
        f"{head}: {words['summary']}" if words.get("summary") else head,
        str(words.get("description", "")),
        rest,
        f"since {each['startsAt']}" + (f" until {each['endsAt']}" if each["status"] != "firing" else ""),
        f"Runbook: {words['runbook_url']}" if words.get("runbook_url") else "",
    ]
    return "\n".join(filter(None, lines))


def _severity(each: Mapping[str, Any]) -> str:
    return str(each["labels"].get("severity", ""))


def _rank(each: Mapping[str, Any]) -> tuple[int, str]:
    return RANKS.get(_severity(each), 3), str(each["labels"].get("alertname", ""))


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
