"""Sends alerts to other Alertmanagers (KASTELLAN_ALERTMANAGERS), each minute and with every change of what fires.

Stateless on purpose, as in Prometheus: what was not heard is said again a minute later, and what they do with it is theirs.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import Q

from controlplane.alerts.logic import forwarding
from controlplane.alerts.logic.forwarding import RESEND, TOLD_OVER, Forwarded
from controlplane.alerts.models import Alert, AlertState
from controlplane.gateways.addresses import Allowed
from controlplane.gateways.errors import GatewayError
from controlplane.gateways.outbound import Outbound, trusting

log = logging.getLogger(__name__)
PATH = "/api/v2/alerts"
TIMEOUT_S = 5.0


@dataclass(slots=True)
class Forwarder:
    """Remembers of its process what it said last and when; another process just says it again."""

    said: frozenset[tuple[str, str]] | None = None
    at: datetime | None = None
    failed: set[str] = field(default_factory=set)

    def forward(self, now: datetime) -> int:
        """Returns how many Alertmanagers took it."""
        urls = settings.ALERTMANAGERS
        if not urls:
            return 0
        rows = list(_rows(now))
        said = frozenset((str(row.pk), row.state) for row in rows)
        due = self.at is None or now - self.at >= RESEND or self.failed
        if said == self.said and not due:
            return 0
        bodies = forwarding.bodies(map(_forwarded, rows), now)
        self.failed = {url for url in urls if not all(_post(url, body) for body in bodies)}
        self.said, self.at = said, now
        return len(urls) - len(self.failed)


def _rows(now: datetime) -> list[Alert]:
    """What fires, and what has fired and is over."""
    over = Q(state=AlertState.RESOLVED, resolved_at__gt=now - TOLD_OVER)
    return list(Alert.objects.filter(Q(state=AlertState.FIRING) | over).order_by("pk"))


def _forwarded(row: Alert) -> Forwarded:
    return Forwarded(row.labels, row.annotations, row.fired_at or row.active_at, row.resolved_at, row.page)


def _post(url: str, body: bytes) -> bool:
    # The administrator who set the address in the environment allowed its host with that.
    allowed = Allowed.of([*settings.ALLOWED_TARGETS, urlsplit(url).hostname or ""])
    headers = {"Content-Type": "application/json"}
    try:
        outbound = Outbound(allowed, tls=trusting(settings.ALERTMANAGERS_CA))
        answer = outbound.request(
            "POST", f"{url.rstrip('/')}{PATH}", headers=headers, content=body, timeout_s=TIMEOUT_S
        )
    except GatewayError as error:
        log.warning("alerts could not be forwarded to %s: %s", url, error)
        return False
    if not answer.ok:
        log.warning("%s answered %s to forwarded alerts", url, answer.status)
    return answer.ok
