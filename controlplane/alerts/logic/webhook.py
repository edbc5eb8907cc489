"""The message to a webhook: Alertmanager's body, version 4, under Standard Webhooks' headers. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from controlplane.alerts.logic.dedup import NotifyReason
from controlplane.alerts.logic.labels import Labels, common, fingerprint

VERSION = "4"
FIRING, RESOLVED = "firing", "resolved"
#: Go's zero time: the end of what has not ended.
NEVER = "0001-01-01T00:00:00Z"
SECRET_PREFIX = "whsec_"  # noqa: S105  # not a secret but its prefix
SECRET_BYTES = (24, 64)
META = re.compile(r"[\\.+*?()|\[\]{}^$]")


class BadSecret(ValueError):
    """Not what Standard Webhooks calls a secret."""


@dataclass(frozen=True, slots=True)
class Item:
    labels: Labels
    annotations: Labels
    starts_at: datetime
    ends_at: datetime | None
    generator_url: str

    @property
    def status(self) -> str:
        return FIRING if self.ends_at is None else RESOLVED


@dataclass(frozen=True, slots=True)
class Envelope:
    receiver: str
    group_key: str
    group_labels: Labels
    reason: NotifyReason
    external_url: str
    #: 0: all of them.
    max_alerts: int = 0


def body(envelope: Envelope, items: Sequence[Item]) -> dict[str, Any]:
    ordered = sorted(items, key=lambda each: (each.labels.get("alertname", ""), sorted(each.labels.items())))
    sent = ordered[: envelope.max_alerts] if envelope.max_alerts else ordered
    return {
        # Alertmanager escapes the name as a regular expression would need it.
        "receiver": META.sub(lambda found: f"\\{found[0]}", envelope.receiver),
        "status": FIRING if any(each.status == FIRING for each in sent) else RESOLVED,
        "alerts": [_alert(each) for each in sent],
        "notification_reason": envelope.reason.value,
        "groupLabels": dict(envelope.group_labels),
        "commonLabels": common(each.labels for each in sent),
        "commonAnnotations": common(each.annotations for each in sent),
        "routeLabels": {},
        "externalURL": envelope.external_url,
        "version": VERSION,
        "groupKey": envelope.group_key,
        "truncatedAlerts": len(ordered) - len(sent),
    }


def _alert(item: Item) -> dict[str, Any]:
    return {
        "status": item.status,
        "labels": dict(item.labels),
        "annotations": dict(item.annotations),
        "startsAt": rfc3339(item.starts_at),
        "endsAt": rfc3339(item.ends_at) if item.ends_at else NEVER,
        "generatorURL": item.generator_url,
        "fingerprint": fingerprint(item.labels),
    }


def rfc3339(moment: datetime) -> str:
    """As Go marshals a time in UTC: no more digits than needed."""
    text = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f").rstrip("0").rstrip(".")
    return f"{text}Z"


def encoded(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()


def headers(webhook_id: str, sent_at: datetime, payload: bytes, secrets: Iterable[str]) -> dict[str, str]:
    """With no secret there is no signature: the id is still what a receiver tells repeats by."""
    timestamp = str(int(sent_at.timestamp()))
    signed = " ".join(signature(secret, webhook_id, timestamp, payload) for secret in secrets)
    found = {"Content-Type": "application/json", "webhook-id": webhook_id, "webhook-timestamp": timestamp}
    return found | ({"webhook-signature": signed} if signed else {})


def signature(secret: str, webhook_id: str, timestamp: str, payload: bytes) -> str:
    content = b".".join((webhook_id.encode(), timestamp.encode(), payload))
    digest = hmac.new(secret_key(secret), content, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def secret_key(secret: str) -> bytes:
    """`whsec_` and base64 of 24 to 64 bytes."""
    low, high = SECRET_BYTES
    try:
        if not secret.startswith(SECRET_PREFIX):
            raise BadSecret(f"A secret begins with {SECRET_PREFIX}")
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadSecret(str(error) if isinstance(error, BadSecret) else "Base64 after whsec_") from error
    if not low <= len(key) <= high:
        raise BadSecret(f"A secret holds {low} to {high} bytes")
    return key
