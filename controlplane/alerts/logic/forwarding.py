"""What is sent to other Alertmanagers, as Prometheus does it: all that fires each minute, what is over for a while. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from controlplane.alerts.logic.labels import Labels
from controlplane.alerts.logic.webhook import rfc3339

#: Prometheus' --rules.alert.resend-delay.
RESEND = timedelta(minutes=1)
#: An alert that is not renewed for this long is over there: four times the delay, as Prometheus has it.
VALID = 4 * RESEND
#: What is over is told for so long, in case that nobody listened at first.
TOLD_OVER = timedelta(minutes=15)
#: Of one request.
BATCH = 500


@dataclass(frozen=True, slots=True)
class Forwarded:
    labels: Labels
    annotations: Labels
    starts_at: datetime
    ends_at: datetime | None
    url: str


def bodies(alerts: Iterable[Forwarded], now: datetime) -> list[bytes]:
    documents = [_document(each, now) for each in alerts]
    parts = [documents[start : start + BATCH] for start in range(0, len(documents), BATCH)]
    return [json.dumps(part, ensure_ascii=False, separators=(",", ":")).encode() for part in parts]


def _document(each: Forwarded, now: datetime) -> dict[str, Any]:
    return {
        "labels": dict(each.labels),
        "annotations": dict(each.annotations),
        "startsAt": rfc3339(each.starts_at),
        "endsAt": rfc3339(each.ends_at or now + VALID),
        "generatorURL": each.url,
    }
